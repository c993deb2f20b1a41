//! A visit's signature: what it covers, its code, whether it still fits, and what amending or returning it writes.

use std::collections::BTreeSet;

use catalog::catalog;
use sync_protocol::{Dot, Edit, GroupId, RecordId, RecordView, SEAL_FIELD, Value, verification_code};

use crate::difference::{Records, leads, seal_edit};
use crate::pages::duty;
use crate::session::Session;

/// One signature over a visit, as its field `seal` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Seal {
    /// Such as `7F3A-91C2-E04B`.
    pub code: String,
    /// 1 for the first, one more with each amendment.
    pub revision: i64,
    /// Why it was amended; empty for the first.
    pub reason: String,
    pub author: String,
    /// The signer's clock in ms since 1970, as claimed.
    pub at: f64,
    pub device: String,
    /// The actions that made it.
    groups: Vec<GroupId>,
}

/// The signatures that stand, the newest first: more than one when two people signed different things without knowing of each
/// other.
pub fn seals(visit: &RecordView) -> Vec<Seal> {
    let read = |sibling: &sync_protocol::Sibling| match &sibling.value {
        Value::List(parts) => match parts.as_slice() {
            [Value::Text(code), Value::Int(revision), Value::Text(reason)] => Some(Seal {
                code: code.clone(),
                revision: *revision,
                reason: reason.clone(),
                author: sibling.author.to_string(),
                at: sibling.at as f64,
                device: sibling.device.to_string(),
                groups: sibling.dot.iter().map(|dot| dot.group).collect(),
            }),
            _ => None,
        },
        _ => None,
    };
    let mut seals: Vec<Seal> = visit.field("seal").siblings.iter().filter_map(read).collect();
    seals.sort_by(|a, b| b.revision.cmp(&a.revision).then_with(|| b.at.total_cmp(&a.at)));
    // Two who signed the very same made one signature.
    seals.dedup_by(|again, first| {
        let same = again.code == first.code && again.revision == first.revision;
        if same {
            first.groups.append(&mut again.groups);
        }
        same
    });
    seals
}

/// Whether the records still hold exactly what this signature covers.
pub fn fits(seal: &Seal, tree: &[RecordView]) -> bool {
    let own = |dot: &Dot| seal.groups.contains(&dot.group);
    let dots = tree
        .iter()
        .filter(|record| record.is_sealed())
        .flat_map(|record| sealable(record, &[]));
    verification_code(dots.filter(|dot| !own(dot))) == seal.code
}

/// The writes of a record that a signature is about: not its state, and not what becomes of it later.
fn sealable(record: &RecordView, except: &[&str]) -> Vec<Dot> {
    let kind = catalog().kind(record.kind());
    let signed = record.fields().filter(|(path, _)| {
        !path.starts_with('@') && !except.contains(path) && !kind.is_some_and(|kind| kind.outlives_seal(path))
    });
    signed
        .flat_map(|(_, field)| field.siblings.iter().filter_map(|sibling| sibling.dot))
        .collect()
}

/// Signs a whole visit as it is shown: each of its records, and the visit with the code of them all. `written` are fields that
/// the same action writes.
pub fn signature(visit: &RecordView, tree: &[RecordView], written: &BTreeSet<(RecordId, String)>) -> Vec<Edit> {
    let except = |record: &RecordView| -> Vec<String> {
        let own = written.iter().filter(|(id, _)| id == record.id());
        own.map(|(_, path)| path.clone()).collect()
    };
    let mut dots = Vec::new();
    let mut ops = Vec::new();
    for record in tree {
        let except = except(record);
        let except: Vec<&str> = except.iter().map(String::as_str).collect();
        dots.extend(sealable(record, &except));
        ops.push(seal_edit(record, &except));
    }
    let revision = seals(visit).first().map_or(1, |seal| seal.revision + 1);
    ops.push(seal_field(visit, dots, revision, ""));
    ops
}

fn seal_field(visit: &RecordView, dots: Vec<Dot>, revision: i64, reason: &str) -> Edit {
    let value = Value::List(vec![
        verification_code(dots).into(),
        revision.into(),
        reason.trim().into(),
    ]);
    Edit::new(visit.id(), "seal", value, visit.field("seal").shown())
}

/// What an amendment of some fields of one sealed record adds to their new values: the record is signed anew, and the visit's
/// signature gets its next revision with the reason.
pub fn amendment(records: &Records, record: &RecordView, written: &[&str], reason: &str) -> Vec<Edit> {
    let visit = match record.kind() {
        "visit" => Some(record.clone()),
        _ => record.text("visit").parse().ok().and_then(|visit| records.get(&visit)),
    };
    let Some(visit) = visit else { return Vec::new() };
    let tree = records.tree(visit.id());
    let dots = tree.iter().filter(|one| one.is_sealed()).flat_map(|one| {
        let except: &[&str] = if one.id() == record.id() { written } else { &[] };
        sealable(one, except)
    });
    let revision = seals(&visit).first().map_or(1, |seal| seal.revision + 1);
    vec![
        seal_edit(record, written),
        seal_field(&visit, dots.collect(), revision, reason),
    ]
}

/// Takes the signatures off a visit that goes back to its supervisor: whatever came late is among its answers from then on.
pub fn unsealing(tree: &[RecordView]) -> Vec<Edit> {
    let sealed = tree.iter().filter(|record| record.is_sealed());
    let lift = |record: &RecordView| Edit::new(record.id(), SEAL_FIELD, Value::Null, record.field(SEAL_FIELD).shown());
    sealed.map(lift).collect()
}

/// Whether I may amend: whoever leads the visit, and the office.
pub fn may_amend(session: Session, records: &Records, visit: &RecordId) -> bool {
    let roles = duty::roles(session);
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let leads = leads(session, records, visit);
    catalog()
        .kind("response")
        .is_some_and(|kind| kind.may_settle(&roles, leads))
}
