//! What waits to be settled: on a phone what it holds, in the office everything by age and zone; and what was decided about
//! one's own words.

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use sync_protocol::{RecordId, RecordView};

use super::difference::{place_of, title_of, words_of};
use super::duty;
use crate::components::{EmptyState, ErrorNote, Screen, error_words};
use crate::difference::{self, Difference, Records};
use crate::i18n::{self, join_dots, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::session::{Session, use_session};

#[component]
pub fn DifferencesPage() -> impl IntoView {
    let session = use_session();
    let office = Memo::new(move |_| duty::is_office(session) && !duty::inspects(session));
    view! {
        <Screen title=Signal::derive(|| t("differences.title")) sub=Signal::derive(|| t("differences.sub")) back="/today" class="office">
            {move || if office.get() {
                view! { <OfficeList /> }.into_any()
            } else {
                view! { <FieldList /> }.into_any()
            }}
        </Screen>
    }
}

/// One row: where, what, who against whom, and what counts.
fn row(session: Session, difference: Difference) -> impl IntoView {
    let href = place_of(&difference);
    let view = untrack(|| session.record(&difference.record));
    let open = difference.open;
    let told = StoredValue::new((view, difference));
    let title = move || {
        told.with_value(|(view, difference)| {
            view.as_ref()
                .map(|view| title_of(view, &difference.path))
                .unwrap_or_default()
        })
    };
    let voices = move || {
        told.with_value(|(view, difference)| {
            let said = difference.voices.iter().map(|voice| {
                let words = view
                    .as_ref()
                    .map(|view| short(words_of(view, &difference.path, &voice.value)))
                    .unwrap_or_default();
                let who = if voice.author == duty::my_id(session) {
                    t("difference.you")
                } else {
                    session.name_of(&voice.author)
                };
                t_args(
                    "differences.voice",
                    &[("who", &who), ("value", &words), ("when", &difference::when(voice))],
                )
            });
            join_dots(said)
        })
    };
    let outcome = move || {
        told.with_value(|(view, difference)| {
            let (decision, by) = difference.decision.as_ref()?;
            let value = view
                .as_ref()
                .map(|view| short(words_of(view, &difference.path, &difference.counts)))
                .unwrap_or_default();
            Some(t_args(
                "differences.outcome",
                &[
                    ("who", &session.name_of(&by.author)),
                    ("value", &value),
                    ("why", &decision.reason),
                ],
            ))
        })
    };
    let school = move || {
        told.with_value(|(_, difference)| {
            let school = duty::school_of(session, &difference.visit)
                .map(|school| duty::school_name(session, &school))
                .unwrap_or_default();
            join_dots([
                school,
                i18n::day(i18n::ms_of(session.field(&difference.visit, "visit_date").text())),
            ])
        })
    };
    view! {
        <li>
            <a class="li" href=href data-testid="difference">
                <span class=if open { "mark warn" } else { "mark act" } aria-hidden="true">{icon(if open { Icon::Conflict } else { Icon::Info })}</span>
                <span class="grow">
                    <span class="q sm block">{school}</span>
                    <b class="clamp">{move || title().1}</b>
                    {if open {
                        view! { <span class="sm block">{voices}</span> }.into_any()
                    } else {
                        view! { <span class="sm block">{move || outcome()}</span> }.into_any()
                    }}
                </span>
                {icon(Icon::Forward)}
            </a>
        </li>
    }
}

fn short(words: String) -> String {
    match words.char_indices().nth(24) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}

#[component]
fn FieldList() -> impl IntoView {
    let session = use_session();
    let open = Memo::new(move |_| difference::open_here(session));
    let told = Memo::new(move |_| difference::told_here(session));
    let mine = move |decides: bool| {
        let records = Records::Here(session);
        let mut open = open.get();
        open.retain(|difference| difference::may_settle(session, &records, difference) == decides);
        open
    };
    let list = move |title: fn() -> String, rows: Signal<Vec<Difference>>| {
        view! {
            <Show when=move || !rows.with(Vec::is_empty)>
                <section>
                    <h2 class="label">{title}</h2>
                    <ul class="list">
                        <For each=move || rows.get() key=|difference| (difference.record.clone(), difference.path.clone(), difference.open, difference.voices.len(), difference.counts.clone()) children=move |difference| row(session, difference) />
                    </ul>
                </section>
            </Show>
        }
    };
    view! {
        <Show when=move || open.with(Vec::is_empty) && told.with(Vec::is_empty)>
            <EmptyState mark=Icon::Yes title=Signal::derive(|| t("differences.none_title")) text=Signal::derive(|| t("differences.none_text")) />
        </Show>
        {list(|| t("differences.mine"), Signal::derive(move || mine(true)))}
        {list(|| t("differences.told"), Signal::derive(move || told.get()))}
        {list(|| t("differences.others"), Signal::derive(move || mine(false)))}
    }
}

/// A card on the supervisor's day while something waits for them or was decided about them.
#[component]
pub fn DifferencesCard() -> impl IntoView {
    let session = use_session();
    let counts = Memo::new(move |_| {
        let records = Records::Here(session);
        let open = difference::open_here(session);
        let mine = open
            .iter()
            .filter(|difference| difference::may_settle(session, &records, difference))
            .count();
        (mine, open.len() - mine, difference::told_here(session).len())
    });
    view! {
        <Show when=move || counts.get() != (0, 0, 0)>
            <a class="card check differ-card" href="/differences" data-testid="differences-card" data-mine=move || counts.get().0.to_string() data-told=move || counts.get().2.to_string()>
                <span class="mark warn" aria-hidden="true">{icon(Icon::Conflict)}</span>
                <span class="grow">
                    <b>{move || match counts.get() {
                        (0, 0, told) => t_args("differences.card_told", &[("n", &told)]),
                        (0, others, _) => t_args("differences.card_others", &[("n", &others)]),
                        (mine, ..) => t_args("differences.card_mine", &[("n", &mine)]),
                    }}</b>
                    <br />
                    <span class="q sm">{move || match counts.get() {
                        (0, 0, _) => t("differences.card_told_hint"),
                        _ => t("differences.card_hint"),
                    }}</span>
                </span>
                {icon(Icon::Forward)}
            </a>
        </Show>
    }
}

// ---- the office -----------------------------------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Listed {
    differences: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Row {
    record: RecordId,
    visit: Option<RecordId>,
    path: String,
    late: bool,
    opened_at: String,
    school: String,
    zone: String,
    visit_date: Option<String>,
    lead: String,
    people: Vec<String>,
    state: sync_protocol::RecordState,
}

/// Asks the office's list, again whenever something arrives.
fn use_listed() -> (RwSignal<Option<Vec<Row>>>, RwSignal<Option<String>>) {
    let session = use_session();
    let listed = RwSignal::new(None::<Vec<Row>>);
    let error = RwSignal::new(None::<String>);
    Effect::new(move |_| {
        session.pokes();
        spawn_local(async move {
            let _ = match session.get::<Listed>("/api/v1/differences").await {
                Ok(page) => {
                    error.try_set(None);
                    listed.try_set(Some(page.differences)).is_none()
                }
                Err(refused) => error.try_set(Some(error_words(&refused))).is_none(),
            };
        });
    });
    (listed, error)
}

/// One row of the office's day: how much waits to be settled and for how long.
#[component]
pub fn DifferencesRow() -> impl IntoView {
    let (listed, _) = use_listed();
    let count = move || listed.with(|listed| listed.as_ref().map_or(0, Vec::len));
    let oldest = move || listed.with(|listed| listed.as_ref().and_then(|rows| rows.first().map(age)));
    view! {
        <li>
            <a class="li rowlink" href="/differences" data-testid="differences-row" data-count=move || count().to_string()>
                <span class=move || if count() == 0 { "mark ok" } else { "mark warn" } aria-hidden="true">
                    {move || icon(if count() == 0 { Icon::Yes } else { Icon::Conflict })}
                </span>
                <span class="grow">
                    <b>{move || t_args("differences.row", &[("n", &count())])}</b>
                    <br />
                    <span class="q sm">{move || oldest().map_or_else(|| t("differences.row_none"), |age| t_args("differences.row_oldest", &[("age", &age)]))}</span>
                </span>
                {icon(Icon::Forward)}
            </a>
        </li>
    }
}

// How long it has been open, in the largest unit that says enough.
fn age(row: &Row) -> String {
    let hours = ((js_sys::Date::now() - i18n::ms_of(&row.opened_at)) / 3_600_000.0).max(0.0);
    match hours {
        hours if hours < 1.0 => t("age.hour"),
        hours if hours < 48.0 => t_args("age.hours", &[("n", &(hours.floor() as i64))]),
        hours => t_args("age.days", &[("n", &((hours / 24.0).floor() as i64))]),
    }
}

#[component]
fn OfficeList() -> impl IntoView {
    let (listed, error) = use_listed();
    let zone = RwSignal::new(String::new());
    let zones = Memo::new(move |_| {
        let mut zones: Vec<String> =
            listed.with(|listed| listed.iter().flatten().map(|row| row.zone.clone()).collect());
        zones.sort();
        zones.dedup();
        zones
    });
    let rows = Signal::derive(move || {
        let zone = zone.get();
        listed.with(|listed| {
            listed
                .iter()
                .flatten()
                .filter(|row| zone.is_empty() || row.zone == zone)
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    let nothing = move || listed.with(|listed| listed.as_ref().is_some_and(Vec::is_empty));
    view! {
        <ErrorNote error />
        <Show when=nothing>
            <EmptyState mark=Icon::Yes title=Signal::derive(|| t("differences.none_title")) text=Signal::derive(|| t("differences.none_office")) />
        </Show>
        <Show when=move || 1 < zones.with(Vec::len)>
            <label class="row"><span class="label">{move || t("differences.zone")}</span>
                <select class="box" on:change=move |event| zone.set(event_target_value(&event))>
                    <option value="">{move || t("differences.all_zones")}</option>
                    {move || zones.get().into_iter().map(|zone| view! { <option value=zone.clone()>{zone.clone()}</option> }).collect_view()}
                </select>
            </label>
        </Show>
        <Show when=move || !rows.with(Vec::is_empty)>
            <section class="panel scroll-x">
                <table class="tbl" data-testid="differences">
                    <caption class="hidden">{move || t("differences.title")}</caption>
                    <thead><tr>
                        <th scope="col">{move || t("differences.what")}</th>
                        <th scope="col">{move || t("differences.where")}</th>
                        <th scope="col">{move || t("differences.who")}</th>
                        <th scope="col">{move || t("differences.lead")}</th>
                        <th scope="col" class="n">{move || t("differences.age")}</th>
                    </tr></thead>
                    <tbody>{move || rows.get().into_iter().map(office_row).collect_view()}</tbody>
                </table>
            </section>
        </Show>
    }
}

fn office_row(row: Row) -> impl IntoView {
    let bucket = "district/00000000-0000-0000-0000-000000000000".parse().ok();
    let view = bucket.map(|bucket| RecordView::of_state(bucket, &row.state));
    let (place, title) = view.map(|view| title_of(&view, &row.path)).unwrap_or_default();
    let visit = row.visit.clone().unwrap_or_else(|| row.record.clone());
    let href = format!("/difference/{visit}/{}?path={}", row.record, row.path);
    let old = age(&row);
    let date = row
        .visit_date
        .as_deref()
        .map(|date| i18n::day(i18n::ms_of(date)))
        .unwrap_or_default();
    view! {
        <tr>
            <th scope="row">
                <a class="rowlink" href=href data-testid="difference">{title}</a>
                <span class="q sm block">{place}</span>
                {row.late.then(|| view! { <span class="warn sm block">{small(Icon::Clock)} " " {t("difference.late")}</span> })}
            </th>
            <td>{row.school} <span class="q sm block">{join_dots([row.zone, date])}</span></td>
            <td>{i18n::join_list(row.people)}</td>
            <td>{row.lead}</td>
            <td class="n nowrap">{old}</td>
        </tr>
    }
}
