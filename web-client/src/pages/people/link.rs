//! The link by which somebody chooses a password: shown this once, to copy, to scan, and with the words for passing it on.

use leptos::prelude::*;

use crate::components::{CopyButton, QrPicture};
use crate::i18n::{t, t_args};

/// Whose link, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The person's id.
    pub person: String,
    name: String,
    address: String,
}

impl Link {
    /// The code stands behind the `#`, which no browser sends: a proxy's log does not have it.
    pub fn new(person: String, name: String, code: String) -> Self {
        let origin = window().location().origin().unwrap_or_default();
        Link {
            person,
            name,
            address: format!("{origin}/enrol#code={code}"),
        }
    }
}

#[component]
pub fn LinkCard(link: Link) -> impl IntoView {
    let Link { name, address, .. } = link;
    let (shown, to_copy) = (address.clone(), address.clone());
    view! {
        <section class="card link-card" aria-labelledby="link-title" data-testid="link">
            <h3 id="link-title">{move || t_args("people.link_title", &[("name", &name)])}</h3>
            <p class="sm">{move || t("people.link_text")}</p>
            <label class="hidden" for="link-address">{move || t("people.link_address")}</label>
            <div class="with-btn">
                <input id="link-address" class="box mono" data-testid="link-address" type="text" readonly value=address />
            </div>
            <CopyButton id="copy-link" text=to_copy label=Signal::derive(|| t("people.copy")) />
            <QrPicture text=shown name=Signal::derive(|| t("people.link_qr")) />
        </section>
    }
}
