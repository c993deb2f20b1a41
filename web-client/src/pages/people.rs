//! People of the district: who there is, with which rights, schools and phones, and who changed it. For coordinators and
//! administrators; nothing of it is kept on this device, and what only the office may know never is.

mod appointments;
mod audit;
mod deed;
mod hand_over;
mod keeping;
mod link;
mod new;
mod panel;
mod places;
mod recusals;
mod school_form;
mod school_list;

use catalog::catalog;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_query_map;
use serde::Deserialize;

use super::duty;
use crate::components::{Badge, EmptyState, ErrorNote, Screen, Tone, error_words, role_word};
use crate::i18n::{self, join_dots, t, t_args};
use crate::icons::{Icon, small};
use crate::session::{ApiError, use_session};

use appointments::{AppointedBadge, appointed, due_code, due_word};
use audit::AuditList;
use deed::{Deed, PasswordSheet};
use link::Link;
use new::{NewForm, NewPerson};
use panel::PersonPanel;
use places::PlacesList;

/// What the office answers: everybody, and what may be chosen for them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct Everybody {
    people: Vec<Account>,
    zones: Vec<Zone>,
    schools: Vec<School>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Account {
    id: String,
    login: String,
    name: String,
    roles: Vec<String>,
    zone: Option<String>,
    status: String,
    enrolled: bool,
    link_until: Option<String>,
    assignments: Vec<Assignment>,
    #[serde(default)]
    appointments: Vec<Appointment>,
    #[serde(default)]
    recusals: Vec<Recusal>,
    devices: Vec<Device>,
    #[serde(default)]
    second_factor: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Assignment {
    school: String,
    from: String,
    to: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Appointment {
    id: String,
    employment: String,
    from: String,
    to: Option<String>,
    decision_ref: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Recusal {
    id: String,
    school: String,
    reason: String,
    from: String,
    to: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Device {
    id: String,
    name: String,
    state: String,
    last_seen: String,
    #[serde(default)]
    pending: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Zone {
    id: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct School {
    id: String,
    name: String,
}

impl Account {
    fn is_active(&self) -> bool {
        self.status == "active"
    }

    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// Schools of today and of days to come.
    fn current(&self) -> impl Iterator<Item = &Assignment> {
        let today = i18n::today_code();
        self.assignments.iter().filter(move |one| one.is_current(&today))
    }

    /// Whether they keep away from this school today or will.
    fn keeps_away(&self, school: &str) -> bool {
        let today = i18n::today_code();
        let mut own = self.recusals.iter().filter(|one| one.school == school);
        own.any(|one| one.is_current(&today))
    }
}

impl Assignment {
    fn is_current(&self, today: &str) -> bool {
        lasts(&self.from, self.to.as_deref(), today)
    }
}

impl Appointment {
    fn is_current(&self, today: &str) -> bool {
        lasts(&self.from, self.to.as_deref(), today)
    }
}

impl Recusal {
    fn is_current(&self, today: &str) -> bool {
        lasts(&self.from, self.to.as_deref(), today)
    }
}

/// Whether these days go on to that one or beyond; those of something that was taken back end before they begin.
fn lasts(from: &str, to: Option<&str>, day: &str) -> bool {
    to.is_none_or(|to| to >= day && to >= from)
}

impl Everybody {
    fn zone_name(&self, id: &str) -> String {
        let found = self.zones.iter().find(|zone| zone.id == id);
        found.map(|zone| zone.name.clone()).unwrap_or_default()
    }

    fn school_name(&self, id: &str) -> String {
        let found = self.schools.iter().find(|school| school.id == id);
        found.map(|school| school.name.clone()).unwrap_or_default()
    }

    fn person_name(&self, id: &str) -> String {
        let found = self.people.iter().find(|person| person.id == id);
        found.map(|person| person.name.clone()).unwrap_or_default()
    }
}

/// What stands beside the table.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    New,
    Person(String),
}

/// What a change answers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    WithLink { person: Account, code: String },
    Person(Account),
}

/// What the parts of the page share.
#[derive(Clone, Copy)]
struct Desk {
    everybody: RwSignal<Option<Everybody>>,
    error: RwSignal<Option<String>>,
    open: RwSignal<Open>,
    /// What waits for the password.
    deed: RwSignal<Option<Deed>>,
    /// A link that is shown this once.
    link: RwSignal<Option<Link>>,
    /// What was typed for a new person; there again when the form was closed in between.
    new: NewForm,
}

impl Desk {
    fn new() -> Self {
        Desk {
            everybody: RwSignal::new(None),
            error: RwSignal::new(None),
            open: RwSignal::new(Open::Nothing),
            deed: RwSignal::new(None),
            link: RwSignal::new(None),
            new: NewForm::new(),
        }
    }

    fn show(self, open: Open) {
        self.link.set(None);
        self.open.set(open);
    }

    /// Escape in the question for the password closes the question only.
    fn close_panel(self) {
        if self.deed.with_untracked(Option::is_none) {
            self.show(Open::Nothing);
        }
    }

    /// Shows somebody as the office just answered, and the link if there is one.
    fn take(self, answer: Answer) {
        let (account, code) = match answer {
            Answer::WithLink { person, code } => (person, Some(code)),
            Answer::Person(person) => (person, None),
        };
        if let Some(code) = code {
            self.link
                .set(Some(Link::new(account.id.clone(), account.name.clone(), code)));
        }
        if self.open.get_untracked() == Open::New {
            self.new.clear();
        }
        self.open.set(Open::Person(account.id.clone()));
        self.everybody.update(|everybody| {
            let Some(everybody) = everybody else { return };
            match everybody.people.iter_mut().find(|known| known.id == account.id) {
                Some(known) => *known = account,
                None => everybody.people.insert(0, account),
            }
        });
    }

    fn school_name(self, id: &str) -> String {
        self.everybody
            .with(|everybody| everybody.as_ref().map(|all| all.school_name(id)).unwrap_or_default())
    }

    fn account(self, id: &str) -> Option<Account> {
        self.everybody
            .with(|everybody| everybody.as_ref()?.people.iter().find(|one| one.id == id).cloned())
    }
}

#[component]
pub fn PeoplePage() -> impl IntoView {
    let session = use_session();
    let may = Memo::new(move |_| duty::decides(session));
    let query = use_query_map();
    let tab = Memo::new(move |_| query.with(|query| query.get("tab").unwrap_or_default()));
    let current = move |this: &str| (tab.get() == this).then_some("page");
    view! {
        <Screen title=Signal::derive(|| t("people.title")) class="office">
            <Show when=move || may.get() fallback=|| view! { <EmptyState mark=Icon::Info title=Signal::derive(|| t("people.title")) text=Signal::derive(|| t("people.office_only")) /> }>
                <nav class="tablinks" aria-label=move || t("people.tabs")>
                    <a href="/people" aria-current=move || current("")>{move || t("people.tab_people")}</a>
                    <a href="/people?tab=places" aria-current=move || current("places") data-testid="to-places">{move || t("people.tab_places")}</a>
                    <a href="/people?tab=audit" aria-current=move || current("audit") data-testid="to-audit">{move || t("people.tab_audit")}</a>
                </nav>
                {move || match tab.get().as_str() {
                    "audit" => view! { <AuditList /> }.into_any(),
                    "places" => view! { <PlacesList /> }.into_any(),
                    _ => view! { <PeopleList /> }.into_any(),
                }}
            </Show>
        </Screen>
    }
}

/// Asks who there is, again whenever something arrives.
fn ask_everybody(desk: Desk) {
    let session = use_session();
    Effect::new(move |_| {
        session.pokes();
        spawn_local(async move {
            let _ = match session.get::<Everybody>("/api/v1/people").await {
                Ok(everybody) => {
                    desk.error.try_set(None);
                    desk.everybody.try_set(Some(everybody)).is_none()
                }
                Err(refused) => desk.error.try_set(Some(error_words(&refused))).is_none(),
            };
        });
    });
}

#[component]
fn PeopleList() -> impl IntoView {
    let desk = Desk::new();
    ask_everybody(desk);
    let (search, role, zone, status, due) = (
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
    );
    let rows = Memo::new(move |_| {
        let (search, role) = (search.get().trim().to_lowercase(), role.get());
        let (zone, status, due) = (zone.get(), status.get(), due.get());
        let fits = |one: &&Account| {
            (search.is_empty()
                || one.name.to_lowercase().contains(&search)
                || one.login.to_lowercase().contains(&search))
                && (role.is_empty() || one.has(&role))
                && (zone.is_empty() || one.zone.as_deref() == Some(zone.as_str()))
                && (status.is_empty() || status_code(one) == status)
                && (due.is_empty() || due_code(one) == due)
        };
        desk.everybody.with(|everybody| {
            let people = everybody.iter().flat_map(|everybody| &everybody.people);
            people.filter(fits).cloned().collect::<Vec<_>>()
        })
    });
    let zones = move || {
        desk.everybody
            .with(|all| all.as_ref().map(|all| all.zones.clone()).unwrap_or_default())
    };
    let is_open = move || desk.open.get() != Open::Nothing;
    view! {
        <ErrorNote error=desk.error />
        <div class="filters" role="group" aria-label=move || t("filter.label")>
            <label class="filter" class:on=move || !role.get().is_empty()>
                <em>{move || t("people.role")}</em>
                <select data-testid="filter-role" on:change=move |event| role.set(event_target_value(&event))>
                    <option value="">{move || t("people.all")}</option>
                    {move || catalog().roles.iter().map(|role| view! { <option value=role.code.clone()>{role_word(&role.code)}</option> }).collect_view()}
                </select>
            </label>
            <label class="filter" class:on=move || !zone.get().is_empty()>
                <em>{move || t("people.zone")}</em>
                <select on:change=move |event| zone.set(event_target_value(&event))>
                    <option value="">{move || t("people.all")}</option>
                    {move || zones().into_iter().map(|zone| view! { <option value=zone.id>{zone.name}</option> }).collect_view()}
                </select>
            </label>
            <label class="filter" class:on=move || !status.get().is_empty()>
                <em>{move || t("people.status")}</em>
                <select on:change=move |event| status.set(event_target_value(&event))>
                    <option value="">{move || t("people.all")}</option>
                    {move || ["active", "waiting", "disabled"].map(|status| view! { <option value=status>{status_word(status)}</option> }).collect_view()}
                </select>
            </label>
            <label class="filter" class:on=move || !due.get().is_empty()>
                <em>{move || t("people.appointments")}</em>
                <select data-testid="filter-due" on:change=move |event| due.set(event_target_value(&event))>
                    <option value="">{move || t("people.all")}</option>
                    {move || ["soon", "missing"].map(|code| view! { <option value=code>{due_word(code)}</option> }).collect_view()}
                </select>
            </label>
            <label class="find">
                {small(Icon::Search)}
                <span class="hidden">{move || t("people.search")}</span>
                <input type="search" data-find="" data-testid="search" placeholder=move || t("people.search") bind:value=search />
            </label>
            <button class="btn main" type="button" data-testid="new-person" on:click=move |_| desk.show(Open::New)>
                {small(Icon::Plus)} <span>{move || t("people.new")}</span>
            </button>
        </div>
        <div class="with-rows people" class:open=is_open>
            <section class="panel">
                <header><h2>{move || t_args("people.count", &[("n", &rows.with(Vec::len))])}</h2></header>
                <table class="tbl" data-testid="people">
                    <caption class="hidden">{move || t("people.title")}</caption>
                    <thead><tr>
                        <th scope="col">{move || t("people.name")}</th>
                        <th scope="col" class="wide">{move || t("people.roles")}</th>
                        <th scope="col" class="wide">{move || t("people.zone")}</th>
                        <th scope="col" class="wide">{move || t("people.schools")}</th>
                        <th scope="col" class="wide">{move || t("people.last_contact")}</th>
                        <th scope="col">{move || t("people.status")}</th>
                    </tr></thead>
                    <tbody>
                        <For each=move || rows.get() key=|account| format!("{account:?}") children=move |account| view! { <PersonRow desk account /> } />
                    </tbody>
                </table>
            </section>
            {move || match desk.open.get() {
                Open::Nothing => ().into_any(),
                Open::New => view! { <NewPerson desk /> }.into_any(),
                Open::Person(id) => view! { <PersonPanel desk id /> }.into_any(),
            }}
        </div>
        <PasswordSheet deed=desk.deed done=Callback::new(move |answer| desk.take(answer)) words=Callback::new(move |refused| refusal_words(desk, &refused)) />
    }
}

/// Why the office did not do it, with the school's name where one stands in the way.
fn refusal_words(desk: Desk, refused: &ApiError) -> String {
    match (refused.code.as_str(), &refused.school) {
        ("hand_over.recused", Some(school)) => {
            t_args("people.hand_over_refused", &[("school", &desk.school_name(school))])
        }
        _ => error_words(refused),
    }
}

#[component]
fn PersonRow(desk: Desk, account: Account) -> impl IntoView {
    let id = account.id.clone();
    let is_open = {
        let id = id.clone();
        move || matches!(desk.open.get(), Open::Person(open) if open == id)
    };
    let open = {
        let id = id.clone();
        move |_| desk.show(Open::Person(id.clone()))
    };
    let roles = {
        let roles = account.roles.clone();
        move || i18n::join_list(roles.iter().map(|role| role_word(role)))
    };
    let zone = {
        let zone = account.zone.clone().unwrap_or_default();
        move || {
            desk.everybody
                .with(|all| all.as_ref().map(|all| all.zone_name(&zone)).unwrap_or_default())
        }
    };
    let schools = {
        let ids: Vec<String> = account.current().map(|one| one.school.clone()).collect();
        move || match ids.as_slice() {
            [] => String::new(),
            [only] => desk
                .everybody
                .with(|all| all.as_ref().map(|all| all.school_name(only)).unwrap_or_default()),
            many => t_args("people.schools_n", &[("n", &many.len())]),
        }
    };
    let seen = account.devices.first().map(|device| i18n::ms_of(&device.last_seen));
    let seen = move || seen.map_or_else(|| t("people.never"), i18n::moment);
    let narrow = {
        let (roles, zone) = (roles.clone(), zone.clone());
        move || join_dots([roles(), zone()].into_iter().filter(|part| !part.is_empty()))
    };
    let mark = appointed(&account).filter(|_| !due_code(&account).is_empty());
    let (name, login) = (account.name.clone(), account.login.clone());
    view! {
        <tr class:sel=is_open>
            <th scope="row">
                <button class="linkbtn" type="button" data-person=login.clone() on:click=open>{name}</button>
                <span class="q sm block">{login}</span>
                <span class="q sm block narrow">{narrow}</span>
                {mark.map(|appointed| view! { <span class="block" data-testid="due"><AppointedBadge appointed /></span> })}
            </th>
            <td class="wide">{roles}</td>
            <td class="wide">{zone}</td>
            <td class="wide">{schools}</td>
            <td class="wide nowrap">{seen}</td>
            <td class="nowrap">{status_badge(status_code(&account))}</td>
        </tr>
    }
}

/// `active`, `disabled`, or `waiting` for somebody who has not chosen a password yet.
fn status_code(account: &Account) -> &'static str {
    match (account.is_active(), account.enrolled) {
        (false, _) => "disabled",
        (true, false) => "waiting",
        (true, true) => "active",
    }
}

fn status_word(code: &str) -> String {
    match code {
        "active" => t("people.status_active"),
        "waiting" => t("people.status_waiting"),
        _ => t("people.status_disabled"),
    }
}

fn status_badge(code: &'static str) -> impl IntoView {
    let (tone, mark) = match code {
        "active" => (Tone::Ok, Icon::Yes),
        "waiting" => (Tone::Warn, Icon::Clock),
        _ => (Tone::Idle, Icon::No),
    };
    view! { <Badge tone mark text=Signal::derive(move || status_word(code)) /> }
}
