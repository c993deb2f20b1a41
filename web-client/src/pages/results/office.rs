//! The office's day and its open findings, read from the same report.

use catalog::Severity;
use leptos::prelude::*;

use super::Waiting;
use super::filters::{FilterBar, use_wanted};
use super::live::{LiveLine, use_live};
use super::report::{Rows, Selected};
use super::rows::{FindingRows, Keys, VisitRows, VisitsList};
use crate::components::{ErrorNote, Screen, severity_word};
use crate::i18n::{self, t, t_args};
use crate::icons::{Icon, icon};
use crate::pages::differences::DifferencesRow;
use crate::pages::quarantine::QuarantineRow;

/// What waits for the office today: the gravest first, each opening its rows.
#[component]
pub fn OfficeToday() -> impl IntoView {
    let wanted = use_wanted("/results");
    let live = use_live(wanted.month);
    let selected = Memo::new(move |_| {
        live.report
            .with(|report| report.as_ref().map(|report| wanted.narrow(report)).unwrap_or_default())
    });
    let counts = Memo::new(move |_| selected.with(waiting));
    let newest =
        Signal::derive(move || selected.with(|selected| selected.submitted().take(8).cloned().collect::<Vec<_>>()));
    view! {
        <Screen
            title=Signal::derive(|| t("nav.today"))
            sub=Signal::derive(|| i18n::day_and_weekday(js_sys::Date::now()))
            class="office today"
            tools=move || view! { <LiveLine live /> }
        >
            <Keys />
            <ErrorNote error=live.error />
            <Show when=move || live.is_here() fallback=move || view! { <Waiting live /> }>
                <ul class="list">
                    {move || {
                        counts
                            .get()
                            .into_iter()
                            .map(|(rows, count, text, hint)| {
                                let href = format!("/results?month={}&rows={}", wanted.month.get(), rows.code());
                                let class = match (&rows, count) {
                                    (_, 0) => "mark ok",
                                    (Rows::OfGrade(_), _) => "mark bad",
                                    _ => "mark warn",
                                };
                                let mark = match rows {
                                    Rows::OfGrade(_) => Icon::Warning,
                                    Rows::Unsubmitted => Icon::Note,
                                    Rows::NotRated => Icon::Info,
                                    _ => Icon::Visit,
                                };
                                view! {
                                    <li>
                                        <a class="li rowlink" href=href>
                                            <span class=class aria-hidden="true">{icon(if count == 0 { Icon::Yes } else { mark })}</span>
                                            <span class="grow"><b>{text}</b><br /><span class="q sm">{hint}</span></span>
                                            {icon(Icon::Forward)}
                                        </a>
                                    </li>
                                }
                            })
                            .collect_view()
                    }}
                    <DifferencesRow />
                    <QuarantineRow />
                </ul>
                <section class="panel" aria-labelledby="newest-title">
                    <header><h2 id="newest-title">{move || t("office.newest")}</h2></header>
                    <div class="body"><VisitsList visits=newest selected /></div>
                </section>
            </Show>
        </Screen>
    }
}

fn waiting(selected: &Selected) -> Vec<(Rows, usize, String, String)> {
    let critical = selected
        .visits
        .iter()
        .flat_map(|visit| visit.open_findings())
        .filter(|finding| finding.grade() == Some(Severity::L4))
        .count();
    let unsubmitted = selected.visits.iter().filter(|visit| !visit.submitted()).count();
    let unvisited = selected.unvisited();
    let names: Vec<String> = unvisited.iter().take(4).map(|school| school.name.clone()).collect();
    let unvisited = unvisited.len();
    vec![
        (
            Rows::OfGrade(Severity::L4),
            critical,
            t_args(
                "office.critical",
                &[("n", &critical), ("grade", &severity_word(Severity::L4))],
            ),
            t("office.critical_hint"),
        ),
        (
            Rows::Unsubmitted,
            unsubmitted,
            t_args("office.unsubmitted", &[("n", &unsubmitted)]),
            t("office.unsubmitted_hint"),
        ),
        (
            Rows::Unvisited,
            unvisited,
            t_args("office.unvisited", &[("n", &unvisited)]),
            i18n::join_list(names),
        ),
    ]
}

/// Every open finding of the month, the gravest first.
#[component]
pub fn OfficeProblems() -> impl IntoView {
    let wanted = use_wanted("/problems");
    let live = use_live(wanted.month);
    let selected = Memo::new(move |_| {
        live.report
            .with(|report| report.as_ref().map(|report| wanted.narrow(report)).unwrap_or_default())
    });
    let search = RwSignal::new(String::new());
    let found = Signal::derive(move || {
        let typed = search.get().trim().to_lowercase();
        selected.with(|selected| {
            let mut found = Rows::OpenFindings.findings(selected);
            found.retain(|(visit, finding)| {
                let words = format!(
                    "{} {} {}",
                    selected.school(&visit.school),
                    finding.title.as_deref().unwrap_or(""),
                    finding.item.as_deref().unwrap_or("")
                );
                typed.is_empty() || words.to_lowercase().contains(&typed)
            });
            found
        })
    });
    view! {
        <Screen
            title=Signal::derive(|| t("nav.problems"))
            sub=Signal::derive(move || live.once_here(t_args("problems.count", &[("n", &found.with(Vec::len))])))
            class="office"
            tools=move || view! { <LiveLine live /> }
        >
            <Keys />
            <ErrorNote error=live.error />
            <FilterBar wanted report=live.report search />
            <Show when=move || live.is_here() fallback=move || view! { <Waiting live /> }>
                <section class="panel"><div class="body"><FindingRows found selected /></div></section>
            </Show>
        </Screen>
    }
}

/// Every visit of the month, newest first.
#[component]
pub fn VisitsPage() -> impl IntoView {
    let wanted = use_wanted("/visits");
    let live = use_live(wanted.month);
    let selected = Memo::new(move |_| {
        live.report
            .with(|report| report.as_ref().map(|report| wanted.narrow(report)).unwrap_or_default())
    });
    let search = RwSignal::new(String::new());
    let visits = Signal::derive(move || selected.with(|selected| selected.search(&search.get())));
    view! {
        <Screen
            title=Signal::derive(|| t("nav.visits"))
            sub=Signal::derive(move || live.once_here(t_args("visits.count", &[("n", &visits.with(Vec::len))])))
            class="office"
            tools=move || view! { <LiveLine live /> }
        >
            <Keys />
            <ErrorNote error=live.error />
            <FilterBar wanted report=live.report search />
            <Show when=move || live.is_here() fallback=move || view! { <Waiting live /> }>
                <section class="panel"><VisitRows visits selected /></section>
            </Show>
        </Screen>
    }
}
