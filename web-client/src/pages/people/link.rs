//! The link by which somebody chooses a password: shown this once, to copy, to scan, and with the words for passing it on.

use leptos::prelude::*;
use leptos::task::spawn_local;
use qrcode::{Color, QrCode};
use wasm_bindgen_futures::JsFuture;

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
    pub fn new(person: String, name: String, code: String) -> Self {
        let origin = window().location().origin().unwrap_or_default();
        Link {
            person,
            name,
            address: format!("{origin}/enrol?code={code}"),
        }
    }
}

#[component]
pub fn LinkCard(link: Link) -> impl IntoView {
    let copied = RwSignal::new(false);
    let Link { name, address, .. } = link;
    let code = draw(&address);
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
            {code.map(|(size, path)| view! {
                <svg class="qr" role="img" aria-label=move || t("people.link_qr") viewBox=format!("-4 -4 {0} {0}", size + 8)>
                    <rect x="-4" y="-4" width=size + 8 height=size + 8></rect>
                    <path d=path></path>
                </svg>
            })}
        </section>
    }
}

/// The squares of a QR code as one path, and how many there are in a row.
fn draw(text: &str) -> Option<(usize, String)> {
    let code = QrCode::new(text).ok()?;
    let size = code.width();
    let squares = code.to_colors().into_iter().enumerate();
    let dark = squares.filter(|(_, color)| *color == Color::Dark);
    let path = dark.map(|(at, _)| format!("M{} {}h1v1h-1z", at % size, at / size));
    Some((size, path.collect()))
}
