//! My schools, each with whether it was visited this month.

use leptos::prelude::*;
use sync_protocol::RecordId;

use super::duty;
use crate::components::{Badge, EmptyState, Screen, Tone};
use crate::i18n::{self, t, t_args};
use crate::icons::{Icon, icon};
use crate::session::{Session, use_session};

#[component]
pub fn SchoolsPage() -> impl IntoView {
    let session = use_session();
    let schools = Memo::new(move |_| duty::schools(session));
    view! {
        <Screen title=Signal::derive(|| t("nav.schools")) sub=Signal::derive(move || t_args("schools.count", &[("n", &schools.with(Vec::len))]))>
            <Show when=move || !schools.with(Vec::is_empty) fallback=NoSchools>
                <SchoolList schools />
            </Show>
        </Screen>
    }
}

/// Says how schools get here.
#[component]
pub fn NoSchools() -> impl IntoView {
    view! {
        <EmptyState mark=Icon::School title=Signal::derive(|| t("schools.none_title")) text=Signal::derive(|| t("schools.none_text")) />
    }
}

/// Schools as rows.
#[component]
pub fn SchoolList(#[prop(into)] schools: Signal<Vec<RecordId>>) -> impl IntoView {
    let session = use_session();
    view! {
        <ul class="list">
            <For each=move || schools.get() key=|school| school.clone() children=move |school| school_row(session, school) />
        </ul>
    }
}

fn school_row(session: Session, school: RecordId) -> impl IntoView {
    let href = format!("/school/{school}");
    let id = StoredValue::new(school);
    let name = move || id.with_value(|school| duty::school_name(session, school));
    let line = move || id.with_value(|school| duty::school_line(session, school));
    let state = Memo::new(move |_| id.with_value(|school| month_state(session, school)));
    view! {
        <li>
            <a class="li" href=href>
                <span class="mark" aria-hidden="true">{icon(Icon::School)}</span>
                <span class="grow">
                    <b>{name}</b>
                    <br />
                    <span class="q sm">{line}</span>
                    <br />
                    // Below and not beside: the names keep their width, in large print above all.
                    {move || match state.get() {
                        MonthState::Done => view! { <Badge tone=Tone::Ok mark=Icon::Yes text=Signal::derive(|| t("schools.done")) /> },
                        MonthState::Open => view! { <Badge tone=Tone::Act mark=Icon::Note text=Signal::derive(|| t("schools.open")) /> },
                        MonthState::ToDo => view! { <Badge tone=Tone::Idle mark=Icon::Clock text=Signal::derive(|| t("schools.todo")) /> },
                    }}
                </span>
                {icon(Icon::Forward)}
            </a>
        </li>
    }
}

/// This month's duty for a school.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MonthState {
    Done,
    Open,
    ToDo,
}

/// Whether the school was visited this month; tracked.
pub fn month_state(session: Session, school: &RecordId) -> MonthState {
    let month = i18n::today_code()[..7].to_owned();
    let visits = duty::visits_of(session, school);
    let this_month = |visit: &&RecordId| session.field(visit, "visit_date").text().starts_with(&month);
    if visits
        .iter()
        .filter(this_month)
        .any(|visit| duty::is_submitted(session.field(visit, "state").text()))
    {
        MonthState::Done
    } else if duty::open_visit(session, school).is_some() {
        MonthState::Open
    } else {
        MonthState::ToDo
    }
}
