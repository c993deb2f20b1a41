//! For how long somebody is appointed (聘任), now and before: ending a term early, the form for the next one, and the mark in the list.

use catalog::{Appointed, Day, Term, is_unusually_long, next_year};
use leptos::prelude::*;
use serde_json::{Value, json};

use super::deed::Deed;
use super::panel::{ask, days, path_of};
use super::{Account, Appointment, Desk};
use crate::components::{Badge, Tone};
use crate::i18n::{self, join_dots, t, t_args};
use crate::icons::{Icon, small};
use crate::pages::duty;
use crate::session::use_session;

const EMPLOYMENTS: [&str; 2] = ["full", "part"];

fn today() -> Day {
    Day::parse(&i18n::today_code()).expect("today is a day")
}

fn terms(account: &Account) -> Vec<Term> {
    account.appointments.iter().filter_map(Appointment::term).collect()
}

impl Appointment {
    fn term(&self) -> Option<Term> {
        let to = match &self.to {
            Some(to) => Some(Day::parse(to)?),
            None => None,
        };
        Some(Term {
            from: Day::parse(&self.from)?,
            to,
        })
    }

    fn words(&self) -> String {
        let parts = [
            employment_word(&self.employment),
            days(&self.from, self.to.as_deref()),
            self.decision_ref.clone(),
        ];
        join_dots(parts.into_iter().filter(|part| !part.is_empty()))
    }
}

/// How a supervisor's appointment stands today; nothing for whoever needs none.
pub fn appointed(account: &Account) -> Option<Appointed> {
    let needs = account.is_active() && account.has("supervisor");
    needs.then(|| Appointed::of(&terms(account), today()))
}

/// What the list can be narrowed to: `soon`, `missing`, or nothing for everybody else.
pub fn due_code(account: &Account) -> &'static str {
    match appointed(account) {
        Some(appointed) if appointed.is_missing() => "missing",
        Some(appointed) if appointed.ends_soon() => "soon",
        _ => "",
    }
}

pub fn due_word(code: &str) -> String {
    match code {
        "soon" => t("people.appointed_soon"),
        _ => t("people.appointed_missing"),
    }
}

pub fn employment_word(code: &str) -> String {
    match code {
        "part" => t("people.employment_part"),
        _ => t("people.employment_full"),
    }
}

fn appointed_words(appointed: Appointed) -> String {
    match appointed {
        Appointed::Open => t("people.appointed_open"),
        Appointed::For(0) => t("people.appointed_today"),
        Appointed::For(days) => t_args("people.appointed_for", &[("n", &days)]),
        Appointed::From(day) => {
            let day = i18n::day_and_year(i18n::ms_of(&day.to_string()));
            t_args("people.appointed_from", &[("day", &day)])
        }
        Appointed::Over => t("people.appointed_over"),
        Appointed::Never => t("people.appointed_never"),
    }
}

/// "Appointed for 12 more days", "Appointment ended".
#[component]
pub fn AppointedBadge(appointed: Appointed) -> impl IntoView {
    let (tone, mark) = match appointed {
        _ if appointed.is_missing() => (Tone::Bad, Icon::Warning),
        _ if appointed.ends_soon() => (Tone::Warn, Icon::Clock),
        Appointed::From(_) => (Tone::Warn, Icon::Clock),
        _ => (Tone::Ok, Icon::Yes),
    };
    view! { <Badge tone mark text=Signal::derive(move || appointed_words(appointed)) /> }
}

/// The boxes of a term as they stand.
#[derive(Clone, Copy)]
pub struct TermForm {
    employment: RwSignal<String>,
    from: RwSignal<String>,
    to: RwSignal<String>,
    decision: RwSignal<String>,
}

impl TermForm {
    /// Proposes the year that begins today.
    pub fn new() -> Self {
        let form = TermForm {
            employment: RwSignal::new(EMPLOYMENTS[0].to_owned()),
            from: RwSignal::new(String::new()),
            to: RwSignal::new(String::new()),
            decision: RwSignal::new(String::new()),
        };
        form.clear();
        form
    }

    pub fn clear(self) {
        self.employment.set(EMPLOYMENTS[0].to_owned());
        self.decision.set(String::new());
        if let Some(year) = next_year(&[], today()) {
            self.propose(year);
        }
    }

    fn propose(self, term: Term) {
        self.from.set(term.from.to_string());
        self.to.set(term.to.map(|to| to.to_string()).unwrap_or_default());
    }

