//! The messages of push and pull. Deriving `Serialize` here is a promise to every released client.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{BucketId, DeviceId, GroupId, RecordState, Sum};

pub const PROTOCOL: u32 = 1;
pub const MAX_PUSH_GROUPS: usize = 64;
pub const MAX_PUSH_BYTES: usize = 1024 * 1024;

/// The first line of a push; the groups follow, one a line, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushHeader {
    pub protocol: u32,
    pub device: DeviceId,
    /// The epoch the phone knows, if any.
    pub epoch: Option<String>,
    /// The phone's clock, ms since 1970.
    pub now: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushReply {
    pub epoch: String,
    /// The server's clock, ms since 1970.
    pub now: i64,
    /// One outcome a group, in the order sent.
    pub outcomes: Vec<Outcome>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub group: GroupId,
    #[serde(flatten)]
    pub kind: OutcomeKind,
}

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum OutcomeKind {
    /// It took effect as change `seq` of its bucket. `receipt` proves it later.
    Applied {
        bucket: BucketId,
        seq: i64,
        receipt: String,
    },
    /// It had taken effect before, as change `seq`.
    Duplicate {
        bucket: BucketId,
        seq: i64,
        receipt: String,
    },
    /// It is in the log, without effect; its author is told why.
    Refused { code: String },
    /// It is kept for a coordinator to admit.
    Quarantined { code: String },
    /// Nothing is stored: send it again later.
    Retry { after_ms: u64 },
}

/// What the phone has, by bucket, and how much it can take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullRequest {
    pub protocol: u32,
    pub epoch: Option<String>,
    pub want: BTreeMap<BucketId, i64>,
    /// About how many bytes of records the answer may have.
    pub budget: u32,
}

/// One line of a pull's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    Hello(Hello),
    Scope(ScopeChange),
    Records(RecordsPage),
    Checkpoint(Checkpoint),
    End(End),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub epoch: String,
    pub now: i64,
    pub limits: Limits,
    /// How long a phone keeps what the server has acknowledged.
    pub backup_horizon_days: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub push_groups: usize,
    pub push_bytes: usize,
    pub group_bytes: usize,
    pub group_ops: usize,
}

/// Buckets that this person now carries, and those they no longer may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeChange {
    pub add: Vec<BucketId>,
    pub remove: Vec<BucketId>,
}

/// Everything of a bucket that changed after `from`, up to and including `to`: state, not history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsPage {
    pub bucket: BucketId,
    pub from: i64,
    pub to: i64,
    pub records: Vec<RecordState>,
}

/// The bucket's head and sum, from the same snapshot as its last page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub bucket: BucketId,
    pub head: i64,
    pub sum: Sum,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The budget was used up: ask again at once.
    pub more: bool,
}
