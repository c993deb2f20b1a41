//! The fields and actions of a visit's records in words: what a row of the history and a compared field say.

use std::collections::BTreeMap;

use catalog::{Checklist, Decision, FieldKind, Severity, catalog};
use sync_protocol::replay::{Change, Records};
use sync_protocol::{FieldPath, GroupKind, RecordId, RecordState, Value};

use super::Names;
use super::history::Entry;
use crate::components::{option_word, severity_word, state_word};
use crate::form::{
    input_label, other_words, plain_words, proof_words, sample_words, snap_words, to_catalog, value_words,
};
use crate::i18n::{self, join_dots, join_list, say, t, t_args};
use crate::icons::Icon;
use crate::known;

/// Fields that say what a record is and to which other it belongs: they never change and say nothing to a reader.
const PLUMBING: [&str; 6] = ["visit", "response", "school", "template", "on", "item"];

/// What the ids of a history stand for.
pub struct Lexicon {
    records: BTreeMap<RecordId, About>,
    names: Names,
}

/// What is to be known of a record to speak of its fields.
struct About {
    kind: String,
    /// Its own, or for a finding that of the response it came from.
    checklist: Option<&'static Checklist>,
    /// A finding's item and title, a note's kind.
    item: String,
    title: String,
    note_kind: String,
}

impl About {
    fn of(records: &Records, record: &RecordState) -> Self {
        let text = |path| record.text(path).unwrap_or_default().to_owned();
        let response = records
            .values()
            .find(|other| record.text("response") == Some(other.id.as_str()));
        Self {
            kind: text("@kind"),
            checklist: checklist_of(response.unwrap_or(record)),
            item: text("item"),
            title: text("title"),
            note_kind: text("note_kind"),
        }
    }

    /// "SF3.4 应急照明…"; tracked by language.
    fn item_words(&self, code: &str) -> Option<String> {
        let item = self.checklist?.item(code)?;
        Some(format!("{} {}", item.code, say(&item.title)))
    }

    // Where the field comes among those of its kind.
    fn place(&self, path: &str) -> usize {
        let code = path.split('/').next().unwrap_or(path);
        let code = if self.kind == "finding" { &self.item } else { code };
        let sections = self.checklist.into_iter().flat_map(|checklist| &checklist.sections);
        let items = sections.flat_map(|section| &section.items);
        items.take_while(|item| item.code != code).count()
    }
}

fn checklist_of(response: &RecordState) -> Option<&'static Checklist> {
    let version = response.value("version")?.int()?;
    known::checklist(response.text("template")?, u32::try_from(version).ok()?)
}

/// An action in one line, with its mark.
pub struct Told {
    pub class: &'static str,
    pub mark: Icon,
    pub words: String,
}

impl Told {
    fn plain(mark: Icon, words: String) -> Self {
        Self { class: "", mark, words }
    }
}

impl Lexicon {
    pub(super) fn new(records: &Records, names: Names) -> Self {
        let about = |(id, record): (&RecordId, &RecordState)| (id.clone(), About::of(records, record));
        Self {
            records: records.iter().map(about).collect(),
            names,
        }
    }

    pub fn person(&self, change: &Change) -> String {
        self.names.person(change.author.as_str())
    }

    pub fn device(&self, change: &Change) -> String {
        self.names.device(change.device.as_str())
    }

    /// Whether a reader learns something from the field.
    pub fn tells(&self, path: &FieldPath) -> bool {
        !path.as_str().starts_with('@') && !PLUMBING.contains(&path.as_str())
    }

    /// The visit first, then its answers, findings and notes, each in the order of the form.
    pub fn order(&self, record: &RecordId, path: &FieldPath) -> (usize, usize, RecordId, FieldPath) {
        let about = self.records.get(record);
        let kinds = ["visit", "response", "finding", "feedback_note"];
        let rank = about.and_then(|about| kinds.iter().position(|kind| *kind == about.kind));
        (
            rank.unwrap_or(kinds.len()),
            about.map_or(0, |about| about.place(path.as_str())),
            record.clone(),
            path.clone(),
        )
    }

    /// How the field is called: "SF3.4 应急照明…·说明"; tracked by language.
    pub fn label(&self, record: &RecordId, path: &FieldPath) -> String {
        let path = path.as_str();
        let Some(about) = self.records.get(record) else {
            return path.to_owned();
        };
        let field = catalog().kind(&about.kind).and_then(|kind| kind.field(path));
        let plain = field.map_or_else(|| path.to_owned(), |field| say(&field.label));
        match about.kind.as_str() {
            "response" => response_label(about, path, plain),
            "finding" => {
                let what = if about.item.is_empty() {
                    &about.title
                } else {
                    &about.item
                };
                join_dots([t_args("history.finding", &[("item", what)]), plain])
            }
            "feedback_note" => join_dots([option_word("feedback_note", "note_kind", &about.note_kind), plain]),
            _ => {
                let person = path.split_once('/').and_then(|(_, end)| self.names.people.get(end));
                join_dots([plain, person.cloned().unwrap_or_default()])
            }
        }
    }

