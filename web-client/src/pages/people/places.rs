//! Zones and schools (学校与责任区): what there is, and the ways to change it.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Deserialize;
use serde_json::{Value, json};

use super::deed::{Deed, PasswordSheet};
use super::school_form::SchoolForm;
use super::school_list::ListForm;
use crate::components::{ErrorNote, SidePanel, error_words};
use crate::i18n::{join_dots, t, t_args};
use crate::icons::{Icon, small};
use crate::session::use_session;

/// What the office answers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Places {
    pub zones: Vec<Zone>,
    pub schools: Vec<School>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Zone {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct School {
    pub id: String,
    pub zone: String,
    pub code: String,
    pub name: String,
    /// By the catalog's paths.
    pub facts: BTreeMap<String, Value>,
}

impl Places {
    fn zone_name(&self, id: &str) -> String {
        let found = self.zones.iter().find(|zone| zone.id == id);
        found.map(|zone| zone.name.clone()).unwrap_or_default()
    }
}

/// What stands beside the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    Nothing,
    /// Nothing in it for a new school.
    School(Option<String>),
    List,
    /// Nothing in it for a new zone.
    Zone(Option<String>),
}

/// What the parts of the page share.
#[derive(Clone, Copy)]
pub struct Map {
    pub places: RwSignal<Option<Places>>,
    pub open: RwSignal<Open>,
    pub deed: RwSignal<Option<Deed>>,
    /// The pasted list; there again when the form was closed in between.
    pub list: RwSignal<String>,
}

impl Map {
    /// Escape in the question for the password closes the question only.
    pub fn close(self) {
        if self.deed.with_untracked(Option::is_none) {
            self.open.set(Open::Nothing);
        }
    }

    /// What there is, or nothing before the office answered. Tracked.
    pub fn get(self) -> Places {
        self.places.with(|places| places.clone().unwrap_or_default())
    }

    fn take(self, places: Places) {
        if self.open.get_untracked() == Open::List {
            self.list.set(String::new());
        }
        self.open.set(Open::Nothing);
        self.places.set(Some(places));
    }
}

#[component]
pub fn PlacesList() -> impl IntoView {
    let session = use_session();
    let map = Map {
        places: RwSignal::new(None),
        open: RwSignal::new(Open::Nothing),
        deed: RwSignal::new(None),
        list: RwSignal::new(String::new()),
    };
    let error = RwSignal::new(None::<String>);
    Effect::new(move |_| {
        session.pokes();
        spawn_local(async move {
            let answer = session.get::<Places>("/api/v1/places").await;
            if error.try_set(None).is_some() {
                // The page is gone.
                return;
            }
            match answer {
                Ok(places) => map.places.set(Some(places)),
                Err(refused) => error.set(Some(error_words(&refused))),
            }
        });
    });
    let (search, zone) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let rows = Memo::new(move |_| {
        let (search, zone) = (search.get().trim().to_lowercase(), zone.get());
        let fits = |one: &School| {
            (search.is_empty()
                || one.name.to_lowercase().contains(&search)
                || one.code.to_lowercase().contains(&search))
                && (zone.is_empty() || one.zone == zone)
        };
        let schools = map.get().schools;
        schools.into_iter().filter(fits).collect::<Vec<_>>()
    });
    let is_open = move || map.open.get() != Open::Nothing;
    view! {
        <ErrorNote error />
        <div class="filters" role="group" aria-label=move || t("filter.label")>
            <label class="filter" class:on=move || !zone.get().is_empty()>
                <em>{move || t("people.zone")}</em>
                <select on:change=move |event| zone.set(event_target_value(&event))>
                    <option value="">{move || t("people.all")}</option>
                    {move || map.get().zones.into_iter().map(|zone| view! { <option value=zone.id>{zone.name}</option> }).collect_view()}
                </select>
            </label>
            <label class="find">
                {small(Icon::Search)}
                <span class="hidden">{move || t("places.search")}</span>
                <input type="search" data-find="" data-testid="search" placeholder=move || t("places.search") bind:value=search />
            </label>
            <OpenButton map open=Open::School(None) words=Signal::derive(|| t("places.new_school")) test="new-school" main=true />
            <OpenButton map open=Open::List words=Signal::derive(|| t("places.new_list")) test="new-list" />
            <OpenButton map open=Open::Zone(None) words=Signal::derive(|| t("places.new_zone")) test="new-zone" />
        </div>
        <div class="with-rows people" class:open=is_open>
            <div class="stack">
                <section class="panel">
                    <header><h2>{move || t_args("places.count", &[("n", &rows.with(Vec::len))])}</h2></header>
                    <table class="tbl" data-testid="places">
                        <caption class="hidden">{move || t("people.tab_places")}</caption>
                        <thead><tr>
                            <th scope="col">{move || t("places.name")}</th>
                            <th scope="col" class="wide">{move || t("templates.code")}</th>
                            <th scope="col" class="wide">{move || t("people.zone")}</th>
                        </tr></thead>
                        <tbody>
                            <For each=move || rows.get() key=|school| format!("{school:?}") children=move |school| view! { <SchoolRow map school /> } />
                        </tbody>
                    </table>
                </section>
                <ZoneList map />
            </div>
            {move || match map.open.get() {
                Open::Nothing => ().into_any(),
                Open::School(id) => view! { <SchoolForm map id /> }.into_any(),
                Open::List => view! { <ListForm map /> }.into_any(),
                Open::Zone(id) => view! { <ZoneForm map id /> }.into_any(),
            }}
        </div>
        <PasswordSheet deed=map.deed done=Callback::new(move |places| map.take(places)) words=Callback::new(|refused| error_words(&refused)) />
    }
}

