//! The phone's replica: what the office last said, what this person wrote since, and what goes out next.
//!
//! Sans-I/O. Every method that changes something answers with the [`Stored`] changes that make it durable; the caller writes
//! them in one strict transaction. `view = base ⊕ own pending ops`, computed at read: there is nothing to replay or roll back.
//!
//! Life of a group: open draft → frozen → (sent) → acked → covered by a checkpoint → journal → gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::field::{FieldState, Write};
use crate::planted::{Bug, planted};
use crate::record::field_sum;
use crate::view::{Layers, RecordView, Shown, Sibling};
use crate::{
    BucketId, Checkpoint, Code, DeviceId, Dot, Edit, FieldPath, Frame, Group, GroupId, GroupKind, HaveReply,
    HaveRequest, Hello, MAX_GROUP_BYTES, MAX_HAVE, MAX_PUSH_BYTES, MAX_PUSH_GROUPS, Op, Outcome, OutcomeKind, PROTOCOL,
    PersonId, PullRequest, PushHeader, PushReply, RecordId, RecordState, RecordsPage, ScopeChange, Sum, Value,
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
    Acked { seq: i64, receipt: String },
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
}

/// Everything of one person on this phone, as read at start.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    pub epoch: Option<String>,
    pub buckets: Vec<(BucketId, BucketMark)>,
    pub records: Vec<SavedRecord>,
    /// The server was restored and has not been offered the journal yet.
    pub refill: bool,
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
    PutBucket(BucketId, BucketMark),
    DropBucket(BucketId),
    PutRecord(SavedRecord),
    DropRecord(RecordId),
    /// Into the outbox, replacing the group of the same id.
    PutGroup(SavedGroup),
    /// Out of the outbox into the journal.
    Journal(SavedGroup),
    /// Out of the journal into the outbox again: a restored server needs it.
    Reopen(SavedGroup),
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

struct Stage {
    from: i64,
    to: i64,
    records: BTreeMap<RecordId, RecordState>,
}

pub struct Replica {
    me: Author,
    epoch: Option<String>,
    buckets: BTreeMap<BucketId, BucketMark>,
    records: BTreeMap<RecordId, SavedRecord>,
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
    mismatches: u64,
    restores: u64,
    /// The server's clock and how many days back its backups may be needed, as it last said.
    server_now: i64,
    horizon_days: u32,
}