    /// Another first day proposes the year from then on.
    fn begin_on(self, first: &str) {
        if let Some(from) = Day::parse(first) {
            self.to.set(from.last_of_its_year().to_string());
        }
    }

    /// The term as it stands; nothing before it is whole. Tracked.
    fn term(self) -> Option<Term> {
        let (from, to) = (self.from.get(), self.to.get());
        let from = Day::parse(&from)?;
        match to.is_empty() {
            true => Some(Term { from, to: None }),
            false => Day::parse(&to)
                .filter(|to| *to >= from)
                .map(|to| Term { from, to: Some(to) }),
        }
    }

    /// Tracked.
    pub fn is_whole(self) -> bool {
        self.term().is_some()
    }

    /// What the office is told.
    pub fn body(self) -> Value {
        let to = Some(self.to.get_untracked()).filter(|to| !to.is_empty());
        json!({
            "employment": self.employment.get_untracked(),
            "from": self.from.get_untracked(),
            "to": to,
            "decision_ref": self.decision.get_untracked().trim(),
        })
    }
}

/// `id` keeps the labels apart.
#[component]
pub fn TermBoxes(form: TermForm, id: &'static str) -> impl IntoView {
    let [how, from, to, paper] = ["employment", "from", "to", "decision"].map(|part| format!("{id}-{part}"));
    view! {
        <div class="pair">
            <div class="field">
                <label class="label" for=how.clone()>{move || t("people.employment")}</label>
                <select id=how class="box" data-testid="employment" prop:value=form.employment on:change=move |event| form.employment.set(event_target_value(&event))>
                    {EMPLOYMENTS.map(|code| view! { <option value=code selected=form.employment.get_untracked() == code>{move || employment_word(code)}</option> }).collect_view()}
                </select>
            </div>
            <div class="field">
                <label class="label" for=paper.clone()>{move || t("people.decision")}</label>
                <input id=paper class="box" type="text" maxlength="200" autocomplete="off" bind:value=form.decision />
            </div>
            <div class="field">
                <label class="label" for=from.clone()>{move || t("people.from")}</label>
                <input id=from class="box" data-testid="term-from" type="date" bind:value=form.from on:change=move |event| form.begin_on(&event_target_value(&event)) />
            </div>
            <div class="field">
                <label class="label" for=to.clone()>{move || t("people.term_to")}</label>
                <input id=to class="box" data-testid="term-to" type="date" min=form.from bind:value=form.to />
            </div>
        </div>
    }
}

#[component]
pub fn AppointmentList(desk: Desk, account: Memo<Option<Account>>) -> impl IntoView {
    let session = use_session();
    let code = i18n::today_code();
    let split = move |current: bool| {
        account.with(|account| {
            let all = account.iter().flat_map(|account| &account.appointments);
            let fit = all.filter(|one| one.is_current(&code) == current);
            fit.cloned().collect::<Vec<_>>()
        })
    };
    let past = Memo::new({
        let split = split.clone();
        move |_| split(false)
    });
    let current = Memo::new(move |_| split(true));
    let standing = Memo::new(move |_| account.with(|account| appointed(account.as_ref()?)));
    let supervises =
        Memo::new(move |_| account.with(|account| account.as_ref().is_some_and(|one| one.has("supervisor"))));
    let is_mine = move || {
        account.with(|account| {
            account
                .as_ref()
                .is_some_and(|account| account.id == duty::my_id(session))
        })
    };
    let is_empty = move || current.with(Vec::is_empty) && past.with(Vec::is_empty);
    view! {
        <Show when=move || supervises.get() || !is_empty()>
            <section class="part" aria-labelledby="appointments-title">
                <div class="row">
                    <h3 class="grow" id="appointments-title">{move || t("people.appointments")}</h3>
                    {move || standing.get().map(|appointed| view! { <span data-testid="appointed"><AppointedBadge appointed /></span> })}
                </div>
                <ul class="plain-list" data-testid="appointments">
                    <For each=move || current.get() key=|one| format!("{one:?}") children=move |one| view! { <AppointmentRow desk account one /> } />
                </ul>
                <Show when=move || standing.get().is_some_and(Appointed::is_missing)>
                    <p class="q sm">{move || t("people.none_appointed")}</p>
                </Show>
                <Show when=move || supervises.get()>
                    <Show when=move || !is_mine() fallback=|| view! { <p class="q xs">{move || t("people.own_appointment")}</p> }>
                        <NewAppointment desk account />
                    </Show>
                </Show>
                <Show when=move || !past.with(Vec::is_empty)>
                    <details>
                        <summary>{move || t_args("people.past_appointments", &[("n", &past.with(Vec::len))])}</summary>
                        <ul class="plain-list">
                            {move || past.get().into_iter().map(|one| view! { <li class="sm">{one.words()}</li> }).collect_view()}
                        </ul>
                    </details>
                </Show>
            </section>
        </Show>
    }
}

