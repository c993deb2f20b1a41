//! The first thing in the morning: where to go on, the next school and what is special about it, what this month still asks.

use leptos::prelude::*;
use sync_protocol::RecordId;

use super::differences::DifferencesCard;
use super::duty;
use super::results::OfficeToday;
use super::school::VisitButton;
use super::schools::{MonthState, NoSchools, SchoolList, month_state};
use crate::components::{Badge, Meter, Screen, Tone};
use crate::i18n::{self, say, t, t_args};
use crate::icons::{Icon, icon};
use crate::session::{Beginning, Session, use_session};

#[component]
pub fn TodayPage() -> impl IntoView {
    let session = use_session();
    let office = Memo::new(move |_| duty::is_office(session) && !duty::inspects(session));
    move || {
        if office.get() {
            view! { <OfficeToday /> }.into_any()
        } else {
            view! { <FieldToday /> }.into_any()
        }
    }
}

#[component]
fn FieldToday() -> impl IntoView {
    let session = use_session();
    let schools = Memo::new(move |_| duty::schools(session));
    let next = Memo::new(move |_| next_school(session, &schools.get()));
    let others = Memo::new(move |_| {
        let next = next.get();
        schools
            .get()
            .into_iter()
            .filter(|school| Some(school) != next.as_ref())
            .collect::<Vec<_>>()
    });
    view! {
        <Screen
            title=Signal::derive(|| t("nav.today"))
            sub=Signal::derive(|| i18n::day_and_weekday(js_sys::Date::now()))
            dock=move || next.get().map(|school| view! { <VisitButton school named=true /> })
        >
            <Show when=move || !schools.with(Vec::is_empty) fallback=NoSchools>
                <BeganEmpty />
                <DifferencesCard />
                <Resume />
                {move || next.get().map(|school| view! { <NextSchool school /> })}
                <Coverage schools />
                <Show when=move || !others.with(Vec::is_empty)>
                    <section aria-labelledby="others-title">
                        <h2 class="label" id="others-title">{move || t("today.others")}</h2>
                        <SchoolList schools=others />
                    </section>
                </Show>
            </Show>
        </Screen>
    }
}

/// Nothing of this person was on this phone when they came: what the office holds, and where the rest can only be.
#[component]
fn BeganEmpty() -> impl IntoView {
    let session = use_session();
    // What the first answer of the office brought; whatever is made here later is no find.
    Effect::new(move |_| {
        if session.beginning() == Beginning::Empty && session.last_sync_ms().is_some() {
            let visits = untrack(|| duty::my_visits(session));
            session.set_beginning(match visits.is_empty() {
                true => Beginning::Known,
                false => Beginning::Found(visits),
            });
        }
    });
    let visits = Memo::new(move |_| match session.beginning() {
        Beginning::Found(visits) => visits,
        Beginning::Empty | Beginning::Known => vec![],
    });
    let link = move |visit: RecordId| {
        let school = duty::school_of(session, &visit);
        let (of_name, of_date) = (school.clone(), visit.clone());
        let name = move || {
            of_name
                .as_ref()
                .map(|school| duty::school_name(session, school))
                .unwrap_or_default()
        };
        let date = move || session.field(&of_date, "visit_date").text().to_owned();
        view! {
            <li>
                <a class="li slim" href=format!("/visit/{visit}")>
                    <span class="grow">{move || i18n::join_dots([name(), date()])}</span>
                    {icon(Icon::Forward)}
                </a>
            </li>
        }
    };
    view! {
        <Show when=move || !visits.with(Vec::is_empty)>
            <section class="card" data-testid="began-empty" data-visits=move || visits.with(Vec::len).to_string()>
                <p class="b">{move || t_args("began_empty.title", &[("n", &visits.with(Vec::len))])}</p>
                <p class="q sm">{move || t("began_empty.text")}</p>
                <details>
                    <summary class="btn">{move || t("began_empty.show")}</summary>
                    <ul class="list">
                        <For each=move || visits.get() key=RecordId::clone children=link />
                    </ul>
                </details>
                <button class="btn wide" type="button" data-testid="began-empty-read" on:click=move |_| session.set_beginning(Beginning::Known)>
                    {move || t("began_empty.read")}
                </button>
            </section>
        </Show>
    }
}

