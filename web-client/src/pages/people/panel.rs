//! One person beside the table: rights, schools, phones and the link, each changed on its own.

use leptos::prelude::*;
use serde_json::{Value, json};

use super::appointments::AppointmentList;
use super::deed::Deed;
use super::hand_over::HandOver;
use super::link::LinkCard;
use super::new::{Rights, RightsBoxes};
use super::recusals::RecusalList;
use super::{Account, Assignment, Desk, Device, School, status_badge, status_code};
use crate::components::{Badge, SidePanel, Tone};
use crate::i18n::{self, join_dots, t, t_args};
use crate::icons::{Icon, small};
use crate::pages::duty;
use crate::session::use_session;

#[component]
pub fn PersonPanel(desk: Desk, id: String) -> impl IntoView {
    let session = use_session();
    let whose = id.clone();
    let account = Memo::new(move |_| desk.account(&whose));
    let name = Signal::derive(move || {
        account.with(|account| account.as_ref().map(|one| one.name.clone()).unwrap_or_default())
    });
    // Only an administrator changes an administrator.
    let locked = Memo::new(move |_| {
        let is_admin = duty::roles(session).iter().any(|role| role == "admin");
        !is_admin && account.with(|account| account.as_ref().is_some_and(|account| account.has("admin")))
    });
    let link = move || desk.link.get().filter(|link| link.person == id);
    let head = move || {
        account.get().map(|account| {
            view! { <p class="row"><span class="grow q sm">{account.login.clone()}</span> {status_badge(status_code(&account))}</p> }
        })
    };
    view! {
        <SidePanel title=name on_close=Callback::new(move |()| desk.close_panel())>
            {head}
            {move || link().map(|link| view! { <LinkCard link /> })}
            <Show when=move || !locked.get() fallback=|| view! { <p class="notice sm">{small(Icon::Info)} <span>{move || t("people.admin_locked")}</span></p> }>
                <RightsForm desk account />
                <AppointmentList desk account />
                <SchoolList desk account />
                <HandOver desk account />
                <RecusalList desk account />
                <DeviceList desk account />
                <AccountActs desk account />
            </Show>
        </SidePanel>
    }
}

/// Asks for a deed about this person. Answers nothing before the office does.
pub fn ask(desk: Desk, account: Memo<Option<Account>>, deed: impl FnOnce(Account) -> Deed) {
    if let Some(account) = account.get_untracked() {
        desk.deed.set(Some(deed(account)));
    }
}

pub fn path_of(account: &Account) -> String {
    format!("/api/v1/people/{}", account.id)
}

#[component]
fn RightsForm(desk: Desk, account: Memo<Option<Account>>) -> impl IntoView {
    let rights = Rights::new();
    // What the boxes were filled from: only what was changed since is sent.
    let base = RwSignal::new(None::<Account>);
    let wanted = move || {
        let name = rights.name.get().trim().to_owned();
        (
            name,
            rights.roles.get(),
            Some(rights.zone.get()).filter(|zone| !zone.is_empty()),
        )
    };
    let told = |account: &Account| (account.name.clone(), account.roles.clone(), account.zone.clone());
    Effect::new(move |_| {
        let Some(now) = account.get() else { return };
        let boxes = untrack(wanted);
        let untouched = base.with_untracked(|base| base.as_ref().is_none_or(|base| told(base) == boxes));
        if untouched || told(&now) == boxes {
            rights.name.set(now.name.clone());
            rights.roles.set(now.roles.clone());
            rights.zone.set(now.zone.clone().unwrap_or_default());
            base.set(Some(now));
        }
    });
    let changed = Memo::new(move |_| base.with(|base| base.as_ref().is_some_and(|base| told(base) != wanted())));
    let save = move |_| {
        ask(desk, account, |account| {
            let (name, roles, zone) = untrack(wanted);
            let mut body = json!({});
            base.with_untracked(|base| {
                let Some(base) = base else { return };
                if base.name != name {
                    body["name"] = json!(name);
                }
                if base.roles != roles {
                    body["roles"] = json!(roles);
                }
                if base.zone != zone {
                    body["zone"] = json!(zone);
                }
            });
            let ask = t_args("people.ask_save", &[("name", &account.name)]);
            Deed::new(ask, t("people.text_save"), path_of(&account), body)
        });
    };
    view! {
        <RightsBoxes desk rights id="edit" />
        <button class="btn wide" type="button" data-testid="save-rights" disabled=move || !changed.get() || !rights.is_whole() on:click=save>
            {small(Icon::Yes)} <span>{move || t("people.save")}</span>
        </button>
    }
}

