//! Schools by months: who was visited, who is still to be, who was missed.

use std::collections::BTreeSet;

use leptos::prelude::*;

use super::filters::{RowsLink, Wanted};
use super::report::{Coverage, Month, Rows, Selected};
use crate::i18n::{self, t, t_args};
use crate::prefs::locale;

#[component]
pub fn CoverageTable(wanted: Wanted, selected: Memo<Selected>) -> impl IntoView {
    let months = Memo::new(move |_| {
        selected.with(|selected| {
            selected
                .coverage
                .first()
                .map(|row| row.months.iter().map(|month| month.month.clone()).collect::<Vec<_>>())
                .unwrap_or_default()
        })
    });
    // Cells carry words for screen readers: a change of language makes new ones.
    let rows = Memo::new(move |_| {
        let language = locale();
        let quiet = quiet_months(&selected.get());
        selected.with(|selected| {
            selected
                .coverage
                .iter()
                .map(|row| (language, quiet.clone(), row.clone()))
                .collect::<Vec<_>>()
        })
    });
    let current = wanted.month;
    view! {
        <section class="panel">
            <header>
                <h2 id="cov-title">{move || t("coverage.title")}</h2>
                <span class="q xs">{move || t("coverage.hint")}</span>
            </header>
            <div class="body scroll-x" tabindex="0" role="group" aria-labelledby="cov-title">
                <table class="cov">
                    <thead>
                        <tr>
                            <th scope="col">{move || t("filter.school")}</th>
                            {move || {
                                months
                                    .get()
                                    .into_iter()
                                    .map(|month| {
                                        let is_current = month == current.get();
                                        view! { <th scope="col" aria-current=is_current.then_some("true")>{i18n::month(&month)}</th> }
                                    })
                                    .collect_view()
                            }}
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || rows.get() key=|row| format!("{row:?}") children=move |(_, quiet, row)| coverage_row(wanted, selected, row, &quiet) />
                    </tbody>
                    <tfoot>
                        <tr>
                            <th scope="row">{move || t_args("coverage.covered", &[("n", &rows.with(Vec::len))])}</th>
                            {move || {
                                let rows = rows.get();
                                (0..months.with(Vec::len))
                                    .map(|at| {
                                        let covered = rows.iter().filter(|(_, _, row)| row.months.get(at).is_some_and(|month| month.submitted > 0)).count();
                                        view! { <td class="q">{covered}</td> }
                                    })
                                    .collect_view()
                            }}
                        </tr>
                    </tfoot>
                </table>
                <p class="leg">
                    <span><i class="cv done" aria-hidden="true">"2"</i>{move || t("coverage.done")}</span>
                    <span><i class="cv part" aria-hidden="true">"1"</i>{move || t("coverage.draft")}</span>
                    <span><i class="cv miss" aria-hidden="true">"✕"</i>{move || t("coverage.missed")}</span>
                    <span><i class="cv todo" aria-hidden="true">"○"</i>{move || t("coverage.todo")}</span>
                    <span><i class="cv hol" aria-hidden="true"></i>{move || t("coverage.quiet")}</span>
                </p>
            </div>
        </section>
    }
}

fn coverage_row(wanted: Wanted, selected: Memo<Selected>, row: Coverage, quiet: &[String]) -> impl IntoView + use<> {
    let id = row.school.clone();
    let name_id = id.clone();
    let cells = row
        .months
        .into_iter()
        .map(|month| {
            let is_quiet = quiet.contains(&month.month);
            cell(wanted, selected, id.clone(), month, is_quiet)
        })
        .collect_view();
    view! {
        <tr>
            <th scope="row">{move || selected.with(|selected| selected.school(&name_id))}</th>
            {cells}
        </tr>
    }
}

// Months in which nobody was visited at all: holidays, or the time before the district began.
fn quiet_months(selected: &Selected) -> Vec<String> {
    let this_month = i18n::today_code()[..7].to_owned();
    let all = selected.coverage.iter().flat_map(|row| &row.months);
    let visited: BTreeSet<&str> = all
        .clone()
        .filter(|month| month.submitted + month.draft > 0)
        .map(|month| month.month.as_str())
        .collect();
    let months: BTreeSet<&str> = all.map(|month| month.month.as_str()).collect();
    months
        .difference(&visited)
        .filter(|month| **month < this_month.as_str())
        .map(|month| (*month).to_owned())
        .collect()
}

fn cell(wanted: Wanted, selected: Memo<Selected>, school: String, month: Month, is_quiet: bool) -> impl IntoView {
    if is_quiet {
        return view! { <td><span class="cv hol"><span class="hidden">{t("coverage.quiet")}</span></span></td> }
            .into_any();
    }
    let this_month = i18n::today_code()[..7].to_owned();
    let (class, figure, word) = match (month.submitted, month.draft) {
        (0, 0) if month.month >= this_month => ("cv todo", "○".to_owned(), t("coverage.todo")),
        (0, 0) => ("cv miss", "✕".to_owned(), t("coverage.missed")),
        (0, draft) => ("cv part", draft.to_string(), t("coverage.draft")),
        (done, 0) => ("cv done", done.to_string(), t("coverage.done")),
        (done, draft) => ("cv part", (done + draft).to_string(), t("coverage.draft")),
    };
    let nothing = month.submitted + month.draft == 0;
    let name = selected.with_untracked(|selected| selected.school(&school));
    let label = format!("{name} {} {word} {figure}", i18n::month_and_year(&month.month));
    if nothing {
        return view! { <td><span class=class title=label.clone()><span aria-hidden="true">{figure}</span><span class="hidden">{word}</span></span></td> }.into_any();
    }
    if month.month == selected.with_untracked(|selected| selected.month.clone()) {
        return view! { <td><RowsLink wanted rows=Rows::OfSchool(school) class label>{figure}</RowsLink></td> }
            .into_any();
    }
    let href = format!("/results?month={}&rows=school:{school}", month.month);
    view! { <td><a class=class href=href aria-label=label>{figure}</a></td> }.into_any()
}
