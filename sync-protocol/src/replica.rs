//! The phone's replica: what the office last said, what this person wrote since, and what goes out next.
//!
//! Sans-I/O. Every method that changes something answers with the [`Stored`] changes that make it durable; the caller writes
//! them in one strict transaction. `view = base ⊕ own pending ops`, computed at read: there is nothing to replay or roll back.
//!
//! Life of a group: open draft → frozen → (sent) → acked → covered by a checkpoint → journal → gone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

mod base;
mod mend;
mod outbox;
mod refill;

use crate::digest::Descent;
use crate::field::{FieldState, Write};
use crate::planted::{Bug, planted};
use crate::record::field_sum;
use crate::view::{Layers, RecordView, Shown, Sibling};
use crate::{
    BucketId, Checkpoint, Code, DeviceId, Dot, Edit, FieldPath, Frame, Group, GroupId, GroupKind, HaveReply,
    HaveRequest, Hello, MAX_GROUP_BYTES, MAX_HAVE, MAX_PUSH_BYTES, MAX_PUSH_GROUPS, Op, Outcome, OutcomeKind, PROTOCOL,
    PersonId, PullRequest, PushHeader, PushReply, RecordId, RecordState, RecordsPage, SEAL_FIELD, ScopeChange, Sum,
    Value,
};

/// Who writes here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    pub person: PersonId,
    pub device: DeviceId,
}

/// Where a group is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its bytes are fixed; the office may or may not have it.
    Frozen,
    /// The office has it as change `seq` of its bucket; the next checkpoint that reaches `seq` covers it.
    Acked {
        seq: i64,
        receipt: String,
        /// Where it took effect, if not where its author wrote it: its records had moved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bucket: Option<BucketId>,
    },
    /// The office logged it without effect; its author must know.
    Refused { code: String },
    /// The office keeps it for a coordinator to admit.
    Quarantined { code: String },
    /// The base contains it: kept until the office's backups do too.
    Covered {
        seq: i64,
        receipt: String,
        /// The server's clock when it was covered, ms since 1970; 0 when it had not told.
        #[serde(default)]
        at: i64,
    },
}

/// A group as it lies in the outbox or the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedGroup {
    pub id: GroupId,
    /// Position in this person's outbox: a later action has a greater one.
    pub order: i64,
    /// The exact bytes.
    pub line: String,
    pub phase: Phase,
}

/// Text being typed: durable, shown, and not yet a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub record: RecordId,
    pub path: FieldPath,
    pub bucket: BucketId,
    pub value: Value,
    /// What was on screen when the value was typed.
    pub base: Vec<Dot>,
    /// The device's clock at the last keystroke, ms since 1970.
    pub at: i64,
}

/// A bucket's place: everything up to `cursor` is here, and `sum` is what the server says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BucketMark {
    pub cursor: i64,
    pub sum: Sum,
}

/// A record of the base as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedRecord {
    pub bucket: BucketId,
    #[serde(flatten)]
    pub state: RecordState,
    /// It shows in another bucket already and only counts in this one, until this one says that it is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
}

impl SavedRecord {
    pub fn new(bucket: BucketId, state: RecordState) -> Self {
        Self {
            bucket,
            state,
            leaving: false,
        }
    }

    /// Under what it is stored: its id, and with its bucket while it is leaving that.
    pub fn key(&self) -> String {
        match self.leaving {
            true => Self::leaving_key(&self.bucket, &self.state.id),
            false => self.state.id.to_string(),
        }
    }

    pub fn leaving_key(bucket: &BucketId, id: &RecordId) -> String {
        format!("{bucket}|{id}")
    }
}

/// Everything of one person on this phone, as read at start.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    pub epoch: Option<String>,
    pub buckets: Vec<(BucketId, BucketMark)>,
    pub records: Vec<SavedRecord>,
    /// The server was restored and has not been offered the journal yet.
    pub refill: bool,
    /// Nor copies of what others wrote.
    pub witness: bool,
    /// The outbox, not the journal.
    pub groups: Vec<SavedGroup>,
    pub drafts: Vec<Draft>,
}