#[component]
fn SchoolList(desk: Desk, account: Memo<Option<Account>>) -> impl IntoView {
    let today = i18n::today_code();
    let split = {
        let today = today.clone();
        move |current: bool| {
            account.with(|account| {
                let all = account.iter().flat_map(|account| &account.assignments);
                let fit = all.filter(|one| one.is_current(&today) == current);
                fit.cloned().collect::<Vec<_>>()
            })
        }
    };
    let past = Memo::new({
        let split = split.clone();
        move |_| split(false)
    });
    let current = Memo::new(move |_| split(true));
    let supervises =
        Memo::new(move |_| account.with(|account| account.as_ref().is_some_and(|one| one.has("supervisor"))));
    let school = RwSignal::new(String::new());
    let from = RwSignal::new(today);
    let free = move || {
        let taken: Vec<String> = current.with(|current| current.iter().map(|one| one.school.clone()).collect());
        let schools = desk
            .everybody
            .with(|all| all.as_ref().map(|all| all.schools.clone()).unwrap_or_default());
        schools.into_iter().filter(move |school| !taken.contains(&school.id))
    };
    let choices = Memo::new(move |_| {
        let keeps_away =
            |school: &str| account.with(|account| account.as_ref().is_some_and(|one| one.keeps_away(school)));
        let name = |school: &School| match keeps_away(&school.id) {
            true => t_args("people.school_recused", &[("school", &school.name)]),
            false => school.name.clone(),
        };
        free()
            .map(|school| (school.id.clone(), name(&school)))
            .collect::<Vec<_>>()
    });
    let assign = move |_| {
        ask(desk, account, |account| {
            let id = school.get_untracked();
            let name = desk
                .everybody
                .with_untracked(|all| all.as_ref().map(|all| all.school_name(&id)).unwrap_or_default());
            let ask = t_args("people.ask_assign", &[("name", &account.name), ("school", &name)]);
            let body = json!({ "school": id, "from": from.get_untracked() });
            Deed::new(
                ask,
                t("people.text_assign"),
                format!("{}/assignments", path_of(&account)),
                body,
            )
        });
    };
    view! {
        <section class="part" aria-labelledby="schools-title">
            <h3 id="schools-title">{move || t("people.schools")}</h3>
            <ul class="plain-list" data-testid="schools">
                <For each=move || current.get() key=|one| format!("{one:?}") children=move |one| view! { <AssignmentRow desk account one /> } />
            </ul>
            <Show when=move || current.with(Vec::is_empty)>
                <p class="q sm">{move || t("people.none_assigned")}</p>
            </Show>
            <Show when=move || supervises.get()>
                <div class="pair">
                    <div class="field">
                        <label class="label" for="assign-school">{move || t("people.assign_school")}</label>
                        <select id="assign-school" class="box" data-testid="assign-school" on:change=move |event| school.set(event_target_value(&event))>
                            <option value="">{move || t("people.choose_school")}</option>
                            {move || choices.get().into_iter().map(|(id, name)| view! { <option value=id>{name}</option> }).collect_view()}
                        </select>
                    </div>
                    <div class="field">
                        <label class="label" for="assign-from">{move || t("people.from")}</label>
                        <input id="assign-from" class="box" type="date" bind:value=from />
                    </div>
                </div>
                <button class="btn wide" type="button" data-testid="assign" disabled=move || school.with(String::is_empty) || from.with(String::is_empty) on:click=assign>
                    {small(Icon::School)} <span>{move || t("people.assign")}</span>
                </button>
            </Show>
            <Show when=move || !past.with(Vec::is_empty)>
                <details>
                    <summary>{move || t_args("people.past", &[("n", &past.with(Vec::len))])}</summary>
                    <ul class="plain-list">
                        {move || past.get().into_iter().map(|one| view! { <li class="sm">{school_words(desk, &one)}</li> }).collect_view()}
                    </ul>
                </details>
            </Show>
        </section>
    }
}

