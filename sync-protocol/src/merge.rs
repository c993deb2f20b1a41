//! One write merged into a record under whatever seals stand on it. The office and the replay of a history run this very code.

use std::collections::{BTreeSet, HashMap};

use crate::seal::kept_value;
use crate::{
    Covered, Dot, FieldPath, Group, GroupId, RecordId, RecordState, SEAL_FIELD, Sum, Value, Write, sealed_dots,
};

/// The log, as far as seals speak of it.
pub(crate) trait Told {
    /// What a group wrote on a record.
    fn written(&self, record: &RecordId, group: &GroupId) -> Vec<(Dot, FieldPath, Value)>;
    /// The field and the write behind a dot of a record.
    fn write(&self, record: &RecordId, dot: &Dot) -> Option<(FieldPath, Write)>;
}

impl Told for HashMap<GroupId, Group> {
    fn written(&self, record: &RecordId, id: &GroupId) -> Vec<(Dot, FieldPath, Value)> {
        let ops = self.get(id).into_iter().flat_map(|group| group.ops.iter().enumerate());
        ops.filter(|(_, op)| op.record() == record)
            .map(|(at, op)| (Group::dot(*id, at), op.path().clone(), op.value().clone()))
            .collect()
    }

    fn write(&self, record: &RecordId, dot: &Dot) -> Option<(FieldPath, Write)> {
        if let Some(group) = self.get(&dot.group) {
            let at = usize::from(dot.op);
            let op = group.ops.get(at).filter(|op| op.record() == record)?;
            return Some((op.path().clone(), group.write(dot.group, at)));
        }
        // The group itself was lost with a restored server; a witness copy of the write may have been admitted.
        let copies = self.iter().filter(|(_, group)| group.copy_of() == Some(dot.group));
        let mut copied = copies.map(|(id, group)| (&group.ops[0], group.write(*id, 0)));
        let (op, write) = copied.find(|(op, write)| write.dot == *dot && op.record() == record)?;
        Some((op.path().clone(), write))
    }
}

pub(crate) fn is_seal(path: &FieldPath) -> bool {
    path.as_str() == SEAL_FIELD
}

/// Merges one write as change `seq` and tells what to add to the bucket's checksum. `outlives` says which fields live on under a
/// seal, `known` as in [`RecordState::apply`].
pub(crate) fn merge(
    record: &mut RecordState,
    (path, mut write, base): (&FieldPath, Write, &[Dot]),
    seq: i64,
    told: &impl Told,
    known: impl Fn(&GroupId) -> bool,
    outlives: impl Fn(&RecordState, &FieldPath) -> bool,
) -> Sum {
    if is_seal(path) {
        write.value = kept_value(write.value);
        let gained = record.apply(path, write, base, seq, known);
        let covered = record.is_sealed().then(|| covered(told, record));
        let lost = covered
            .as_ref()
            .map_or_else(Vec::new, |covered| lost(told, record, covered));
        gained.plus(record.part(covered.as_ref(), seq, &lost, |record, path| !outlives(record, path)))
    } else if record.is_sealed() && !path.as_str().starts_with('@') && !outlives(record, path) {
        let covered = covered(told, record);
        record.apply_under_seal(path, write, base, seq, &covered, known)
    } else {
        record.apply(path, write, base, seq, known)
    }
}

/// What the seals of a record cover: the writes that each names, and its own group's.
fn covered(told: &impl Told, record: &RecordState) -> Covered {
    let mut dots = BTreeSet::new();
    for seal in record.seals() {
        for (dot, path, value) in told.written(&record.id, &seal.dot.group) {
            if is_seal(&path) {
                dots.extend(sealed_dots(&value));
            }
            dots.insert(dot);
        }
    }
    Covered(dots)
}

/// Sealed writes that are not in the record any more: somebody who had not seen the seal replaced them before it came.
fn lost(told: &impl Told, record: &RecordState, covered: &Covered) -> Vec<(FieldPath, Write)> {
    let held: BTreeSet<Dot> = record
        .fields
        .values()
        .flat_map(|field| field.writes().map(|write| write.dot))
        .collect();
    let missing = covered.0.iter().filter(|dot| !held.contains(dot));
    missing.filter_map(|dot| told.write(&record.id, dot)).collect()
}