/// A change of what is stored. A batch is written in one transaction or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    Epoch(String),
    /// Whether the journal is still to be offered to a server that was restored.
    Refill(bool),
    /// Whether it is to be offered copies of other people's work, too.
    Witness(bool),
    PutBucket(BucketId, BucketMark),
    DropBucket(BucketId),
    PutRecord(SavedRecord),
    DropRecord(RecordId),
    /// The copy of a record that its old bucket still counted.
    DropLeaving(BucketId, RecordId),
    /// Into the outbox, replacing the group of the same id.
    PutGroup(SavedGroup),
    /// Out of the outbox into the journal.
    Journal(SavedGroup),
    /// Out of the journal into the outbox again: a restored server needs it.
    Reopen(SavedGroup),
    /// A copy of somebody else's write, out of the outbox: the office has decided or keeps it.
    DropGroup(GroupId),
    PutDraft(Draft),
    DropDraft(RecordId, FieldPath),
}

/// What to send now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushBatch {
    /// The whole request body: a header line and one line a group.
    pub body: String,
    pub groups: Vec<GroupId>,
}

/// A pull's answer that must not be applied. The stage is dropped; the next pull begins again from the last checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageError {
    /// The server speaks a protocol this client does not.
    Protocol(u32),
    /// A page does not follow the one before it.
    Gap(BucketId),
    /// The checksum does not match: the bucket will be fetched again from its beginning.
    Mismatch(BucketId),
    /// The server was restored: before anything of it is taken, it is offered what it may have lost.
    RefillFirst,
}

struct Pending {
    saved: SavedGroup,
    group: Group,
}

/// Pages of a bucket that wait for its checkpoint.
struct Stage {
    from: i64,
    to: i64,
    records: BTreeMap<RecordId, RecordState>,
    /// Records that the stage has whole, whatever is here of them.
    whole: BTreeSet<RecordId>,
    /// Records that left for another bucket (those that came back since are in `records`, whole).
    gone: BTreeSet<RecordId>,
    /// It began by replacing what was found to differ.
    mends: bool,
}

impl Stage {
    fn after(since: i64) -> Self {
        Self {
            from: since,
            to: since,
            records: BTreeMap::new(),
            whole: BTreeSet::new(),
            gone: BTreeSet::new(),
            mends: false,
        }
    }

    /// Whether nothing of what is here of the record stays.
    fn replaces(&self, id: &RecordId) -> bool {
        self.whole.contains(id) || self.gone.contains(id)
    }

    fn take(&mut self, page: RecordsPage) {
        self.to = page.to;
        self.mends |= !page.whole.is_empty();
        for id in page.gone {
            self.records.remove(&id);
            self.gone.insert(id);
        }
        for id in page.whole {
            self.records.remove(&id);
            self.whole.insert(id);
        }
        for record in page.records {
            // A record that changed between two pages comes again with what is newer.
            let staged = self
                .records
                .entry(record.id.clone())
                .or_insert_with(|| RecordState::new(record.id.clone()));
            staged.fields.extend(record.fields);
        }
    }
}

pub struct Replica {
    me: Author,
    epoch: Option<String>,
    buckets: BTreeMap<BucketId, BucketMark>,
    records: BTreeMap<RecordId, SavedRecord>,
    /// Copies of records that came in another bucket before this one said that they are gone.
    leaving: BTreeMap<(BucketId, RecordId), SavedRecord>,
    /// The outbox in order.
    outbox: BTreeMap<(i64, GroupId), Pending>,
    /// Which outbox groups touch a record, in order.
    touching: HashMap<RecordId, BTreeSet<(i64, GroupId)>>,
    drafts: BTreeMap<(RecordId, FieldPath), Draft>,
    stages: BTreeMap<BucketId, Stage>,
    /// Outbox lines that cannot be read back: kept where they are, shown, exportable.
    unreadable: Vec<SavedGroup>,
    /// Buckets whose records were counted and found to be what their mark says, since start.
    counted: BTreeSet<BucketId>,
    /// The server was restored: it is offered the journal before anything is taken from it.
    refill: bool,
    /// And it may lack what others wrote and only the base here still shows.
    witness: bool,
    /// Buckets that are not what their checksum says, and how far the search for the difference is.
    suspects: BTreeMap<BucketId, Descent>,
    mismatches: u64,
    mended: u64,
    restores: u64,
    /// The server's clock and how many days back its backups may be needed, as it last said.
    server_now: i64,
    horizon_days: u32,
}

