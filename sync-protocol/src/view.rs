//! What a person sees of a record: the office's state with their own unsent writes on top, computed when it is read.

use crate::field::Write;
use crate::{BucketId, DeviceId, Dot, FieldPath, PersonId, RecordId, Value};
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
}

/// A field as displayed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldView {
    pub siblings: Vec<Sibling>,
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
    /// Dots that unsent writes of this person replaced. They count as seen, too: should the office refuse the write in between,
    /// the next one still replaces what its author saw.
    under_pending: Vec<Dot>,
    /// Dots an open draft has seen and will replace.
    under_draft: Vec<Dot>,
    draft: Option<Sibling>,
}

impl Layers {
    pub fn base(live: &[Write]) -> Self {
        Self {
            live: live.iter().map(|write| (write.clone(), false)).collect(),
            ..Self::default()
        }
    }
    pub fn pending(&mut self, write: Write, base: &[Dot]) {
        self.live
            .retain(|(sibling, _)| !base.contains(&sibling.dot) && sibling.dot != write.dot);
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
        let written = self.live.into_iter().map(|(write, pending)| Sibling {
            value: write.value,
            author: write.author,
            device: write.device,
            at: write.at,
            pending,
        });
        FieldView {
            siblings: self.draft.into_iter().chain(written).collect(),
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
            .map(|(path, field)| (path.clone(), Layers::base(&field.live).view()))
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
    pub fn fields(&self) -> impl Iterator<Item = (&str, &FieldView)> {
        self.fields.iter().map(|(path, field)| (path.as_str(), field))
    }
}
