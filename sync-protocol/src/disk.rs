//! A phone's storage in memory, for phones without a browser: the simulator's, the tests' and the load driver's. What IndexedDB holds
//! in the client, with the same keys.

use std::collections::BTreeMap;

use crate::{BucketId, BucketMark, Draft, FieldPath, GroupId, RecordId, Saved, SavedGroup, SavedRecord, Stored};

/// What survives the end of a phone's process.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    epoch: Option<String>,
    refill: bool,
    witness: bool,
    buckets: BTreeMap<BucketId, BucketMark>,
    /// By [`SavedRecord::key`].
    pub records: BTreeMap<String, SavedRecord>,
    pub outbox: BTreeMap<GroupId, SavedGroup>,
    pub journal: BTreeMap<GroupId, SavedGroup>,
    drafts: BTreeMap<(RecordId, FieldPath), Draft>,
}

impl Disk {
    /// One transaction.
    pub fn write(&mut self, changes: Vec<Stored>) {
        for change in changes {
            match change {
                Stored::Epoch(epoch) => self.epoch = Some(epoch),
                Stored::Refill(refill) => self.refill = refill,
                Stored::Witness(witness) => self.witness = witness,
                Stored::PutBucket(bucket, mark) => drop(self.buckets.insert(bucket, mark)),
                Stored::DropBucket(bucket) => drop(self.buckets.remove(&bucket)),
                Stored::PutRecord(record) => drop(self.records.insert(record.key(), record)),
                Stored::DropRecord(id) => drop(self.records.remove(id.as_str())),
                Stored::DropLeaving(bucket, id) => drop(self.records.remove(&SavedRecord::leaving_key(&bucket, &id))),
                Stored::PutGroup(group) => drop(self.outbox.insert(group.id, group)),
                Stored::Journal(group) => {
                    self.outbox.remove(&group.id);
                    self.journal.insert(group.id, group);
                }
                Stored::Reopen(group) => {
                    self.journal.remove(&group.id);
                    self.outbox.insert(group.id, group);
                }
                Stored::DropGroup(id) => drop(self.outbox.remove(&id)),
                Stored::PutDraft(draft) => drop(self.drafts.insert((draft.record.clone(), draft.path.clone()), draft)),
                Stored::DropDraft(record, path) => drop(self.drafts.remove(&(record, path))),
            }
        }
    }

    /// Everything but the journal, as a replica opens it.
    pub fn saved(&self) -> Saved {
        Saved {
            epoch: self.epoch.clone(),
            refill: self.refill,
            witness: self.witness,
            buckets: self.buckets.iter().map(|(id, mark)| (id.clone(), *mark)).collect(),
            records: self.records.values().cloned().collect(),
            groups: self.outbox.values().cloned().collect(),
            drafts: self.drafts.values().cloned().collect(),
        }
    }

    /// Whether a group is here, on its way or done.
    pub fn holds(&self, id: &GroupId) -> bool {
        self.outbox.contains_key(id) || self.journal.contains_key(id)
    }
}
