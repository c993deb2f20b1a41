//! One checklist of the district's own: its outline, the piece that is being written, what is wrong with it, and the way from a
//! draft to a version that phones fill in.

mod draft;
mod forms;
mod preview;

use catalog::{Change, compare};
use leptos::prelude::*;
use sync_protocol::{Edit, GroupKind, RecordId};

use super::duty;
use super::school::UnknownRecord;
use crate::components::{Badge, Screen, Tone, state_word};
use crate::i18n::{join_dots, say, t, t_args};
use crate::icons::{Icon, small};
use crate::known;
use crate::session::use_session;
use draft::{Draft, Piece};
use forms::PieceForm;
use preview::Preview;

#[component]
pub fn TemplatePage() -> impl IntoView {
    let session = use_session();
    let id = Memo::new(move |_| {
        let id = duty::record_in_route("id")?;
        (session.field(&id, "@kind").text() == known::KIND).then_some(id)
    });
    move || match id.get() {
        Some(id) => view! { <KnownTemplate id /> }.into_any(),
        None => view! { <UnknownRecord /> }.into_any(),
    }
}

#[component]
fn KnownTemplate(id: RecordId) -> impl IntoView {
    let session = use_session();
    let draft = Draft::new(session, id);
    let chosen = RwSignal::new(Piece::Head);
    let title = Signal::derive(move || {
        let title = draft.title();
        if title.is_empty() { draft.code() } else { title }
    });
    let sub =
        Signal::derive(move || join_dots([draft.code(), t_args("checklist.version", &[("n", &draft.version())])]));
    view! {
        <Screen title sub back="/templates" class="office" tools=move || view! { <StateOf draft /> }>
            <Conflicts draft />
            <div class="editor">
                <Outline draft chosen />
                <div class="editor-main">
                    <Mistakes draft chosen />
                    <PieceForm draft chosen />
                    <Compared draft />
                    <Preview draft />
                </div>
            </div>
        </Screen>
    }
}

/// Where it stands, and what can be done next.
#[component]
fn StateOf(draft: Draft) -> impl IntoView {
    let state = Memo::new(move |_| draft.state());
    let sound = Memo::new(move |_| draft.mistakes().is_empty());
    let tone = move || match state.get().as_str() {
        "published" => Tone::Ok,
        "retired" => Tone::Idle,
        _ => Tone::Warn,
    };
    let step = move |to: &'static str, word: fn() -> String, main: bool, id: &'static str| {
        let blocked = move || to == "published" && !sound.get();
        view! {
            <button class="btn" class:main=main type="button" data-testid=id disabled=blocked on:click=move |_| draft.go_to(to)>{word}</button>
        }
    };
    view! {
        {move || view! { <Badge tone=tone() mark=Icon::Info text=Signal::derive(move || state_word("template", &state.get())) /> }}
        {move || match (draft.may_write(), state.get().as_str()) {
            (true, "draft") => view! {
                {step("consult", || t("template.consult"), false, "consult")}
                {step("published", || t("template.publish"), true, "publish")}
            }.into_any(),
            (true, "consult") => view! {
                {step("draft", || t("template.back_to_draft"), false, "redraft")}
                {step("published", || t("template.publish"), true, "publish")}
            }.into_any(),
            (true, "published") => step("retired", || t("template.retire"), false, "retire").into_any(),
            _ => ().into_any(),
        }}
    }
}

/// Two coordinators wrote the same part: both are kept, the later one shows, and whoever writes next settles it.
#[component]
fn Conflicts(draft: Draft) -> impl IntoView {
    let parts = Memo::new(move |_| draft.differing());
    view! {
        <Show when=move || !parts.with(Vec::is_empty)>
            <p class="conflict row" role="note">
                {small(Icon::Conflict)}
                <span>{move || t_args("template.differ", &[("parts", &crate::i18n::join_list(parts.get()))])}</span>
            </p>
        </Show>
    }
}

