//! Where people differ: what each said, what counts until it is settled, who may settle it, and what settling writes. Shows
//! nothing itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{Decision, Heard, Kind, Policy, Said, catalog};
use leptos::prelude::untrack;
use sync_protocol::{Edit, FieldView, GroupKind, RecordId, RecordView, SEAL_FIELD, Sibling, Value, seal_value};

use crate::form::{answers_of, to_catalog};
use crate::i18n;
use crate::known;
use crate::pages::duty;
use crate::seal;
use crate::session::{Session, finding_id};

/// Where records are read from.
#[derive(Clone)]
pub enum Records {
    /// This phone's own; tracked.
    Here(Session),
    /// A page that the office sent.
    Page(Arc<Vec<RecordView>>),
}

impl Records {
    pub fn get(&self, id: &RecordId) -> Option<RecordView> {
        match self {
            Self::Here(session) => session.record(id),
            Self::Page(page) => page.iter().find(|record| record.id() == id).cloned(),
        }
    }

    /// A visit and everything that belongs to it, as far as it is here.
    pub fn tree(&self, visit: &RecordId) -> Vec<RecordView> {
        let belongs = |record: &&RecordView| record.id() == visit || record.text("visit") == visit.as_str();
        match self {
            Self::Page(page) => page.iter().filter(belongs).cloned().collect(),
            Self::Here(session) => {
                let mut ids = vec![visit.clone()];
                for kind in ["response", "finding", "feedback_note"] {
                    ids.extend(session.children(kind, "visit", visit));
                }
                ids.iter()
                    .filter_map(|id| session.record(id))
                    .filter(|record| !record.is_removed())
                    .collect()
            }
        }
    }
}

/// One person's word.
#[derive(Clone, Debug, PartialEq)]
pub struct Voice {
    pub author: String,
    pub device: String,
    /// Their clock in ms since 1970, as claimed.
    pub at: f64,
    pub value: Value,
    pub dot: String,
    /// It came after the record was sealed.
    pub late: bool,
    /// Still only on this phone.
    pub pending: bool,
}

/// A field on which people differ, or differed.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub record: RecordId,
    pub kind: String,
    pub path: String,
    pub visit: RecordId,
    pub voices: Vec<Voice>,
    /// What counts now.
    pub counts: Value,
    pub open: bool,
    pub sealed: bool,
    /// How it was settled before, and by whom and when.
    pub decision: Option<(Decision, Voice)>,
}

impl Voice {
    fn of(sibling: &Sibling, late: bool) -> Self {
        Self {
            author: sibling.author.to_string(),
            device: sibling.device.to_string(),
            at: sibling.at as f64,
            value: sibling.value.clone(),
            dot: sibling.dot.map(|dot| dot.to_string()).unwrap_or_default(),
            late,
            pending: sibling.pending,
        }
    }
    fn of_heard(heard: &Heard) -> Self {
        Self {
            author: heard.author.clone(),
            device: String::new(),
            at: heard.at as f64,
            value: from_catalog(&heard.value),
            dot: heard.dot.clone(),
            late: false,
            pending: false,
        }
    }
    fn heard(&self) -> Heard {
        Heard {
            author: self.author.clone(),
            at: self.at as i64,
            dot: self.dot.clone(),
            value: to_catalog(&self.value),
        }
    }
}

/// A catalog value as the wire's.
pub fn from_catalog(value: &catalog::Value) -> Value {
    match value {
        catalog::Value::Null => Value::Null,
        catalog::Value::Bool(truth) => Value::Bool(*truth),
        catalog::Value::Int(number) => Value::Int(*number),
        catalog::Value::Text(text) => Value::Text(text.clone()),
        catalog::Value::List(items) => Value::List(items.iter().map(from_catalog).collect()),
    }
}

fn standing_of(record: &RecordView, path: &str, field: &FieldView) -> catalog::Standing {
    let said: Vec<Said> = field.siblings.iter().map(said).collect();
    let owner = record
        .field("@kind")
        .siblings
        .first()
        .map(|made| made.author.to_string());
    match catalog().kind(record.kind()) {
        Some(kind) => kind.standing(checklist_of(record), path, owner.as_deref().unwrap_or_default(), &said),
        None => catalog::Standing::Agreed(said.first().map(|one| one.value.clone()).unwrap_or_default()),
    }
}

