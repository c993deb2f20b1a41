//! The four figures at the top, each with what explains it, each opening its rows.

use std::collections::BTreeSet;

use catalog::Severity;
use leptos::prelude::*;

use super::filters::{RowsLink, Wanted};
use super::report::{Rows, Selected};
use crate::components::severity_word;
use crate::i18n::{t, t_args};
use crate::icons::{Icon, small};

#[component]
pub fn Tiles(wanted: Wanted, selected: Memo<Selected>) -> impl IntoView {
    let submitted = Memo::new(move |_| selected.with(|selected| selected.submitted().count()));
    let unsubmitted = Memo::new(move |_| selected.with(|selected| selected.visits.len()) - submitted.get());
    let covered = Memo::new(move |_| {
        selected.with(|selected| {
            let visited: BTreeSet<&str> = selected.submitted().map(|visit| visit.school.as_str()).collect();
            (visited.len(), selected.coverage.len())
        })
    });
    let of_grade = move |grade: Severity| {
        selected.with(|selected| {
            selected
                .visits
                .iter()
                .flat_map(super::report::Visit::open_findings)
                .filter(|finding| finding.grade() == Some(grade))
                .count()
        })
    };
    let open = Memo::new(move |_| Severity::ALL.map(of_grade));
    let critical = Memo::new(move |_| open.get()[3]);
    let conflicts = Memo::new(move |_| {
        selected.with(|selected| selected.visits.iter().map(|visit| visit.differing()).sum::<u32>())
    });
    let not_rated =
        Memo::new(move |_| selected.with(|selected| selected.visits.iter().filter(|visit| visit.not_rated()).count()));
    view! {
        <section class="tiles" aria-label=move || t("tiles.label")>
            <div class="tile">
                <h2 class="label">{move || t("tiles.submitted")}</h2>
                <b data-testid="tile-submitted"><RowsLink wanted rows=Rows::Submitted>{move || submitted.get()}</RowsLink></b>
                <p class="q">{move || { let (visited, of) = covered.get(); t_args("tiles.covered", &[("n", &visited), ("of", &of)]) }}</p>
                <p class="q">
                    <RowsLink wanted rows=Rows::Unsubmitted>{move || t_args("tiles.unsubmitted", &[("n", &unsubmitted.get())])}</RowsLink>
                </p>
            </div>
            <div class="tile">
                <h2 class="label">{move || t("tiles.open")}</h2>
                <b data-testid="tile-findings"><RowsLink wanted rows=Rows::OpenFindings>{move || open.get().iter().sum::<usize>()}</RowsLink></b>
                <p class="q grades">
                    {[Severity::L3, Severity::L2, Severity::L1]
                        .map(|grade| {
                            view! {
                                <RowsLink wanted rows=Rows::OfGrade(grade)>
                                    {move || format!("{} {}", severity_word(grade), of_grade(grade))}
                                </RowsLink>
                            }
                        })
                        .collect_view()}
                </p>
            </div>
            <div class="tile">
                <h2 class="label">{move || severity_word(Severity::L4)}</h2>
                <b class:bad=move || critical.get() != 0 data-testid="tile-critical">
                    <RowsLink wanted rows=Rows::OfGrade(Severity::L4)>{move || critical.get()}</RowsLink>
                </b>
                {move || if critical.get() > 0 {
                    view! { <p class="bad ch">{small(Icon::Warning)} <span>{t("tiles.critical_some")}</span></p> }.into_any()
                } else {
                    view! { <p class="ok ch">{small(Icon::Yes)} <span>{t("tiles.critical_none")}</span></p> }.into_any()
                }}
            </div>
            <div class="tile">
                <h2 class="label">{move || t("tiles.conflicts")}</h2>
                <b><RowsLink wanted rows=Rows::Conflicts>{move || conflicts.get()}</RowsLink></b>
                <p class="q">{move || t("tiles.conflicts_hint")}</p>
                <p class="q"><RowsLink wanted rows=Rows::NotRated>{move || t_args("tiles.not_rated", &[("n", &not_rated.get())])}</RowsLink></p>
            </div>
        </section>
    }
}
