//! Rights and workflow of the simulated district: enough of each to be refused, quarantined and admitted.

use std::collections::{BTreeMap, BTreeSet};

use sync_protocol::office::{Judge, Objection};
use sync_protocol::{BucketId, Code, FieldPath, Group, GroupKind, PersonId, RecordId, RecordState};

/// What the sender may do at the moment of the push.
pub struct Rules {
    pub sender: PersonId,
    pub grants: BTreeSet<BucketId>,
}

/// A coordinator who admits: everything goes but what breaks a rule of form.
pub struct Admitted;

impl Judge for Rules {
    fn gate(&self, group: &Group) -> Result<(), Objection> {
        if group.author != self.sender {
            return Err(Objection::keep(Code::GroupAuthor.as_str()));
        }
        let there = group.to.iter().all(|to| self.grants.contains(to));
        match self.grants.contains(&group.bucket) && there {
            true => Ok(()),
            false => Err(Objection::keep(Code::ScopeDenied.as_str())),
        }
    }
    fn judge(&self, group: &Group, records: &BTreeMap<RecordId, RecordState>) -> Result<(), Objection> {
        for op in &group.ops {
            match op.path().as_str() {
                "poison" => return Err(Objection::refuse("field.value")),
                "state" => may_move(group, records.get(op.record()), op.value().text().unwrap_or_default())?,
                _ => {}
            }
        }
        Ok(())
    }
    fn outlives_seal(&self, _: &RecordState, path: &FieldPath) -> bool {
        path.as_str() == "state"
    }
}

impl Judge for Admitted {
    fn gate(&self, _: &Group) -> Result<(), Objection> {
        Ok(())
    }
    fn judge(&self, group: &Group, _: &BTreeMap<RecordId, RecordState>) -> Result<(), Objection> {
        match group.ops.iter().any(|op| op.path().as_str() == "poison") {
            true => Err(Objection::refuse("field.value")),
            false => Ok(()),
        }
    }
    fn outlives_seal(&self, _: &RecordState, path: &FieldPath) -> bool {
        path.as_str() == "state"
    }
}

/// States are `1#…`, `2#…`, `3#…`: the first is 1, the next is one more, and after 3 comes 2 again.
fn may_move(group: &Group, record: Option<&RecordState>, to: &str) -> Result<(), Objection> {
    if group.kind != GroupKind::Command {
        return Err(Objection::refuse(Code::CommandNeeded.as_str()));
    }
    let digit = |text: &str| text.bytes().next().unwrap_or(b'0');
    let field = record.and_then(|record| record.fields.get("state"));
    let mut from: Vec<u8> = field
        .iter()
        .flat_map(|field| &field.live)
        .map(|write| digit(write.value.text().unwrap_or_default()))
        .collect();
    if from.is_empty() {
        from.push(b'0');
    }
    let legal = |from: &u8| {
        matches!(
            (from, digit(to)),
            (b'0', b'1') | (b'1', b'2') | (b'2', b'3') | (b'3', b'2')
        )
    };
    match from.iter().any(legal) {
        true => Ok(()),
        false => Err(Objection::refuse("workflow.not_from_here")),
    }
}
