//! A newer version of the checklist is out: what would stay, what is new, what has no place. Nothing moves by itself, and nothing
//! that was answered is lost.

use catalog::{Change, Checklist, compare, has_place};
use leptos::prelude::*;
use sync_protocol::Value;

use super::said::{plain_words, value_words};
use super::sheet::Sheet;
use crate::i18n::{join_dots, say, t, t_args};
use crate::icons::{Icon, small};
use crate::known;

#[component]
pub fn UpgradeBlock(sheet: Sheet) -> impl IntoView {
    let older = sheet.checklist();
    let newer = Memo::new(move |_| {
        let newest = known::offered_one(&older.code)?;
        (newest.version > older.version).then_some(newest.version)
    });
    let open = RwSignal::new(false);
    let go = move |version: u32| {
        let edit = sheet.edit("version", i64::from(version).into());
        sheet.note_down_all(vec![edit]);
    };
    view! {
        {move || {
            let version = newer.get().filter(|_| !sheet.read_only.get())?;
            let newer = known::checklist(&older.code, version)?;
            Some(view! {
                <section class="card upgrade" aria-live="polite">
                    <p class="row wrap">
                        {small(Icon::Info)}
                        <span class="grow">{t_args("upgrade.out", &[("n", &version), ("mine", &older.version)])}</span>
                        <button class="btn" type="button" data-testid="upgrade" aria-expanded=move || if open.get() { "true" } else { "false" } on:click=move |_| open.update(|open| *open = !*open)>
                            {move || if open.get() { t("upgrade.close") } else { t("upgrade.look") }}
                        </button>
                    </p>
                    <Show when=move || open.get()>
                        {mapping(sheet, older, newer)}
                        <button class="btn main wide" type="button" data-testid="upgrade-go" on:click=move |_| go(version)>
                            {t_args("upgrade.go", &[("n", &version)])}
                        </button>
                        <p class="q xs">{move || t("upgrade.hint")}</p>
                    </Show>
                </section>
            })
        }}
    }
}

/// How many answers stay, which items are new or different, and each answer that has no place.
fn mapping(sheet: Sheet, older: &'static Checklist, newer: &'static Checklist) -> impl IntoView {
    let answers = answers_of_items(sheet, older);
    let (stay, gone): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(path, _)| has_place(older, newer, path));
    let changes = compare(older, newer);
    let of = |wanted: Change| {
        let codes = changes.iter().filter(|(_, change)| *change == wanted);
        codes.map(|(code, _)| title(newer, code)).collect::<Vec<_>>()
    };
    let list = |words: String, lines: Vec<String>| {
        (!lines.is_empty()).then(|| {
            let lines = lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view();
            view! { <div><p class="m sm">{words}</p><ul class="sm">{lines}</ul></div> }
        })
    };
    let gone = gone
        .into_iter()
        .map(|(path, value)| join_dots([title(older, &path), value]))
        .collect();
    view! {
        <p class="ok row sm" data-testid="upgrade-stays">{small(Icon::Yes)} <span>{t_args("upgrade.stays", &[("n", &stay.len())])}</span></p>
        {list(t("upgrade.added"), of(Change::Added))}
        {list(t("upgrade.changed"), of(Change::Changed))}
        {list(t("upgrade.no_place"), gone)}
    }
}

fn title(checklist: &Checklist, path: &str) -> String {
    let code = path.split('/').next().unwrap_or(path);
    let title = checklist.item(code).map(|item| say(&item.title)).unwrap_or_default();
    format!("{code} {title}")
}

/// What was answered to items of this checklist, in words.
fn answers_of_items(sheet: Sheet, checklist: &Checklist) -> Vec<(String, String)> {
    let Some(record) = untrack(|| sheet.session.record(&sheet.response())) else {
        return Vec::new();
    };
    let fields = record.fields().filter_map(|(path, field)| {
        let item = checklist.item(path.split('/').next().unwrap_or(path))?;
        let value = field.value().filter(|value| **value != Value::Null)?;
        let words = if path == item.code {
            value_words(item, value)
        } else {
            plain_words(value)
        };
        Some((path.to_owned(), words))
    });
    fields.collect()
}

/// Answers to items that this version does not have: kept, shown, counted for nothing.
#[component]
pub fn Orphans(sheet: Sheet) -> impl IntoView {
    let lines = Memo::new(move |_| {
        let record = sheet.session.record(&sheet.response());
        record
            .map(|record| orphans(sheet.checklist(), &record))
            .unwrap_or_default()
    });
    view! {
        <Show when=move || !lines.with(Vec::is_empty)>
            <section class="flags">
                <h2>{move || t("upgrade.orphans")}</h2>
                <ul class="sm" data-testid="orphans">
                    <For each=move || lines.get() key=|line| line.clone() children=|(path, words)| view! { <li><b>{path}</b> " " {words}</li> } />
                </ul>
            </section>
        </Show>
    }
}

/// Path and words of every answer that has no item.
pub fn orphans(checklist: &Checklist, record: &sync_protocol::RecordView) -> Vec<(String, String)> {
    const OWN: [&str; 7] = ["visit", "template", "version", "on", "scope", "fact", "draw"];
    let fields = record.fields().filter_map(|(path, field)| {
        let first = path.split('/').next().unwrap_or(path);
        let is_known = path.starts_with('@')
            || OWN.contains(&first)
            || checklist.item(first).is_some()
            || path.ends_with("/looked");
        let value = field.value().filter(|value| **value != Value::Null)?;
        (!is_known).then(|| (path.to_owned(), plain_words(value)))
    });
    fields.collect()
}
