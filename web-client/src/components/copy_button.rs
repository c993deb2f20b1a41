//! A button that copies a text and says so.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;

use crate::i18n::t;
use crate::icons::{Icon, small};

/// `id` is what stories know the button by.
#[component]
pub fn CopyButton(id: &'static str, text: String, #[prop(into)] label: Signal<String>) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        let promise = window().navigator().clipboard().write_text(&text);
        spawn_local(async move {
            let _ = copied.try_set(JsFuture::from(promise).await.is_ok());
        });
    };
    view! {
        <button class="btn wide" type="button" data-testid=id on:click=copy>
            {move || small(if copied.get() { Icon::Yes } else { Icon::Save })}
            <span role="status">{move || if copied.get() { t("people.copied") } else { label.get() }}</span>
        </button>
    }
}
