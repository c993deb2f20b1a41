//! An answer, and a piece of work in the outbox, in words.

use catalog::{Item, ItemKind};
use sync_protocol::{RecordId, Value};

use crate::components::severity_word;
use crate::i18n::{self, say, t, t_args};
use crate::known;
use crate::pages::duty;
use crate::session::{OutboxItem, Session};

/// "是", "否", the chosen option's words, or what was typed.
pub fn value_words(item: &Item, value: &Value) -> String {
    let option = |code: &str| match &item.kind {
        ItemKind::One { options } | ItemKind::Many { options, .. } | ItemKind::Scale { levels: options } => options
            .iter()
            .find(|option| option.code == code)
            .map(|option| match item.kind {
                ItemKind::Scale { .. } => t_args("scale.means", &[("level", &code), ("words", &say(&option.label))]),
                _ => say(&option.label),
            }),
        _ => None,
    };
    match value {
        Value::Text(code) => option(code).unwrap_or_else(|| answer_words(code)),
        Value::List(codes) => i18n::join_list(codes.iter().map(|code| value_words(item, code))),
        other => plain_words(other),
    }
}

/// The three answers in words; anything else is what was typed.
fn answer_words(code: &str) -> String {
    match code {
        "yes" => t("answer.yes"),
        "no" => t("answer.no"),
        "na" => t("answer.na"),
        "" => t("answer.none"),
        typed => typed.to_owned(),
    }
}

/// A value that has no words of its own.
pub fn plain_words(value: &Value) -> String {
    match value {
        Value::Null => t("answer.none"),
        Value::Bool(true) => t("answer.yes"),
        Value::Bool(false) => t("answer.no"),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(items) => i18n::join_list(items.iter().map(plain_words)),
    }
}

/// What a piece of work says: "SF3.4 应急照明… → 否". A tracked closure, so that the language can change under it.
pub fn op_words(session: Session, item: &OutboxItem) -> impl Fn() -> String + Send + use<> {
    let ops = item.ops.clone();
    move || group_words(session, &ops)
}

fn group_words(session: Session, ops: &[(RecordId, String, Value)]) -> String {
    if ops.is_empty() {
        return t("op.unreadable");
    }
    if ops
        .iter()
        .any(|(_, path, value)| path == "@kind" && value.text() == Some("visit"))
    {
        return t("op.visit_started");
    }
    if let Some((_, _, state)) = ops
        .iter()
        .find(|(_, path, value)| path == "state" && is_visit_step(value))
    {
        return if state.text() == Some("submitted") {
            t("op.submitted")
        } else {
            t("op.feedback_given")
        };
    }
    if let Some((_, path, _)) = ops.iter().find(|(_, path, _)| path.ends_with("/looked")) {
        let section = path.trim_end_matches("/looked");
        return t_args(
            "op.looked",
            &[("section", &section_words(section)), ("n", &(ops.len() - 1))],
        );
    }
    let answer = ops
        .iter()
        .find_map(|(record, path, value)| response_words(session, record, path, value));
    answer.unwrap_or_else(|| {
        ops.first()
            .map(|(_, path, value)| other_words(path, value))
            .unwrap_or_default()
    })
}

fn is_visit_step(value: &Value) -> bool {
    matches!(value.text(), Some("submitted" | "feedback_given"))
}

fn section_words(code: &str) -> String {
    let found = known::all()
        .into_iter()
        .flat_map(|checklist| &checklist.sections)
        .find(|section| section.code == code);
    found.map_or_else(|| code.to_owned(), |section| say(&section.title))
}

fn response_words(session: Session, record: &RecordId, path: &str, value: &Value) -> Option<String> {
    let checklist = duty::checklist_of(session, record)?;
    let (code, part) = path.split_once('/').unwrap_or((path, ""));
    if code == "fact" {
        let fact = checklist.facts.iter().find(|fact| fact.name == part)?;
        return Some(t_args(
            "op.fact",
            &[("fact", &say(&fact.label)), ("value", &plain_words(value))],
        ));
    }
    if code == "draw" {
        return super::draw::proof_words(value);
    }
    let item = checklist.item(code)?;
    let what = format!("{} {}", item.code, say(&item.title));
    let said = match part {
        "" => value_words(item, value),
        "note" => t_args("op.note", &[("text", &plain_words(value))]),
        "na" => t_args("op.na", &[("text", &plain_words(value))]),
        "place" => t_args("op.place", &[("text", &plain_words(value))]),
        "told" => t_args("op.told", &[("text", &plain_words(value))]),
        "started" => t("lesson.started"),
        part if part.starts_with("snap/") => match super::to_catalog(value) {
            catalog::Value::List(parts) => super::snap_words(&parts),
            _ => plain_words(value),
        },
        part if part.starts_with("sample/") => sample_words(value),
        _ => plain_words(value),
    };
    Some(t_args("op.answer", &[("item", &what), ("value", &said)]))
}

/// "三(2)班：45、50、60"; the school band is known from the class.
pub fn sample_words(value: &Value) -> String {
    match value {
        Value::List(parts) => match parts.as_slice() {
            [_, name, answers @ ..] => t_args(
                "sample.words",
                &[
                    ("class", &plain_words(name)),
                    ("answers", &i18n::join_list(answers.iter().map(said_by_pupil))),
                ],
            ),
            _ => plain_words(value),
        },
        _ => t("sample.taken_away"),
    }
}

fn said_by_pupil(value: &Value) -> String {
    value.text().map_or_else(|| plain_words(value), answer_words)
}

/// What was written on the visit itself or on a feedback note.
pub fn other_words(path: &str, value: &Value) -> String {
    let said = plain_words(value);
    match path {
        "@kind" => t("op.note_begun"),
        "text" => t_args("op.feedback", &[("text", &said)]),
        "informed" => t_args("op.informed", &[("text", &said)]),
        "card_shown" => t("op.card_shown"),
        "severity" => severity_of(value).unwrap_or(said),
        _ if path.starts_with("check_out/") => t("op.checked_out"),
        _ if path.starts_with("check_in/") || path.starts_with("members/") => t("op.joined"),
        _ => t_args("op.other", &[("path", &path), ("value", &said)]),
    }
}

fn severity_of(value: &Value) -> Option<String> {
    catalog::Severity::from_code(value.text()?).map(severity_word)
}
