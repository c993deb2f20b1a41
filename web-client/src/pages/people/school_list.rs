//! Many schools at once: lines pasted from a spreadsheet, looked at before anything is sent.

use std::collections::BTreeSet;

use catalog::Choice;
use leptos::prelude::*;
use serde_json::{Value, json};

use super::deed::Deed;
use super::places::{Map, Places};
use super::school_form::{code_fits, fact_fields};
use crate::components::SidePanel;
use crate::i18n::{join_list, t, t_args};

/// As many as the office takes at once.
const MOST: usize = 500;
const LONGEST_NAME: usize = 100;

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Parts,
    Name,
    Code,
    Taken,
    Twice,
    Type,
    Many,
}

impl Wrong {
    fn words(self) -> String {
        match self {
            Wrong::Parts => t("places.bad_parts"),
            Wrong::Name => t("places.bad_name"),
            Wrong::Code => t("places.bad_code"),
            Wrong::Taken => t("places.bad_taken"),
            Wrong::Twice => t("places.bad_twice"),
            Wrong::Type => t("places.bad_type"),
            Wrong::Many => t("places.bad_many"),
        }
    }
}

/// What the lines come to.
#[derive(Clone, Debug, Default, PartialEq)]
struct Read {
    good: Vec<Value>,
    /// By line number.
    bad: Vec<(usize, Wrong)>,
    /// Zones that are made with them, in the order in which they come.
    new_zones: Vec<String>,
}

impl Read {
    fn of(text: &str, places: &Places) -> Self {
        let mut read = Read::default();
        let mut codes: BTreeSet<String> = BTreeSet::new();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (nth, line) in lines {
            match read_line(line, places, &mut codes) {
                Err(wrong) => read.bad.push((nth + 1, wrong)),
                Ok(school) => {
                    let zone = school["zone"].as_str().unwrap_or_default();
                    let is_there = places.zones.iter().any(|known| known.name == zone);
                    if !is_there && !read.new_zones.iter().any(|new| new == zone) {
                        read.new_zones.push(zone.to_owned());
                    }
                    read.good.push(school);
                }
            }
        }
        if read.good.len() > MOST {
            read.bad.push((MOST + 1, Wrong::Many));
        }
        read
    }

    fn is_ready(&self) -> bool {
        self.bad.is_empty() && !self.good.is_empty()
    }
}

/// Code, name, zone and perhaps type, with tabs between them, or commas of either kind.
fn read_line(line: &str, places: &Places, codes: &mut BTreeSet<String>) -> Result<Value, Wrong> {
    let parts: Vec<&str> = match line.contains('\t') {
        true => line.split('\t').map(str::trim).collect(),
        false => line.split([',', '，']).map(str::trim).collect(),
    };
    let (code, name, zone, sort) = match parts.as_slice() {
        [code, name, zone] => (*code, *name, *zone, ""),
        [code, name, zone, sort] => (*code, *name, *zone, *sort),
        _ => return Err(Wrong::Parts),
    };
    let too_long = |text: &str| text.chars().count() > LONGEST_NAME;
    if name.is_empty() || zone.is_empty() || too_long(name) || too_long(zone) {
        return Err(Wrong::Name);
    }
    if !code_fits(code) {
        return Err(Wrong::Code);
    }
    if places.schools.iter().any(|school| school.code == code) {
        return Err(Wrong::Taken);
    }
    if !codes.insert(code.to_owned()) {
        return Err(Wrong::Twice);
    }
    let facts = match sort {
        "" => json!({}),
        sort => json!({ "type": sort_of(sort).ok_or(Wrong::Type)?.code }),
    };
    Ok(json!({ "code": code, "name": name, "zone": zone, "facts": facts }))
}

/// A school's type by its code, or its name in either language.
fn sort_of(word: &str) -> Option<&'static Choice> {
    let field = fact_fields().find(|field| field.path == "type")?;
    let means = |option: &&Choice| {
        [&option.code, &option.label.zh, &option.label.en]
            .iter()
            .any(|known| *known == word)
    };
    field.options.iter().find(means)
}

#[component]
pub fn ListForm(map: Map) -> impl IntoView {
    let read = Memo::new(move |_| map.list.with(|text| Read::of(text, &map.get())));
    let add = move |_| {
        let Read { good, new_zones, .. } = read.get_untracked();
        let deed = Deed::new(
            t_args("places.ask_list", &[("n", &good.len())]),
            t("places.text_school"),
            "/api/v1/schools".into(),
            json!({ "zones": new_zones, "schools": good }),
        );
        map.deed.set(Some(deed));
    };
    view! {
        <SidePanel title=Signal::derive(|| t("places.new_list")) on_close=Callback::new(move |()| map.close())>
            <div class="field">
                <label class="label" for="school-list">{move || t("places.list")}</label>
                <textarea id="school-list" class="box" data-testid="school-list" rows="10" spellcheck="false" autocomplete="off" aria-describedby="list-hint" placeholder=move || t("places.list_example") bind:value=map.list></textarea>
                <p class="q xs" id="list-hint">{move || t("places.list_hint")}</p>
            </div>
            <div role="status" data-testid="list-read">
                {move || read.with(|read| (!read.good.is_empty()).then(|| view! { <p>{t_args("places.good", &[("n", &read.good.len())])}</p> }))}
                {move || read.with(|read| (!read.new_zones.is_empty()).then(|| view! { <p class="q sm">{t_args("places.will_make", &[("names", &join_list(read.new_zones.iter().cloned()))])}</p> }))}
                <ul class="plain-list">
                    {move || read.with(|read| read.bad.iter().map(|(line, wrong)| view! {
                        <li class="sm bad-line">{t_args("places.line", &[("n", line), ("wrong", &wrong.words())])}</li>
                    }).collect_view())}
                </ul>
            </div>
            <button class="btn main wide" type="button" data-testid="add-list" disabled=move || !read.with(Read::is_ready) on:click=add>{move || t("places.add_list")}</button>
        </SidePanel>
    }
}
