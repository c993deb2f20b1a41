//! What a person sees of a record: the office's state with their own unsent writes on top, computed when it is read.

use crate::field::{FieldState, Write};
use crate::{
    BucketId, DeviceId, Dot, FieldPath, PersonId, REMOVED_FIELD, RecordId, SEAL_FIELD, Value, verification_code,
};
use std::collections::BTreeMap;

/// The dots that stood on a screen. Only a field that was read for display hands one out, so that a write can never claim to
/// have seen what its author had not (P2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown(pub(crate) Vec<Dot>);

impl Shown {
    /// Nothing was there: the field of a brand-new record.
    pub fn nothing() -> Self {
        Self::default()
    }
}

/// One value of a field, and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sibling {
    pub value: Value,
    pub author: PersonId,
    pub device: DeviceId,
    /// The author's clock in ms since 1970, as claimed.
    pub at: i64,
    /// Still only on this phone.
    pub pending: bool,
    /// The write's name; a draft has none yet.
    pub dot: Option<Dot>,
}

impl Sibling {
    fn of(write: Write, pending: bool) -> Self {
        Self {
            value: write.value,
            author: write.author,
            device: write.device,
            at: write.at,
            pending,
            dot: Some(write.dot),
        }
    }
}

/// A field as displayed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldView {
    pub siblings: Vec<Sibling>,
    /// What came after the record was sealed, beside the value.
    pub late: Vec<Sibling>,
    shown: Vec<Dot>,
}

impl FieldView {
    /// The value when there is one, the first sibling's when several differ.
    pub fn value(&self) -> Option<&Value> {
        self.siblings.first().map(|sibling| &sibling.value)
    }
    /// The text, or nothing when there is none.
    pub fn text(&self) -> &str {
        self.value().and_then(Value::text).unwrap_or("")
    }
    pub fn int(&self) -> Option<i64> {
        self.value().and_then(Value::int)
    }
    pub fn bool(&self) -> bool {
        self.value().and_then(Value::bool).unwrap_or(false)
    }
    /// Whether several people say different things.
    pub fn conflict(&self) -> bool {
        self.siblings.windows(2).any(|pair| pair[0].value != pair[1].value)
    }
    /// What a write made on this very display has seen.
    pub fn shown(&self) -> Shown {
        Shown(self.shown.clone())
    }
    /// The same, of one person's own values only: they change their word, and another's stays beside it.
    pub fn shown_of(&self, author: &str) -> Shown {
        let own = self.siblings.iter().filter(|sibling| sibling.author.as_str() == author);
        let mut dots: Vec<Dot> = own.filter_map(|sibling| sibling.dot).collect();
        dots.sort_unstable();
        Shown(dots)
    }
    /// The same, with what came after the seal and is on the screen as well.
    pub fn shown_with_late(&self) -> Shown {
        let mut dots = self.shown.clone();
        dots.extend(self.late.iter().filter_map(|late| late.dot));
        dots.sort_unstable();
        dots.dedup();
        Shown(dots)
    }
    /// The different values, in the order of their siblings.
    pub fn values(&self) -> Vec<Value> {
        let mut values: Vec<Value> = Vec::new();
        for sibling in &self.siblings {
            if !values.contains(&sibling.value) {
                values.push(sibling.value.clone());
            }
        }
        values
    }
}

/// A field while its view is put together.
#[derive(Default)]
pub(crate) struct Layers {
    live: Vec<(Write, bool)>,
    late: Vec<Write>,
    /// Dots that unsent writes of this person replaced. They count as seen, too: should the office refuse the write in between,
    /// the next one still replaces what its author saw.
    under_pending: Vec<Dot>,
    /// Dots an open draft has seen and will replace.
    under_draft: Vec<Dot>,
    draft: Option<Sibling>,
}

