//! One school in the office: its name, code and zone, and the facts that decide which questions are asked there. The boxes for facts follow the
//! catalog.

use std::collections::BTreeMap;

use catalog::{FieldKind, KindField, Policy, catalog};
use leptos::prelude::*;
use serde_json::{Value, json};

use super::deed::Deed;
use super::places::{Map, School};
use crate::components::SidePanel;
use crate::i18n::{say, t, t_args};
use crate::pages::duty;
use crate::session::use_session;

/// What has a box of its own.
const IN_THE_ROW: [&str; 3] = ["name", "code", "zone"];

/// The facts that the office writes, in the catalog's order.
pub fn fact_fields() -> impl Iterator<Item = &'static KindField> {
    let fields = catalog().kind("school").into_iter().flat_map(|kind| &kind.fields);
    fields.filter(|field| field.policy == Policy::Server && !IN_THE_ROW.contains(&field.path.as_str()))
}

/// What a fact is called.
pub fn fact_word(path: &str) -> String {
    let field = fact_fields().find(|field| field.path == path);
    field.map_or_else(|| path.to_owned(), |field| say(&field.label))
}

/// Plain letters, digits and `.-_`, as the office takes them.
pub fn code_fits(code: &str) -> bool {
    (1..=32).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

type Facts = RwSignal<BTreeMap<String, Value>>;

#[component]
pub fn SchoolForm(map: Map, id: Option<String>) -> impl IntoView {
    let session = use_session();
    let places = untrack(|| map.get());
    let old = id.and_then(|id| places.schools.into_iter().find(|school| school.id == id));
    let is_new = old.is_none();
    let before = old.unwrap_or_default();
    let (name, code) = (RwSignal::new(before.name.clone()), RwSignal::new(before.code.clone()));
    let zone = RwSignal::new(before.zone.clone());
    let facts: Facts = RwSignal::new(before.facts.clone());
    let sees_facts = duty::roles(session).iter().any(|role| role == "coordinator");
    let is_whole = move || {
        !name.with(|name| name.trim().is_empty())
            && code.with(|code| code_fits(code.trim()))
            && !zone.with(String::is_empty)
    };
    let now = move || School {
        id: String::new(),
        zone: zone.get(),
        code: code.get().trim().to_owned(),
        name: name.get().trim().to_owned(),
        facts: facts.get(),
    };
    let changed = {
        let before = before.clone();
        move || {
            let now = now();
            (&now.name, &now.code, &now.zone, &now.facts) != (&before.name, &before.code, &before.zone, &before.facts)
        }
    };
    let save = move |_| {
        let now = untrack(now);
        let deed = match is_new {
            true => added(map, &now),
            false => altered(&before, &now),
        };
        map.deed.set(Some(deed));
    };
    let title = move || match is_new {
        true => t("places.new_school"),
        false => t("places.change_school"),
    };
    view! {
        <SidePanel title=Signal::derive(title) on_close=Callback::new(move |()| map.close())>
            <div class="field">
                <label class="label" for="school-name">{move || t("places.name")}</label>
                <input id="school-name" class="box" data-testid="school-name" type="text" maxlength="100" autocomplete="off" bind:value=name />
            </div>
            <div class="field">
                <label class="label" for="school-code">{move || t("templates.code")}</label>
                <input id="school-code" class="box" data-testid="school-code" type="text" maxlength="32" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="code-hint" bind:value=code />
                <p class="q xs" id="code-hint">{move || t("places.code_hint")}</p>
            </div>
            <div class="field">
                <label class="label" for="school-zone">{move || t("people.zone")}</label>
                <select id="school-zone" class="box" data-testid="school-zone" on:change=move |event| zone.set(event_target_value(&event))>
                    <option value="">{move || t("places.choose_zone")}</option>
                    {move || map.get().zones.into_iter().map(|one| {
                        let chosen = one.id == zone.get_untracked();
                        view! { <option value=one.id selected=chosen>{one.name}</option> }
                    }).collect_view()}
                </select>
            </div>
            <section class="part" aria-labelledby="facts-title">
                <h3 id="facts-title">{move || t("facts.title")}</h3>
                <p class="q sm">{move || if sees_facts { t("places.facts_hint") } else { t("places.facts_hidden") }}</p>
                {fact_fields().map(|field| view! { <FactBox field facts /> }).collect_view()}
            </section>
            <button class="btn main wide" type="button" data-testid="save-school" disabled=move || !is_whole() || !changed() on:click=save>{move || t("places.save")}</button>
        </SidePanel>
    }
}

fn added(map: Map, new: &School) -> Deed {
    let zones = untrack(|| map.get()).zones;
    let zone = zones.into_iter().find(|zone| zone.id == new.zone).map(|zone| zone.name);
    let one = json!({ "code": new.code, "name": new.name, "zone": zone.unwrap_or_default(), "facts": new.facts });
    Deed::new(
        t_args("places.ask_school", &[("name", &new.name)]),
        t("places.text_school"),
        "/api/v1/schools".into(),
        json!({ "schools": [one] }),
    )
}

/// Only what differs is sent; a fact that is gone is taken away.
fn altered(before: &School, now: &School) -> Deed {
    let mut facts: BTreeMap<&String, Value> = BTreeMap::new();
    for (path, value) in &now.facts {
        if before.facts.get(path) != Some(value) {
            facts.insert(path, value.clone());
        }
    }
    for path in before.facts.keys().filter(|path| !now.facts.contains_key(*path)) {
        facts.insert(path, Value::Null);
    }
    let mut body = json!({ "facts": facts });
    for (key, old, new) in [
        ("name", &before.name, &now.name),
        ("code", &before.code, &now.code),
        ("zone", &before.zone, &now.zone),
    ] {
        if old != new {
            body[key] = json!(new);
        }
    }
    Deed::new(
        t_args("places.ask_change", &[("name", &before.name)]),
        t("places.text_change"),
        format!("/api/v1/schools/{}", before.id),
        body,
    )
}

/// The box for one fact, after its kind. Left empty, nothing is said of it.
#[component]
fn FactBox(field: &'static KindField, facts: Facts) -> impl IntoView {
    let path = field.path.as_str();
    let id = format!("fact-{path}");
    let label = move || say(&field.label);
    let set = move |value: Value| {
        facts.update(|facts| match value {
            Value::Null => drop(facts.remove(path)),
            value => drop(facts.insert(path.to_owned(), value)),
        });
    };
    let text = move || facts.with(|facts| facts.get(path).map(plain).unwrap_or_default());
    let input = match field.kind {
        FieldKind::One | FieldKind::YesNo => {
            let options: Vec<(String, Signal<String>)> = match field.kind {
                FieldKind::One => field
                    .options
                    .iter()
                    .map(|option| (option.code.clone(), Signal::derive(move || say(&option.label))))
                    .collect(),
                _ => vec![
                    ("true".into(), Signal::derive(|| t("answer.yes"))),
                    ("false".into(), Signal::derive(|| t("answer.no"))),
                ],
            };
            let is_truth = field.kind == FieldKind::YesNo;
            let choose = move |event| match event_target_value(&event) {
                none if none.is_empty() => set(Value::Null),
                truth if is_truth => set(json!(truth == "true")),
                code => set(json!(code)),
            };
            let chosen = untrack(text);
            view! {
                <select id=id.clone() class="box" data-fact=path on:change=choose>
                    <option value="">{move || t("places.unset")}</option>
                    {options.into_iter().map(|(code, words)| {
                        let chosen = code == chosen;
                        view! { <option value=code selected=chosen>{words}</option> }
                    }).collect_view()}
                </select>
            }
            .into_any()
        }
        FieldKind::Many => return view! { <ManyBoxes field facts /> }.into_any(),
        FieldKind::Count => {
            let write = move |event| {
                let number: Option<u32> = event_target_value(&event).trim().parse().ok();
                set(number.map_or(Value::Null, |number| json!(number)));
            };
            let now = untrack(text);
            view! { <input id=id.clone() class="box" data-fact=path type="number" min="0" max="999999" inputmode="numeric" value=now on:input=write /> }.into_any()
        }
        _ => {
            let write = move |event| match event_target_value(&event) {
                none if none.trim().is_empty() => set(Value::Null),
                words => set(json!(words)),
            };
            let now = untrack(text);
            view! { <input id=id.clone() class="box" data-fact=path type="text" maxlength="400" value=now on:input=write /> }.into_any()
        }
    };
    view! {
        <div class="field">
            <label class="label" for=id>{label}</label>
            {input}
        </div>
    }
    .into_any()
}

/// A fact that is a list of options.
#[component]
fn ManyBoxes(field: &'static KindField, facts: Facts) -> impl IntoView {
    let path = field.path.as_str();
    let has =
        move |code: &str| facts.with(|facts| facts.get(path).is_some_and(|list| codes(list).any(|one| one == code)));
    let toggle = move |code: &str| {
        // In the catalog's order, whatever was ticked first.
        let chosen = field.options.iter().map(|option| option.code.as_str());
        let chosen: Vec<&str> = chosen.filter(|one| untrack(|| has(one)) != (*one == code)).collect();
        facts.update(|facts| match chosen.is_empty() {
            true => drop(facts.remove(path)),
            false => drop(facts.insert(path.to_owned(), json!(chosen))),
        });
    };
    view! {
        <fieldset class="roles">
            <legend class="label">{move || say(&field.label)}</legend>
            {field.options.iter().map(|option| view! {
                <label class="tick">
                    <input type="checkbox" data-option=option.code.as_str() prop:checked=move || has(&option.code) on:change=move |_| toggle(&option.code) />
                    <span>{move || say(&option.label)}</span>
                </label>
            }).collect_view()}
        </fieldset>
    }
}

fn codes(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