fn school_words(desk: Desk, one: &Assignment) -> String {
    let name = desk
        .everybody
        .with(|all| all.as_ref().map(|all| all.school_name(&one.school)).unwrap_or_default());
    join_dots([name, days(&one.from, one.to.as_deref())])
}

/// From when to when, in words.
pub fn days(from: &str, to: Option<&str>) -> String {
    let day = |code: &str| i18n::day_and_year(i18n::ms_of(code));
    match to {
        None => t_args("people.since", &[("from", &day(from))]),
        Some(to) if to < from => t("people.withdrawn"),
        Some(to) => t_args("people.range", &[("from", &day(from)), ("to", &day(to))]),
    }
}

#[component]
fn AssignmentRow(desk: Desk, account: Memo<Option<Account>>, one: Assignment) -> impl IntoView {
    let ending = RwSignal::new(false);
    let to = RwSignal::new(i18n::today_code());
    let school = one.school.clone();
    let name = move || {
        desk.everybody
            .with(|all| all.as_ref().map(|all| all.school_name(&school)).unwrap_or_default())
    };
    let words = {
        let one = one.clone();
        move || days(&one.from, one.to.as_deref())
    };
    let keeps_away = {
        let school = one.school.clone();
        move || account.with(|account| account.as_ref().is_some_and(|account| account.keeps_away(&school)))
    };
    let box_id = format!("end-{}", one.school);
    let of_school = one.school.clone();
    let end = {
        let (one, name) = (one.clone(), name.clone());
        move |_| {
            ask(desk, account, |account| {
                let ask = t_args(
                    "people.ask_end",
                    &[("name", &account.name), ("school", &untrack(&name))],
                );
                let body = json!({ "school": one.school, "from": one.from, "to": to.get_untracked() });
                Deed::new(
                    ask,
                    t("people.text_end"),
                    format!("{}/assignments/end", path_of(&account)),
                    body,
                )
            });
        }
    };
    let end = StoredValue::new(end);
    let label = {
        let name = name.clone();
        move || t_args("people.end_label", &[("school", &name())])
    };
    view! {
        <li data-school=of_school>
            <p class="row">
                <span class="grow">
                    <b class="block">{name}</b><span class="q sm">{words}</span>
                    <Show when=keeps_away>
                        <span class="block" data-testid="is-recused"><Badge tone=Tone::Warn mark=Icon::No text=Signal::derive(|| t("people.recused")) /></span>
                    </Show>
                </span>
                <button class="btn" type="button" data-testid="end" aria-label=label aria-expanded=move || ending.get().to_string() on:click=move |_| ending.update(|ending| *ending = !*ending)>
                    {move || t("people.end")}
                </button>
            </p>
            <Show when=move || ending.get()>
                <div class="field">
                    <label class="label" for=box_id.clone()>{move || t("people.last_day")}</label>
                    <div class="row">
                        <input id=box_id.clone() class="box grow" type="date" bind:value=to />
                        <button class="btn" type="button" data-testid="end-it" disabled=move || to.with(String::is_empty) on:click=move |event| end.with_value(|end| end(event))>{move || t("people.end_it")}</button>
                    </div>
                    <p class="q xs">{move || t("people.end_hint")}</p>
                </div>
            </Show>
        </li>
    }
}

#[component]
fn DeviceList(desk: Desk, account: Memo<Option<Account>>) -> impl IntoView {
    let devices =
        Memo::new(move |_| account.with(|account| account.as_ref().map(|one| one.devices.clone()).unwrap_or_default()));
    view! {
        <section class="part" aria-labelledby="devices-title">
            <h3 id="devices-title">{move || t("people.devices")}</h3>
            <ul class="plain-list" data-testid="devices">
                <For each=move || devices.get() key=|one| format!("{one:?}") children=move |one| view! { <DeviceRow desk account one /> } />
            </ul>
            <Show when=move || devices.with(Vec::is_empty)>
                <p class="q sm">{move || t("people.no_device")}</p>
            </Show>
        </section>
    }
}