impl Layers {
    pub fn base(field: &FieldState) -> Self {
        Self {
            live: field.live.iter().map(|write| (write.clone(), false)).collect(),
            late: field.late.iter().map(|late| late.write.clone()).collect(),
            ..Self::default()
        }
    }
    pub fn pending(&mut self, write: Write, base: &[Dot]) {
        // One's own late write is here again: it has arrived, and stands beside the sealed value.
        if self.late.iter().any(|late| late.dot == write.dot) {
            return;
        }
        self.live
            .retain(|(sibling, _)| !base.contains(&sibling.dot) && sibling.dot != write.dot);
        self.late.retain(|late| !base.contains(&late.dot));
        self.under_pending.extend(base);
        self.live.push((write, true));
    }
    pub fn draft(&mut self, sibling: Sibling, base: &[Dot]) {
        self.live.retain(|(write, _)| !base.contains(&write.dot));
        self.under_draft = base.to_vec();
        self.draft = Some(sibling);
    }
    pub fn view(self) -> FieldView {
        let mut shown: Vec<Dot> = match &self.draft {
            // What arrives while somebody types was not on the screen when they began: it stays beside what they write.
            Some(_) => self.under_draft,
            None => self
                .live
                .iter()
                .map(|(write, _)| write.dot)
                .chain(self.under_pending)
                .collect(),
        };
        shown.sort_unstable();
        shown.dedup();
        let written = self
            .live
            .into_iter()
            .map(|(write, pending)| Sibling::of(write, pending));
        FieldView {
            siblings: self.draft.into_iter().chain(written).collect(),
            late: self.late.into_iter().map(|write| Sibling::of(write, false)).collect(),
            shown,
        }
    }
}

/// A record as displayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordView {
    pub(crate) id: RecordId,
    pub(crate) bucket: BucketId,
    pub(crate) fields: BTreeMap<FieldPath, FieldView>,
}

impl RecordView {
    /// A record read from the office rather than from this phone's replica.
    pub fn of_state(bucket: BucketId, state: &crate::RecordState) -> Self {
        let fields = state
            .fields
            .iter()
            .map(|(path, field)| (path.clone(), Layers::base(field).view()))
            .collect();
        Self {
            id: state.id.clone(),
            bucket,
            fields,
        }
    }
    pub fn id(&self) -> &RecordId {
        &self.id
    }
    pub fn bucket(&self) -> &BucketId {
        &self.bucket
    }
    /// The kind code, or nothing while the record's first group has not arrived.
    pub fn kind(&self) -> &str {
        self.fields.get("@kind").map_or("", FieldView::text)
    }
    /// The field, empty when nobody has written it.
    pub fn field(&self, path: &str) -> FieldView {
        self.fields.get(path).cloned().unwrap_or_default()
    }
    pub fn text(&self, path: &str) -> &str {
        self.fields.get(path).map_or("", FieldView::text)
    }
    /// Whether somebody's signature stands on it.
    pub fn is_sealed(&self) -> bool {
        let field = self.fields.get(SEAL_FIELD);
        field.is_some_and(|field| field.siblings.iter().any(|sibling| sibling.value != Value::Null))
    }
    /// The dots of every value that is shown here and not about the record itself, but for the fields `except`, which are being
    /// written anew: what a signature covers.
    pub fn signed(&self, except: &[&str]) -> Vec<Dot> {
        let own = |path: &str| !path.starts_with('@') && !except.contains(&path);
        let fields = self.fields.iter().filter(|(path, _)| own(path.as_str()));
        fields
            .flat_map(|(_, field)| field.siblings.iter().filter_map(|sibling| sibling.dot))
            .collect()
    }
    /// The value that removes this record for whoever has seen as much of it as is shown here.
    pub fn removal(&self) -> Value {
        Value::Text(verification_code(self.signed(&[REMOVED_FIELD])))
    }
    /// Whether somebody removed it, having seen all that is in it.
    pub fn is_removed(&self) -> bool {
        let Some(field) = self.fields.get(REMOVED_FIELD) else {
            return false;
        };
        let last = field.siblings.iter().max_by_key(|sibling| sibling.at);
        last.is_some_and(|last| last.value == self.removal()) && !self.is_sealed()
    }
    pub fn fields(&self) -> impl Iterator<Item = (&str, &FieldView)> {
        self.fields.iter().map(|(path, field)| (path.as_str(), field))
    }
}