// A visit that is open comes first; then whoever was not visited this month.
fn next_school(session: Session, schools: &[RecordId]) -> Option<RecordId> {
    let with = |wanted: MonthState| schools.iter().find(|school| month_state(session, school) == wanted);
    let open = schools
        .iter()
        .find(|school| duty::open_visit(session, school).is_some());
    open.or_else(|| with(MonthState::ToDo))
        .or_else(|| schools.first())
        .cloned()
}

/// "Go on at SF3.5": exactly where the person was.
#[component]
fn Resume() -> impl IntoView {
    let session = use_session();
    let open = Memo::new(move |_| {
        let schools = duty::schools(session);
        schools
            .into_iter()
            .filter_map(|school| Some((duty::open_visit(session, &school)?, school)))
            .collect::<Vec<_>>()
    });
    view! {
        <For
            each=move || open.get()
            key=|(visit, _)| visit.clone()
            children=move |(visit, school)| {
                let place = untrack(|| resume_place(session, &visit));
                let item = place.1.clone();
                let title = move || match &item {
                    Some((code, _)) => t_args("today.resume_at", &[("item", code)]),
                    None => t("visit.go_on"),
                };
                let what = place.1.and_then(|(_, title)| title);
                let at = move || what.map(say).unwrap_or_default();
                view! {
                    <a class="card resume" href=place.0 data-testid="resume-card">
                        <span class="mark act" aria-hidden="true">{icon(Icon::Note)}</span>
                        <span class="grow">
                            <b>{title}</b>
                            <br />
                            <span class="q sm">{move || i18n::join_dots([duty::school_name(session, &school), at()])}</span>
                        </span>
                        {icon(Icon::Forward)}
                    </a>
                }
            }
        />
    }
}

