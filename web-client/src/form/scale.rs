//! Four levels of quality in fixed places, with what each looks like one tap away; and the quiet "not applicable".

use catalog::{Choice, Item};
use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use sync_protocol::Value;
use web_sys::wasm_bindgen::JsCast;

use super::sheet::Sheet;
use crate::i18n::{say, t, t_args};
use crate::icons::{Icon, small};

/// 4, 3, 2, 1 from left to right, in every item. Beneath them what the chosen level means, or all four.
#[component]
pub fn ScaleAnswer(sheet: Sheet, item: &'static Item, levels: &'static [Choice], labelled_by: String) -> impl IntoView {
    let chosen = Memo::new(move |_| sheet.text(&item.code));
    let open = RwSignal::new(false);
    let group = NodeRef::<html::Div>::new();
    let words = move || {
        let level = levels.iter().find(|level| chosen.with(|chosen| *chosen == level.code));
        level.map(|level| t_args("scale.means", &[("level", &level.code), ("words", &say(&level.label))]))
    };
    let choose = move |code: &str| {
        sheet.answer(item, code.into());
        open.set(false);
    };
    let button = move |level: &'static Choice| {
        let is_chosen = Memo::new(move |_| chosen.with(|chosen| *chosen == level.code));
        let first = level.code == "4";
        let in_reach = move || is_chosen.get() || (first && chosen.with(|chosen| !is_level(chosen)));
        view! {
            <button
                type="button"
                class="ans level-no"
                role="radio"
                data-answer=level.code.clone()
                aria-label=move || t_args("scale.means", &[("level", &level.code), ("words", &say(&level.label))])
                aria-checked=move || if is_chosen.get() { "true" } else { "false" }
                aria-disabled=move || sheet.read_only.get().then_some("true")
                tabindex=move || if in_reach() { "0" } else { "-1" }
                on:click=move |_| choose(&level.code)
            >
                {level.code.clone()}
            </button>
        }
    };
    let labelled = labelled_by.clone();
    view! {
        <div
            node_ref=group
            class="answers four"
            class:set=move || chosen.with(|chosen| is_level(chosen))
            role="radiogroup"
            aria-labelledby=labelled_by
            on:keydown=move |event| {
                if let Some(code) = arrow_to(&event, &chosen.get_untracked()) {
                    event.prevent_default();
                    choose(code);
                    focus_answer(group, code);
                }
            }
        >
            {levels.iter().map(button).collect_view()}
        </div>
        <div class="row wrap under-answers">
            {move || words().map(|words| view! { <p class="q sm grow" data-testid="level-words">{words}</p> })}
            <button
                class="linkbtn sm"
                type="button"
                aria-expanded=move || if open.get() { "true" } else { "false" }
                on:click=move |_| open.update(|open| *open = !*open)
            >
                {move || if open.get() { t("scale.hide") } else { t("scale.show") }}
            </button>
            <NotApplicable sheet item />
        </div>
        <Show when=move || open.get()>
            <div class="levels" role="radiogroup" aria-labelledby=labelled.clone()>
                {levels
                    .iter()
                    .map(|level| view! {
                        <label class="level">
                            <input
                                type="radio"
                                name=format!("{}-levels", item.code)
                                prop:checked=move || chosen.with(|chosen| *chosen == level.code)
                                disabled=move || sheet.read_only.get()
                                on:change=move |_| choose(&level.code)
                            />
                            <b class="level-mark">{level.code.clone()}</b>
                            <span>{move || say(&level.label)}</span>
                        </label>
                    })
                    .collect_view()}
            </div>
        </Show>
    }
}

fn is_level(text: &str) -> bool {
    matches!(text, "4" | "3" | "2" | "1")
}

fn arrow_to(event: &KeyboardEvent, chosen: &str) -> Option<&'static str> {
    const ORDER: [&str; 4] = ["4", "3", "2", "1"];
    let at = ORDER.iter().position(|code| *code == chosen);
    let step = match event.key().as_str() {
        "ArrowRight" | "ArrowDown" => 1,
        "ArrowLeft" | "ArrowUp" => 3,
        _ => return None,
    };
    Some(ORDER[at.map_or(0, |at| (at + step) % 4)])
}

fn focus_answer(group: NodeRef<html::Div>, code: &str) {
    let found = group
        .get_untracked()
        .and_then(|group| group.query_selector(&format!("[data-answer='{code}']")).ok().flatten());
    if let Some(button) = found.and_then(|button| button.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = button.focus();
    }
}

/// For items whose answer leaves no room for the third button.
#[component]
pub fn NotApplicable(sheet: Sheet, item: &'static Item) -> impl IntoView {
    let is_na = Memo::new(move |_| sheet.text(&item.code) == "na");
    view! {
        <button
            class="linkbtn sm na-toggle"
            type="button"
            data-answer="na"
            aria-pressed=move || if is_na.get() { "true" } else { "false" }
            disabled=move || sheet.read_only.get()
            on:click=move |_| {
                let answer = if is_na.get_untracked() { Value::Null } else { "na".into() };
                sheet.answer(item, answer);
            }
        >
            {move || is_na.get().then(|| small(Icon::Yes))}
            <span>{move || t("answer.not_applicable")}</span>
        </button>
    }
}
