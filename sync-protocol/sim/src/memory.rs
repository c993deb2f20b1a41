//! A database in memory with what the office's logic relies on in Postgres: rows, row locks held until the end of a transaction,
//! read-committed visibility, unique keys. Every call gives way once, so that transactions interleave at each of their steps.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use sync_protocol::office::{Chain, Commit, Ledger, Logged, Mark, Received, Start, Verdict};
use sync_protocol::planted::{Bug, planted};
use sync_protocol::{BucketId, Group, GroupId, RecordId, RecordState};

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    pub received: Vec<u8>,
    pub logged: Logged,
    pub chain: Option<Chain>,
    /// Where a move took its records, and as which change of that bucket.
    pub moved: Option<(BucketId, i64)>,
}

/// Everything that is committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    pub records: BTreeMap<RecordId, (BucketId, RecordState)>,
    pub buckets: BTreeMap<BucketId, Mark>,
    pub log: BTreeMap<GroupId, LogRow>,
    /// Records that left a bucket, with the change that took them.
    pub departures: BTreeMap<(BucketId, RecordId), i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Record(RecordId),
    Bucket(BucketId),
    Group(GroupId),
}

#[derive(Debug, Default)]
pub struct Database {
    pub tables: Tables,
    locks: BTreeMap<Key, u64>,
    next_transaction: u64,
    /// The planted sequence.
    sequence: BTreeMap<BucketId, i64>,
    /// Fails the call that brings this to nought.
    pub calls_until_failure: Option<u64>,
    /// Every head a bucket ever had, with its sum: what a phone may hold.
    pub history: BTreeSet<(BucketId, i64, u64, u64)>,
}

/// A call failed: the connection broke, the disk was full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    Broken,
    Collided,
}

#[derive(Default)]
struct Transaction {
    number: u64,
    records: BTreeMap<RecordId, (BucketId, RecordState)>,
    marks: BTreeMap<BucketId, (Mark, Mark)>,
    log: BTreeMap<GroupId, LogRow>,
    departures: BTreeMap<(BucketId, RecordId), i64>,
}

/// One connection.
pub struct Memory {
    database: Rc<RefCell<Database>>,
    open: Option<Transaction>,
}

impl Memory {
    pub fn connect(database: &Rc<RefCell<Database>>) -> Self {
        Self {
            database: database.clone(),
            open: None,
        }
    }