/// A sibling as the catalog judges it.
pub fn said(sibling: &Sibling) -> Said {
    Said {
        value: to_catalog(&sibling.value),
        author: sibling.author.to_string(),
        at: sibling.at,
    }
}

/// The checklist of a response.
pub fn checklist_of(record: &RecordView) -> Option<&'static catalog::Checklist> {
    let version = record
        .field("version")
        .int()
        .and_then(|version| u32::try_from(version).ok())?;
    known::checklist(record.text("template"), version)
}

/// The field as people have to look at it; nothing where nobody differs and nobody ever settled anything.
pub fn of(record: &RecordView, path: &str) -> Option<Difference> {
    let kind = catalog().kind(record.kind())?;
    kind.field(&format!("settled/{path}"))?;
    if record.is_removed() {
        return None;
    }
    let field = record.field(path);
    let marker = record.field(&format!("settled/{path}"));
    let decision = marker
        .siblings
        .iter()
        .max_by_key(|sibling| sibling.at)
        .and_then(|sibling| {
            let decision = Decision::from_value(&to_catalog(&sibling.value))?;
            Some((decision, Voice::of(sibling, false)))
        });
    let heard = |dot: &str| decision.as_ref().is_some_and(|(decision, _)| decision.has_heard(dot));
    let standing = standing_of(record, path, &field);
    let late = field.late.iter().filter(|late| {
        let said_so = field.siblings.iter().any(|sibling| sibling.value == late.value);
        !said_so && !heard(&late.dot.map(|dot| dot.to_string()).unwrap_or_default())
    });
    let reopened = decision.as_ref().filter(|(decision, _)| decision.reopened);
    let mut voices: Vec<Voice> = field.siblings.iter().map(|sibling| Voice::of(sibling, false)).collect();
    if let Some((decision, _)) = reopened {
        voices = decision.heard.iter().map(Voice::of_heard).collect();
    }
    let before = voices.len();
    voices.extend(late.map(|late| Voice::of(late, true)));
    let open = standing.is_open() || voices.len() > before || reopened.is_some();
    if !open && decision.is_none() {
        return None;
    }
    let visit = if record.kind() == "visit" {
        record.id().clone()
    } else {
        record.text("visit").parse().ok()?
    };
    voices.sort_by(|a, b| a.at.total_cmp(&b.at).then_with(|| a.dot.cmp(&b.dot)));
    Some(Difference {
        record: record.id().clone(),
        kind: record.kind().to_owned(),
        path: path.to_owned(),
        visit,
        voices,
        counts: from_catalog(standing.counts()),
        open,
        sealed: record.is_sealed(),
        decision,
    })
}

/// Everything on this phone that people must settle, the oldest word first; tracked.
pub fn open_here(session: Session) -> Vec<Difference> {
    let reopened = session.fields_under("settled/").into_iter();
    let reopened = reopened.filter_map(|(id, path)| Some((id, path.strip_prefix("settled/")?.to_owned())));
    let mut places = session.contested();
    places.extend(reopened);
    places.sort();
    places.dedup();
    let mut open: Vec<Difference> = places
        .into_iter()
        .filter_map(|(id, path)| of(&session.record(&id)?, &path))
        .filter(|difference| difference.open)
        .collect();
    open.sort_by(|a, b| newest(a).total_cmp(&newest(b)));
    open
}

fn newest(difference: &Difference) -> f64 {
    difference.voices.iter().map(|voice| voice.at).fold(0.0, f64::max)
}

/// Decisions of others about a word of mine that was not followed, and that I have not read; tracked.
pub fn told_here(session: Session) -> Vec<Difference> {
    let me = duty::my_id(session);
    let mut told: Vec<Difference> = session
        .fields_under("settled/")
        .into_iter()
        .filter_map(|(id, path)| of(&session.record(&id)?, path.strip_prefix("settled/")?))
        .filter(|difference| !difference.open && is_against(difference, &me))
        .filter(|difference| {
            difference
                .decision
                .as_ref()
                .is_some_and(|(_, by)| !session.has_read(&by.dot))
        })
        .collect();
    told.sort_by(|a, b| newest(b).total_cmp(&newest(a)));
    told
}