    /// What the field says; tracked by language.
    pub fn value(&self, record: &RecordId, path: &FieldPath, value: &Value) -> String {
        if is_nothing(value) {
            return t("history.nothing");
        }
        let Some(about) = self.records.get(record) else {
            return plain_words(value);
        };
        if path.as_str().starts_with("settled/") {
            return decision_words(value);
        }
        match (about.kind.as_str(), path.as_str(), value) {
            ("visit", "seal", Value::List(parts)) => seal_words(parts),
            ("response", path, value) => response_value(about, path, value),
            (kind, "state", Value::Text(state)) => state_word(kind, state),
            ("finding", "severity", Value::Text(code)) => {
                Severity::from_code(code).map_or_else(|| code.clone(), severity_word)
            }
            (kind, path, value) => self.kept_value(kind, path, value),
        }
    }

    fn kept_value(&self, kind: &str, path: &str, value: &Value) -> String {
        let field = catalog().kind(kind).and_then(|kind| kind.field(path));
        match (field.map(|field| field.kind), value) {
            (Some(FieldKind::One | FieldKind::Many), Value::Text(code)) => option_word(kind, path, code),
            (Some(FieldKind::Many), Value::List(codes)) => {
                let codes = codes.iter().filter_map(Value::text);
                join_list(codes.map(|code| option_word(kind, path, code)))
            }
            (Some(FieldKind::Id), Value::Text(id)) => self.names.person(id),
            (Some(FieldKind::Date), Value::Text(day)) => i18n::day_and_year(i18n::ms_of(day)),
            (Some(FieldKind::Moment), Value::Text(moment)) => i18n::moment(i18n::ms_of(moment)),
            _ => plain_words(value),
        }
    }

    /// What somebody did in one action; tracked by language.
    pub fn action(&self, entries: &[Entry]) -> Told {
        let Some(first) = entries.first() else {
            return Told::plain(Icon::Note, t("op.unreadable"));
        };
        if first.change.kind == GroupKind::Move {
            return Told::plain(Icon::School, t("history.moved"));
        }
        let changes = || entries.iter().map(|entry| &entry.change);
        self.step(changes())
            .or_else(|| self.looked(changes()))
            .or_else(|| changes().find_map(|change| self.answer(change)))
            .or_else(|| self.note(changes()))
            .unwrap_or_else(|| {
                let told = changes().find(|change| self.tells(&change.field));
                self.other(told.unwrap_or(&first.change))
            })
    }

    // The visit begins or goes on.
    fn step<'a>(&self, mut changes: impl Iterator<Item = &'a Change>) -> Option<Told> {
        changes.find_map(|change| {
            let said = (self.kind(change), change.field.as_str(), change.value.text());
            match said {
                ("visit", "@kind", _) => Some(Told::plain(Icon::Visit, t("op.visit_started"))),
                ("visit", "state", Some("submitted")) => Some(Told {
                    class: "act",
                    ..Told::plain(Icon::Server, t("op.submitted"))
                }),
                ("visit", "state", Some("feedback_given")) => Some(Told::plain(Icon::Feedback, t("op.feedback_given"))),
                ("visit", "state", _) => Some(self.other(change)),
                _ => None,
            }
        })
    }

    // "The rest of the section is fine, I looked."
    fn looked<'a>(&self, changes: impl Iterator<Item = &'a Change>) -> Option<Told> {
        let changes: Vec<&Change> = changes.collect();
        let look = changes
            .iter()
            .find(|change| change.field.as_str().ends_with("/looked"))?;
        let code = look.field.as_str().trim_end_matches("/looked");
        let checklist = self.records.get(&look.record)?.checklist?;
        let section = checklist.sections.iter().find(|section| section.code == code)?;
        let words = t_args(
            "op.looked",
            &[("section", &say(&section.title)), ("n", &(changes.len() - 1))],
        );
        Some(Told {
            class: "act",
            ..Told::plain(Icon::Looked, words)
        })
    }

    fn answer(&self, change: &Change) -> Option<Told> {
        let about = self.records.get(&change.record)?;
        let item = about.checklist?.item(change.field.as_str())?;
        // Where "yes" is the bad answer, its colour says so.
        let (good, bad) = if item.inverse { ("no", "yes") } else { ("yes", "no") };
        let code = change.value.text().unwrap_or_default();
        let class = match code {
            _ if code == good => "act",
            _ if code == bad => "bad",
            _ => "",
        };
        let mark = match code {
            "yes" => Icon::Yes,
            "no" => Icon::No,
            "na" => Icon::NotApplicable,
            _ => Icon::Note,
        };
        let words = self.said(change);
        (about.kind == "response").then_some(Told { class, mark, words })
    }

    fn note<'a>(&self, changes: impl Iterator<Item = &'a Change>) -> Option<Told> {
        let notes: Vec<&Change> = changes.filter(|change| self.kind(change) == "feedback_note").collect();
        let said = |path: &str| notes.iter().find(|change| change.field.as_str() == path);
        let change = said("text").or_else(|| said("@kind"))?;
        Some(Told::plain(
            Icon::Feedback,
            other_words(change.field.as_str(), &change.value),
        ))
    }

    fn other(&self, change: &Change) -> Told {
        let path = change.field.as_str();
        match self.kind(change) {
            "finding" => Told::plain(Icon::Problem, self.said(change)),
            "visit" if path.starts_with("check_in/") || path.starts_with("members/") => {
                Told::plain(Icon::People, other_words(path, &change.value))
            }
            "visit" if path == "informed" || path == "card_shown" => {
                Told::plain(Icon::Note, other_words(path, &change.value))
            }
            "visit" if path.starts_with("check_out/") => Told::plain(Icon::Leave, other_words(path, &change.value)),
            _ => Told::plain(Icon::Note, self.said(change)),
        }
    }

    fn said(&self, change: &Change) -> String {
        let label = self.label(&change.record, &change.field);
        let value = self.value(&change.record, &change.field, &change.value);
        t_args("op.answer", &[("item", &label), ("value", &value)])
    }

    fn kind(&self, change: &Change) -> &str {
        self.records.get(&change.record).map_or("", |about| about.kind.as_str())
    }
}