impl Replica {
    pub fn open(me: Author, saved: Saved) -> Self {
        let (leaving, records): (Vec<_>, Vec<_>) = saved.records.into_iter().partition(|record| record.leaving);
        let mut replica = Self {
            me,
            epoch: saved.epoch,
            buckets: saved.buckets.into_iter().collect(),
            records: records
                .into_iter()
                .map(|record| (record.state.id.clone(), record))
                .collect(),
            leaving: leaving
                .into_iter()
                .map(|record| ((record.bucket.clone(), record.state.id.clone()), record))
                .collect(),
            outbox: BTreeMap::new(),
            touching: HashMap::new(),
            drafts: saved
                .drafts
                .into_iter()
                .map(|draft| ((draft.record.clone(), draft.path.clone()), draft))
                .collect(),
            stages: BTreeMap::new(),
            unreadable: Vec::new(),
            counted: BTreeSet::new(),
            refill: saved.refill,
            witness: saved.witness,
            suspects: BTreeMap::new(),
            mismatches: 0,
            mended: 0,
            restores: 0,
            server_now: 0,
            horizon_days: u32::MAX,
        };
        for saved in saved.groups {
            match Group::from_line(saved.line.as_bytes()) {
                Ok(group) => replica.insert_pending(Pending { saved, group }),
                Err(_) => replica.unreadable.push(saved),
            }
        }
        replica
    }

    pub fn me(&self) -> &Author {
        &self.me
    }

    // ---- reading -----------------------------------------------------------------------------------------------------------

    /// The record as its reader sees it, or nothing if nobody wrote it.
    pub fn view(&self, id: &RecordId) -> Option<RecordView> {
        let base = self.records.get(id);
        let mut bucket = base.map(|record| record.bucket.clone());
        let mut fields: BTreeMap<FieldPath, Layers> = BTreeMap::new();
        for (path, field) in base.iter().flat_map(|record| &record.state.fields) {
            fields.insert(path.clone(), Layers::base(field));
        }
        for pending in self.pending_of(id) {
            bucket.get_or_insert_with(|| pending.group.bucket.clone());
            for (at, op) in pending.group.ops.iter().enumerate().filter(|(_, op)| op.record() == id) {
                fields
                    .entry(op.path().clone())
                    .or_default()
                    .pending(pending.group.write(pending.saved.id, at), op.base());
            }
        }
        for draft in self.drafts_of(id) {
            bucket.get_or_insert_with(|| draft.bucket.clone());
            fields
                .entry(draft.path.clone())
                .or_default()
                .draft(self.draft_sibling(draft), &draft.base);
        }
        let fields = fields.into_iter().map(|(path, layers)| (path, layers.view())).collect();
        bucket.map(|bucket| RecordView {
            id: id.clone(),
            bucket,
            fields,
        })
    }

    /// One field as its reader sees it: cheaper than the whole record.
    pub fn field(&self, id: &RecordId, path: &FieldPath) -> crate::FieldView {
        let base = self.records.get(id).and_then(|record| record.state.fields.get(path));
        let mut layers = base.map_or_else(Layers::default, Layers::base);
        for pending in self.pending_of(id) {
            let op = pending
                .group
                .ops
                .iter()
                .enumerate()
                .find(|(_, op)| op.record() == id && op.path() == path);
            if let Some((at, op)) = op {
                layers.pending(pending.group.write(pending.saved.id, at), op.base());
            }
        }
        if let Some(draft) = self.drafts.get(&(id.clone(), path.clone())) {
            layers.draft(self.draft_sibling(draft), &draft.base);
        }
        layers.view()
    }

    /// The kind code of a record, or nothing while nobody has said it.
    pub fn kind_of(&self, id: &RecordId) -> String {
        let kind = "@kind".parse().expect("a reserved field path");
        self.field(id, &kind).text().to_owned()
    }

    /// The bucket a record lives in.
    pub fn bucket_of(&self, id: &RecordId) -> Option<BucketId> {
        let base = self.records.get(id).map(|record| record.bucket.clone());
        base.or_else(|| self.pending_of(id).next().map(|pending| pending.group.bucket.clone()))
    }

    /// Whether the office has sent this record.
    pub fn has_from_office(&self, id: &RecordId) -> bool {
        self.records.contains_key(id)
    }

    /// Every record there is, the office's and this phone's own.
    pub fn record_ids(&self) -> BTreeSet<RecordId> {
        self.records.keys().chain(self.touching.keys()).cloned().collect()
    }

    /// Fields in which people differ as they are shown here, and those beside which something stands that came after a seal.
    pub fn contested(&self) -> Vec<(RecordId, FieldPath)> {
        let base = self.records.iter().flat_map(|(id, record)| {
            let fields = record.state.fields.iter();
            let doubtful = fields.filter(|(_, field)| field.live.len() > 1 || !field.late.is_empty());
            doubtful.map(move |(path, _)| (id.clone(), path.clone()))
        });
        let own = self.outbox.values().flat_map(|pending| &pending.group.ops);
        let own = own.map(|op| (op.record().clone(), op.path().clone()));
        let asked: BTreeSet<(RecordId, FieldPath)> = base.chain(own).collect();
        let differs = |(id, path): &(RecordId, FieldPath)| {
            let view = self.field(id, path);
            view.conflict() || !view.late.is_empty()
        };
        asked.into_iter().filter(differs).collect()
    }

