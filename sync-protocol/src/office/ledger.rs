//! What the office's logic needs of a database.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::{Logged, Received, Verdict};
use crate::{BucketId, Group, GroupId, RecordId, RecordState, Sum};

/// The end of a bucket's hash chain: each change's link covers the one before it, so that no past change can be edited,
/// dropped or reordered without every later link showing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// The link after change `seq`: BLAKE3 over (this link, the group's id, the number in big-endian).
    #[must_use]
    pub fn link(self, group: GroupId, seq: i64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(&group.0).update(&seq.to_be_bytes());
        Self(*hasher.finalize().as_bytes())
    }
}
impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Where a bucket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The number of its newest change.
    pub head: i64,
    /// The checksum over its live writes.
    pub sum: Sum,
    /// The end of its hash chain.
    pub chain: Chain,
}

impl Mark {
    /// The mark after one more change, which adds this to the sum.
    #[must_use]
    pub fn after(self, group: GroupId, sum: Sum) -> Self {
        let head = self.head + 1;
        Self {
            head,
            sum: self.sum.plus(sum),
            chain: self.chain.link(group, head),
        }
    }
}

/// Everything one transaction writes, once its bucket is locked.
#[derive(Debug)]
pub struct Commit<'a> {
    pub bucket: &'a BucketId,
    /// The groups with what became of them, and the chain after each that was applied.
    pub groups: Vec<(&'a Received, &'a Group, &'a Verdict, Option<Chain>)>,
    pub created: Vec<&'a RecordState>,
    pub updated: Vec<&'a RecordState>,
    /// The mark as it was when it was locked.
    pub before: Mark,
    pub mark: Mark,
    /// Where a move takes the records in `updated`.
    pub moved: Option<Moved<'a>>,
    /// The groups are in the log already, in quarantine, and are now admitted.
    pub admitted: bool,
}

/// The other half of a move: the bucket that the records come to.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    pub to: &'a BucketId,
    pub before: Mark,
    /// The move is its newest change.
    pub mark: Mark,
}

/// A database: rows, row locks and transactions. Reads outside a transaction see what is committed.
#[expect(
    async_fn_in_trait,
    reason = "whoever calls awaits in place and needs no promise about threads"
)]
pub trait Ledger {
    type Error;

    async fn begin(&mut self) -> Result<(), Self::Error>;
    async fn commit(&mut self) -> Result<(), Self::Error>;
    async fn rollback(&mut self) -> Result<(), Self::Error>;
    /// Whether the transaction only met another one and may simply be tried again.
    fn is_collision(error: &Self::Error) -> bool;
    /// A transaction that collided on every attempt.
    fn gave_up(attempts: usize) -> Self::Error;

    /// The log's word on those of `ids` that it holds.
    async fn logged(&mut self, ids: Vec<GroupId>) -> Result<HashMap<GroupId, Logged>, Self::Error>;
    /// The buckets of those of `ids` that exist, read without a lock: where a late group's records have moved to.
    async fn homes(&mut self, ids: &BTreeSet<&RecordId>) -> Result<BTreeSet<BucketId>, Self::Error>;
    /// The exact lines of those of `ids` that took effect, and of witness copies of them that did, each under its own id.
    async fn lines(&mut self, ids: Vec<GroupId>) -> Result<HashMap<GroupId, Vec<u8>>, Self::Error>;
    /// Those of `ids` that exist as they are committed, read without a lock.
    async fn read_records(&mut self, ids: &BTreeSet<RecordId>) -> Result<Vec<RecordState>, Self::Error>;
    /// Locks those of `ids` that exist, in id order, and reads them after the lock.
    async fn lock_records(&mut self, ids: &BTreeSet<&RecordId>) -> Result<Vec<(BucketId, RecordState)>, Self::Error>;
    /// Takes the bucket's row lock, the last lock of a transaction, making the bucket if this is its first change.
    async fn lock_bucket(&mut self, bucket: &BucketId) -> Result<Mark, Self::Error>;
    /// Writes it all; false when a record or group was created by somebody else meanwhile, and the transaction must go back.
    async fn write(&mut self, commit: Commit<'_>) -> Result<bool, Self::Error>;
    /// Logs a group that never comes to its bucket, outside any transaction; false when the log has it already.
    async fn set_aside(&mut self, received: &Received, verdict: &Verdict) -> Result<bool, Self::Error>;
}