    /// Lets others go on, and fails when it is this call's turn to.
    async fn step(&self) -> Result<(), Failed> {
        let mut given_way = false;
        poll_fn(|_| {
            if std::mem::replace(&mut given_way, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        let mut database = self.database.borrow_mut();
        match database.calls_until_failure.as_mut() {
            Some(0) => {
                database.calls_until_failure = None;
                Err(Failed::Broken)
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn lock(&self, key: Key) {
        let number = self.open.as_ref().map_or(0, |open| open.number);
        poll_fn(|_| {
            let mut database = self.database.borrow_mut();
            let holder = *database.locks.entry(key.clone()).or_insert(number);
            if holder == number {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn conflicts(&self, commit: &Commit<'_>) -> bool {
        let tables = &self.database.borrow().tables;
        let quarantined =
            |id: &GroupId| matches!(tables.log.get(id), Some(row) if matches!(row.logged, Logged::Quarantined { .. }));
        let mut ids = commit.groups.iter().map(|(received, ..)| received.id);
        let twice = match commit.admitted {
            true => ids.any(|id| !quarantined(&id)),
            false => ids.any(|id| tables.log.contains_key(&id)) && !planted(Bug::NoDedupe),
        };
        twice
            || commit
                .created
                .iter()
                .any(|record| tables.records.contains_key(&record.id))
    }

    fn end(&mut self, keep: bool) {
        let Some(open) = self.open.take() else { return };
        let mut database = self.database.borrow_mut();
        database.locks.retain(|_, holder| *holder != open.number);
        if !keep {
            return;
        }
        for (id, (bucket, _)) in &open.records {
            // Whatever is written here is here: it may have come back.
            database.tables.departures.remove(&(bucket.clone(), id.clone()));
        }
        database.tables.records.extend(open.records);
        database.tables.log.extend(open.log);
        database.tables.departures.extend(open.departures);
        for (bucket, (before, after)) in open.marks {
            let mark = database.tables.buckets.entry(bucket.clone()).or_default();
            // With the counter's lock the committed mark still is `before`, and this is plain assignment.
            *mark = Mark {
                head: mark.head.max(after.head),
                sum: mark.sum.plus(after.sum.minus(before.sum)),
                chain: after.chain,
            };
            let row = (bucket, mark.head, mark.sum.a, mark.sum.b);
            database.history.insert(row);
        }
    }
}

/// A connection that breaks takes its transaction back.
impl Drop for Memory {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl Ledger for Memory {
    type Error = Failed;

    async fn begin(&mut self) -> Result<(), Failed> {
        self.step().await?;
        let mut database = self.database.borrow_mut();
        database.next_transaction += 1;
        self.open = Some(Transaction {
            number: database.next_transaction,
            ..Transaction::default()
        });
        Ok(())
    }
    async fn commit(&mut self) -> Result<(), Failed> {
        if let Err(failed) = self.step().await {
            self.end(false);
            return Err(failed);
        }
        self.end(true);
        Ok(())
    }
    async fn rollback(&mut self) -> Result<(), Failed> {
        self.end(false);
        Ok(())
    }
    fn is_collision(error: &Failed) -> bool {
        *error == Failed::Collided
    }
    fn gave_up(_: usize) -> Failed {
        Failed::Collided
    }

    async fn logged(&mut self, ids: Vec<GroupId>) -> Result<HashMap<GroupId, Logged>, Failed> {
        self.step().await?;
        let database = self.database.borrow();
        let committed = |id: &GroupId| database.tables.log.get(id).map(|row| (*id, row.logged.clone()));
        Ok(ids.iter().filter_map(committed).collect())
    }

    async fn homes(&mut self, ids: &BTreeSet<&RecordId>) -> Result<BTreeSet<BucketId>, Failed> {
        self.step().await?;
        let database = self.database.borrow();
        let home = |id: &&RecordId| database.tables.records.get(*id).map(|(home, _)| home.clone());
        Ok(ids.iter().filter_map(home).collect())
    }

    async fn lines(&mut self, ids: Vec<GroupId>) -> Result<HashMap<GroupId, Vec<u8>>, Failed> {
        self.step().await?;
        let database = self.database.borrow();
        let applied = |row: &LogRow| matches!(row.logged, Logged::Applied { .. });
        let copied = |row: &LogRow| Group::from_line(&row.received).ok().and_then(|group| group.copy_of());
        let asked = |id: &GroupId, row: &LogRow| ids.contains(id) || copied(row).is_some_and(|of| ids.contains(&of));
        let rows = database
            .tables
            .log
            .iter()
            .filter(|(id, row)| applied(row) && asked(id, row));
        Ok(rows.map(|(id, row)| (*id, row.received.clone())).collect())
    }

    async fn read_records(&mut self, ids: &BTreeSet<RecordId>) -> Result<Vec<RecordState>, Failed> {
        self.step().await?;
        let database = self.database.borrow();
        let read = |id: &RecordId| database.tables.records.get(id).map(|(_, record)| record.clone());
        Ok(ids.iter().filter_map(read).collect())
    }

    async fn lock_records(&mut self, ids: &BTreeSet<&RecordId>) -> Result<Vec<(BucketId, RecordState)>, Failed> {
        self.step().await?;
        let mut found = Vec::new();
        for id in ids {
            let exists = self.database.borrow().tables.records.contains_key(*id);
            if exists {
                self.lock(Key::Record((*id).clone())).await;
                let database = self.database.borrow();
                found.extend(database.tables.records.get(*id).cloned());
            }
        }
        Ok(found)
    }

    async fn lock_bucket(&mut self, bucket: &BucketId) -> Result<Mark, Failed> {
        self.step().await?;
        if !planted(Bug::SequenceCursor) {
            self.lock(Key::Bucket(bucket.clone())).await;
            return Ok(self
                .database
                .borrow()
                .tables
                .buckets
                .get(bucket)
                .copied()
                .unwrap_or_default());
        }
        let mut database = self.database.borrow_mut();
        let mut mark = database.tables.buckets.get(bucket).copied().unwrap_or_default();
        let sequence = database.sequence.entry(bucket.clone()).or_default();
        mark.head = *sequence;
        *sequence += 8;
        Ok(mark)
    }

    async fn write(&mut self, commit: Commit<'_>) -> Result<bool, Failed> {
        self.step().await?;
        // A key that is there already conflicts at once; one that another transaction is about to add is waited for.
        if self.conflicts(&commit) {
            return Ok(false);
        }
        for record in &commit.created {
            self.lock(Key::Record(record.id.clone())).await;
        }
        for (received, ..) in &commit.groups {
            self.lock(Key::Group(received.id)).await;
        }
        if self.conflicts(&commit) {
            return Ok(false);
        }
        let Some(open) = &mut self.open else {
            return Err(Failed::Broken);
        };
        let home = commit.moved.map_or(commit.bucket, |moved| moved.to);
        for record in commit.created.iter().chain(&commit.updated) {
            open.records
                .insert(record.id.clone(), (home.clone(), (*record).clone()));
        }
        for (received, _, verdict, chain) in &commit.groups {
            let moved = commit.moved.map(|moved| (moved.to.clone(), moved.mark.head));
            let row = LogRow {
                moved,
                ..row(received, verdict, *chain)
            };
            open.log.insert(received.id, row);
        }
        if let Some(moved) = commit.moved {
            open.marks.insert(moved.to.clone(), (moved.before, moved.mark));
            let left = commit.updated.iter().filter(|_| !planted(Bug::DepartureForgotten));
            let left = left.map(|record| ((commit.bucket.clone(), record.id.clone()), commit.mark.head));
            open.departures.extend(left);
        }
        open.marks.insert(commit.bucket.clone(), (commit.before, commit.mark));
        Ok(true)
    }

    async fn set_aside(&mut self, received: &Received, verdict: &Verdict) -> Result<bool, Failed> {
        self.step().await?;
        let mut database = self.database.borrow_mut();
        if database.tables.log.contains_key(&received.id) {
            return Ok(false);
        }
        database.tables.log.insert(received.id, row(received, verdict, None));
        Ok(true)
    }
}

fn row(received: &Received, verdict: &Verdict, chain: Option<Chain>) -> LogRow {
    let logged = match verdict.clone() {
        Verdict::Applied { bucket, seq } | Verdict::Duplicate { bucket, seq } => Logged::Applied { bucket, seq },
        Verdict::Refused { code } => Logged::Refused { code },
        Verdict::Quarantined { code } => Logged::Quarantined { code },
    };
    LogRow {
        received: received.bytes.clone(),
        logged,
        chain,
        moved: None,
    }
}

/// Part of a bucket after a cursor, as a pull carries it.
pub struct Page {
    pub mark: Mark,
    pub to: i64,
    pub last: bool,
    pub records: Vec<RecordState>,
    pub gone: Vec<RecordId>,
}

impl Tables {
    /// The records of a bucket that changed after `start.from`, about `limit` of them, never splitting a change.
    pub fn page(&self, bucket: &BucketId, start: Start, whole: &[RecordId], limit: usize) -> Option<Page> {
        let Start { since, from } = start;
        let mark = *self.buckets.get(bucket)?;
        let here = || self.records.values().filter(|(home, _)| home == bucket);
        let mended = here().filter(|(_, record)| whole.contains(&record.id));
        let mut rows: Vec<(i64, &RecordState)> = here()
            .filter(|(_, record)| !whole.contains(&record.id))
            .map(|(_, record)| (record.fields.values().map(|field| field.seq).max().unwrap_or(0), record))
            .filter(|(seq, _)| *seq > from)
            .collect();
        rows.sort_by_key(|(seq, record)| (*seq, record.id.clone()));
        // A change that touches more records than a page holds makes the page longer.
        let end = rows.get(limit.saturating_sub(1)).map_or(i64::MAX, |(seq, _)| *seq);
        let whole = rows.len();
        rows.retain(|(seq, _)| *seq <= end);
        let last = rows.len() == whole;
        let to = if last {
            mark.head
        } else {
            rows.last().map_or(from, |(seq, _)| *seq)
        };
        let departed = self
            .departures
            .iter()
            .filter(|((left, _), seq)| left == bucket && **seq > from && **seq <= to);
        let newer = |record: &RecordState| {
            let mut record = record.clone();
            record.fields.retain(|_, field| field.seq > since);
            record
        };
        Some(Page {
            mark,
            to,
            last,
            records: mended
                .map(|(_, record)| record.clone())
                .chain(rows.into_iter().map(|(_, record)| newer(record)))
                .collect(),
            gone: departed.map(|((_, id), _)| id.clone()).collect(),
        })
    }
}
