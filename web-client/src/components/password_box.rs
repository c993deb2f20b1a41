//! The box for a password, with an eye that shows what was typed.

use leptos::prelude::*;

use crate::i18n::t;
use crate::icons::{Icon, icon};

/// Label, box and eye; `id` is also what stories know the box by. Emptied, it hides again what is typed next.
#[component]
pub fn PasswordBox(
    id: &'static str,
    #[prop(into)] label: Signal<String>,
    value: RwSignal<String>,
    /// `new-password` where one is chosen.
    #[prop(default = "current-password")]
    autocomplete: &'static str,
    /// Whether the browser itself asks for one.
    #[prop(optional)]
    required: bool,
    #[prop(optional, into)] hint: MaybeProp<String>,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    Effect::new(move |_| {
        if value.with(String::is_empty) {
            shown.set(false);
        }
    });
    let hint_id = format!("{id}-hint");
    let described = {
        let hint_id = hint_id.clone();
        move || hint.with(Option::is_some).then(|| hint_id.clone())
    };
    view! {
        <div class="field">
            <label class="label" for=id>{move || label.get()}</label>
            <div class="with-btn">
                <input
                    id=id
                    class="box"
                    data-testid=id
                    type=move || if shown.get() { "text" } else { "password" }
                    autocomplete=autocomplete
                    autocapitalize="none"
                    spellcheck="false"
                    required=required
                    aria-describedby=described
                    bind:value=value
                />
                <button
                    class="iconbtn"
                    type="button"
                    aria-label=move || if shown.get() { t("sign_in.hide") } else { t("sign_in.show") }
                    on:click=move |_| shown.update(|shown| *shown = !*shown)
                >
                    {move || icon(if shown.get() { Icon::Hide } else { Icon::Show })}
                </button>
            </div>
            {move || hint.get().map(|words| view! { <p class="q xs" id=hint_id.clone()>{words}</p> })}
        </div>
    }
}