    /// Fields whose path begins with this, of every record there is.
    pub fn fields_under(&self, prefix: &str) -> BTreeSet<(RecordId, FieldPath)> {
        let base = self.records.iter().flat_map(|(id, record)| {
            let paths = record
                .state
                .fields
                .keys()
                .filter(|path| path.as_str().starts_with(prefix));
            paths.map(move |path| (id.clone(), path.clone()))
        });
        let own = self.outbox.values().flat_map(|pending| &pending.group.ops);
        let own = own.filter(|op| op.path().as_str().starts_with(prefix));
        base.chain(own.map(|op| (op.record().clone(), op.path().clone())))
            .collect()
    }

    /// The outbox, oldest first: bytes, phase, and what the group says.
    pub fn outbox(&self) -> impl Iterator<Item = (&SavedGroup, &Group)> {
        self.outbox.values().map(|pending| (&pending.saved, &pending.group))
    }

    /// Outbox lines that cannot be read back, because the storage was damaged. They stay stored.
    pub fn unreadable(&self) -> &[SavedGroup] {
        &self.unreadable
    }

    pub fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.drafts.values()
    }

    pub fn buckets(&self) -> &BTreeMap<BucketId, BucketMark> {
        &self.buckets
    }

    /// The bucket's checksum counted anew from what is here.
    pub fn counted_sum(&self, bucket: &BucketId) -> Sum {
        let counted = self.records.values().chain(self.leaving.values());
        counted
            .filter(|record| record.bucket == *bucket)
            .fold(Sum::default(), |sum, record| sum.plus(record.state.sum()))
    }

    /// How many checkpoints did not match since start.
    pub fn mismatches(&self) -> u64 {
        self.mismatches
    }

    /// How many restored servers were met since start.
    pub fn restores(&self) -> u64 {
        self.restores
    }

    // ---- writing -----------------------------------------------------------------------------------------------------------

    /// Freezes one action into a group. `now` is the device's clock in ms, `nonce` 64 random bits.
    pub fn change(
        &mut self,
        bucket: &BucketId,
        kind: GroupKind,
        edits: Vec<Edit>,
        now: i64,
        nonce: u64,
    ) -> Vec<Stored> {
        let mut stored: Vec<Stored> = Vec::new();
        for edit in &edits {
            // A draft of the same field was on the screen: this action replaces it.
            if self.drafts.remove(&(edit.record.clone(), edit.path.clone())).is_some() {
                stored.push(Stored::DropDraft(edit.record.clone(), edit.path.clone()));
            }
        }
        let ops = self.ops_of(edits);
        let group = self.group(bucket.clone(), kind, ops, now, nonce);
        stored.push(self.freeze(group));
        stored
    }

    /// Asks that records of one bucket move to another: one action of somebody who saw where they are.
    pub fn relocate(
        &mut self,
        (from, to): (&BucketId, &BucketId),
        records: Vec<(RecordId, Shown)>,
        now: i64,
        nonce: u64,
    ) -> Vec<Stored> {
        let records = records.into_iter().map(|(record, shown)| (record, shown.0)).collect();
        let group = self.group(from.clone(), GroupKind::Move, vec![], now, nonce);
        vec![self.freeze(group.into_move(to.clone(), records))]
    }

    fn group(&self, bucket: BucketId, kind: GroupKind, ops: Vec<Op>, now: i64, nonce: u64) -> Group {
        let (person, device) = (self.me.person.clone(), self.me.device.clone());
        Group::new(bucket, kind, person, device, now, nonce, ops)
    }

    /// Fixes the bytes of an action and puts it behind every earlier one of this person, whatever the clock says.
    fn freeze(&mut self, group: Group) -> Stored {
        let line = group.to_line();
        let last = self.outbox.keys().next_back();
        let order = last.map_or(group.at, |(last, _)| group.at.max(last + 1));
        // No server takes more: told at once, kept, and out of the way of what comes after it.
        let phase = match line.len() > MAX_GROUP_BYTES {
            true => Phase::Refused {
                code: Code::GroupTooLarge.to_string(),
            },
            false => Phase::Frozen,
        };
        let id = GroupId::of(line.as_bytes());
        let saved = SavedGroup { id, order, line, phase };
        let stored = Stored::PutGroup(saved.clone());
        self.insert_pending(Pending { saved, group });
        stored
    }

    /// Keeps text while it is typed. It becomes a group when it is settled.
    pub fn type_text(&mut self, bucket: &BucketId, edit: Edit, now: i64) -> Vec<Stored> {
        let key = (edit.record.clone(), edit.path.clone());
        let Edit {
            record,
            path,
            value,
            shown,
        } = edit;
        let draft = Draft {
            record,
            path,
            bucket: bucket.clone(),
            value,
            base: shown.0,
            at: now,
        };
        self.drafts.insert(key, draft.clone());
        vec![Stored::PutDraft(draft)]
    }

    /// Freezes all open drafts, one group a bucket. A draft that says what is there already just goes.
    pub fn settle(&mut self, now: i64, mut nonce: impl FnMut() -> u64) -> Vec<Stored> {
        let mut by_bucket: BTreeMap<BucketId, Vec<Draft>> = BTreeMap::new();
        let mut stored = Vec::new();
        for (_, draft) in std::mem::take(&mut self.drafts) {
            stored.push(Stored::DropDraft(draft.record.clone(), draft.path.clone()));
            let under = self.field(&draft.record, &draft.path);
            let unchanged = under.value() == Some(&draft.value) && !under.conflict();
            let still_empty = under.siblings.is_empty() && draft.value == Value::Text(String::new());
            if !unchanged && !still_empty {
                by_bucket.entry(draft.bucket.clone()).or_default().push(draft);
            }
        }
        for (bucket, drafts) in by_bucket {
            let edit = |draft: Draft| Edit {
                record: draft.record,
                path: draft.path,
                value: draft.value,
                shown: Shown(draft.base),
            };
            for chunk in drafts.chunks(64) {
                stored.extend(self.change(
                    &bucket,
                    GroupKind::Edit,
                    chunk.iter().cloned().map(edit).collect(),
                    now,
                    nonce(),
                ));
            }
        }
        stored
    }

    fn ops_of(&self, edits: Vec<Edit>) -> Vec<Op> {
        let mut ops: Vec<Op> = Vec::new();
        for Edit {
            record,
            path,
            value,
            shown,
        } in edits
        {
            let is_element = |path: &FieldPath| path.as_str().starts_with("photos/");
            let second = is_element(&path) && ops.iter().any(|op| is_element(op.path()));
            if second && planted(Bug::SecondPhotoDropped) {
                continue;
            }
            let base = match planted(Bug::BaseFromDatabase) {
                true => self.field(&record, &path).shown().0,
                false => shown.0,
            };
            ops.push(Op(record, path, value, base));
        }
        ops
    }

    // ---- inside ------------------------------------------------------------------------------------------------------------

    fn insert_pending(&mut self, pending: Pending) {
        let key = (pending.saved.order, pending.saved.id);
        for op in &pending.group.ops {
            self.touching.entry(op.record().clone()).or_default().insert(key);
        }
        self.outbox.insert(key, pending);
    }

    /// Groups that show on top of the base: what the office refused has no effect here either.
    fn pending_of(&self, id: &RecordId) -> impl Iterator<Item = &Pending> {
        let keys = self.touching.get(id).into_iter().flatten();
        keys.filter_map(|key| self.outbox.get(key))
            .filter(|pending| !matches!(pending.saved.phase, Phase::Refused { .. }) && !pending.is_witness())
    }

    fn drafts_of(&self, id: &RecordId) -> impl Iterator<Item = &Draft> {
        self.drafts.values().filter(move |draft| draft.record == *id)
    }

    fn draft_sibling(&self, draft: &Draft) -> Sibling {
        Sibling {
            value: draft.value.clone(),
            author: self.me.person.clone(),
            device: self.me.device.clone(),
            at: draft.at,
            pending: true,
            dot: None,
        }
    }
}

impl Pending {
    /// The bucket in which it took or will take effect.
    fn home(&self) -> &BucketId {
        match &self.saved.phase {
            Phase::Acked {
                bucket: Some(bucket), ..
            } => bucket,
            _ => &self.group.bucket,
        }
    }

    /// A copy of somebody else's write: the office's to decide about, and nothing its carrier wrote.
    fn is_witness(&self) -> bool {
        self.group.kind == GroupKind::Witness
    }
}

impl From<&FieldState> for crate::FieldView {
    fn from(field: &FieldState) -> Self {
        Layers::base(field).view()
    }
}

#[cfg(test)]
mod tests;
