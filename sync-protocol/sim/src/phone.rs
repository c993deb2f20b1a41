//! A phone: the real replica over a disk that can fill up, be rolled back or cloned, and a person who looks before they write.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use sync_protocol::disk::Disk;
use sync_protocol::{Author, BucketId, FieldPath, FieldView, GroupId, Phase, RecordId, Replica, Stored, Value};

/// What survives a crash, and what the simulator knows of it.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    disk: Disk,
    /// Buckets in which somebody edited a record behind the program's back: the next checkpoint is to find out.
    pub tampered: BTreeSet<BucketId>,
}

impl Storage {
    /// One strict transaction.
    fn write(&mut self, changes: Vec<Stored>) {
        for change in &changes {
            if let Stored::DropBucket(bucket) = change {
                self.tampered.remove(bucket);
            }
        }
        self.disk.write(changes);
    }
}
impl Deref for Storage {
    type Target = Disk;
    fn deref(&self) -> &Disk {
        &self.disk
    }
}
impl DerefMut for Storage {
    fn deref_mut(&mut self) -> &mut Disk {
        &mut self.disk
    }
}

/// A form that is open: what stands on the screen, which may be older than what is stored.
#[derive(Clone)]
pub struct Screen {
    pub record: RecordId,
    pub fields: BTreeMap<&'static str, FieldView>,
}

/// What the phone waits for an answer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Push,
    Pull,
    Digest,
    /// These were offered.
    Have(Vec<GroupId>),
}

/// One installation and the person who uses it.
#[derive(Clone)]
pub struct Sitting {
    pub me: Author,
    pub person: usize,
    pub disk: Storage,
    /// An older copy of the disk that may come back.
    pub backup: Option<Storage>,
    /// What a person has had on this screen so far, by field: each value of a run is unique.
    pub seen: BTreeMap<(RecordId, FieldPath), BTreeSet<Value>>,
    /// The clock's error in ms.
    pub clock: i64,
    pub full: bool,
    pub signed_out: bool,
}

pub struct Phone {
    pub it: Sitting,
    pub replica: Replica,
    /// Changes that are not on the disk yet.
    pub queue: Vec<Stored>,
    pub screen: Option<Screen>,
    pub call: Option<(u64, Asked)>,
    /// How much of the journal has been offered in this refill.
    pub offered: BTreeSet<GroupId>,
}

impl Phone {
    pub fn start(it: Sitting) -> Self {
        let replica = Replica::open(it.me.clone(), it.disk.saved());
        Self {
            replica,
            queue: Vec::new(),
            screen: None,
            call: None,
            offered: BTreeSet::new(),
            it,
        }
    }

    /// The process ends: what is not on the disk is gone, as is every call.
    pub fn crash(&mut self) {
        let it = self.it.clone();
        *self = Self::start(it);
    }

    /// Writes what waits, in one transaction; a full disk takes nothing.
    pub fn flush(&mut self) -> bool {
        if self.it.full {
            return self.queue.is_empty();
        }
        let queue = std::mem::take(&mut self.queue);
        self.it.disk.write(queue);
        true
    }

    /// Puts fields on the screen as they are now.
    pub fn look(&mut self, record: &RecordId, paths: &[&'static str]) {
        let mut fields = match self.screen.take() {
            Some(screen) if screen.record == *record => screen.fields,
            _ => BTreeMap::new(),
        };
        for path in paths {
            let key: FieldPath = path.parse().expect("a field path");
            let view = self.replica.field(record, &key);
            let seen = self.it.seen.entry((record.clone(), key)).or_default();
            seen.extend(view.siblings.iter().map(|sibling| sibling.value.clone()));
            fields.insert(*path, view);
        }
        self.screen = Some(Screen {
            record: record.clone(),
            fields,
        });
    }

    pub fn unsettled(&self) -> usize {
        let waits = |phase: &Phase| matches!(phase, Phase::Frozen | Phase::Acked { .. });
        self.replica.outbox().filter(|(saved, _)| waits(&saved.phase)).count()
    }
}
