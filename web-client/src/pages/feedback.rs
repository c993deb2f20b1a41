//! What was said to the school: notes of six kinds, and to whom it was said.

use catalog::catalog;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use sync_protocol::{BucketId, Edit, GroupKind, RecordId, Shown, Value};

use super::duty;
use super::missing::{feedback_notes, missing_in_feedback};
use super::school::UnknownRecord;
use super::visit::InformedBox;
use crate::components::{EmptyState, Screen, option_word};
use crate::form::TextBox;
use crate::i18n::{t, t_args};
use crate::icons::{Icon, small};
use crate::session::{Session, new_record_id, use_session};

/// The six kinds of feedback, the praise first: it opens every talk.
const KINDS: [&str; 6] = ["highlight", "diagnosis", "direction", "norm", "method", "talent"];

fn kind_word(kind: &str) -> String {
    option_word("feedback_note", "note_kind", kind)
}

fn kind_hint(kind: &str) -> String {
    match kind {
        "highlight" => t("feedback.hint.highlight"),
        "diagnosis" => t("feedback.hint.diagnosis"),
        "direction" => t("feedback.hint.direction"),
        "norm" => t("feedback.hint.norm"),
        "method" => t("feedback.hint.method"),
        _ => t("feedback.hint.talent"),
    }
}

#[component]
pub fn FeedbackPage() -> impl IntoView {
    let session = use_session();
    let visit = Memo::new(move |_| {
        let visit = duty::record_in_route("id")?;
        let bucket = session.record(&visit)?.bucket().clone();
        Some((visit, bucket))
    });
    move || match visit.get() {
        Some((visit, bucket)) => view! { <KnownFeedback visit bucket /> }.into_any(),
        None => view! { <UnknownRecord /> }.into_any(),
    }
}

#[component]
fn KnownFeedback(visit: RecordId, bucket: BucketId) -> impl IntoView {
    let session = use_session();
    let navigate = use_navigate();
    let id = StoredValue::new(visit);
    let bucket = StoredValue::new(bucket);
    let school = move || {
        id.with_value(|visit| duty::school_of(session, visit))
            .map(|school| duty::school_name(session, &school))
    };
    let state = Memo::new(move |_| id.with_value(|visit| session.field(visit, "state").text().to_owned()));
    let read_only = Memo::new(move |_| !duty::is_open(&state.get()));
    let back = id.with_value(|visit| format!("/visit/{visit}"));
    let missing = Memo::new(move |_| id.with_value(|visit| missing_in_feedback(session, visit)));
    // While the only line left is "say that it was given", the button says it.
    let ready = Memo::new(move |_| id.with_value(|visit| is_ready(session, visit)));
    let give = StoredValue::new(move || {
        session.settle();
        id.with_value(|visit| give_feedback(session, visit));
        navigate(&id.with_value(|visit| format!("/visit/{visit}")), Default::default());
    });
    let dock_back = back.clone();
    view! {
        <Screen
            title=Signal::derive(|| t("feedback.title"))
            sub=Signal::derive(move || school().unwrap_or_default())
            back=back
            nav=false
            dock=move || {
                let back = dock_back.clone();
                if read_only.get() {
                    ().into_any()
                } else if state.get() == "feedback_given" || state.get() == "returned" {
                    view! { <div class="cta"><a class="btn main wide" href=back>{move || t("feedback.back")}</a></div> }.into_any()
                } else {
                    view! {
                        <div class="cta">
                            <span class="grow q sm">{move || if ready.get() { t("feedback.ready") } else { wants(state.get() == "checked_in", &missing.get()) }}</span>
                            <button class="btn main" type="button" data-testid="feedback-given" disabled=move || !ready.get() on:click=move |_| give.with_value(|give| give())>
                                {move || t("feedback.given")}
                            </button>
                        </div>
                    }
                    .into_any()
                }
            }
        >
            <Show when=move || !read_only.get()>
                <p class="q sm">{move || t("feedback.intro")}</p>
            </Show>
            <Show when=move || read_only.get() && id.with_value(|visit| feedback_notes(session, visit).is_empty())>
                <EmptyState mark=Icon::Feedback title=Signal::derive(|| t("feedback.none_title")) text=Signal::derive(|| t("feedback.none_text")) />
            </Show>
            {KINDS.map(|kind| view! { <KindBlock visit=id.get_value() bucket=bucket.get_value() kind read_only /> }).collect_view()}
            <section class="card">
                <InformedBox visit=id.get_value() read_only />
            </section>
        </Screen>
    }
}

