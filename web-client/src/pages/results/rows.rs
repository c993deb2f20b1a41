//! Rows of visits and findings; every row opens its record. `j` and `k` walk through them, `/` finds, `?` explains.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use web_sys::wasm_bindgen::JsCast;

use super::report::{Finding, School, Selected, Visit};
use crate::components::{BandBadge, EmptyState, SeverityBadge, StateBadge, state_word};
use crate::i18n::{self, join_dots, say, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::known;

/// The table of visits, newest first.
#[component]
pub fn VisitRows(#[prop(into)] visits: Signal<Vec<Visit>>, selected: Memo<Selected>) -> impl IntoView {
    view! {
        <Show when=move || !visits.with(Vec::is_empty) fallback=NoRows>
            <div class="scroll-x" tabindex="0" role="group" aria-label=move || t("results.visits")>
                <table class="tbl rows">
                    <thead>
                        <tr>
                            <th scope="col">{move || t("rows.school")}</th>
                            <th scope="col">{move || t("rows.when")}</th>
                            <th scope="col">{move || t("rows.supervisor")}</th>
                            <th scope="col" class="n">{move || t("rows.score")}</th>
                            <th scope="col">{move || t("rows.band")}</th>
                            <th scope="col">{move || t("rows.failed")}</th>
                            <th scope="col" class="n">{move || t("rows.problems")}</th>
                            <th scope="col">{move || t("rows.state")}</th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || visits.get() key=|visit| format!("{visit:?}") children=move |visit| visit_row(visit, selected) />
                    </tbody>
                </table>
            </div>
        </Show>
    }
}

#[component]
fn NoRows() -> impl IntoView {
    view! { <EmptyState mark=Icon::Visit title=Signal::derive(|| t("rows.none_title")) text=Signal::derive(|| t("rows.none_text")) /> }
}

fn when_words(visit: &Visit) -> String {
    match (&visit.submitted_at, &visit.visit_date) {
        (Some(at), _) => i18n::moment(i18n::ms_of(at)),
        (None, Some(date)) => i18n::day(i18n::ms_of(date)),
        _ => String::new(),
    }
}

fn visit_row(visit: Visit, selected: Memo<Selected>) -> impl IntoView {
    let href = format!("/record/{}", visit.id);
    let open = href.clone();
    let visit = StoredValue::new(visit);
    let read = move |pick: fn(&Visit) -> String| visit.with_value(pick);
    let school = move || selected.with(|selected| visit.with_value(|visit| selected.school(&visit.school)));
    let lead = move || {
        selected.with(|selected| visit.with_value(|visit| visit.lead.as_deref().map(|lead| selected.supervisor(lead))))
    };
    let first = move || visit.with_value(|visit| visit.responses.first().cloned());
    let navigate = leptos_router::hooks::use_navigate();
    view! {
        <tr data-visit=read(|visit| visit.id.clone()) class="row-link" on:click=move |event| {
            // The whole row is the target; the link inside is for keyboards and readers.
            let on_link = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()).is_some_and(|target| target.closest("a").ok().flatten().is_some());
            if !on_link {
                navigate(&open, Default::default());
            }
        }>
            <th scope="row"><a class="rowlink" href=href>{school}</a></th>
            <td class="nowrap">{move || visit.with_value(when_words)}</td>
            <td>{lead}</td>
            <td class="n score b">{move || first().and_then(|response| response.score).unwrap_or_else(|| "—".to_owned())}</td>
            <td>
                {move || first().map(|response| {
                    let capped = !response.caps.is_empty();
                    let cap_items = response.caps.iter().map(|cap| cap.item.clone()).collect::<Vec<_>>();
                    view! {
                        {match response.band_label() {
                            Some((band, label)) => view! { <BandBadge band text=label /> }.into_any(),
                            None => view! { <span class="q">{t("score.not_rated")}</span> }.into_any(),
                        }}
                        {capped.then(|| view! { <span class="bad sm cap block">{small(Icon::Capped)} {t_args("rows.capped", &[("items", &i18n::join_list(cap_items))])}</span> })}
                    }
                })}
            </td>
            <td>{move || first().map(|response| failed_words(&response.failed))}</td>
            <td class="n">{move || visit.with_value(|visit| visit.standing().count())}</td>
            <td>
                {move || view! { <StateBadge state=read(|visit| visit.state.clone()) /> }}
                {move || {
                    let conflicts = visit.with_value(|visit| visit.differing());
                    (conflicts > 0).then(|| view! { <span class="warn sm block">{small(Icon::Conflict)} {t_args("rows.conflicts_n", &[("n", &conflicts)])}</span> })
                }}
            </td>
        </tr>
    }
}

