//! Who changed whose rights, newest first. Reads only.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use serde_json::Value;

use super::Everybody;
use super::appointments::employment_word;
use super::keeping::KeepingPanels;
use super::panel::days;
use super::recusals::reason_word;
use super::school_form::fact_word;
use crate::components::{EmptyState, ErrorNote, error_words, role_word};
use crate::i18n::{self, join_clauses, t, t_args};
use crate::icons::{Icon, small};
use crate::session::use_session;

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Page {
    events: Vec<Event>,
    more: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Event {
    seq: i64,
    at: String,
    actor_name: Option<String>,
    what: String,
    subject_name: Option<String>,
    detail: Value,
}

#[component]
pub fn AuditList() -> impl IntoView {
    let session = use_session();
    let events = RwSignal::new(None::<Vec<Event>>);
    let more = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let everybody = RwSignal::new(Everybody::default());
    spawn_local(async move {
        // Without it zones and schools are not named, which says no less.
        if let Ok(answer) = session.get::<Everybody>("/api/v1/people").await {
            drop(everybody.try_set(answer));
        }
    });
    let ask = move |before: Option<i64>| {
        spawn_local(async move {
            let query = before.map(|before| format!("?before={before}")).unwrap_or_default();
            let answer = session.get::<Page>(&format!("/api/v1/audit{query}")).await;
            if error.try_set(None).is_some() {
                return;
            }
            match answer {
                Ok(page) => {
                    more.set(page.more);
                    events.update(|events| events.get_or_insert_default().extend(page.events));
                }
                Err(refused) => error.set(Some(error_words(&refused))),
            }
        });
    };
    ask(None);
    let last = move || events.with_untracked(|events| events.as_ref()?.last().map(|event| event.seq));
    let is_empty = move || events.with(|events| events.as_ref().is_some_and(Vec::is_empty));
    view! {
        <KeepingPanels />
        <ErrorNote error />
        <Show when=is_empty>
            <EmptyState mark=Icon::Info title=Signal::derive(|| t("people.audit_none")) text=Signal::derive(|| t("people.audit_text")) />
        </Show>
        <ul class="list" data-testid="audit">
            <For each=move || events.get().unwrap_or_default() key=|event| event.seq children=move |event| view! { <EventRow event everybody /> } />
        </ul>
        <Show when=move || more.get()>
            <button class="btn wide" type="button" data-testid="older" on:click=move |_| ask(last())>{move || t("people.audit_older")}</button>
        </Show>
    }
}

#[component]
fn EventRow(event: Event, everybody: RwSignal<Everybody>) -> impl IntoView {
    let at = i18n::ms_of(&event.at);
    let what = event.what.clone();
    let words = {
        let event = event.clone();
        move || event_words(&event)
    };
    let detail = move || everybody.with(|everybody| detail_words(&event, everybody));
    view! {
        <li class="li" data-what=what>
            <span class="mark" aria-hidden="true">{small(Icon::Clock)}</span>
            <span class="grow">
                <b class="block">{words}</b>
                <span class="sm block">{detail}</span>
                <span class="q sm block">{move || i18n::moment(at)}</span>
            </span>
        </li>
    }
}

fn event_words(event: &Event) -> String {
    let actor = event
        .actor_name
        .clone()
        .unwrap_or_else(|| t("people.audit_command_line"));
    let subject = event.subject_name.clone().unwrap_or_default();
    let named: [(&str, &dyn std::fmt::Display); 2] = [("actor", &actor), ("name", &subject)];
    match event.what.as_str() {
        "person.added" => t_args("people.did_add", &named),
        "person.changed" => t_args("people.did_change", &named),
        "enrolment.opened" => t_args("people.did_open_link", &named),
        "enrolment.used" => t_args("people.did_choose_password", &[("name", &subject)]),
        "assignment.added" => t_args("people.did_assign", &named),
        "assignment.ended" => t_args("people.did_end", &named),
        "device.revoked" => t_args("people.did_revoke", &named),
        "device.restored" => t_args("people.did_restore", &named),
        "second_factor.added" => t_args("people.did_add_factor", &[("name", &subject)]),
        "second_factor.removed" => t_args("people.did_remove_factor", &named),
        "second_factor.recovery_used" => t_args("people.did_use_recovery", &[("name", &subject)]),
        "passkey.added" => t_args("people.did_add_passkey", &[("name", &subject)]),
        "passkey.removed" => t_args("people.did_remove_passkey", &[("name", &subject)]),
        "passkey.copied" => t_args("people.did_copy_passkey", &[("name", &subject)]),
        "appointment.added" => t_args("people.did_appoint", &named),
        "appointment.ended" => t_args("people.did_end_appointment", &named),
        "recusal.added" => t_args("people.did_add_recusal", &named),
        "recusal.ended" => t_args("people.did_end_recusal", &named),
        "schools.handed_over" => t_args("people.did_hand_over", &named),
        "schools.taken_over" => t_args("people.did_take_over", &named),
        "identity.kept" => t_args("people.did_keep_identity", &[("actor", &actor)]),
        "identity.opened" => t_args("people.did_open_identity", &[("actor", &actor)]),
        "zone.added" => t_args("people.did_add_zone", &[("actor", &actor)]),
        "zone.changed" => t_args("people.did_change_zone", &[("actor", &actor)]),
        "school.added" => t_args("people.did_add_school", &[("actor", &actor)]),
        "school.changed" => t_args("people.did_change_school", &[("actor", &actor)]),
        "identity.handler_approved" => t_args("people.did_approve_handler", &named),
        "identity.handler_ended" => t_args("people.did_end_handler", &named),
        "retention.run" => t("people.did_retention"),
        "session.reuse" => t_args("people.did_reuse", &[("name", &subject)]),
        other => other.to_owned(),
    }
}

fn detail_words(event: &Event, everybody: &Everybody) -> String {
    let detail = &event.detail;
    let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
    match event.what.as_str() {
        "person.added" => join_clauses([text("login"), value_words("roles", &detail["roles"], everybody)]),
        "person.changed" => {
            let changed = detail.as_object().into_iter().flatten();
            join_clauses(changed.map(|(what, pair)| {
                let (old, new) = (
                    value_words(what, &pair[0], everybody),
                    value_words(what, &pair[1], everybody),
                );
                t_args("people.audit_change", &[("old", &old), ("new", &new)])
            }))
        }
        "zone.added" => text("name"),
        "school.added" => join_clauses([text("name"), text("code"), text("zone")]),
        "zone.changed" | "school.changed" => {
            let changed = detail.as_object().into_iter().flatten();
            join_clauses(changed.map(|(what, value)| place_words(what, value, everybody)))
        }
        "identity.opened" | "identity.handler_approved" => text("reason"),
        "appointment.added" | "appointment.ended" => {
            let how = detail["employment"].as_str().map(employment_word).unwrap_or_default();
            let term = days(&text("from"), detail["to"].as_str());
            join_clauses([how, term, text("decision_ref")])
        }
        "assignment.added" | "assignment.ended" | "recusal.added" | "recusal.ended" => {
            let days = [text("from"), text("to")];
            let days = days
                .iter()
                .filter(|day| !day.is_empty())
                .map(|day| i18n::day_and_year(i18n::ms_of(day)));
            let days: Vec<String> = days.collect();
            let reason = text("reason");
            let reason = if reason.is_empty() {
                reason
            } else {
                reason_word(&reason)
            };
            join_clauses([everybody.school_name(&text("school")), reason, days.join(" – ")])
        }
        "schools.handed_over" | "schools.taken_over" => {
            let schools = detail["schools"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            let schools = i18n::join_list(schools.map(|id| everybody.school_name(id)));
            let other = everybody.person_name(detail["to"].as_str().or(detail["of"].as_str()).unwrap_or_default());
            let from = i18n::day_and_year(i18n::ms_of(&text("from")));
            join_clauses([schools, other, t_args("people.since", &[("from", &from)])])
        }
        "retention.run" => {
            let counts = detail
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(_, rows)| rows.as_str());
            let all: u64 = counts.filter_map(|rows| rows.parse::<u64>().ok()).sum();
            t_args("people.audit_gone", &[("n", &all)])
        }
        "enrolment.opened" => t_args(
            "people.link_until",
            &[("time", &i18n::moment(i18n::ms_of(&text("until"))))],
        ),
        _ => String::new(),
    }
}

/// What changed about a zone or a school: old and new, or which facts.
fn place_words(what: &str, value: &Value, everybody: &Everybody) -> String {
    if what == "facts" {
        let paths = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        return i18n::join_list(paths.map(fact_word));
    }
    match value.as_array().map(Vec::as_slice) {
        Some([old, new]) => {
            let (old, new) = (value_words(what, old, everybody), value_words(what, new, everybody));
            t_args("people.audit_change", &[("old", &old), ("new", &new)])
        }
        _ => value_words(what, value, everybody),
    }
}

fn value_words(what: &str, value: &Value, everybody: &Everybody) -> String {
    match what {
        "roles" => i18n::join_list(
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(role_word),
        ),
        "zone" => match value.as_str() {
            Some(zone) => everybody.zone_name(zone),
            None => t("people.no_zone"),
        },
        "status" if value == "active" => t("people.status_active"),
        "status" => t("people.status_disabled"),
        _ => value.as_str().unwrap_or_default().to_owned(),
    }
}