#[component]
fn AppointmentRow(desk: Desk, account: Memo<Option<Account>>, one: Appointment) -> impl IntoView {
    let ending = RwSignal::new(false);
    let to = RwSignal::new(i18n::today_code());
    let box_id = format!("end-appointment-{}", one.id);
    let end = {
        let id = one.id.clone();
        move |_| {
            ask(desk, account, |account| {
                Deed::new(
                    t_args("people.ask_end_appointment", &[("name", &account.name)]),
                    t("people.text_end_appointment"),
                    format!("{}/appointments/end", path_of(&account)),
                    json!({ "appointment": id, "to": to.get_untracked() }),
                )
            });
        }
    };
    let end = StoredValue::new(end);
    let label = {
        let one = one.clone();
        move || t_args("people.end_appointment_label", &[("term", &one.words())])
    };
    let from = one.from.clone();
    view! {
        <li data-from=from>
            <p class="row">
                <span class="grow sm">{move || one.words()}</span>
                <button class="btn" type="button" data-testid="end-appointment" aria-label=label aria-expanded=move || ending.get().to_string() on:click=move |_| ending.update(|ending| *ending = !*ending)>
                    {move || t("people.end")}
                </button>
            </p>
            <Show when=move || ending.get()>
                <div class="field">
                    <label class="label" for=box_id.clone()>{move || t("people.last_day")}</label>
                    <div class="row">
                        <input id=box_id.clone() class="box grow" type="date" bind:value=to />
                        <button class="btn" type="button" data-testid="end-appointment-it" disabled=move || to.with(String::is_empty) on:click=move |event| end.with_value(|end| end(event))>{move || t("people.end_it")}</button>
                    </div>
                    <p class="q xs">{move || t("people.end_appointment_hint")}</p>
                </div>
            </Show>
        </li>
    }
}

/// Proposes the year after the last term, for as long as nobody has changed the boxes.
#[component]
fn NewAppointment(desk: Desk, account: Memo<Option<Account>>) -> impl IntoView {
    let form = TermForm::new();
    let held = Memo::new(move |_| account.with(|account| account.as_ref().map(terms).unwrap_or_default()));
    let employment =
        Memo::new(move |_| account.with(|account| Some(account.as_ref()?.appointments.first()?.employment.clone())));
    let next = Memo::new(move |_| held.with(|held| next_year(held, today())));
    Effect::new(move |_| {
        if let Some(term) = next.get() {
            form.propose(term);
        }
        if let Some(employment) = employment.get() {
            form.employment.set(employment);
        }
    });
    let is_long = Memo::new(move |_| {
        let Some(term) = form.term() else { return false };
        let all: Vec<Term> = held.get().into_iter().chain([term]).collect();
        is_unusually_long(&all, today())
    });
    let due = move || account.with(|account| account.as_ref().is_some_and(|one| !due_code(one).is_empty()));
    let add = move |_| {
        ask(desk, account, |account| {
            Deed::new(
                t_args("people.ask_appoint", &[("name", &account.name)]),
                t("people.text_appoint"),
                format!("{}/appointments", path_of(&account)),
                form.body(),
            )
        });
    };
    view! {
        <Show when=move || next.get().is_some() fallback=|| view! { <p class="q xs">{move || t("people.open_appointment")}</p> }>
            <details data-testid="new-appointment" open=due>
                <summary>{move || t("people.appoint_new")}</summary>
                <div class="part-form">
                    <p class="q sm">{move || t("people.appoint_about")}</p>
                    <TermBoxes form id="appoint" />
                    <Show when=move || is_long.get()>
                        <p class="notice sm" data-testid="nine-years">{small(Icon::Info)} <span>{move || t("people.nine_years")}</span></p>
                    </Show>
                    <button class="btn wide" type="button" data-testid="appoint" disabled=move || !form.is_whole() on:click=add>
                        {small(Icon::Yes)} <span>{move || t("people.appoint")}</span>
                    </button>
                </div>
            </details>
        </Show>
    }
}