fn failed_words(failed: &[String]) -> String {
    let shown = i18n::join_list(failed.iter().take(4).cloned());
    if failed.len() > 4 {
        t_args("rows.and_more", &[("items", &shown), ("n", &(failed.len() - 4))])
    } else {
        shown
    }
}

/// Visits as a narrow list, for the panel beside the numbers.
#[component]
pub fn VisitsList(#[prop(into)] visits: Signal<Vec<Visit>>, selected: Memo<Selected>) -> impl IntoView {
    view! {
        <Show when=move || !visits.with(Vec::is_empty) fallback=NoRows>
            <ul class="narrow">
                <For
                    each=move || visits.get()
                    key=|visit| format!("{visit:?}")
                    children=move |visit| {
                        let href = format!("/record/{}", visit.id);
                        let school = visit.school.clone();
                        let lead = visit.lead.clone();
                        let score = visit.responses.first().and_then(|response| response.score.clone());
                        let first = visit.responses.first().cloned();
                        let names = move || selected.with(|selected| (selected.school(&school), lead.as_deref().map(|lead| selected.supervisor(lead))));
                        let names_too = names.clone();
                        view! {
                            <li>
                                <a class="li flush rowlink" href=href>
                                    <span class="grow">
                                        <b>{move || names().0}</b>
                                        <br />
                                        <span class="q sm">{move || join_dots([when_words(&visit), names_too().1.unwrap_or_default()])}</span>
                                    </span>
                                    <span class="visit-score">
                                        <b>{score}</b>
                                        {move || first.as_ref().and_then(super::report::Response::band_label).map(|(band, label)| view! { <BandBadge band text=label /> })}
                                    </span>
                                </a>
                            </li>
                        }
                    }
                />
            </ul>
        </Show>
    }
}

/// Schools with their zone, each leading to its visits.
#[component]
pub fn SchoolRows(#[prop(into)] schools: Signal<Vec<School>>, selected: Memo<Selected>) -> impl IntoView {
    view! {
        <Show when=move || !schools.with(Vec::is_empty) fallback=NoRows>
            <ul class="narrow">
                <For
                    each=move || schools.get()
                    key=|school| school.id.clone()
                    children=move |school| {
                        let month = selected.with_untracked(|selected| selected.month.clone());
                        let zone = school.zone.as_deref().map(|zone| selected.with_untracked(|selected| selected.zone(zone)));
                        view! {
                            <li>
                                <a class="li flush rowlink" href=format!("/visits?month={month}&school={}", school.id)>
                                    <span class="grow">
                                        <b>{school.name}</b>
                                        <span class="q sm block">{zone}</span>
                                    </span>
                                    {icon(Icon::Forward)}
                                </a>
                            </li>
                        }
                    }
                />
            </ul>
        </Show>
    }
}