type ResumeItem = (String, Option<&'static catalog::Text>);

// The sheet this person stood at; after a look around elsewhere, the item they touched last.
fn resume_place(session: Session, visit: &RecordId) -> (String, Option<ResumeItem>) {
    let start = format!("/visit/{visit}");
    let responses = duty::responses(session, visit);
    let remembered = session.resume_place();
    let stood_at = |response: &RecordId| {
        let sheet = format!("{start}/checklist/{response}");
        let code = remembered.as_ref()?.strip_prefix(&sheet)?.strip_prefix('#')?;
        Some((response.clone(), code.to_owned()))
    };
    let touched = |response: &RecordId| Some((response.clone(), duty::last_touched(session, response)?));
    let stood = responses.iter().find_map(stood_at);
    let Some((response, code)) = stood.or_else(|| responses.iter().find_map(touched)) else {
        return (start, None);
    };
    let title = duty::checklist_of(session, &response)
        .and_then(|checklist| checklist.item(&code))
        .map(|item| &item.title);
    (format!("{start}/checklist/{response}#{code}"), Some((code, title)))
}

#[component]
fn NextSchool(school: RecordId) -> impl IntoView {
    let session = use_session();
    let id = StoredValue::new(school);
    let href = id.with_value(|school| format!("/school/{school}"));
    let ready = Memo::new(move |_| session.ready_offline());
    let name = move || id.with_value(|school| duty::school_name(session, school));
    let line = move || id.with_value(|school| duty::school_line(session, school));
    let last = Memo::new(move |_| id.with_value(|school| last_words(session, school)));
    let open = Memo::new(move |_| id.with_value(|school| duty::open_findings(session, school)));
    let notice = Memo::new(move |_| id.with_value(|school| session.field(school, "notice").text().to_owned()));
    view! {
        <section class="card next" aria-labelledby="next-title">
            <div class="row">
                <span class="label grow">{move || t("today.next")}</span>
                {move || if ready.get() {
                    view! { <Badge tone=Tone::Ok mark=Icon::Yes text=Signal::derive(|| t("offline.ready")) /> }
                } else {
                    view! { <Badge tone=Tone::Warn mark=Icon::Sync text=Signal::derive(|| t("offline.not_ready")) /> }
                }}
            </div>
            <div>
                <h2 id="next-title"><a class="quiet-link" href=href>{name}</a></h2>
                <p class="q sm">{line}</p>
            </div>
            <dl class="facts">
                <div><dt>{move || t("today.last")}</dt><dd>{move || last.get()}</dd></div>
                <div>
                    <dt>{move || t("today.open")}</dt>
                    <dd>
                        {move || {
                            let open = open.get();
                            match open.first() {
                                Some(first) => view! { <b>{t_args("today.open_count", &[("n", &open.len())])}</b> " " {first.what()} }.into_any(),
                                None => t("today.open_none").into_any(),
                            }
                        }}
                    </dd>
                </div>
                {move || (!notice.get().is_empty()).then(|| view! { <div><dt>{t("school.notice")}</dt><dd>{notice.get()}</dd></div> })}
            </dl>
        </section>
    }
}

// "10月21日，良 86.2，发现 3 个问题"
fn last_words(session: Session, school: &RecordId) -> String {
    let visits = duty::visits_of(session, school);
    let Some(last) = visits
        .iter()
        .find(|visit| duty::is_submitted(session.field(visit, "state").text()))
    else {
        return t("today.last_none");
    };
    let day = i18n::day(i18n::ms_of(session.field(last, "visit_date").text()));
    let score = duty::responses(session, last).iter().find_map(|response| {
        let checklist = duty::checklist_of(session, response)?;
        let assessment = duty::assessment_of(session, response)?;
        let band = duty::band_label(checklist, &assessment)
            .map(|(_, label)| label)
            .unwrap_or_default();
        Some(format!("{band} {}", assessment.score?).trim().to_owned())
    });
    let found = t_args("visit.found", &[("n", &duty::findings_of(session, last).len())]);
    i18n::join_clauses([day, score.unwrap_or_default(), found])
}

/// How many of my schools were visited this month.
#[component]
fn Coverage(#[prop(into)] schools: Signal<Vec<RecordId>>) -> impl IntoView {
    let session = use_session();
    let done = Memo::new(move |_| {
        schools
            .get()
            .iter()
            .filter(|school| month_state(session, school) == MonthState::Done)
            .count()
    });
    let of = move || schools.with(Vec::len);
    view! {
        <section class="card" aria-labelledby="coverage-title">
            <div class="row">
                <h2 class="grow sub-head" id="coverage-title">{move || t("today.coverage")}</h2>
                <span class="q sm">{move || t_args("today.covered", &[("n", &done.get()), ("of", &of())])}</span>
            </div>
            <Meter share=Signal::derive(move || done.get() as f64 / of().max(1) as f64) />
            <ul class="coverage">
                <For
                    each=move || schools.get()
                    key=|school| school.clone()
                    children=move |school| {
                        let id = StoredValue::new(school);
                        let state = Memo::new(move |_| id.with_value(|school| month_state(session, school)));
                        view! {
                            <li>
                                <span aria-hidden="true" class=move || if state.get() == MonthState::Done { "ok b" } else { "q b" }>
                                    {move || if state.get() == MonthState::Done { "✓" } else { "○" }}
                                </span>
                                " "
                                {move || id.with_value(|school| duty::school_name(session, school))}
                                <span class="hidden">
                                    {move || if state.get() == MonthState::Done { t("schools.done") } else { t("schools.todo") }}
                                </span>
                            </li>
                        }
                    }
                />
            </ul>
        </section>
    }
}