fn wants(nothing_answered: bool, missing: &[super::missing::MissingLine]) -> String {
    if nothing_answered {
        return t("feedback.answer_first");
    }
    missing.first().map(|line| line.text.clone()).unwrap_or_default()
}

fn is_ready(session: Session, visit: &RecordId) -> bool {
    if !matches!(session.field(visit, "state").text(), "checked_in" | "in_progress") {
        return false;
    }
    let notes = feedback_notes(session, visit);
    notes.iter().any(|(_, kind)| kind == "highlight")
        && notes.iter().any(|(_, kind)| kind != "highlight")
        && !session.field(visit, "informed").text().trim().is_empty()
}

fn give_feedback(session: Session, visit: &RecordId) {
    let Some(record) = untrack(|| session.record(visit)) else {
        return;
    };
    let state = record.field("state");
    let roles = untrack(|| duty::roles(session));
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let allowed = catalog()
        .kind("visit")
        .is_some_and(|kind| kind.transition(Some(state.text()), "feedback_given", &roles).is_ok());
    if allowed {
        let step = Edit::new(visit, "state", "feedback_given".into(), state.shown());
        session.change(record.bucket(), GroupKind::Command, vec![step]);
    }
}

#[component]
fn KindBlock(
    visit: RecordId,
    bucket: BucketId,
    kind: &'static str,
    #[prop(into)] read_only: Signal<bool>,
) -> impl IntoView {
    let session = use_session();
    let visit = StoredValue::new(visit);
    let bucket = StoredValue::new(bucket);
    let notes = Memo::new(move |_| {
        let mut notes = visit.with_value(|visit| session.children("feedback_note", "visit", visit));
        notes.retain(|note| session.field(note, "note_kind").text() == kind);
        notes.sort();
        notes
    });
    let newest = RwSignal::new(None::<RecordId>);
    let add = move |_| {
        let note = new_record_id();
        let fields: [(&str, Value); 4] = [
            ("@kind", "feedback_note".into()),
            ("visit", visit.with_value(|visit| visit.to_string()).into()),
            ("note_kind", kind.into()),
            ("text", "".into()),
        ];
        let ops = fields
            .into_iter()
            .map(|(path, value)| Edit::new(&note, path, value, Shown::nothing()))
            .collect();
        newest.set(Some(note));
        bucket.with_value(|bucket| session.change(bucket, GroupKind::Edit, ops));
    };
    let hidden = move || {
        read_only.get()
            && notes.with(|notes| {
                notes
                    .iter()
                    .all(|note| session.field(note, "text").text().trim().is_empty())
            })
    };
    view! {
        <Show when=move || !hidden()>
            <section class="card kind" data-kind=kind aria-labelledby=format!("kind-{kind}")>
                <h2 class="sub-head" id=format!("kind-{kind}")>
                    {move || kind_word(kind)}
                    <span class="q sm plain-weight">{move || kind_hint(kind)}</span>
                </h2>
                <For
                    each=move || notes.get()
                    key=|note| note.clone()
                    children=move |note| {
                        let start_here = newest.with_untracked(|newest| newest.as_ref() == Some(&note));
                        view! { <NoteBox note kind read_only start_here /> }
                    }
                />
                <Show when=move || !read_only.get()>
                    <button class="btn plain" type="button" data-testid=format!("add-{kind}") on:click=add>
                        {small(Icon::Plus)}
                        <span>{move || t_args("feedback.add", &[("kind", &kind_word(kind))])}</span>
                    </button>
                </Show>
            </section>
        </Show>
    }
}

#[component]
fn NoteBox(
    note: RecordId,
    kind: &'static str,
    #[prop(into)] read_only: Signal<bool>,
    start_here: bool,
) -> impl IntoView {
    let session = use_session();
    let field = format!("{note}/text");
    let id = StoredValue::new(note);
    let value = Memo::new(move |_| id.with_value(|note| session.field(note, "text").text().to_owned()));
    let type_text = move |text: String| {
        id.with_value(|note| {
            let Some(record) = untrack(|| session.record(note)) else {
                return;
            };
            session.type_text(
                record.bucket(),
                Edit::new(note, "text", text.into(), record.field("text").shown()),
            );
        });
    };
    view! {
        <TextBox
            label=Signal::derive(move || kind_word(kind))
            field
            value
            on_type=type_text
            on_leave=move |()| session.settle()
            read_only
            start_here
        />
    }
}