#[component]
fn OpenButton(
    map: Map,
    open: Open,
    words: Signal<String>,
    test: &'static str,
    #[prop(optional)] main: bool,
) -> impl IntoView {
    view! {
        <button class="btn" class:main=main type="button" data-testid=test on:click=move |_| map.open.set(open.clone())>
            {small(Icon::Plus)} <span>{words}</span>
        </button>
    }
}

#[component]
fn SchoolRow(map: Map, school: School) -> impl IntoView {
    let School {
        id, zone, code, name, ..
    } = school;
    let is_open = {
        let id = id.clone();
        move || map.open.get() == Open::School(Some(id.clone()))
    };
    let test = code.clone();
    let zone = Memo::new(move |_| map.get().zone_name(&zone));
    let narrow = {
        let code = code.clone();
        move || join_dots([code.clone(), zone.get()])
    };
    view! {
        <tr class:sel=is_open>
            <th scope="row">
                <button class="linkbtn" type="button" data-school=test on:click=move |_| map.open.set(Open::School(Some(id.clone())))>{name}</button>
                <span class="q sm block narrow">{narrow}</span>
            </th>
            <td class="wide">{code}</td>
            <td class="wide">{zone}</td>
        </tr>
    }
}

/// The zones, each with how many schools it has.
#[component]
fn ZoneList(map: Map) -> impl IntoView {
    let zones = move || {
        let Places { zones, schools } = map.get();
        let counted = zones.into_iter().map(|zone| {
            let count = schools.iter().filter(|school| school.zone == zone.id).count();
            (zone, count)
        });
        counted.collect::<Vec<_>>()
    };
    view! {
        <section class="panel">
            <header><h2>{move || t("places.zones")}</h2></header>
            <ul class="body plain-list" data-testid="zones">
                <For each=zones key=|one| format!("{one:?}") children=move |(zone, count)| {
                    let label = zone.name.clone();
                    view! {
                        <li class="row">
                            <span class="grow"><b class="block">{zone.name}</b><span class="q sm">{move || t_args("places.count", &[("n", &count)])}</span></span>
                            <button class="btn" type="button" aria-label=move || t_args("places.rename_label", &[("name", &label)]) on:click=move |_| map.open.set(Open::Zone(Some(zone.id.clone())))>
                                {move || t("places.rename")}
                            </button>
                        </li>
                    }
                } />
            </ul>
        </section>
    }
}

/// A new zone, or another name for one.
#[component]
fn ZoneForm(map: Map, id: Option<String>) -> impl IntoView {
    let old = id.as_deref().map(|id| untrack(|| map.get()).zone_name(id));
    let name = RwSignal::new(old.clone().unwrap_or_default());
    let is_new = old.is_none();
    let was = old.clone().unwrap_or_default();
    let is_whole = move || name.with(|name| !name.trim().is_empty() && name.trim() != was);
    let save = move |_| {
        let name = name.get_untracked().trim().to_owned();
        let body = json!({ "name": name });
        let deed = match (&id, &old) {
            (Some(id), Some(old)) => Deed::new(
                t_args("places.ask_rename", &[("old", old), ("new", &name)]),
                t("places.text_rename"),
                format!("/api/v1/zones/{id}"),
                body,
            ),
            _ => Deed::new(
                t_args("places.ask_zone", &[("name", &name)]),
                t("places.text_zone"),
                "/api/v1/zones".into(),
                body,
            ),
        };
        map.deed.set(Some(deed));
    };
    let title = move || match is_new {
        true => t("places.new_zone"),
        false => t("places.rename"),
    };
    view! {
        <SidePanel title=Signal::derive(title) on_close=Callback::new(move |()| map.close())>
            <div class="field">
                <label class="label" for="zone-name">{move || t("places.zone_name")}</label>
                <input id="zone-name" class="box" data-testid="zone-name" type="text" maxlength="100" autocomplete="off" bind:value=name />
            </div>
            <button class="btn main wide" type="button" data-testid="save-zone" disabled=move || !is_whole() on:click=save>{move || t("places.save")}</button>
        </SidePanel>
    }
}
