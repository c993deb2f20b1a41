//! How records travel between phones and the office: groups, dots, merge, checkpoints and the phone's replica.
//!
//! Pure: time, randomness, storage and transport come in as arguments or go out as values. It knows nothing of forms: what a
//! field means is the catalog's business. The promises it keeps are numbered P1–P13 in `docs/protocol.md`.

mod code;
mod digest;
pub mod disk;
mod export;
mod field;
mod group;
mod id;
mod merge;
pub mod office;
pub mod planted;
mod record;
pub mod replay;
mod replica;
pub mod safe;
mod seal;
mod sum;
mod value;
mod view;
mod wire;

pub use code::Code;
pub use digest::{DigestReply, DigestRequest, LEAF_RECORDS, MAX_MENDED, MAX_NODES, Node, Place};
pub use export::{Export, ExportFault, ExportHeader};
pub use field::{Delta, FieldState, Write};
pub use group::{Edit, Group, GroupKind, MAX_GROUP_BYTES, MAX_OPS, Malformed, Op};
pub use id::{BadId, BucketId, DeviceId, Dot, FieldPath, GroupId, PersonId, RecordId};
pub use record::{REMOVED_FIELD, RecordState};
pub use replica::{
    Author, BucketMark, Draft, Phase, PushBatch, Replica, Saved, SavedGroup, SavedRecord, StageError, Stored,
};
pub use seal::{Covered, Late, SEAL_FIELD, seal_value, sealed_dots, verification_code};
pub use sum::Sum;
pub use value::Value;
pub use view::{FieldView, RecordView, Shown, Sibling};
pub use wire::{
    Checkpoint, End, Frame, HaveReply, HaveRequest, Hello, Limits, MAX_HAVE, MAX_PUSH_BYTES, MAX_PUSH_GROUPS, Outcome,
    OutcomeKind, PROTOCOL, PullRequest, PushHeader, PushReply, RecordsPage, ScopeChange,
};
