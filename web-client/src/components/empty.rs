//! What a page says when there is nothing yet, and when something went wrong.

use leptos::prelude::*;

use crate::icons::{Icon, icon, small};

/// Says what will be here and how to begin.
#[component]
pub fn EmptyState(
    mark: Icon,
    #[prop(into)] title: Signal<String>,
    #[prop(into)] text: Signal<String>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <span class="mark" aria-hidden="true">{icon(mark)}</span>
            <p class="b">{move || title.get()}</p>
            <p class="q sm">{move || text.get()}</p>
        </div>
    }
}

/// What happened, that the work is safe, what to do. Silent while there is no error.
#[component]
pub fn ErrorNote(#[prop(into)] error: Signal<Option<String>>) -> impl IntoView {
    view! {
        <div role="alert">
            {move || {
                error.get().map(|text| view! { <p class="errnote">{small(Icon::Warning)} <span>{text}</span></p> })
            }}
        </div>
    }
}
