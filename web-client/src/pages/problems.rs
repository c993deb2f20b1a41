//! Findings: by school on the phone, as the office's rows at the desk.

use leptos::prelude::*;
use sync_protocol::RecordId;

use super::duty;
use super::results::OfficeProblems;
use super::school::FindingList;
use crate::components::{EmptyState, Screen};
use crate::i18n::{t, t_args};
use crate::icons::Icon;
use crate::session::use_session;

#[component]
pub fn ProblemsPage() -> impl IntoView {
    let session = use_session();
    let office = Memo::new(move |_| duty::is_office(session) && !duty::inspects(session));
    move || {
        if office.get() {
            view! { <OfficeProblems /> }.into_any()
        } else {
            view! { <MyProblems /> }.into_any()
        }
    }
}

#[component]
fn MyProblems() -> impl IntoView {
    let session = use_session();
    let schools = Memo::new(move |_| {
        let mut schools = duty::schools(session);
        schools.retain(|school| !duty::open_findings(session, school).is_empty());
        schools
    });
    let total = Memo::new(move |_| {
        schools
            .get()
            .iter()
            .map(|school| duty::open_findings(session, school).len())
            .sum::<usize>()
    });
    view! {
        <Screen title=Signal::derive(|| t("nav.problems")) sub=Signal::derive(move || t_args("problems.count", &[("n", &total.get())]))>
            <Show
                when=move || !schools.with(Vec::is_empty)
                fallback=|| view! {
                    <EmptyState mark=Icon::Problem title=Signal::derive(|| t("problems.none_title")) text=Signal::derive(|| t("problems.none_text")) />
                }
            >
                <For each=move || schools.get() key=|school| school.clone() children=move |school| view! { <OfSchool school /> } />
            </Show>
        </Screen>
    }
}

#[component]
fn OfSchool(school: RecordId) -> impl IntoView {
    let session = use_session();
    let id = StoredValue::new(school);
    let findings = Memo::new(move |_| id.with_value(|school| duty::open_findings(session, school)));
    view! {
        <section>
            <h2 class="label">{move || id.with_value(|school| duty::school_name(session, school))}</h2>
            <FindingList findings />
        </section>
    }
}
