//! A record's state: its fields, as stored by the server and carried by a pull.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::seal::verification_code;
use crate::{Dot, FieldPath, FieldState, GroupId, RecordId, Sum, Value, Write};

/// The field in which somebody removes a record: the code of everything they saw in it.
pub const REMOVED_FIELD: &str = "removed";

/// The fields of one record. A pull may carry only those that are newer than the reader's cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordState {
    pub id: RecordId,
    pub fields: BTreeMap<FieldPath, FieldState>,
}

impl RecordState {
    pub fn new(id: RecordId) -> Self {
        Self {
            id,
            fields: BTreeMap::new(),
        }
    }

    /// Merges one write as change `seq` of the bucket and tells what to add to the bucket's checksum.
    pub fn apply(
        &mut self,
        path: &FieldPath,
        write: Write,
        base: &[Dot],
        seq: i64,
        known: impl Fn(&GroupId) -> bool,
    ) -> Sum {
        let field = self.fields.entry(path.clone()).or_default();
        let delta = field.apply(write, base, known);
        field.seq = seq;
        let gained = delta
            .inserted
            .iter()
            .fold(Sum::default(), |sum, dot| sum.plus(Sum::of(&self.id, path, dot)));
        delta
            .removed
            .iter()
            .fold(gained, |sum, dot| sum.minus(Sum::of(&self.id, path, dot)))
    }

    /// What this record adds to its bucket's checksum.
    pub fn sum(&self) -> Sum {
        self.fields.iter().fold(Sum::default(), |sum, (path, field)| {
            sum.plus(field_sum(&self.id, path, field))
        })
    }

    /// The one value of a field: the first sibling's when several differ. For reserved fields such as `@kind`.
    pub fn value(&self, path: &str) -> Option<&Value> {
        self.fields.get(path)?.live.first().map(|write| &write.value)
    }

    /// `value` when it is text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.value(path)?.text()
    }

    /// Who removed the record, having seen all that is in it: whatever came since, or stands under a signature, keeps it (P2).
    pub fn removed_by(&self) -> Option<&Write> {
        let said = self
            .fields
            .get(REMOVED_FIELD)?
            .live
            .iter()
            .max_by_key(|write| write.at)?;
        let own = |path: &FieldPath| !path.as_str().starts_with('@') && path.as_str() != REMOVED_FIELD;
        let there = self.fields.iter().filter(|(path, _)| own(path));
        let dots = there.flat_map(|(_, field)| field.writes().map(|write| write.dot));
        let seen_all = said.value.text() == Some(verification_code(dots).as_str());
        (seen_all && !self.is_sealed()).then_some(said)
    }

    /// How many fields wait for somebody to settle them.
    pub fn conflicts(&self) -> usize {
        self.fields.values().filter(|field| field.is_conflict()).count()
    }
}

pub(crate) fn field_sum(id: &RecordId, path: &FieldPath, field: &FieldState) -> Sum {
    field
        .writes()
        .fold(Sum::default(), |sum, write| sum.plus(Sum::of(id, path, &write.dot)))
}
