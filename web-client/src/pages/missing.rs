//! What a visit still needs before it can be handed in: each line leads to its place.

use catalog::{Missing, Verdict};
use sync_protocol::RecordId;

use super::duty;
use crate::difference;
use crate::i18n::{say, t, t_args};
use crate::session::Session;

/// One thing that is not there yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MissingLine {
    pub text: String,
    pub href: String,
}

/// Everything required that is missing, in the order of the visit; tracked.
pub fn missing_for_submit(session: Session, visit: &RecordId) -> Vec<MissingLine> {
    let mut lines = missing_on_site(session, visit);
    lines.extend(to_settle(session, visit));
    lines.extend(missing_in_feedback(session, visit));
    lines
}

/// Where people differ on this visit: settled before anybody signs.
fn to_settle(session: Session, visit: &RecordId) -> Vec<MissingLine> {
    let open = difference::open_here(session);
    let of_visit: Vec<_> = open.iter().filter(|difference| difference.visit == *visit).collect();
    match of_visit.as_slice() {
        [] => Vec::new(),
        [one] => vec![MissingLine {
            text: t_args("missing.differences", &[("n", &1)]),
            href: super::difference::place_of(one),
        }],
        several => vec![MissingLine {
            text: t_args("missing.differences", &[("n", &several.len())]),
            href: "/differences".to_owned(),
        }],
    }
}

/// What the checklists still need; tracked.
pub fn missing_on_site(session: Session, visit: &RecordId) -> Vec<MissingLine> {
    // A checklist that nobody began holds nothing back as long as another one was filled in.
    let all = duty::responses(session, visit);
    let begun: Vec<RecordId> = all
        .iter()
        .filter(|response| duty::is_begun(session, response))
        .cloned()
        .collect();
    let responses = if begun.is_empty() { all } else { begun };
    let mut lines: Vec<_> = responses
        .iter()
        .flat_map(|response| of_response(session, visit, response))
        .collect();
    if responses.is_empty() {
        lines.push(MissingLine {
            text: t("missing.checklist"),
            href: format!("/visit/{visit}"),
        });
    }
    lines
}

fn of_response(session: Session, visit: &RecordId, response: &RecordId) -> Vec<MissingLine> {
    let (Some(checklist), Some(assessment)) = (
        duty::checklist_of(session, response),
        duty::assessment_of(session, response),
    ) else {
        return Vec::new();
    };
    let place = |code: &str| format!("/visit/{visit}/checklist/{response}#{code}");
    let shown = || {
        assessment
            .items
            .iter()
            .filter(|state| state.visible && (state.wanted || !state.missing.is_empty()))
    };
    let mut lines = Vec::new();
    let left = assessment.applicable.saturating_sub(assessment.answered);
    if let Some(first) = shown().find(|state| state.wanted && state.verdict == Verdict::Unanswered) {
        let text = t_args(
            "missing.unanswered",
            &[("n", &left), ("checklist", &say(&checklist.title))],
        );
        lines.push(MissingLine {
            text,
            href: place(&first.code),
        });
    }
    for state in shown() {
        let wanted: Vec<String> = state
            .missing
            .iter()
            .filter_map(|missing| missing_word(*missing))
            .collect();
        if !wanted.is_empty() {
            let text = t_args(
                "missing.item",
                &[("item", &state.code), ("what", &crate::i18n::join_list(wanted))],
            );
            lines.push(MissingLine {
                text,
                href: place(&state.code),
            });
        }
    }
    lines
}

// A number that is not there is a hint beside the item, not a reason to hold the visit back.
fn missing_word(missing: Missing) -> Option<String> {
    match missing {
        Missing::NaReason => Some(t("na.reason")),
        Missing::Note => Some(t("evidence.note")),
        Missing::Place => Some(t("evidence.place")),
        Missing::Told => Some(t("evidence.told")),
        Missing::Rest => Some(t("missing.rest")),
        Missing::Number => None,
    }
}

/// What the talk with the school still needs; tracked.
pub fn missing_in_feedback(session: Session, visit: &RecordId) -> Vec<MissingLine> {
    let href = format!("/visit/{visit}/feedback");
    let line = |text: String| MissingLine {
        text,
        href: href.clone(),
    };
    let mut lines = Vec::new();
    let notes = feedback_notes(session, visit);
    if !notes.iter().any(|(_, kind)| kind == "highlight") {
        lines.push(line(t("missing.highlight")));
    }
    if !notes.iter().any(|(_, kind)| kind != "highlight") {
        lines.push(line(t("missing.other_note")));
    }
    if session.field(visit, "informed").text().trim().is_empty() {
        lines.push(line(t("missing.informed")));
    }
    if lines.is_empty() && !matches!(session.field(visit, "state").text(), "feedback_given" | "returned") {
        lines.push(line(t("missing.feedback_given")));
    }
    lines
}

/// Feedback notes with something in them, and their kinds; tracked.
pub fn feedback_notes(session: Session, visit: &RecordId) -> Vec<(RecordId, String)> {
    let mut notes: Vec<_> = session
        .children("feedback_note", "visit", visit)
        .into_iter()
        .filter(|note| !session.field(note, "text").text().trim().is_empty())
        .map(|note| {
            let kind = session.field(&note, "note_kind").text().to_owned();
            (note, kind)
        })
        .collect();
    notes.sort();
    notes
}