impl Replica {
    pub fn open(me: Author, saved: Saved) -> Self {
        let mut replica = Self {
            me,
            epoch: saved.epoch,
            buckets: saved.buckets.into_iter().collect(),
            records: saved
                .records
                .into_iter()
                .map(|record| (record.state.id.clone(), record))
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
            mismatches: 0,
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
            fields.insert(path.clone(), Layers::base(&field.live));
        }
        for pending in self.pending_of(id) {
            bucket.get_or_insert_with(|| pending.group.bucket.clone());
            for (at, op) in pending.group.ops.iter().enumerate().filter(|(_, op)| op.record() == id) {
                fields
                    .entry(op.path().clone())
                    .or_default()
                    .pending(pending.write(at, op), op.base());
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
        let mut layers = Layers::base(base.map_or(&[][..], |field| &field.live));
        for pending in self.pending_of(id) {
            let op = pending
                .group
                .ops
                .iter()
                .enumerate()
                .find(|(_, op)| op.record() == id && op.path() == path);
            if let Some((at, op)) = op {
                layers.pending(pending.write(at, op), op.base());
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

    /// Every record there is, the office's and this phone's own.
    pub fn record_ids(&self) -> BTreeSet<RecordId> {
        self.records.keys().chain(self.touching.keys()).cloned().collect()
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
        self.records
            .values()
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
        let group = Group::new(
            bucket.clone(),
            kind,
            self.me.person.clone(),
            self.me.device.clone(),
            now,
            nonce,
            ops,
        );
        let line = group.to_line();
        // Follows every earlier action of this person, whatever the clock says.
        let order = self
            .outbox
            .keys()
            .next_back()
            .map_or(now, |(last, _)| now.max(last + 1));
        // No server takes more: told at once, kept, and out of the way of what comes after it.
        let phase = match line.len() > MAX_GROUP_BYTES {
            true => Phase::Refused {
                code: Code::GroupTooLarge.to_string(),
            },
            false => Phase::Frozen,
        };
        let saved = SavedGroup {
            id: GroupId::of(line.as_bytes()),
            order,
            line,
            phase,
        };
        stored.push(Stored::PutGroup(saved.clone()));
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

    // ---- push --------------------------------------------------------------------------------------------------------------

    /// The oldest frozen groups that fit one push, or nothing to send.
    pub fn next_push(&self, now: i64) -> Option<PushBatch> {
        let header = PushHeader {
            protocol: PROTOCOL,
            device: self.me.device.clone(),
            epoch: self.epoch.clone(),
            now,
        };
        let mut body = serde_json::to_string(&header).expect("a header has only text keys");
        let mut groups = Vec::new();
        for pending in self
            .outbox
            .values()
            .filter(|pending| pending.saved.phase == Phase::Frozen)
        {
            if planted(Bug::QueueBlockedByRefusal)
                && self
                    .outbox
                    .values()
                    .any(|other| matches!(other.saved.phase, Phase::Refused { .. }))
            {
                break;
            }
            if groups.len() == MAX_PUSH_GROUPS || body.len() + 1 + pending.saved.line.len() > MAX_PUSH_BYTES {
                break;
            }
            body.push('\n');
            body.push_str(&pending.saved.line);
            groups.push(pending.saved.id);
        }
        (!groups.is_empty()).then_some(PushBatch { body, groups })
    }

    /// Takes the outcomes of a push. Those of groups that are not frozen here any more are old news.
    pub fn handle_push_reply(&mut self, reply: &PushReply) -> Vec<Stored> {
        let mut stored = self.meet_epoch(&reply.epoch);
        for outcome in &reply.outcomes {
            stored.extend(self.take_outcome(outcome));
        }
        stored
    }

    fn take_outcome(&mut self, Outcome { group, kind }: &Outcome) -> Option<Stored> {
        let phase = match kind.clone() {
            OutcomeKind::Applied { seq, receipt, .. } | OutcomeKind::Duplicate { seq, receipt, .. } => {
                Phase::Acked { seq, receipt }
            }
            OutcomeKind::Refused { code } => Phase::Refused { code },
            OutcomeKind::Quarantined { code } => Phase::Quarantined { code },
            OutcomeKind::Retry { .. } => return None,
        };
        self.advance(*group, phase)
    }

    fn advance(&mut self, id: GroupId, phase: Phase) -> Option<Stored> {
        let waits = |phase: &Phase| matches!(phase, Phase::Frozen | Phase::Quarantined { .. });
        let pending = self
            .outbox
            .values_mut()
            .find(|pending| pending.saved.id == id && waits(&pending.saved.phase) && pending.saved.phase != phase)?;
        let cursor = self.buckets.get(&pending.group.bucket).map_or(0, |mark| mark.cursor);
        if let (Phase::Acked { seq, receipt }, true) = (&phase, planted(Bug::DropOnAck)) {
            let (key, seq, receipt) = ((pending.saved.order, id), *seq, receipt.clone());
            return self.move_to_journal(key, seq, receipt);
        }
        pending.saved.phase = phase.clone();
        let stored = Stored::PutGroup(pending.saved.clone());
        match phase {
            Phase::Acked { seq, receipt } if seq <= cursor => {
                let (key, group) = ((pending.saved.order, id), pending.group.clone());
                match self.base_shows(id, &group) {
                    // A pull brought the group's effect before its acknowledgement came.
                    true => self.move_to_journal(key, seq, receipt),
                    // The number says that it must be here and it is not: somebody replaced it already, or this server has
                    // lived another life since. Fetched anew, the bucket tells.
                    false => {
                        self.fetch_anew(&group.bucket);
                        Some(stored)
                    }
                }
            }
            _ => Some(stored),
        }
    }

    fn base_shows(&self, id: GroupId, group: &Group) -> bool {
        group.ops.iter().enumerate().all(|(at, op)| {
            let record = self.records.get(op.record());
            let field = record.and_then(|record| record.state.fields.get(op.path()));
            field.is_some_and(|field| !field.lacks(&Group::dot(id, at)))
        })
    }

    // ---- pull --------------------------------------------------------------------------------------------------------------

    /// Asks for everything after what is here. Pages staged before go on where they stopped.
    pub fn next_pull(&mut self, budget: u32) -> PullRequest {
        self.count_what_was_stored();
        let marks = self.buckets.iter();
        let want = marks.map(|(bucket, mark)| (bucket.clone(), mark.cursor)).collect();
        let stages = self.stages.iter();
        let at = stages.map(|(bucket, stage)| (bucket.clone(), stage.to)).collect();
        PullRequest {
            protocol: PROTOCOL,
            epoch: self.epoch.clone(),
            want,
            at,
            budget,
            acked: self.acked(),
        }
    }

    /// Counts each bucket once a start: where a record was changed behind the program's back it is fetched anew.
    fn count_what_was_stored(&mut self) {
        let uncounted: Vec<BucketId> = self
            .buckets
            .keys()
            .filter(|id| !self.counted.contains(*id))
            .cloned()
            .collect();
        for bucket in uncounted {
            let counted = self.counted_sum(&bucket);
            if self.buckets.get(&bucket).is_some_and(|mark| mark.sum != counted) {
                self.mismatches += 1;
                self.fetch_anew(&bucket);
            }
            self.counted.insert(bucket);
        }
    }

    /// Acknowledged and not covered: the oldest, as many as one question may name.
    fn acked(&self) -> Vec<GroupId> {
        let acked = |pending: &&Pending| matches!(pending.saved.phase, Phase::Acked { .. });
        let ids = self.outbox.values().filter(acked).map(|pending| pending.saved.id);
        ids.take(MAX_HAVE).collect()
    }

    /// Takes one frame of a pull's answer. Nothing is seen of a bucket before its checkpoint (P5).
    pub fn handle_frame(&mut self, frame: Frame) -> Result<Vec<Stored>, StageError> {
        match frame {
            Frame::Hello(hello) => self.hello(&hello),
            Frame::Lost(groups) => Ok(self.lost(&groups)),
            Frame::End(end) => Ok(if end.more || self.refill { vec![] } else { self.end() }),
            // The base goes only after what it proves was offered: until then everybody sees what they wrote.
            _ if self.refill => Err(StageError::RefillFirst),
            Frame::Scope(scope) => Ok(self.rescope(scope)),
            Frame::Records(page) => self.stage(page).map(|()| vec![]),
            Frame::Checkpoint(checkpoint) => self.swap(checkpoint),
        }
    }

    /// Forgets pages whose checkpoint did not come, because the answer broke off or belongs to another state.
    pub fn drop_stages(&mut self) {
        self.stages.clear();
    }

    fn hello(&mut self, hello: &Hello) -> Result<Vec<Stored>, StageError> {
        if hello.protocol != PROTOCOL {
            return Err(StageError::Protocol(hello.protocol));
        }
        (self.server_now, self.horizon_days) = (hello.now, hello.backup_horizon_days);
        Ok(self.meet_epoch(&hello.epoch))
    }

    /// A new epoch means that the server may have lost what it acknowledged.
    fn meet_epoch(&mut self, epoch: &str) -> Vec<Stored> {
        if self.epoch.as_deref() == Some(epoch) {
            return vec![];
        }
        let mut stored = vec![Stored::Epoch(epoch.to_owned())];
        if self.epoch.replace(epoch.to_owned()).is_some() {
            stored.extend(self.meet_restored_server());
        }
        stored
    }

    fn lost(&mut self, groups: &[GroupId]) -> Vec<Stored> {
        let acked = |pending: &Pending| {
            groups.contains(&pending.saved.id) && matches!(pending.saved.phase, Phase::Acked { .. })
        };
        match self.outbox.values().any(acked) {
            true => self.meet_restored_server(),
            false => vec![],
        }
    }

    /// Acks and cursors are forgotten, everything unsettled is sent again, and the journal is to be offered; sending twice has no
    /// effect (P3), so this is always safe.
    fn meet_restored_server(&mut self) -> Vec<Stored> {
        self.restores += 1;
        self.stages.clear();
        let mut stored = Vec::new();
        if !planted(Bug::CursorAcrossEpochs) {
            for (bucket, mark) in &mut self.buckets {
                mark.cursor = 0;
                stored.push(Stored::PutBucket(bucket.clone(), *mark));
            }
        }
        if planted(Bug::AcksAcrossEpochs) {
            return stored;
        }
        self.refill = true;
        stored.push(Stored::Refill(true));
        let told = |phase: &Phase| matches!(phase, Phase::Acked { .. } | Phase::Quarantined { .. });
        for pending in self.outbox.values_mut().filter(|pending| told(&pending.saved.phase)) {
            pending.saved.phase = Phase::Frozen;
            stored.push(Stored::PutGroup(pending.saved.clone()));
        }
        stored
    }

    // ---- refill ------------------------------------------------------------------------------------------------------------

    /// Whether the server must be offered the journal before anything else is taken from it.
    pub fn must_refill(&self) -> bool {
        self.refill
    }

    /// Asks which of these the server has: the journal's ids, a part at a time, when [`Self::must_refill`].
    pub fn offer(groups: &[GroupId]) -> HaveRequest {
        HaveRequest {
            protocol: PROTOCOL,
            groups: groups.iter().take(MAX_HAVE).copied().collect(),
        }
    }

    /// What lies in quarantine here, to ask whether the office has decided.
    pub fn in_quarantine(&self) -> Vec<GroupId> {
        let kept = |pending: &&Pending| matches!(pending.saved.phase, Phase::Quarantined { .. });
        let ids = self.outbox.values().filter(kept).map(|pending| pending.saved.id);
        ids.take(MAX_HAVE).collect()
    }

    /// Takes the server's answer. `journal` are those that were offered from the journal: what the server needs, and what it
    /// has without effect (another phone of this person sent it too late), goes into the outbox again under its old place. An answer of yet another life of the server counts for nothing.
    pub fn handle_have(&mut self, reply: &HaveReply, journal: Vec<SavedGroup>) -> Vec<Stored> {
        let met = self.meet_epoch(&reply.epoch);
        if !met.is_empty() {
            return met;
        }
        let mut stored: Vec<Stored> = reply
            .known
            .iter()
            .filter_map(|outcome| self.take_outcome(outcome))
            .collect();
        for pending in self.outbox.values_mut() {
            let forgotten = reply.need.contains(&pending.saved.id);
            if forgotten && matches!(pending.saved.phase, Phase::Quarantined { .. }) {
                pending.saved.phase = Phase::Frozen;
                stored.push(Stored::PutGroup(pending.saved.clone()));
            }
        }
        for mut saved in journal {
            saved.phase = match reply.known.iter().find(|outcome| outcome.group == saved.id) {
                None if reply.need.contains(&saved.id) => Phase::Frozen,
                Some(Outcome {
                    kind: OutcomeKind::Quarantined { code },
                    ..
                }) => Phase::Quarantined { code: code.clone() },
                Some(Outcome {
                    kind: OutcomeKind::Refused { code },
                    ..
                }) => Phase::Refused { code: code.clone() },
                _ => continue,
            };
            if let Ok(group) = Group::from_line(saved.line.as_bytes()) {
                stored.push(Stored::Reopen(saved.clone()));
                self.insert_pending(Pending { saved, group });
            }
        }
        stored
    }

    /// Offers the journal at the next occasion although nothing points to a loss: once a day, so that a server restored behind
    /// everybody's back is refilled even with what this phone no longer may read.
    pub fn check_journal(&mut self) {
        self.refill = true;
    }

    /// Whether every backup the office may still need holds the group, by the server's clock alone: then the journal may let it go.
    pub fn is_beyond_horizon(&self, saved: &SavedGroup) -> bool {
        let days = i64::from(self.horizon_days).saturating_add(2);
        let oldest = self.server_now.saturating_sub(days.saturating_mul(24 * 3_600_000));
        matches!(saved.phase, Phase::Covered { at, .. } if at > 0 && at < oldest)
    }

    /// The whole journal was offered to this life of the server.
    pub fn refilled(&mut self) -> Vec<Stored> {
        self.refill = false;
        vec![Stored::Refill(false)]
    }

    // ---- scope and checkpoints ---------------------------------------------------------------------------------------------

    fn rescope(&mut self, scope: ScopeChange) -> Vec<Stored> {
        let mut stored = Vec::new();
        let given_back = |bucket: &BucketId| !self.buckets.contains_key(bucket);
        if !self.buckets.is_empty() && scope.add.iter().any(given_back) {
            // What the journal holds of it may be gone from a server that was restored while this phone could not see it.
            self.refill = true;
            stored.push(Stored::Refill(true));
        }
        for bucket in scope.add {
            let mark = *self.buckets.entry(bucket.clone()).or_default();
            stored.push(Stored::PutBucket(bucket, mark));
        }
        for bucket in scope.remove {
            // What is unsent goes out first; the base follows at the next pull (P9).
            let unsent = |pending: &Pending| pending.group.bucket == bucket && pending.saved.phase == Phase::Frozen;
            if self.outbox.values().any(unsent) {
                continue;
            }
            self.buckets.remove(&bucket);
            self.stages.remove(&bucket);
            let (gone, kept) = std::mem::take(&mut self.records)
                .into_iter()
                .partition(|(_, record)| record.bucket == bucket);
            self.records = kept;
            stored.extend(BTreeMap::<RecordId, SavedRecord>::into_keys(gone).map(Stored::DropRecord));
            stored.push(Stored::DropBucket(bucket));
        }
        stored
    }

    /// Everything there is has come.
    fn end(&mut self) -> Vec<Stored> {
        let mut stranded = Vec::new();
        for (key, pending) in &self.outbox {
            let Phase::Acked { seq, receipt } = &pending.saved.phase else {
                continue;
            };
            match self.buckets.get(&pending.group.bucket) {
                // Of a bucket that this phone does not carry (any more) nothing will ever be covered: the office has it.
                None => stranded.push((*key, *seq, receipt.clone())),
                // The acknowledgement came before this answer was asked for: a server that has not got so far was restored.
                Some(mark) if mark.cursor < *seq => return self.meet_restored_server(),
                Some(_) => {}
            }
        }
        stranded
            .into_iter()
            .filter_map(|(key, seq, receipt)| self.move_to_journal(key, seq, receipt))
            .collect()
    }

    fn stage(&mut self, page: RecordsPage) -> Result<(), StageError> {
        let cursor = self.buckets.get(&page.bucket).map_or(0, |mark| mark.cursor);
        if page.from == page.since {
            // The first page after a checkpoint: whatever was staged before belongs to an answer that was given up.
            self.stages.remove(&page.bucket);
        }
        let stage = self.stages.entry(page.bucket.clone()).or_insert(Stage {
            from: page.since,
            to: page.since,
            records: BTreeMap::new(),
        });
        let follows = stage.to == page.from && stage.from == page.since && (page.since == cursor || page.since == 0);
        if !follows || page.to < page.from {
            self.stages.remove(&page.bucket);
            return Err(StageError::Gap(page.bucket));
        }
        stage.to = page.to;
        for record in page.records {
            // A record that changed between two pages comes again with what is newer.
            let staged = stage
                .records
                .entry(record.id.clone())
                .or_insert_with(|| RecordState::new(record.id.clone()));
            staged.fields.extend(record.fields);
        }
        if planted(Bug::PageByPage) {
            let shown = std::mem::take(&mut stage.records);
            self.install(&page.bucket, shown, false);
        }
        Ok(())
    }

    fn swap(&mut self, checkpoint: Checkpoint) -> Result<Vec<Stored>, StageError> {
        let Checkpoint { bucket, head, sum } = checkpoint;
        let mark = self.buckets.get(&bucket).copied().unwrap_or_default();
        if head < mark.cursor {
            // This server showed more than it has: it was restored without saying so.
            self.meet_restored_server();
            return Err(StageError::RefillFirst);
        }
        let stage = self.stages.remove(&bucket).unwrap_or(Stage {
            from: mark.cursor,
            to: mark.cursor,
            records: BTreeMap::new(),
        });
        if stage.to > head || (stage.from != mark.cursor && stage.from != 0) {
            return Err(StageError::Gap(bucket));
        }
        let replaces_all = stage.from == 0;
        let new_sum = self.sum_after(&bucket, mark.sum, &stage, replaces_all);
        if new_sum != sum {
            return Err(self.mismatch(bucket));
        }
        let mut stored = self.install(&bucket, stage.records, replaces_all);
        let mark = BucketMark { cursor: head, sum };
        self.buckets.insert(bucket.clone(), mark);
        stored.push(Stored::PutBucket(bucket.clone(), mark));
        stored.extend(self.cover(&bucket, head));
        Ok(stored)
    }

    fn sum_after(&self, bucket: &BucketId, before: Sum, stage: &Stage, replaces_all: bool) -> Sum {
        if replaces_all {
            return stage
                .records
                .values()
                .fold(Sum::default(), |sum, record| sum.plus(record.sum()));
        }
        let here = |id: &RecordId| self.records.get(id).filter(|record| record.bucket == *bucket);
        stage.records.values().fold(before, |sum, record| {
            record.fields.iter().fold(sum, |sum, (path, field)| {
                let old = here(&record.id).and_then(|here| here.state.fields.get(path));
                let old = old.map_or(Sum::default(), |old| field_sum(&record.id, path, old));
                sum.minus(old).plus(field_sum(&record.id, path, field))
            })
        })
    }

    /// The bucket is fetched again from its beginning; unsent work is not touched. Either the base was damaged here, or the server
    /// was restored without saying so and has gone on since: then it lacks what the journal holds.
    fn mismatch(&mut self, bucket: BucketId) -> StageError {
        self.mismatches += 1;
        self.fetch_anew(&bucket);
        StageError::Mismatch(bucket)
    }

    fn fetch_anew(&mut self, bucket: &BucketId) {
        self.refill = true;
        self.stages.remove(bucket);
        if let Some(mark) = self.buckets.get_mut(bucket) {
            mark.cursor = 0;
        }
    }

    fn install(
        &mut self,
        bucket: &BucketId,
        staged: BTreeMap<RecordId, RecordState>,
        replaces_all: bool,
    ) -> Vec<Stored> {
        let mut stored = Vec::new();
        if replaces_all {
            let gone = |record: &SavedRecord| record.bucket == *bucket && !staged.contains_key(&record.state.id);
            let gone: Vec<RecordId> = self
                .records
                .values()
                .filter(|record| gone(record))
                .map(|record| record.state.id.clone())
                .collect();
            for id in gone {
                self.records.remove(&id);
                stored.push(Stored::DropRecord(id));
            }
        }
        for (id, record) in staged {
            let fresh = || SavedRecord {
                bucket: bucket.clone(),
                state: RecordState::new(id.clone()),
            };
            let here = self.records.entry(id.clone()).or_insert_with(fresh);
            here.bucket = bucket.clone();
            if replaces_all {
                here.state.fields.clear();
            }
            here.state.fields.extend(record.fields);
            stored.push(Stored::PutRecord(here.clone()));
        }
        stored
    }

    /// Groups that the checkpoint contains leave the overlay for the journal, in the transaction that swaps it in.
    fn cover(&mut self, bucket: &BucketId, head: i64) -> Vec<Stored> {
        let covered = |pending: &Pending| match &pending.saved.phase {
            Phase::Acked { seq, receipt } if pending.group.bucket == *bucket && *seq <= head => {
                Some((*seq, receipt.clone()))
            }
            _ => None,
        };
        let covered: Vec<_> = self
            .outbox
            .iter()
            .filter_map(|(key, pending)| covered(pending).map(|ack| (*key, ack)))
            .collect();
        covered
            .into_iter()
            .filter_map(|(key, (seq, receipt))| self.move_to_journal(key, seq, receipt))
            .collect()
    }

    fn move_to_journal(&mut self, key: (i64, GroupId), seq: i64, receipt: String) -> Option<Stored> {
        let pending = self.outbox.remove(&key)?;
        for op in &pending.group.ops {
            if let Some(groups) = self.touching.get_mut(op.record()) {
                groups.remove(&key);
                if groups.is_empty() {
                    self.touching.remove(op.record());
                }
            }
        }
        Some(Stored::Journal(SavedGroup {
            phase: Phase::Covered {
                seq,
                receipt,
                at: self.server_now,
            },
            ..pending.saved
        }))
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
            .filter(|pending| !matches!(pending.saved.phase, Phase::Refused { .. }))
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
        }
    }
}

impl Pending {
    fn write(&self, at: usize, op: &Op) -> Write {
        Write {
            dot: Group::dot(self.saved.id, at),
            value: op.value().clone(),
            author: self.group.author.clone(),
            device: self.group.device.clone(),
            at: self.group.at,
        }
    }
}

impl From<&FieldState> for crate::FieldView {
    fn from(field: &FieldState) -> Self {
        Layers::base(&field.live).view()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{End, FieldView, Limits};

    const SCHOOL: &str = "0190a2b4-7c3d-7e11-8f00-0000000000aa";

    fn uuid(name: u8) -> String {
        format!("0190a2b4-7c3d-7e11-8f00-0000000000{name:02x}")
    }
    fn bucket() -> BucketId {
        format!("school/{SCHOOL}").parse().unwrap()
    }
    fn author(name: u8) -> Author {
        Author {
            person: uuid(name).parse().unwrap(),
            device: uuid(name).parse().unwrap(),
        }
    }
    fn record() -> RecordId {
        uuid(0x77).parse().unwrap()
    }
    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    /// The office in miniature: applies each group once and answers pulls page by page.
    #[derive(Default)]
    struct Office {
        log: BTreeMap<GroupId, i64>,
        records: BTreeMap<RecordId, RecordState>,
        sum: Sum,
    }

    impl Office {
        fn push(&mut self, batch: &PushBatch) -> PushReply {
            let outcomes = batch.body.lines().skip(1).map(|line| self.take(line)).collect();
            PushReply {
                epoch: "e1".into(),
                now: 0,
                outcomes,
            }
        }
        fn take(&mut self, line: &str) -> Outcome {
            let id = GroupId::of(line.as_bytes());
            let group = Group::from_line(line.as_bytes()).unwrap();
            let receipt = String::new();
            if let Some(seq) = self.log.get(&id) {
                return Outcome {
                    group: id,
                    kind: OutcomeKind::Duplicate {
                        bucket: group.bucket,
                        seq: *seq,
                        receipt,
                    },
                };
            }
            let seq = self.log.len() as i64 + 1;
            for (at, op) in group.ops.iter().enumerate() {
                let (dot, log) = (Group::dot(id, at), &self.log);
                let write = Write {
                    dot,
                    value: op.value().clone(),
                    author: group.author.clone(),
                    device: group.device.clone(),
                    at: 0,
                };
                let record = self
                    .records
                    .entry(op.record().clone())
                    .or_insert_with(|| RecordState::new(op.record().clone()));
                let known = |other: &GroupId| *other == id || log.contains_key(other);
                self.sum = self.sum.plus(record.apply(op.path(), write, op.base(), seq, known));
            }
            self.log.insert(id, seq);
            Outcome {
                group: id,
                kind: OutcomeKind::Applied {
                    bucket: group.bucket,
                    seq,
                    receipt,
                },
            }
        }
        fn pull(&self, request: &PullRequest) -> Vec<Frame> {
            let from = request.want.get(&bucket()).copied().unwrap_or(0);
            let head = self.log.len() as i64;
            let limits = Limits {
                push_groups: 64,
                push_bytes: 1,
                group_bytes: 1,
                group_ops: 1,
            };
            let hello = Hello {
                protocol: PROTOCOL,
                epoch: "e1".into(),
                now: 0,
                limits,
                backup_horizon_days: 35,
            };
            let mut frames = vec![
                Frame::Hello(hello),
                Frame::Scope(ScopeChange {
                    add: vec![bucket()],
                    remove: vec![],
                }),
            ];
            let newer = |record: &RecordState| {
                let fields: BTreeMap<_, _> = record
                    .fields
                    .iter()
                    .filter(|(_, f)| f.seq > from)
                    .map(|(p, f)| (p.clone(), f.clone()))
                    .collect();
                (!fields.is_empty()).then(|| RecordState {
                    id: record.id.clone(),
                    fields,
                })
            };
            if head > from {
                let records = self.records.values().filter_map(newer).collect();
                frames.push(Frame::Records(RecordsPage {
                    bucket: bucket(),
                    since: from,
                    from,
                    to: head,
                    records,
                }));
                frames.push(Frame::Checkpoint(Checkpoint {
                    bucket: bucket(),
                    head,
                    sum: self.sum,
                }));
            }
            frames.push(Frame::End(End { more: false }));
            frames
        }
    }

    fn pull(phone: &mut Replica, office: &Office) {
        if phone.must_refill() {
            // This office has lost nothing: whatever it is offered, it has.
            phone.refilled();
        }
        for frame in office.pull(&phone.next_pull(1 << 20)) {
            phone.handle_frame(frame).unwrap();
        }
    }
    fn push(phone: &mut Replica, office: &mut Office) {
        if let Some(batch) = phone.next_push(0) {
            let reply = office.push(&batch);
            phone.handle_push_reply(&reply);
        }
    }
    fn tap(phone: &mut Replica, field: &str, value: &str, nonce: u64) {
        let shown = phone.field(&record(), &path(field)).shown();
        phone.change(
            &bucket(),
            GroupKind::Edit,
            vec![Edit::new(&record(), field, value.into(), shown)],
            5,
            nonce,
        );
    }
    fn seen(phone: &Replica, field: &str) -> Vec<Value> {
        FieldView::values(&phone.field(&record(), &path(field)))
    }

    #[test]
    fn an_answer_shows_at_once_and_through_push_pull_and_cover() {
        let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
        tap(&mut phone, "SF3.4", "no", 1);
        assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
        push(&mut phone, &mut office);
        assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
        pull(&mut phone, &office);
        assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
        assert_eq!(phone.outbox().count(), 0);
        assert_eq!(phone.counted_sum(&bucket()), office.sum);
    }

    #[test]
    fn a_pull_that_overtakes_the_acknowledgement_covers_the_group_when_it_comes() {
        let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
        tap(&mut phone, "SF3.4", "no", 1);
        let reply = office.push(&phone.next_push(0).unwrap());
        pull(&mut phone, &office);
        assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
        assert!(matches!(phone.handle_push_reply(&reply)[..], [Stored::Journal(_)]));
        assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
    }

    #[test]
    fn two_phones_that_did_not_see_each_other_keep_both_values() {
        let mut office = Office::default();
        let mut phones = [
            Replica::open(author(1), Saved::default()),
            Replica::open(author(2), Saved::default()),
        ];
        tap(&mut phones[0], "SF3.4", "no", 1);
        tap(&mut phones[1], "SF3.4", "yes", 2);
        for phone in &mut phones {
            push(phone, &mut office);
        }
        for phone in &mut phones {
            pull(phone, &office);
            assert!(phone.field(&record(), &path("SF3.4")).conflict());
        }
        assert_eq!(seen(&phones[0], "SF3.4"), seen(&phones[1], "SF3.4"));
        // Somebody who sees both decides: that replaces both.
        tap(&mut phones[0], "SF3.4", "no", 3);
        push(&mut phones[0], &mut office);
        pull(&mut phones[1], &office);
        assert_eq!(seen(&phones[1], "SF3.4"), ["no".into()]);
    }

    #[test]
    fn a_value_replaced_offline_twice_leaves_only_the_last() {
        let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
        for (nonce, value) in ["yes", "no", "na"].into_iter().enumerate() {
            tap(&mut phone, "SF3.4", value, nonce as u64);
            assert_eq!(seen(&phone, "SF3.4"), [value.into()]);
        }
        push(&mut phone, &mut office);
        pull(&mut phone, &office);
        assert_eq!(seen(&phone, "SF3.4"), ["na".into()]);
    }

    #[test]
    fn text_is_kept_while_typed_and_becomes_one_group() {
        let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
        for text in ["门", "门口", "门口灯不亮"] {
            let shown = phone.field(&record(), &path("SF3.4/note")).shown();
            phone.type_text(&bucket(), Edit::new(&record(), "SF3.4/note", text.into(), shown), 9);
            assert_eq!(seen(&phone, "SF3.4/note"), [text.into()]);
        }
        assert!(phone.next_push(0).is_none());
        phone.settle(10, || 4);
        assert_eq!(phone.outbox().count(), 1);
        push(&mut phone, &mut office);
        pull(&mut phone, &office);
        assert_eq!(seen(&phone, "SF3.4/note"), ["门口灯不亮".into()]);
        // Typing and taking it back again is no change.
        let shown = phone.field(&record(), &path("SF3.4/note")).shown();
        phone.type_text(
            &bucket(),
            Edit::new(&record(), "SF3.4/note", "门口灯不亮".into(), shown),
            11,
        );
        phone.settle(12, || 5);
        assert_eq!(phone.outbox().count(), 0);
    }

    #[test]
    fn what_arrives_while_somebody_types_is_not_replaced_by_what_they_type() {
        let mut office = Office::default();
        let mut phones = [
            Replica::open(author(1), Saved::default()),
            Replica::open(author(2), Saved::default()),
        ];
        let type_on = |phone: &mut Replica, text: &str| {
            let shown = phone.field(&record(), &path("SF3.4/note")).shown();
            phone.type_text(&bucket(), Edit::new(&record(), "SF3.4/note", text.into(), shown), 9);
        };
        type_on(&mut phones[0], "门口");
        tap(&mut phones[1], "SF3.4/note", "灯不亮", 3);
        push(&mut phones[1], &mut office);
        pull(&mut phones[0], &office);
        type_on(&mut phones[0], "门口没有灯");
        phones[0].settle(10, || 4);
        push(&mut phones[0], &mut office);
        pull(&mut phones[0], &office);
        assert_eq!(seen(&phones[0], "SF3.4/note").len(), 2);
    }

    #[test]
    fn what_was_stored_opens_as_the_same_replica() {
        let mut phone = Replica::open(author(1), Saved::default());
        tap(&mut phone, "SF3.4", "no", 1);
        tap(&mut phone, "SF3.4", "yes", 2);
        let groups = phone.outbox().map(|(saved, _)| saved.clone()).collect();
        let reopened = Replica::open(
            author(1),
            Saved {
                groups,
                ..Saved::default()
            },
        );
        assert_eq!(reopened.view(&record()), phone.view(&record()));
        assert_eq!(reopened.next_push(3), phone.next_push(3));
    }

    #[test]
    fn a_refused_group_stays_in_the_outbox_and_blocks_nothing() {
        let mut phone = Replica::open(author(1), Saved::default());
        tap(&mut phone, "SF3.4", "no", 1);
        tap(&mut phone, "SF3.5", "no", 2);
        let batch = phone.next_push(0).unwrap();
        let outcome = |at: usize, kind| Outcome {
            group: batch.groups[at],
            kind,
        };
        let outcomes = vec![
            outcome(
                0,
                OutcomeKind::Refused {
                    code: "scope.denied".into(),
                },
            ),
            outcome(
                1,
                OutcomeKind::Applied {
                    bucket: bucket(),
                    seq: 1,
                    receipt: String::new(),
                },
            ),
        ];
        phone.handle_push_reply(&PushReply {
            epoch: "e1".into(),
            now: 0,
            outcomes,
        });
        let phases: Vec<_> = phone.outbox().map(|(saved, _)| saved.phase.clone()).collect();
        assert_eq!(
            phases,
            [
                Phase::Refused {
                    code: "scope.denied".into()
                },
                Phase::Acked {
                    seq: 1,
                    receipt: String::new()
                }
            ]
        );
        assert!(phone.next_push(0).is_none());
    }

    #[test]
    fn what_a_refused_write_had_replaced_is_replaced_by_the_next_one_all_the_same() {
        let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
        tap(&mut phone, "state", "checked_in", 1);
        push(&mut phone, &mut office);
        pull(&mut phone, &office);
        tap(&mut phone, "state", "submitted", 2);
        tap(&mut phone, "state", "feedback_given", 3);
        let batch = phone.next_push(0).unwrap();
        // The office refuses the first of the two: its line never reaches the log here.
        let lines: Vec<&str> = batch.body.lines().collect();
        office.take(lines[2]);
        let refused = OutcomeKind::Refused {
            code: "workflow.not_from_here".into(),
        };
        let outcomes = vec![Outcome {
            group: batch.groups[0],
            kind: refused,
        }];
        phone.handle_push_reply(&PushReply {
            epoch: "e1".into(),
            now: 0,
            outcomes,
        });
        push(&mut phone, &mut office);
        pull(&mut phone, &office);
        assert_eq!(seen(&phone, "state"), ["feedback_given".into()]);
    }

    #[test]
    fn a_group_no_server_takes_is_kept_and_holds_nothing_up() {
        let mut phone = Replica::open(author(1), Saved::default());
        tap(&mut phone, "SF3.4/note", &"长".repeat(100_000), 1);
        tap(&mut phone, "SF3.5", "no", 2);
        assert_eq!(phone.next_push(0).unwrap().groups.len(), 1);
        assert_eq!(phone.outbox().count(), 2);
    }

    #[test]
    fn a_base_that_was_tampered_with_heals_at_the_next_checkpoint() {
        let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
        tap(&mut phone, "SF3.4", "no", 1);
        push(&mut phone, &mut office);
        pull(&mut phone, &office);
        phone.records.get_mut(&record()).unwrap().state.fields.clear();
        phone.buckets.get_mut(&bucket()).unwrap().sum = Sum::default();
        tap(&mut phone, "SF3.5", "no", 2);
        push(&mut phone, &mut office);
        let frames = office.pull(&phone.next_pull(1 << 20));
        let failed = frames
            .into_iter()
            .filter_map(|frame| phone.handle_frame(frame).err())
            .collect::<Vec<_>>();
        assert_eq!(failed, [StageError::Mismatch(bucket())]);
        pull(&mut phone, &office);
        assert_eq!(seen(&phone, "SF3.4"), ["no".into()]);
        assert_eq!((phone.counted_sum(&bucket()), phone.mismatches()), (office.sum, 1));
    }

    #[test]
    fn a_bucket_that_is_taken_away_stays_until_its_unsent_work_is_out() {
        let (mut phone, mut office) = (Replica::open(author(1), Saved::default()), Office::default());
        pull(&mut phone, &office);
        tap(&mut phone, "SF3.4", "no", 1);
        let remove = || {
            Frame::Scope(ScopeChange {
                add: vec![],
                remove: vec![bucket()],
            })
        };
        assert_eq!(phone.handle_frame(remove()), Ok(vec![]));
        push(&mut phone, &mut office);
        assert_eq!(phone.handle_frame(remove()), Ok(vec![Stored::DropBucket(bucket())]));
    }
}
