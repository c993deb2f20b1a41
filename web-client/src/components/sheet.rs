//! A question that must be answered before something is done, and a panel that slides in beside a table.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;

use crate::i18n::t;
use crate::icons::{Icon, icon};

/// Asks once, in words, before `on_yes`. The browser's own dialog keeps focus inside and closes on Escape.
#[component]
pub fn ConfirmSheet(
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    #[prop(into)] text: Signal<String>,
    #[prop(into)] yes: Signal<String>,
    #[prop(into)] on_yes: Callback<()>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => drop(dialog.show_modal()),
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    view! {
        <dialog node_ref=dialog class="ask-sheet" aria-labelledby="ask-title" on:close=move |_| open.set(false)>
            <h2 id="ask-title">{move || title.get()}</h2>
            <p>{move || text.get()}</p>
            <div class="ask-acts">
                <button class="btn" type="button" on:click=move |_| open.set(false)>
                    {move || t("action.cancel")}
                </button>
                <button
                    class="btn main"
                    type="button"
                    data-testid="confirm"
                    on:click=move |_| {
                        open.set(false);
                        on_yes.run(());
                    }
                >
                    {move || yes.get()}
                </button>
            </div>
        </dialog>
    }
}

/// The right-hand panel of the desk: rows behind a number, or the history of an answer. Escape closes it.
#[component]
pub fn SidePanel(
    #[prop(into)] title: Signal<String>,
    #[prop(into)] on_close: Callback<()>,
    children: Children,
) -> impl IntoView {
    let close_button = NodeRef::<html::Button>::new();
    Effect::new(move |_| {
        if let Some(button) = close_button.get() {
            let _ = button.focus();
        }
    });
    let escape = window_event_listener(ev::keydown, move |event| {
        if event.key() == "Escape" {
            on_close.run(());
        }
    });
    on_cleanup(move || escape.remove());
    view! {
        <aside class="panel drawer" aria-label=move || title.get()>
            <header>
                <h2 class="grow">{move || title.get()}</h2>
                <button node_ref=close_button class="iconbtn" type="button" aria-label=move || t("action.close") on:click=move |_| on_close.run(())>
                    {icon(Icon::Close)}
                </button>
            </header>
            <div class="body">{children()}</div>
        </aside>
    }
}
