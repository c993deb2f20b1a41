//! The form for a new person, and the boxes for rights that it shares with the panel.

use catalog::catalog;
use leptos::prelude::*;
use serde_json::json;

use super::Desk;
use super::appointments::{TermBoxes, TermForm};
use super::deed::Deed;
use crate::components::{SidePanel, role_word};
use crate::i18n::{t, t_args};
use crate::icons::{Icon, small};
use crate::pages::duty;
use crate::session::use_session;

/// Name, roles and zone as they stand in the boxes.
#[derive(Clone, Copy)]
pub struct Rights {
    pub name: RwSignal<String>,
    pub roles: RwSignal<Vec<String>>,
    pub zone: RwSignal<String>,
}

impl Rights {
    pub fn new() -> Self {
        Rights {
            name: RwSignal::new(String::new()),
            roles: RwSignal::new(Vec::new()),
            zone: RwSignal::new(String::new()),
        }
    }

    fn toggle(self, role: &str) {
        self.roles
            .update(|roles| match roles.iter().position(|own| own == role) {
                Some(at) => drop(roles.remove(at)),
                None => roles.push(role.to_owned()),
            });
    }

    /// Whether there is what every account has; tracked.
    pub fn is_whole(self) -> bool {
        !self.name.with(|name| name.trim().is_empty()) && !self.roles.with(Vec::is_empty)
    }
}

/// The boxes for a new person.
#[derive(Clone, Copy)]
pub struct NewForm {
    login: RwSignal<String>,
    rights: Rights,
    term: TermForm,
    /// Whether a supervisor is appointed in the same step.
    appoints: RwSignal<bool>,
}

impl NewForm {
    pub fn new() -> Self {
        NewForm {
            login: RwSignal::new(String::new()),
            rights: Rights::new(),
            term: TermForm::new(),
            appoints: RwSignal::new(true),
        }
    }

    pub fn clear(self) {
        let Rights { name, roles, zone } = self.rights;
        self.login.set(String::new());
        name.set(String::new());
        roles.set(Vec::new());
        zone.set(String::new());
        self.term.clear();
        self.appoints.set(true);
    }
}

/// The boxes. `id` keeps their labels apart.
#[component]
pub fn RightsBoxes(desk: Desk, rights: Rights, id: &'static str) -> impl IntoView {
    let session = use_session();
    let is_admin = Memo::new(move |_| duty::roles(session).iter().any(|role| role == "admin"));
    let zones = move || {
        desk.everybody
            .with(|all| all.as_ref().map(|all| all.zones.clone()).unwrap_or_default())
    };
    let name_id = format!("{id}-name");
    let zone_id = format!("{id}-zone");
    view! {
        <div class="field">
            <label class="label" for=name_id.clone()>{move || t("people.name")}</label>
            <input id=name_id class="box" data-testid="person-name" type="text" maxlength="100" autocomplete="off" bind:value=rights.name />
        </div>
        <fieldset class="roles">
            <legend class="label">{move || t("people.roles")}</legend>
            {catalog().roles.iter().map(|role| {
                let code = role.code.as_str();
                view! {
                    <label class="tick">
                        <input
                            type="checkbox"
                            data-role=code
                            prop:checked=move || rights.roles.with(|roles| roles.iter().any(|own| own == code))
                            disabled=move || code == "admin" && !is_admin.get()
                            on:change=move |_| rights.toggle(code)
                        />
                        <span>{move || role_word(code)}</span>
                    </label>
                }
            }).collect_view()}
        </fieldset>
        <div class="field">
            <label class="label" for=zone_id.clone()>{move || t("people.zone")}</label>
            <select id=zone_id class="box" data-testid="person-zone" prop:value=rights.zone on:change=move |event| rights.zone.set(event_target_value(&event))>
                <option value="">{move || t("people.no_zone")}</option>
                {move || zones().into_iter().map(|zone| {
                    let chosen = zone.id == rights.zone.get_untracked();
                    view! { <option value=zone.id selected=chosen>{zone.name}</option> }
                }).collect_view()}
            </select>
        </div>
    }
}

#[component]
pub fn NewPerson(desk: Desk) -> impl IntoView {
    let NewForm {
        login,
        rights,
        term,
        appoints,
    } = desk.new;
    let supervises = Memo::new(move |_| rights.roles.with(|roles| roles.iter().any(|role| role == "supervisor")));
    let appointed = move || supervises.get() && appoints.get();
    let login_fits = move || {
        login.with(|login| {
            let login = login.trim();
            !login.is_empty()
                && login
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte))
        })
    };
    let create = move |_| {
        let name = rights.name.get_untracked().trim().to_owned();
        let zone = Some(rights.zone.get_untracked()).filter(|zone| !zone.is_empty());
        let body = json!({
            "login": login.get_untracked().trim(),
            "name": name,
            "roles": rights.roles.get_untracked(),
            "zone": zone,
            "appointment": untrack(appointed).then(|| term.body()),
        });
        let ask = t_args("people.ask_new", &[("name", &name)]);
        let deed = Deed::new(ask, t("people.text_new"), "/api/v1/people".into(), body);
        desk.deed.set(Some(deed));
    };
    view! {
        <SidePanel title=Signal::derive(|| t("people.new")) on_close=Callback::new(move |()| desk.close_panel())>
            <div class="field">
                <label class="label" for="new-login">{move || t("people.login")}</label>
                <input id="new-login" class="box" data-testid="person-login" type="text" maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="login-hint" bind:value=login />
                <p class="q xs" id="login-hint">{move || t("people.login_hint")}</p>
            </div>
            <RightsBoxes desk rights id="new" />
            <Show when=move || supervises.get()>
                <fieldset class="part" data-testid="new-term">
                    <legend class="hidden">{move || t("people.appointments")}</legend>
                    <label class="tick">
                        <input type="checkbox" data-testid="appoints" bind:checked=appoints />
                        <span>{move || t("people.appoint_now")}</span>
                    </label>
                    <Show when=move || appoints.get() fallback=|| view! { <p class="q sm">{move || t("people.none_appointed")}</p> }>
                        <TermBoxes form=term id="new" />
                    </Show>
                </fieldset>
            </Show>
            <button class="btn main wide" type="button" data-testid="create" disabled=move || !rights.is_whole() || !login_fits() || appointed() && !term.is_whole() on:click=create>
                {small(Icon::Plus)} <span>{move || t("people.create")}</span>
            </button>
        </SidePanel>
    }
}
