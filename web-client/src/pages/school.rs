//! One school before a visit: what is special about it, what is still open, what the last visits found.

use catalog::Severity;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use sync_protocol::RecordId;

use super::duty::{self, FindingLine};
use super::visit::start_visit;
use crate::components::{BandBadge, EmptyState, Screen, SeverityBadge, StateBadge, state_word};
use crate::i18n::{self, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::session::{Session, use_session};

#[component]
pub fn SchoolPage() -> impl IntoView {
    let session = use_session();
    let is_here = move |school: &RecordId| !session.field(school, "@kind").text().is_empty();
    let school = Memo::new(move |_| duty::record_in_route("id").filter(is_here));
    move || match school.get() {
        Some(school) => view! { <KnownSchool school /> }.into_any(),
        None => view! { <UnknownRecord /> }.into_any(),
    }
}

/// An address that leads to nothing on this device.
#[component]
pub fn UnknownRecord() -> impl IntoView {
    view! {
        <Screen title=Signal::derive(|| t("unknown.title")) back="/today">
            <EmptyState mark=Icon::Search title=Signal::derive(|| t("unknown.title")) text=Signal::derive(|| t("unknown.text")) />
        </Screen>
    }
}

#[component]
fn KnownSchool(school: RecordId) -> impl IntoView {
    let session = use_session();
    let school = StoredValue::new(school);
    let name = Signal::derive(move || school.with_value(|school| duty::school_name(session, school)));
    let line = Signal::derive(move || school.with_value(|school| duty::school_line(session, school)));
    let notice = Memo::new(move |_| school.with_value(|school| session.field(school, "notice").text().to_owned()));
    let phone = Memo::new(move |_| school.with_value(|school| session.field(school, "office_phone").text().to_owned()));
    let findings = Memo::new(move |_| school.with_value(|school| duty::open_findings(session, school)));
    let visits = Memo::new(move |_| school.with_value(|school| duty::visits_of(session, school)));
    view! {
        <Screen
            title=name
            tab=Signal::derive(|| t("nav.schools"))
            sub=line
            back="/schools"
            dock=move || view! { <VisitButton school=school.get_value() /> }
        >
            {move || (!notice.get().is_empty()).then(|| view! {
                <p class="notice">{small(Icon::Info)} <span><b>{t("school.notice")}</b> " " {notice.get()}</span></p>
            })}
            <section class="card" aria-labelledby="facts-title">
                <h2 class="label" id="facts-title">{move || t("facts.title")}</h2>
                <SchoolFacts school=school.get_value() />
                {move || (!phone.get().is_empty()).then(|| view! {
                    <a class="btn wide" href=format!("tel:{}", phone.get())>
                        {small(Icon::Call)} <span>{t_args("school.call_office", &[("phone", &phone.get())])}</span>
                    </a>
                })}
            </section>
            <section aria-labelledby="open-title">
                <h2 class="label" id="open-title">{move || t("school.open_findings")}</h2>
                <Show
                    when=move || !findings.with(Vec::is_empty)
                    fallback=|| view! { <p class="q sm pad-top">{move || t("school.no_findings")}</p> }
                >
                    <FindingList findings />
                </Show>
            </section>
            <section aria-labelledby="visits-title">
                <h2 class="label" id="visits-title">{move || t("school.visits")}</h2>
                <Show
                    when=move || !visits.with(Vec::is_empty)
                    fallback=|| view! { <p class="q sm pad-top">{move || t("school.no_visits")}</p> }
                >
                    <ul class="list">
                        <For each=move || visits.get() key=|visit| visit.clone() children=move |visit| visit_row(session, visit) />
                    </ul>
                </Show>
            </section>
        </Screen>
    }
}

#[component]
fn SchoolFacts(school: RecordId) -> impl IntoView {
    let session = use_session();
    let number = {
        let school = school.clone();
        move |path: &str| session.field(&school, path).int().map(i18n::number)
    };
    let line = move |label: String, value: Option<String>| {
        value.map(|value| view! { <div><dt>{label}</dt><dd>{value}</dd></div> })
    };
    view! {
        <dl class="facts">
            {move || [
                line(t("school.fact.students"), number("students")),
                line(t("school.fact.boarders"), number("boarders")),
                line(t("school.fact.classes"), number("classes")),
            ].collect_view()}
        </dl>
    }
}

/// Findings as rows; a tap leads to the item on its sheet.
#[component]
pub fn FindingList(#[prop(into)] findings: Signal<Vec<FindingLine>>) -> impl IntoView {
    view! {
        <ul class="list">
            <For each=move || findings.get() key=|line| (line.id.clone(), line.state.clone(), line.fact.clone(), line.title.clone()) children=finding_row />
        </ul>
    }
}

fn finding_row(line: FindingLine) -> impl IntoView {
    let href = format!("/visit/{}/checklist/{}#{}", line.visit, line.response, line.item);
    let severity = line.severity;
    let mark = if severity == Some(Severity::L4) {
        "mark bad"
    } else {
        "mark warn"
    };
    let what = line.clone();
    view! {
        <li>
            <a class="li" href=href>
                <span class=mark aria-hidden="true">{icon(Icon::Problem)}</span>
                <span class="grow">
                    <b class="clamp">{move || what.what()}</b>
                    <span class="q sm block">
                        {move || {
                            let title = if line.fact.is_empty() { String::new() } else { line.title.clone() };
                            i18n::join_dots([format!("{} {title}", line.item), state_word("finding", &line.state)])
                        }}
                    </span>
                    {severity.map(|severity| view! { <SeverityBadge severity /> })}
                </span>
                {icon(Icon::Forward)}
            </a>
        </li>
    }
}

fn visit_row(session: Session, visit: RecordId) -> impl IntoView {
    let href = format!("/visit/{visit}");
    let id = StoredValue::new(visit);
    let day = move || id.with_value(|visit| i18n::day_and_year(i18n::ms_of(session.field(visit, "visit_date").text())));
    let lead = move || id.with_value(|visit| session.name_of(session.field(visit, "lead").text()));
    let found = move || id.with_value(|visit| duty::findings_of(session, visit).len());
    let state = move || id.with_value(|visit| session.field(visit, "state").text().to_owned());
    view! {
        <li>
            <a class="li" href=href>
                <span class="mark" aria-hidden="true">{icon(Icon::Visit)}</span>
                <span class="grow">
                    <b>{day}</b>
                    " "
                    {move || view! { <StateBadge state=state() /> }}
                    <br />
                    <span class="q sm">{move || i18n::join_dots([lead(), t_args("visit.found", &[("n", &found())])])}</span>
                </span>
                <VisitScore visit=id.get_value() />
                {icon(Icon::Forward)}
            </a>
        </li>
    }
}

/// The score and band of the first sheet that has one, small.
#[component]
pub fn VisitScore(visit: RecordId) -> impl IntoView {
    let session = use_session();
    let scored = Memo::new(move |_| {
        duty::responses(session, &visit).into_iter().find_map(|response| {
            let checklist = duty::checklist_of(session, &response)?;
            let assessment = duty::assessment_of(session, &response)?;
            let score = assessment.score?.to_string();
            Some((score, duty::band_label(checklist, &assessment)))
        })
    });
    move || {
        scored.get().map(|(score, band)| {
            view! {
                <span class="visit-score">
                    <b>{score}</b>
                    {band.map(|(band, label)| view! { <BandBadge band text=label /> })}
                </span>
            }
        })
    }
}

/// "Start a visit", or "go on" when one is open.
#[component]
pub fn VisitButton(school: RecordId, #[prop(default = false)] named: bool) -> impl IntoView {
    let session = use_session();
    let navigate = use_navigate();
    let school = StoredValue::new(school);
    let open = Memo::new(move |_| school.with_value(|school| duty::open_visit(session, school)));
    let may = Memo::new(move |_| duty::inspects(session));
    let name = move || school.with_value(|school| duty::school_name(session, school));
    let start = move |_| {
        if let Some(visit) = school.with_value(|school| start_visit(session, school)) {
            navigate(&format!("/visit/{visit}"), Default::default());
        }
    };
    let start = StoredValue::new(start);
    let words =
        move |key_named: fn(String) -> String, plain: fn() -> String| if named { key_named(name()) } else { plain() };
    view! {
        {move || match (open.get(), may.get()) {
            (Some(visit), _) => view! {
                <div class="cta">
                    <a class="btn main wide" href=format!("/visit/{visit}") data-testid="resume-visit">
                        {move || words(|name| t_args("visit.go_on_at", &[("school", &name)]), || t("visit.go_on"))}
                    </a>
                </div>
            }.into_any(),
            (None, true) => view! {
                <div class="cta">
                    <button class="btn main wide" type="button" data-testid="start-visit" on:click=move |event| start.with_value(|start| start(event))>
                        {move || words(|name| t_args("visit.start_at", &[("school", &name)]), || t("visit.start"))}
                    </button>
                </div>
            }.into_any(),
            (None, false) => ().into_any(),
        }}
    }
}