// Why somebody settled a difference, or that they took it back.
fn decision_words(value: &Value) -> String {
    match Decision::from_value(&to_catalog(value)) {
        Some(decision) if decision.reopened => t("difference.reopen"),
        Some(decision) => t_args("difference.reason", &[("text", &decision.reason)]),
        None => plain_words(value),
    }
}

fn seal_words(parts: &[Value]) -> String {
    match parts {
        [Value::Text(code), Value::Int(revision), Value::Text(reason)] => join_dots([
            t_args("seal.code", &[("code", code)]),
            t_args("seal.revision", &[("n", revision)]),
            reason.clone(),
        ]),
        _ => join_list(parts.iter().map(plain_words)),
    }
}

/// Whether a field lives on when its record is sealed: the office decides it by the same catalog.
pub fn outlives_seal(record: &RecordState, path: &FieldPath) -> bool {
    let kind = record.text("@kind").and_then(|code| catalog().kind(code));
    kind.is_some_and(|kind| kind.outlives_seal(path.as_str()))
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        _ => false,
    }
}

fn response_label(about: &About, path: &str, plain: String) -> String {
    let (code, part) = path.split_once('/').unwrap_or((path, ""));
    let Some(checklist) = about.checklist else {
        return path.to_owned();
    };
    if code == "settled" {
        let of = part.split('/').next().unwrap_or(part);
        return join_dots([about.item_words(of).unwrap_or_else(|| part.to_owned()), plain]);
    }
    if code == "fact" {
        let fact = checklist.facts.iter().find(|fact| fact.name == part);
        return join_dots([plain, fact.map_or_else(|| part.to_owned(), |fact| say(&fact.label))]);
    }
    if let Some(section) = checklist.sections.iter().find(|section| section.code == code) {
        return join_dots([say(&section.title), plain]);
    }
    let Some(item) = checklist.item(code) else {
        return if code == path {
            plain
        } else {
            join_dots([code.to_owned(), plain])
        };
    };
    let input = item.inputs.iter().find(|input| input.suffix == part);
    let part = match input {
        Some(input) => input_label(input),
        None if part.is_empty() => String::new(),
        None => plain,
    };
    join_dots([about.item_words(code).unwrap_or_default(), part])
}

fn response_value(about: &About, path: &str, value: &Value) -> String {
    let (code, part) = path.split_once('/').unwrap_or((path, ""));
    let item = about.checklist.and_then(|checklist| checklist.item(code));
    let family = part.split('/').next().unwrap_or(part);
    match (code, family, value) {
        ("draw", _, _) => proof_words(value).unwrap_or_else(|| plain_words(value)),
        ("scope", ..) => section_words(about, value),
        (_, "snap", value) => match to_catalog(value) {
            catalog::Value::List(seen) => snap_words(&seen),
            _ => plain_words(value),
        },
        (_, "sample", value) => sample_words(value),
        (_, "timed", Value::List(parts)) => join_dots(parts.iter().map(plain_words)),
        (_, "looked" | "started", Value::Text(moment)) => i18n::moment(i18n::ms_of(moment)),
        (_, "date", Value::Text(day)) => i18n::day_and_year(i18n::ms_of(day)),
        (_, "", value) => item.map_or_else(|| plain_words(value), |item| value_words(item, value)),
        _ => plain_words(value),
    }
}

fn section_words(about: &About, value: &Value) -> String {
    let Value::List(codes) = value else {
        return plain_words(value);
    };
    let title = |code: &Value| {
        let sections = about.checklist.into_iter().flat_map(|checklist| &checklist.sections);
        let known = sections
            .into_iter()
            .find(|section| Some(section.code.as_str()) == code.text());
        known.map_or_else(|| plain_words(code), |section| say(&section.title))
    };
    join_list(codes.iter().map(title))
}
