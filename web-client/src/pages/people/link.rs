//! The link by which somebody chooses a password: shown this once, to copy, to scan, and with the words for passing it on.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;

use crate::components::QrPicture;
use crate::i18n::{t, t_args};
use crate::icons::{Icon, small};

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
    let copied = RwSignal::new(false);
    let Link { name, address, .. } = link;
    let shown = address.clone();
    let copy = {
        let address = address.clone();
        move |_| {
            let promise = window().navigator().clipboard().write_text(&address);
            spawn_local(async move {
                let _ = copied.try_set(JsFuture::from(promise).await.is_ok());
            });
        }
    };
    view! {
        <section class="card link-card" aria-labelledby="link-title" data-testid="link">
            <h3 id="link-title">{move || t_args("people.link_title", &[("name", &name)])}</h3>
            <p class="sm">{move || t("people.link_text")}</p>
            <label class="hidden" for="link-address">{move || t("people.link_address")}</label>
            <div class="with-btn">
                <input id="link-address" class="box mono" data-testid="link-address" type="text" readonly value=address />
            </div>
            <button class="btn wide" type="button" data-testid="copy-link" on:click=copy>
                {move || small(if copied.get() { Icon::Yes } else { Icon::Save })}
                <span role="status">{move || if copied.get() { t("people.copied") } else { t("people.copy") }}</span>
            </button>
            <QrPicture text=shown name=Signal::derive(|| t("people.link_qr")) />
        </section>
    }
}