/// Whether somebody else decided otherwise than this person had said.
fn is_against(difference: &Difference, me: &str) -> bool {
    difference.decision.as_ref().is_some_and(|(decision, by)| {
        let other = |heard: &Heard| heard.author == me && heard.value != to_catalog(&difference.counts);
        by.author != me && decision.heard.iter().any(other)
    })
}

/// Whether I may settle it: the visit's lead, the zone and the office.
pub fn may_settle(session: Session, records: &Records, difference: &Difference) -> bool {
    let roles = duty::roles(session);
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let leads = leads(session, records, &difference.visit);
    catalog()
        .kind(&difference.kind)
        .is_some_and(|kind| kind.may_settle(&roles, leads))
}

/// Whether I lead this visit; tracked.
pub fn leads(session: Session, records: &Records, visit: &RecordId) -> bool {
    records
        .get(visit)
        .is_some_and(|visit| visit.text("lead") == duty::my_id(session))
}

/// What a write over a field has seen: everything, but where people differ only one's own word, which settles nothing.
pub fn shown_for(session: Session, record: Option<&RecordView>, path: &str, field: &FieldView) -> sync_protocol::Shown {
    // What is being typed keeps to what stood there when it was begun.
    let is_typing = field.siblings.iter().any(|sibling| sibling.dot.is_none());
    let differs =
        !is_typing && field.conflict() && record.is_some_and(|record| standing_of(record, path, field).is_open());
    match differs {
        true => field.shown_of(&untrack(|| duty::my_id(session))),
        false => field.shown(),
    }
}

/// Settles a difference: the value that holds, why, and whose words were heard; in a sealed record it is an amendment.
pub fn settle(session: Session, records: &Records, difference: &Difference, value: Value, reason: &str) {
    decide(session, records, difference, value, reason, false);
}

/// Whether I may bring an earlier value of this field back.
pub fn may_restore(session: Session, records: &Records, record: &RecordId, path: &str) -> bool {
    let Some(view) = records.get(record) else { return false };
    let can_be = catalog().kind(view.kind()).is_some_and(|kind| {
        let open =
            kind.field(&format!("settled/{path}")).is_some() && !path.starts_with("settled/") && !path.starts_with('@');
        open && !kind.outlives_seal(path)
            && kind
                .field(path)
                .is_some_and(|field| field.policy != Policy::Fixed && field.by.is_empty())
    });
    can_be && at_rest(&view, path).is_some_and(|found| may_settle(session, records, &found))
}

/// Brings an earlier value back as a new write with a reason; in a sealed record it is an amendment.
pub fn restore(session: Session, records: &Records, record: &RecordId, path: &str, value: Value, reason: &str) {
    let found = records.get(record).and_then(|view| at_rest(&view, path));
    if let Some(found) = found {
        decide(session, records, &found, value, reason, false);
    }
}

/// A field as something to decide on, whether or not anybody differs.
fn at_rest(record: &RecordView, path: &str) -> Option<Difference> {
    let field = record.field(path);
    let visit = match record.kind() {
        "visit" => record.id().clone(),
        _ => record.text("visit").parse().ok()?,
    };
    let late = field.late.iter().map(|late| Voice::of(late, true));
    Some(Difference {
        record: record.id().clone(),
        kind: record.kind().to_owned(),
        path: path.to_owned(),
        visit,
        voices: field
            .siblings
            .iter()
            .map(|sibling| Voice::of(sibling, false))
            .chain(late)
            .collect(),
        counts: field.value().cloned().unwrap_or(Value::Null),
        open: false,
        sealed: record.is_sealed(),
        decision: None,
    })
}

