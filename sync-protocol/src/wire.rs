//! The messages of push and pull. Deriving `Serialize` here is a promise to every released client.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{BucketId, DeviceId, GroupId, RecordId, RecordState, Sum};

pub const PROTOCOL: u32 = 1;
pub const MAX_PUSH_GROUPS: usize = 64;
pub const MAX_PUSH_BYTES: usize = 1024 * 1024;
/// How many groups one question about what the server has may name.
pub const MAX_HAVE: usize = 1000;

/// The first line of a push; the groups follow, one a line, oldest first. Newer phones may say more in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The last checkpoint of each bucket.
    pub want: BTreeMap<BucketId, i64>,
    /// How far the pages after that checkpoint have come, where some have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub at: BTreeMap<BucketId, i64>,
    /// About how many bytes of records the answer may have.
    pub budget: u32,
    /// Groups that were acknowledged and that no checkpoint has covered yet: the server says which of them it does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acked: Vec<GroupId>,
    /// Buckets whose checksum did not match, with the records that a descent found to differ: these come whole, and in any case
    /// a checkpoint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mend: BTreeMap<BucketId, Vec<RecordId>>,
}

/// Groups somebody kept although they were acknowledged: the journal after a restore, or what lies in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaveRequest {
    pub protocol: u32,
    /// At most [`MAX_HAVE`].
    pub groups: Vec<GroupId>,
}

/// What the server knows of them: an outcome for each it has, and the ids of those it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaveReply {
    pub epoch: String,
    pub now: i64,
    pub known: Vec<Outcome>,
    pub need: Vec<GroupId>,
}

/// One line of a pull's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    Hello(Hello),
    /// Acknowledged groups that this server does not have: it was restored from a copy older than the acknowledgement.
    Lost(Vec<GroupId>),
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

/// The records of a bucket whose last change is after `from`, up to and including `to`, with their fields that changed after
/// `since`: state, not history. Pages that follow each other have one `since`; a record may have changed before and after `from`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsPage {
    pub bucket: BucketId,
    pub since: i64,
    pub from: i64,
    pub to: i64,
    pub records: Vec<RecordState>,
    /// Records of which `records` has everything there is, or which are not there any more: the phone replaces them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<RecordId>,
    /// Records that left for another bucket after `from`, up to `to`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<RecordId>,
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
