//! The office's consolidated view: live, filtered by the address, every number opening its rows and every row its record.

mod coverage;
mod filters;
mod heat;
mod live;
mod office;
pub mod report;
mod rows;
mod scores;
mod tiles;

use leptos::prelude::*;

use crate::components::{EmptyState, ErrorNote, Screen, SidePanel};
use crate::i18n::t;
use crate::icons::Icon;

use coverage::CoverageTable;
use filters::{FilterBar, Wanted, use_wanted};
use heat::HeatTable;
use live::{Live, LiveLine, use_live};
pub use office::{OfficeProblems, OfficeToday, VisitsPage};
pub use rows::Keys;
use rows::{FindingRows, SchoolRows, VisitRows, VisitsList};
use scores::Scores;
use tiles::Tiles;

#[component]
pub fn ResultsPage() -> impl IntoView {
    let wanted = use_wanted("/results");
    let live = use_live(wanted.month);
    let report = live.report;
    let selected = Memo::new(move |_| {
        report.with(|report| report.as_ref().map(|report| wanted.narrow(report)).unwrap_or_default())
    });
    let search = RwSignal::new(String::new());
    view! {
        <Screen title=Signal::derive(|| t("nav.results")) class="office" tools=move || view! { <LiveLine live /> }>
            <Keys />
            <ErrorNote error=live.error />
            <FilterBar wanted report search />
            <Show when=move || live.is_here() fallback=move || view! { <Waiting live /> }>
                <div class="with-rows" class:open=move || wanted.rows.get().is_some()>
                    <div class="results">
                        <Tiles wanted selected />
                        <div class="g2">
                            <CoverageTable wanted selected />
                            <Scores wanted selected />
                        </div>
                        <HeatTable wanted selected />
                        <section class="panel">
                            <header>
                                <h2>{move || t("results.visits")}</h2>
                                <span class="q xs">{move || t("results.newest_first")}</span>
                            </header>
                            <VisitRows visits=Signal::derive(move || selected.with(|selected| selected.search(&search.get()))) selected />
                        </section>
                    </div>
                    <RowsBehind wanted selected />
                </div>
            </Show>
        </Screen>
    }
}

/// Before the first answer: never over data that is already there.
#[component]
fn Waiting(live: Live) -> impl IntoView {
    view! {
        <Show when=move || live.error.with(Option::is_none)>
            <EmptyState mark=Icon::Results title=Signal::derive(|| t("results.loading")) text=Signal::derive(|| t("results.loading_text")) />
        </Show>
    }
}

/// The rows behind a number, beside the numbers.
#[component]
fn RowsBehind(wanted: Wanted, selected: Memo<report::Selected>) -> impl IntoView {
    let close = Callback::new(move |()| wanted.open_rows(None));
    view! {
        <Show when=move || wanted.rows.get().is_some()>
            <SidePanel title=Signal::derive(move || wanted.rows.get().map(|rows| rows.title(&selected.get())).unwrap_or_default()) on_close=close>
                {move || {
                    wanted
                        .rows
                        .get()
                        .map(|rows| {
                            if rows.of_schools() {
                                let schools = Signal::derive(move || selected.with(report::Selected::unvisited));
                                view! { <SchoolRows schools selected /> }.into_any()
                            } else if rows.of_findings() {
                                let found = Signal::derive(move || selected.with(|selected| rows.findings(selected)));
                                view! { <FindingRows found selected /> }.into_any()
                            } else {
                                let visits = Signal::derive(move || selected.with(|selected| rows.visits(selected)));
                                view! { <VisitsList visits selected /> }.into_any()
                            }
                        })
                }}
            </SidePanel>
        </Show>
    }
}