/// Takes a decision back: what was heard is open again, and counts as it did before.
pub fn reopen(session: Session, records: &Records, difference: &Difference) {
    let Some((decision, _)) = &difference.decision else {
        return;
    };
    let heard: Vec<Voice> = decision.heard.iter().map(Voice::of_heard).collect();
    let said: Vec<Said> = decision
        .heard
        .iter()
        .map(|heard| Said {
            value: heard.value.clone(),
            author: heard.author.clone(),
            at: heard.at,
        })
        .collect();
    let checklist = records.get(&difference.record).and_then(|record| checklist_of(&record));
    let Some(kind) = catalog().kind(&difference.kind) else {
        return;
    };
    let counts = from_catalog(kind.standing(checklist, &difference.path, "", &said).counts());
    let again = Difference {
        voices: heard,
        ..difference.clone()
    };
    decide(session, records, &again, counts, &decision.reason, true);
}

fn decide(session: Session, records: &Records, difference: &Difference, value: Value, reason: &str, reopened: bool) {
    let Some(record) = records.get(&difference.record) else {
        return;
    };
    let path = difference.path.as_str();
    let field = record.field(path);
    let decision = Decision {
        reopened,
        reason: reason.trim().to_owned(),
        heard: difference.voices.iter().map(Voice::heard).collect(),
    };
    let marker = format!("settled/{path}");
    let mut ops = vec![Edit::new(
        record.id(),
        &marker,
        from_catalog(&decision.to_value()),
        record.field(&marker).shown(),
    )];
    if path == "seal" {
        // Of two signatures made apart one is made: everything that is shown now is signed anew.
        let tree = records.tree(&difference.visit);
        ops.extend(seal::signature(&record, &tree, &BTreeSet::new()));
        session.change(record.bucket(), GroupKind::Edit, ops);
        return;
    }
    let stands_alone = matches!(field.siblings.as_slice(), [one] if one.value == value);
    if !stands_alone {
        ops.push(Edit::new(record.id(), path, value.clone(), field.shown_with_late()));
        ops.extend(finding_after(records, &record, path, &value));
    }
    if record.is_sealed() && !stands_alone {
        ops.extend(seal::amendment(records, &record, &[path], reason));
    }
    session.change(record.bucket(), GroupKind::Edit, ops);
}

/// The finding of an item follows what was settled.
fn finding_after(records: &Records, response: &RecordView, path: &str, value: &Value) -> Option<Edit> {
    let checklist = checklist_of(response)?;
    let item = checklist.item(path.split('/').next()?)?;
    let finding = records.get(&finding_id(response.id(), &item.code))?;
    let mut answers = answers_of(checklist, response);
    answers.insert(path.to_owned(), to_catalog(value));
    let judged = catalog::assess(checklist, &answers);
    let fails = judged
        .item(&item.code)
        .is_some_and(|state| state.visible && state.verdict == catalog::Verdict::Fail);
    let withdrawn = finding.field("withdrawn");
    (withdrawn.bool() == fails && !finding.is_sealed())
        .then(|| Edit::new(finding.id(), "withdrawn", Value::Bool(!fails), withdrawn.shown()))
}

/// Whether words stand against words here, which are compared and may both be kept.
pub fn is_text(difference: &Difference) -> bool {
    let field = |kind: &'static Kind| kind.field(&difference.path);
    let by_kind = catalog().kind(&difference.kind).and_then(field);
    by_kind.is_some_and(|field| field.policy == Policy::Text3)
}

/// Everybody's words one under the other, each with its author's name.
pub fn both(session: Session, difference: &Difference) -> Value {
    let texts: Vec<(String, &str)> = difference
        .voices
        .iter()
        .filter_map(|voice| Some((session.name_of(&voice.author), voice.value.text()?)))
        .collect();
    Value::Text(catalog::paragraphs::keep_both(&texts))
}

/// "10:12", with the day when it was not today.
pub fn when(voice: &Voice) -> String {
    i18n::moment(voice.at)
}

/// The edit that seals a record as it is shown, but for the fields that are written anew in the same action.
pub fn seal_edit(record: &RecordView, except: &[&str]) -> Edit {
    let shown = record.field(SEAL_FIELD).shown();
    Edit::new(record.id(), SEAL_FIELD, seal_value(record.signed(except)), shown)
}