#[component]
fn DeviceRow(desk: Desk, account: Memo<Option<Account>>, one: Device) -> impl IntoView {
    let revoked = one.state == "revoked";
    let seen = i18n::ms_of(&one.last_seen);
    let (id, name) = (one.id.clone(), one.name.clone());
    let act = move |_| {
        ask(desk, account, |account| {
            let named = [("name", &account.name as &dyn std::fmt::Display), ("device", &name)];
            let (ask, text, verb) = match revoked {
                true => (t_args("people.ask_found", &named), t("people.text_found"), "restore"),
                false => (t_args("people.ask_lost", &named), t("people.text_lost"), "revoke"),
            };
            Deed::new(
                ask,
                text,
                format!("/api/v1/devices/{id}/{verb}"),
                json!({ "person": account.id }),
            )
        });
    };
    view! {
        <li class="row" data-device=one.id data-state=one.state>
            <span class="grow">
                <b class="block">{one.name}</b>
                <span class="q sm block">{move || t_args("people.last_seen", &[("time", &i18n::moment(seen))])}</span>
                {(one.pending > 0).then(|| view! { <span class="sm block" data-pending=one.pending.to_string()>{move || t_args("people.device_pending", &[("n", &one.pending)])}</span> })}
                {revoked.then(|| view! { <Badge tone=Tone::Bad mark=Icon::Warning text=Signal::derive(|| t("people.revoked")) /> })}
            </span>
            <button class="btn" type="button" data-testid=if revoked { "found" } else { "lost" } on:click=act>
                {move || if revoked { t("people.found") } else { t("people.lost") }}
            </button>
        </li>
    }
}

/// The link and the account itself.
#[component]
fn AccountActs(desk: Desk, account: Memo<Option<Account>>) -> impl IntoView {
    let session = use_session();
    let is_active = Memo::new(move |_| account.with(|account| account.as_ref().is_some_and(Account::is_active)));
    let until = move || {
        account.with(|account| {
            let until = account.as_ref()?.link_until.as_deref()?;
            Some(t_args(
                "people.link_until",
                &[("time", &i18n::moment(i18n::ms_of(until)))],
            ))
        })
    };
    let new_link = move |_| {
        ask(desk, account, |account| {
            let ask = t_args("people.ask_link", &[("name", &account.name)]);
            let path = format!("{}/enrolment", path_of(&account));
            Deed::new(ask, t("people.text_link"), path, json!({}))
        });
    };
    let switch = move |_| {
        ask(desk, account, |account| {
            let named = [("name", &account.name as &dyn std::fmt::Display)];
            let to = |status: &str| -> Value { json!({ "status": status }) };
            match account.is_active() {
                true => Deed::new(
                    t_args("people.ask_disable", &named),
                    t("people.text_disable"),
                    path_of(&account),
                    to("disabled"),
                ),
                false => Deed::new(
                    t_args("people.ask_enable", &named),
                    t("people.text_enable"),
                    path_of(&account),
                    to("active"),
                ),
            }
        });
    };
    // Somebody lost the device that makes their codes.
    let may_remove = Memo::new(move |_| {
        let is_admin = duty::roles(session).iter().any(|role| role == "admin");
        let me = duty::my_id(session);
        is_admin && account.with(|account| account.as_ref().is_some_and(|one| one.second_factor && one.id != me))
    });
    let remove_factor = move |_| {
        ask(desk, account, |account| {
            let ask = t_args("people.ask_factor", &[("name", &account.name)]);
            let path = format!("{}/second-factor/remove", path_of(&account));
            Deed::new(ask, t("people.text_factor"), path, json!({}))
        });
    };
    view! {
        <section class="part" aria-labelledby="account-title">
            <h3 id="account-title">{move || t("people.account")}</h3>
            {move || until().map(|words| view! { <p class="q sm">{words}</p> })}
            <Show when=move || is_active.get()>
                <button class="btn wide" type="button" data-testid="new-link" on:click=new_link>
                    {small(Icon::Leave)} <span>{move || t("people.new_link")}</span>
                </button>
            </Show>
            <Show when=move || may_remove.get()>
                <button class="btn wide" type="button" data-testid="remove-factor" on:click=remove_factor>
                    {small(Icon::Lock)} <span>{move || t("people.remove_factor")}</span>
                </button>
            </Show>
            <button class="btn wide" type="button" data-testid="switch" on:click=switch>
                {move || small(if is_active.get() { Icon::No } else { Icon::Yes })}
                <span>{move || if is_active.get() { t("people.disable") } else { t("people.enable") }}</span>
            </button>
        </section>
    }
}
