//! Work that travels by file: saving what is not settled, bringing in a file, and what became of each piece of it.

use leptos::prelude::*;
use leptos::task::spawn_local;
use sync_protocol::ExportFault;

use super::empty::ErrorNote;
use super::sync::place_words;
use super::words::{kept_words, refusal_words};
use crate::files;
use crate::form::op_words;
use crate::i18n::{self, t, t_args};
use crate::icons::{Icon, icon, small};
use crate::session::{Choice, Fate, ImportError, ImportedItem, use_session};

/// Saves a file and says so, or why not.
pub fn save(choice: Choice, error: RwSignal<Option<String>>) {
    spawn_local(async move {
        let file = use_session().export(choice).await;
        let saved = file.is_some_and(|file| files::save(&file.name, &file.text).is_ok());
        let _ = error.try_set((!saved).then(|| t("export.failed")));
    });
}

/// Everything that is not settled, as one file.
#[component]
pub fn ExportCard() -> impl IntoView {
    let session = use_session();
    let with_journal = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let count = Memo::new(move |_| session.to_export());
    let nothing = move || count.get() == 0 && !with_journal.get();
    let words = move || match count.get() {
        0 => t("export.none"),
        n => t_args("export.text", &[("n", &n)]),
    };
    let choice = move || match with_journal.get_untracked() {
        true => Choice::WithJournal,
        false => Choice::Waiting,
    };
    view! {
        <section class="card" aria-labelledby="export-title">
            <h2 class="label" id="export-title">{move || t("export.title")}</h2>
            <p class="sm">{words}</p>
            <label class="tick">
                <input type="checkbox" data-testid="with-journal" bind:checked=with_journal />
                <span>{move || t("export.journal")} <span class="q sm block">{move || t("export.journal_hint")}</span></span>
            </label>
            <p class="notice sm">{small(Icon::Lock)} <span>{move || t("export.sealed")}</span></p>
            <ErrorNote error />
            <button class="btn wide" type="button" data-testid="export" disabled=nothing on:click=move |_| save(choice(), error)>
                {small(Icon::Save)}
                <span>{move || t("export.save")}</span>
            </button>
        </section>
    }
}

fn fault_words(error: &ImportError) -> String {
    match error {
        ImportError::File(ExportFault::NotOurs) => t("import.not_ours"),
        ImportError::File(ExportFault::Newer) => t("import.newer"),
        ImportError::File(ExportFault::Incomplete) => t("import.incomplete"),
        ImportError::Storage(reason) => t_args("import.no_room", &[("reason", reason)]),
    }
}

/// A file that anybody saved, on this phone or another.
#[component]
pub fn ImportCard() -> impl IntoView {
    let session = use_session();
    let error = RwSignal::new(None::<String>);
    let said = RwSignal::new(None::<(usize, usize)>);
    let bring = move |event| {
        said.set(None);
        error.set(None);
        spawn_local(async move {
            let Some(text) = files::chosen(&event).await else {
                return;
            };
            match session.import(&text).await {
                Ok(counts) => drop(said.try_set(Some(counts))),
                Err(fault) => drop(error.try_set(Some(fault_words(&fault)))),
            }
        });
    };
    view! {
        <section class="card" aria-labelledby="import-title">
            <h2 class="label" id="import-title">{move || t("import.title")}</h2>
            <p class="sm">{move || t("import.text")}</p>
            <ErrorNote error />
            <p role="status" class="sm" data-testid="import-said">
                {move || said.get().map(|(new, all)| t_args("import.said", &[("n", &all), ("new", &new)]))}
            </p>
            <label class="btn wide file">
                {small(Icon::Open)}
                <span>{move || t("import.choose")}</span>
                <input type="file" class="hidden" data-testid="import" accept=".ndjson,.txt,application/x-ndjson,text/plain" on:change=bring />
            </label>
        </section>
    }
}

/// What became of each piece that came by file.
#[component]
pub fn ImportList() -> impl IntoView {
    let session = use_session();
    let items = Memo::new(move |_| session.imported());
    let settled = move || items.with(|items| items.iter().any(|item| item.fate != Fate::Waits));
    view! {
        <Show when=move || !items.with(Vec::is_empty)>
            <h2 class="label">{move || t("import.list")}</h2>
            <ul class="list" data-testid="import-list">
                <For
                    each=move || items.get()
                    key=|item| (item.item.group.clone(), fate_code(&item.fate))
                    children=move |item| view! { <ImportRow item /> }
                />
            </ul>
            <Show when=settled>
                <button
                    class="btn wide"
                    type="button"
                    data-testid="forget-imports"
                    on:click=move |_| spawn_local(session.forget_settled_imports())
                >
                    {move || t("import.forget")}
                </button>
            </Show>
        </Show>
    }
}

fn fate_code(fate: &Fate) -> &'static str {
    match fate {
        Fate::Waits => "waits",
        Fate::Taken => "taken",
        Fate::There => "there",
        Fate::Kept(_) => "kept",
        Fate::Refused(_) => "refused",
    }
}

fn fate_words(fate: &Fate) -> String {
    match fate {
        Fate::Waits => t("import.waits"),
        Fate::Taken => t("import.taken"),
        Fate::There => t("import.there"),
        Fate::Kept(code) => t_args("import.kept", &[("reason", &kept_words(code))]),
        Fate::Refused(code) => t_args("import.refused", &[("reason", &refusal_words(code))]),
    }
}

#[component]
fn ImportRow(item: ImportedItem) -> impl IntoView {
    let session = use_session();
    let ImportedItem {
        item,
        author,
        sealed,
        fate,
    } = item;
    let (class, mark) = match &fate {
        Fate::Waits => ("mark", Icon::Phone),
        Fate::Taken | Fate::There => ("mark ok", Icon::Server),
        Fate::Kept(_) => ("mark warn", Icon::Warning),
        Fate::Refused(_) => ("mark bad", Icon::Warning),
    };
    let words = op_words(session, &item);
    let place = place_words(session, &item);
    let at_ms = item.at_ms;
    let who = move || match author.is_empty() {
        true => String::new(),
        false => session.name_of(&author),
    };
    let code = fate_code(&fate);
    view! {
        <li class="li" data-testid="imported" data-fate=code>
            <span class=class aria-hidden="true">{icon(mark)}</span>
            <span class="grow">
                <span class="clamp">{move || if sealed { t("import.sealed") } else { words() }}</span>
                <span class="q sm block">{move || i18n::join_dots([who(), place(), i18n::moment(at_ms)])}</span>
                <span class="sm block">{move || fate_words(&fate)}</span>
            </span>
        </li>
    }
}