/// Sections and items; a tap opens one.
#[component]
fn Outline(draft: Draft, chosen: RwSignal<Piece>) -> impl IntoView {
    let lines = Memo::new(move |_| draft.outline());
    let line = move |(piece, words): (Piece, String)| {
        let class = match piece {
            Piece::Item(..) => "outline-item",
            Piece::Head | Piece::Section(_) => "outline-section",
        };
        let (here, code) = (piece.clone(), piece.code());
        view! {
            <li class=class>
                <button
                    type="button"
                    class="linkbtn"
                    data-piece=code
                    aria-current=move || chosen.with(|chosen| *chosen == here).then_some("true")
                    on:click=move |_| chosen.set(piece.clone())
                >
                    {words}
                </button>
            </li>
        }
    };
    view! {
        <nav class="panel outline" aria-label=move || t("template.outline")>
            <ul>
                <For each=move || lines.get() key=|line| line.clone() children=line />
            </ul>
            <Show when=move || draft.is_open()>
                <div class="row wrap pad">
                    <button class="btn" type="button" data-testid="add-section" on:click=move |_| chosen.set(draft.add_section())>
                        {small(Icon::Plus)} <span>{move || t("template.add_section")}</span>
                    </button>
                    <Show when=move || chosen.with(|chosen| chosen.section().is_some())>
                        <button class="btn" type="button" data-testid="add-item" on:click=move |_| {
                            let section = chosen.with_untracked(|chosen| chosen.section().map(str::to_owned));
                            if let Some(piece) = section.and_then(|section| draft.add_item(&section)) {
                                chosen.set(piece);
                            }
                        }>
                            {small(Icon::Plus)} <span>{move || t("template.add_item")}</span>
                        </button>
                    </Show>
                </div>
            </Show>
        </nav>
    }
}

/// What stands against publishing, each line leading to its piece.
#[component]
fn Mistakes(draft: Draft, chosen: RwSignal<Piece>) -> impl IntoView {
    let mistakes = Memo::new(move |_| draft.mistakes());
    let row = move |(place, what): (String, String)| {
        let piece = draft.piece_named(&place);
        view! {
            <li>
                <button type="button" class="linkbtn" on:click=move |_| chosen.set(piece.clone())>{place}</button>
                " "
                <span>{what}</span>
            </li>
        }
    };
    view! {
        <section class="panel mistakes" aria-live="polite">
            {move || match mistakes.with(Vec::len) {
                0 => view! { <p class="ok row pad">{small(Icon::Yes)} <span>{t("template.sound")}</span></p> }.into_any(),
                n => view! {
                    <details open>
                        <summary class="warn m pad">{t_args("template.mistakes", &[("n", &n)])}</summary>
                        <ul class="sm" lang="en">{mistakes.get().into_iter().map(row).collect_view()}</ul>
                    </details>
                }.into_any(),
            }}
        </section>
    }
}

/// What is different from the version it was begun from.
#[component]
fn Compared(draft: Draft) -> impl IntoView {
    let lines = Memo::new(move |_| {
        let (Some(older), Ok(newer)) = (draft.begun_from(), draft.read()) else {
            return Vec::new();
        };
        let title = |code: &str| {
            let item = newer.item(code).or_else(|| older.item(code));
            item.map(|item| say(&item.title)).unwrap_or_default()
        };
        compare(older, &newer)
            .into_iter()
            .map(|(code, change)| (change_word(change), format!("{code} {}", title(code))))
            .collect::<Vec<_>>()
    });
    view! {
        <Show when=move || draft.begun_from().is_some()>
            <section class="panel">
                <header>
                    <h2>{move || t("template.compared")}</h2>
                    <span class="q xs">{move || draft.begun_from().map(|older| t_args("checklist.version", &[("n", &older.version)]))}</span>
                </header>
                <ul class="compared sm" data-testid="compared">
                    <For each=move || lines.get() key=|line| line.clone() children=|(word, item)| view! { <li><b>{word}</b> " " <span>{item}</span></li> } />
                </ul>
                <Show when=move || lines.with(Vec::is_empty)>
                    <p class="q sm pad">{move || t("template.same")}</p>
                </Show>
            </section>
        </Show>
    }
}

fn change_word(change: Change) -> String {
    match change {
        Change::Added => t("change.added"),
        Change::Removed => t("change.removed"),
        Change::Changed => t("change.changed"),
        Change::Retyped => t("change.retyped"),
    }
}

impl Draft {
    /// Moves the state.
    fn go_to(self, to: &str) {
        let shown = untrack(|| self.field("state")).shown();
        let edit = self.with_id(|id| Edit::new(id, "state", to.into(), shown));
        self.commit(GroupKind::Command, vec![edit]);
    }
}
