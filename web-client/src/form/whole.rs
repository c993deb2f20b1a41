//! What the form as a whole says: which part of it is looked at, why it is not rated, what its answers add up to.

use catalog::{Assessment, Checklist};
use leptos::prelude::*;
use sync_protocol::Value;

use super::finding::FindingCard;
use super::inputs::TickBox;
use super::sheet::Sheet;
use crate::i18n::{join_dots, say, t, t_args};
use crate::icons::{Icon, icon, small};

/// Choosing some sections only (专项检查): the others leave the form and the score.
#[component]
pub fn ScopeBlock(sheet: Sheet) -> impl IntoView {
    let scope = Memo::new(move |_| scope_of(sheet));
    let checklist = sheet.checklist();
    let scored = move || checklist.sections.iter().filter(|section| section.weight > 0);
    let words = move || match scope.with(Vec::len) {
        0 => t("scope.all"),
        n => t_args("scope.some", &[("n", &n)]),
    };
    let set = move |code: &str, on: bool| {
        let chosen = scope.get_untracked();
        let has = |known: &str| {
            if known == code {
                on
            } else {
                chosen.iter().any(|one| one == known)
            }
        };
        let codes: Vec<Value> = scored()
            .map(|section| section.code.as_str())
            .filter(|known| has(known))
            .map(Value::from)
            .collect();
        let value = if codes.is_empty() {
            Value::Null
        } else {
            Value::List(codes)
        };
        sheet.note_down("scope", value);
    };
    let ticks = scored().map(|section| {
        let code = section.code.as_str();
        view! {
            <TickBox
                label=Signal::derive(move || say(&section.title))
                on=Signal::derive(move || scope.with(|scope| scope.iter().any(|known| known == code)))
                on_set=move |on: bool| set(code, on)
                read_only=sheet.read_only
            />
        }
    });
    view! {
        <details class="facts-block" data-testid="scope">
            <summary>
                <span class="grow">
                    <b>{move || t("scope.title")}</b>
                    <span class="q sm">{words}</span>
                </span>
                <span class="act sm m">{move || if sheet.read_only.get() { t("facts.show") } else { t("scope.edit") }}</span>
            </summary>
            <div class="facts-body">
                <p class="q sm">{move || t("scope.hint")}</p>
                <div class="levels">{ticks.collect_view()}</div>
            </div>
        </details>
    }
}

fn scope_of(sheet: Sheet) -> Vec<String> {
    match sheet.provisional("scope") {
        Some(catalog::Value::List(codes)) => codes
            .iter()
            .filter_map(|code| code.as_text().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// At the end of the form: what its answers add up to, each with what to do about it.
#[component]
pub fn FlagsBlock(sheet: Sheet) -> impl IntoView {
    let raised = Memo::new(move |_| sheet.judged(|judged| judged.flags.clone()));
    let notes = Memo::new(move |_| sheet.judged(|judged| whole_notes(sheet.checklist(), judged)));
    view! {
        <Show when=move || !raised.with(Vec::is_empty) || !notes.with(Vec::is_empty)>
            <section class="flags" aria-live="polite" aria-label=move || t("flags.title")>
                <h2>{move || t("flags.title")}</h2>
                {move || notes.get().into_iter().map(|note| view! { <p class="row top">{small(Icon::Info)} <span>{note}</span></p> }).collect_view()}
                {move || raised.get().into_iter().map(|at| flag_card(sheet, at)).collect_view()}
            </section>
        </Show>
    }
}

fn flag_card(sheet: Sheet, at: usize) -> impl IntoView {
    let flag = &sheet.checklist().flags[at];
    let consult = if flag.consult {
        t("flags.consult")
    } else {
        String::new()
    };
    view! {
        <div class="finding calm" data-flag=flag.code.clone()>
            <p class="row wrap"><b class="grow">{say(&flag.title)}</b> <span class="sm">{consult}</span></p>
            <p>{say(&flag.advice)}</p>
            {flag.severity.map(|severity| view! { <FindingCard sheet code=&flag.code graded=Some(severity) basis=&flag.basis /> })}
        </div>
    }
}

/// Why there is no rating, and that only a part was looked at.
pub fn whole_notes(checklist: &Checklist, judged: &Assessment) -> Vec<String> {
    let barred = checklist
        .unrated
        .as_ref()
        .filter(|_| judged.barred)
        .map(|bar| say(&bar.reason));
    let partial = judged.partial.then(|| t("scope.partial"));
    barred.into_iter().chain(partial).collect()
}

/// The flags of a judgement in words, for the office.
pub fn flag_words(checklist: &Checklist, judged: &Assessment) -> Vec<String> {
    let raised = judged.flags.iter().filter_map(|at| checklist.flags.get(*at));
    raised
        .map(|flag| join_dots([say(&flag.title), say(&flag.advice)]))
        .collect()
}

/// What the previous visit found on an item, beside its title.
#[component]
pub fn Previous(sheet: Sheet, item: &'static catalog::Item) -> impl IntoView {
    let words =
        Memo::new(move |_| crate::pages::duty::previous_answer(sheet.session, &sheet.visit(), sheet.checklist(), item));
    view! {
        {move || words.get().map(|words| view! { <p class="q sm previous row">{icon(Icon::Clock)} <span>{words}</span></p> })}
    }
}
