//! The office's checklists: what is built in, what the district made, and the beginning of a new one.

use catalog::{Checklist, Parts};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use sync_protocol::{BucketId, Edit, GroupKind, RecordId, RecordView, Shown, Value};

use super::duty;
use crate::components::{EmptyState, Screen, state_word};
use crate::i18n::{join_dots, say, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::known;
use crate::session::{Session, new_record_id, use_session};

#[component]
pub fn TemplatesPage() -> impl IntoView {
    let session = use_session();
    let may = Memo::new(move |_| duty::decides(session));
    let own = Memo::new(move |_| {
        let mut own: Vec<(String, u32, RecordId)> = known::records(session)
            .filter_map(|record| {
                Some((
                    record.text("code").to_owned(),
                    known::version_of(&record)?,
                    record.id().clone(),
                ))
            })
            .collect();
        own.sort();
        own
    });
    let built_in = catalog::catalog().checklists.iter();
    view! {
        <Screen title=Signal::derive(|| t("templates.title")) class="office">
            <Show when=move || may.get() fallback=|| view! { <EmptyState mark=Icon::Info title=Signal::derive(|| t("templates.title")) text=Signal::derive(|| t("templates.office_only")) /> }>
                <NewChecklist />
            </Show>
            <p><a class="btn" href="/limits" data-testid="to-limits">{small(Icon::Results)} <span>{move || t("limits.title")}</span></a></p>
            <section class="panel">
                <header><h2>{move || t("templates.own")}</h2></header>
                <ul class="list flat">
                    <For each=move || own.get() key=|(_, _, id)| id.clone() children=move |(_, _, id)| view! { <OwnRow id may /> } />
                </ul>
                <Show when=move || own.with(Vec::is_empty)>
                    <p class="q sm pad">{move || t("templates.none")}</p>
                </Show>
            </section>
            <section class="panel">
                <header><h2>{move || t("templates.built_in")}</h2></header>
                <ul class="list flat">
                    {built_in.map(|checklist| view! { <BuiltInRow checklist may /> }).collect_view()}
                </ul>
            </section>
        </Screen>
    }
}

fn size_words(checklist: &Checklist) -> String {
    let items: usize = checklist.sections.iter().map(|section| section.items.len()).sum();
    join_dots([
        t_args("checklist.version", &[("n", &checklist.version)]),
        t_args("templates.sections", &[("n", &checklist.sections.len())]),
        t_args("templates.items", &[("n", &items)]),
    ])
}

#[component]
fn BuiltInRow(checklist: &'static Checklist, may: Memo<bool>) -> impl IntoView {
    let copy = use_copy();
    let parts = move || catalog::built_in_parts(&checklist.code, checklist.version);
    view! {
        <li class="li">
            <span class="grow">
                <b>{move || say(&checklist.title)}</b>
                <span class="q sm block">{move || join_dots([checklist.code.clone(), size_words(checklist)])}</span>
            </span>
            <Show when=move || may.get()>
                <button class="btn" type="button" data-copy=checklist.code.clone() on:click=move |_| {
                    if let Some(parts) = parts() {
                        copy.run((checklist.code.clone(), checklist.version, parts));
                    }
                }>
                    {small(Icon::Plus)} <span>{move || t("templates.copy")}</span>
                </button>
            </Show>
        </li>
    }
}

#[component]
fn OwnRow(id: RecordId, may: Memo<bool>) -> impl IntoView {
    let session = use_session();
    let copy = use_copy();
    let href = format!("/template/{id}");
    let id = StoredValue::new(id);
    let record = Memo::new(move |_| id.with_value(|id| session.record(id).map(|record| Row::of(&record))));
    let title = move || record.with(|row| row.as_ref().map(|row| row.title.clone()));
    let words = move || record.with(|row| row.as_ref().map(|row| row.words.clone()));
    let again = move |_| {
        let record = untrack(|| id.with_value(|id| session.record(id)));
        if let Some(record) = record {
            let version = known::version_of(&record).unwrap_or(1);
            copy.run((record.text("code").to_owned(), version, known::parts(&record)));
        }
    };
    view! {
        <li class="li">
            <a class="grow quiet-link" href=href data-testid="open-template">
                <b>{title}</b>
                <span class="q sm block">{words}</span>
            </a>
            <Show when=move || may.get()>
                <button class="btn" type="button" on:click=again>{small(Icon::Plus)} <span>{move || t("templates.copy")}</span></button>
            </Show>
            {icon(Icon::Forward)}
        </li>
    }
}

/// What a row says, in the language of the moment.
#[derive(Clone, PartialEq)]
struct Row {
    title: String,
    words: String,
}

impl Row {
    fn of(record: &RecordView) -> Row {
        let state = state_word("template", record.text("state"));
        match known::read(record) {
            Ok(checklist) => Row {
                title: say(&checklist.title),
                words: join_dots([state, checklist.code.clone(), size_words(&checklist)]),
            },
            Err(errors) => Row {
                title: record.text("code").to_owned(),
                words: join_dots([state, t_args("template.mistakes", &[("n", &errors.0.len())])]),
            },
        }
    }
}

/// From nothing: a code, then the page to write it on.
#[component]
fn NewChecklist() -> impl IntoView {
    let session = use_session();
    let navigate = use_navigate();
    let code = RwSignal::new(String::new());
    let is_good = move || {
        code.with(|code| {
            let code = code.trim();
            code.starts_with(|c: char| c.is_ascii_lowercase())
                && code
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
    };
    let is_taken = Memo::new(move |_| code.with(|code| known::all().iter().any(|known| known.code == code.trim())));
    let begin = move |_| {
        let code = code.get_untracked().trim().to_owned();
        let parts = Parts {
            head: serde_json::json!({
                "title": ["", ""],
                "bands": [
                    { "code": "A", "label": ["优", "Good"], "from": "90" },
                    { "code": "B", "label": ["良", "Fair"], "from": "75" },
                    { "code": "C", "label": ["基本合格", "Basic"], "from": "60" },
                    { "code": "D", "label": ["不合格", "Failing"], "from": "0" },
                ],
                "caps": { "L4": "D", "L3": "C" },
                "facts": [],
                "order": [],
            })
            .to_string(),
            ..Parts::default()
        };
        if let Some(id) = new_template(session, &code, 1, "", &parts) {
            navigate(&format!("/template/{id}"), Default::default());
        }
    };
    view! {
        <section class="panel">
            <header><h2>{move || t("templates.new")}</h2></header>
            <div class="body new-template">
                <label class="label" for="new-code">{move || t("templates.code")}</label>
                <div class="row wrap">
                    <input id="new-code" class="box grow" type="text" maxlength="40" placeholder="reading-room" autocapitalize="off" spellcheck="false" bind:value=code />
                    <button class="btn main" type="button" data-testid="begin-template" disabled=move || !is_good() || is_taken.get() on:click=begin>
                        {move || t("templates.begin")}
                    </button>
                </div>
                <p class="q xs" role="status">{move || if is_taken.get() { t("templates.taken") } else { t("templates.code_hint") }}</p>
            </div>
        </section>
    }
}

/// Copies a definition into a draft of the next version and opens it.
fn use_copy() -> Callback<(String, u32, Parts)> {
    let session = use_session();
    let navigate = use_navigate();
    Callback::new(move |(code, version, parts): (String, u32, Parts)| {
        let next = untrack(|| next_version(session, &code));
        let from = format!("{code}@{version}");
        if let Some(id) = new_template(session, &code, next, &from, &parts) {
            navigate(&format!("/template/{id}"), Default::default());
        }
    })
}

/// One more than any version there is, drafts among them.
fn next_version(session: Session, code: &str) -> u32 {
    let built_in = catalog::catalog()
        .checklists
        .iter()
        .filter(|checklist| checklist.code == code);
    let own = known::records(session).filter(|record| record.text("code") == code);
    let versions = built_in
        .map(|checklist| checklist.version)
        .chain(own.filter_map(|record| known::version_of(&record)));
    versions.max().unwrap_or(0) + 1
}

fn new_template(session: Session, code: &str, version: u32, from: &str, parts: &Parts) -> Option<RecordId> {
    let district = untrack(|| session.person())?.district_id;
    let bucket: BucketId = format!("district/{district}").parse().ok()?;
    let id = new_record_id();
    let mut fields: Vec<(String, Value)> = vec![
        ("@kind".into(), known::KIND.into()),
        ("code".into(), code.into()),
        ("version".into(), i64::from(version).into()),
        ("based_on".into(), from.into()),
        ("head".into(), parts.head.as_str().into()),
    ];
    let sections = parts.sections.iter();
    fields.extend(sections.map(|(code, text)| (format!("section/{code}"), Value::from(text.as_str()))));
    fields.push(("state".into(), "draft".into()));
    let edit = |(path, value): (String, Value)| Edit::new(&id, &path, value, Shown::nothing());
    session.change(&bucket, GroupKind::Command, fields.into_iter().map(edit).collect());
    Some(id)
}