/// Findings, the gravest first.
#[component]
pub fn FindingRows(#[prop(into)] found: Signal<Vec<(Visit, Finding)>>, selected: Memo<Selected>) -> impl IntoView {
    view! {
        <Show
            when=move || !found.with(Vec::is_empty)
            fallback=|| view! { <EmptyState mark=Icon::Problem title=Signal::derive(|| t("problems.none_title")) text=Signal::derive(|| t("problems.office_none")) /> }
        >
            <ul class="narrow">
                <For
                    each=move || found.get()
                    key=|(visit, finding)| format!("{} {finding:?}", visit.id)
                    children=move |(visit, finding)| {
                        let href = format!("/record/{}?tab=findings", visit.id);
                        let title = finding_title(&visit, &finding);
                        let grade = finding.grade();
                        let item = finding.item.clone().unwrap_or_default();
                        let state = finding.state.clone().unwrap_or_default();
                        let school = visit.school.clone();
                        view! {
                            <li>
                                <a class="li flush rowlink" href=href>
                                    <span class="grow">
                                        <b>{title}</b>
                                        <br />
                                        <span class="q sm">
                                            {move || join_dots([selected.with(|selected| selected.school(&school)), item.clone(), state_word("finding", &state)])}
                                        </span>
                                    </span>
                                    {grade.map(|severity| view! { <SeverityBadge severity /> })}
                                </a>
                            </li>
                        }
                    }
                />
            </ul>
        </Show>
    }
}

// The checklist's words in the reader's language; the record's own when the item is not known here.
fn finding_title(visit: &Visit, finding: &Finding) -> impl Fn() -> String + use<> {
    let item = finding.item.as_deref().and_then(|code| {
        visit
            .responses
            .iter()
            .find_map(|response| known::checklist(&response.template, response.version)?.item(code))
    });
    let stored = finding.title.clone().unwrap_or_default();
    move || item.map_or_else(|| stored.clone(), |item| say(&item.title))
}

/// The keys of the desk, and the sheet that lists them.
#[component]
pub fn Keys() -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let handle = window_event_listener(ev::keydown, move |event| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || in_a_box(&event) {
            return;
        }
        match event.key().as_str() {
            "/" if focus_first("[data-find]") => event.prevent_default(),
            "j" => step_rows(1),
            "k" => step_rows(-1),
            "?" => {
                if let Some(dialog) = dialog.get_untracked().filter(|dialog| !dialog.open()) {
                    let _ = dialog.show_modal();
                }
            }
            _ => {}
        }
    });
    on_cleanup(move || handle.remove());
    let line =
        |key: &'static str, words: fn() -> String| view! { <div><dt><kbd>{key}</kbd></dt><dd>{words}</dd></div> };
    view! {
        <dialog node_ref=dialog class="ask-sheet" aria-labelledby="keys-title">
            <h2 id="keys-title">{move || t("keys.title")}</h2>
            <dl class="keys">
                {line("/", || t("keys.search"))}
                {line("j k", || t("keys.rows"))}
                {line("Enter", || t("keys.open"))}
                {line("Esc", || t("keys.close"))}
                {line("?", || t("keys.help"))}
            </dl>
            <form method="dialog">
                <button class="btn wide">{icon(Icon::Close)} <span>{move || t("action.close")}</span></button>
            </form>
        </dialog>
    }
}

fn in_a_box(event: &web_sys::KeyboardEvent) -> bool {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|target| matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}

fn focus_first(selector: &str) -> bool {
    let found = document()
        .query_selector(selector)
        .ok()
        .flatten()
        .and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok());
    found.is_some_and(|found| found.focus().is_ok())
}

fn step_rows(by: i32) {
    let Ok(rows) = document().query_selector_all("a.rowlink") else {
        return;
    };
    let count = i32::try_from(rows.length()).unwrap_or(0);
    let focused = document().active_element();
    let at = (0..count).find(|at: &i32| {
        rows.item(at.unsigned_abs())
            .map(JsCast::unchecked_into::<web_sys::Element>)
            == focused
    });
    let next = match at {
        Some(at) => (at + by).clamp(0, count - 1),
        None => 0,
    };
    if let Some(row) = rows.item(next.unsigned_abs()).filter(|_| count > 0) {
        let row: web_sys::HtmlElement = row.unchecked_into();
        let _ = row.focus();
    }
}
