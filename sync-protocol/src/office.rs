//! The office's side of the protocol, sans-I/O: what a push does to a bucket, over any [`Ledger`].
//!
//! The server runs it over Postgres, the simulator over memory; both therefore decide, merge, number and answer alike.
//! Order inside a transaction: lock the records in id order, judge and merge, lock the bucket's counter last, write, commit.
//! The counter's lock is held until the commit is visible, so every snapshot holds exactly changes 1..k of a bucket (P4).

mod ledger;
mod transact;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::{BucketId, Code, FieldPath, Group, GroupId, GroupKind, OutcomeKind, PullRequest, RecordId, RecordState};

pub use ledger::{Chain, Commit, Ledger, Mark, Moved};
pub use transact::admit;

use crate::planted::{Bug, planted};

/// How often a transaction is tried again after it met another that created the same record or group.
const ATTEMPTS: usize = 8;

/// A group as it came, read or not.
#[derive(Debug, Clone)]
pub struct Received {
    pub id: GroupId,
    /// The exact line, without its newline.
    pub bytes: Vec<u8>,
    pub group: Result<Group, Code>,
}

impl Received {
    pub fn read(line: &[u8]) -> Self {
        Self {
            id: GroupId::of(line),
            bytes: line.to_vec(),
            group: Group::from_line(line).map_err(|malformed| malformed.0),
        }
    }
}

/// What the log says of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    Applied { bucket: BucketId, seq: i64 },
    Refused { code: String },
    Quarantined { code: String },
}

impl Logged {
    /// What whoever sends the group again is told.
    pub fn again(&self) -> Verdict {
        match self.clone() {
            Self::Applied { bucket, seq } => Verdict::Duplicate { bucket, seq },
            Self::Refused { code } => Verdict::Refused { code },
            Self::Quarantined { code } => Verdict::Quarantined { code },
        }
    }
}

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It took effect as change `seq` of its bucket.
    Applied { bucket: BucketId, seq: i64 },
    /// It had taken effect before.
    Duplicate { bucket: BucketId, seq: i64 },
    /// It is in the log without effect, for good; its author is told.
    Refused { code: String },
    /// It is kept whole until a coordinator admits it.
    Quarantined { code: String },
}

impl Verdict {
    /// The outcome on the wire; `receipt` proves a number later.
    pub fn outcome(self, receipt: impl Fn(&BucketId, i64) -> String) -> OutcomeKind {
        match self {
            Self::Applied { bucket, seq } => OutcomeKind::Applied {
                receipt: receipt(&bucket, seq),
                bucket,
                seq,
            },
            Self::Duplicate { bucket, seq } => OutcomeKind::Duplicate {
                receipt: receipt(&bucket, seq),
                bucket,
                seq,
            },
            Self::Refused { code } => OutcomeKind::Refused { code },
            Self::Quarantined { code } => OutcomeKind::Quarantined { code },
        }
    }
}

/// Why a group may not take effect now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    pub code: String,
    /// A person may still admit it (a right that ended, a newer catalog); otherwise it is refused for good.
    pub keep: bool,
}

impl Objection {
    /// The group breaks a rule that no coordinator can lift.
    pub fn refuse(code: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            keep: false,
        }
    }
    /// The group is sound but its author may not have it applied: the office decides.
    pub fn keep(code: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            keep: true,
        }
    }
    fn verdict(self) -> Verdict {
        match self.keep {
            true => Verdict::Quarantined { code: self.code },
            false => Verdict::Refused { code: self.code },
        }
    }
}

/// Rights and workflow, which the protocol itself knows nothing of.
pub trait Judge {
    /// Whether the sender may bring this group at all: author and bucket.
    fn gate(&self, group: &Group) -> Result<(), Objection>;
    /// Whether the group may take effect on its records as they are now (those that exist).
    fn judge(&self, group: &Group, records: &BTreeMap<RecordId, RecordState>) -> Result<(), Objection>;
    /// Records beside its own that the judgement of this group depends on, such as the visit of an answer; read, not locked.
    fn looks_at(&self, _group: &Group, _records: &BTreeMap<RecordId, RecordState>) -> BTreeSet<RecordId> {
        BTreeSet::new()
    }
    /// Whether a field lives on after its record is sealed, as a state does.
    fn outlives_seal(&self, _record: &RecordState, _path: &FieldPath) -> bool {
        false
    }
}

/// Gives each group its effect, once, in the order given, and answers a verdict for each.
///
/// Neighbouring groups of one bucket share a transaction, so that a visit costs one commit; each still is judged, merged,
/// numbered and answered by itself. Should such a transaction fail, its groups are tried again one by one.
pub async fn push<L: Ledger>(
    ledger: &mut L,
    judge: &impl Judge,
    received: &[Received],
) -> Result<Vec<Verdict>, L::Error> {
    let known = match planted(Bug::NoDedupe) {
        true => HashMap::new(),
        false => ledger.logged(received.iter().map(|one| one.id).collect()).await?,
    };
    let mut verdicts: BTreeMap<usize, Verdict> = BTreeMap::new();
    let mut run: Run<'_> = Vec::new();
    let mut seen = HashSet::new();
    for (at, one) in received.iter().enumerate() {
        if let Some(logged) = known.get(&one.id) {
            verdicts.insert(at, logged.again());
            continue;
        }
        // The same line twice in one push: the second is answered after the first has its number.
        if !seen.insert(one.id) {
            flush(ledger, judge, &mut run, &mut verdicts).await?;
            let again = ledger.logged(vec![one.id]).await?;
            verdicts.extend(again.get(&one.id).map(|logged| (at, logged.again())));
            continue;
        }
        let gate = match &one.group {
            Err(code @ Code::GroupVersion) => Err(Objection::keep(code.as_str())),
            Err(code) => Err(Objection::refuse(code.as_str())),
            Ok(group) => judge.gate(group).map(|()| group),
        };
        match gate {
            Ok(group) => {
                // A move touches two buckets and has a transaction of its own.
                let alone = |group: &Group| group.kind == GroupKind::Move;
                if run
                    .first()
                    .is_some_and(|(_, _, first)| first.bucket != group.bucket || alone(first) || alone(group))
                {
                    flush(ledger, judge, &mut run, &mut verdicts).await?;
                }
                run.push((at, one, group));
            }
            Err(objection) => {
                let verdict = set_aside(ledger, one, objection).await?;
                verdicts.insert(at, verdict);
            }
        }
    }
    flush(ledger, judge, &mut run, &mut verdicts).await?;
    Ok(verdicts.into_values().collect())
}

type Run<'a> = Vec<(usize, &'a Received, &'a Group)>;

/// Applies neighbours of one bucket together, or one by one when together fails.
async fn flush<L: Ledger>(
    ledger: &mut L,
    judge: &impl Judge,
    run: &mut Run<'_>,
    verdicts: &mut BTreeMap<usize, Verdict>,
) -> Result<(), L::Error> {
    let run = std::mem::take(run);
    if run.is_empty() {
        return Ok(());
    }
    let groups: Vec<(&Received, &Group)> = run.iter().map(|(_, received, group)| (*received, *group)).collect();
    match transact::apply(ledger, judge, &groups).await {
        Ok(together) => verdicts.extend(run.iter().map(|(at, ..)| *at).zip(together)),
        Err(_) if run.len() > 1 => {
            for (at, received, group) in run {
                let alone = transact::apply(ledger, judge, &[(received, group)]).await?;
                verdicts.extend([at].into_iter().zip(alone));
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Logs a group that never comes to its bucket: its bytes are kept and its author hears why (P7).
async fn set_aside<L: Ledger>(ledger: &mut L, one: &Received, objection: Objection) -> Result<Verdict, L::Error> {
    let verdict = objection.verdict();
    if ledger.set_aside(one, &verdict).await? {
        return Ok(verdict);
    }
    // Another request brought it first: its answer stands.
    let logged = ledger.logged(vec![one.id]).await?;
    Ok(logged.get(&one.id).map_or(verdict, Logged::again))
}

/// Which buckets a pull's answer adds to the phone and which it takes away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    pub add: Vec<BucketId>,
    pub remove: Vec<BucketId>,
}

impl Scope {
    /// `carried` are the buckets this person's phones carry; `readable` says what they may read beyond these.
    pub fn of(
        asked: &PullRequest,
        carried: impl Iterator<Item = BucketId>,
        readable: impl Fn(&BucketId) -> bool,
    ) -> Self {
        let remove = asked.want.keys().filter(|bucket| !readable(bucket)).cloned().collect();
        Self {
            add: carried.filter(|bucket| !asked.want.contains_key(bucket)).collect(),
            remove: if planted(Bug::ScopeMissingOnRemovals) {
                vec![]
            } else {
                remove
            },
        }
    }
}

/// What a phone is sent of a bucket: records whose last change is after `from`, with their fields that changed after `since`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    pub since: i64,
    pub from: i64,
}

/// From where a bucket must be sent to a phone, or nothing when it has all there is and no wish to have it mended. `same_epoch` is
/// false when the phone knew another life of this server.
pub fn start(asked: &PullRequest, bucket: &BucketId, head: i64, same_epoch: bool) -> Option<Start> {
    let cursor = asked.want.get(bucket).copied().unwrap_or(0);
    let mended = asked.mend.contains_key(bucket).then_some(cursor);
    let since = since(cursor, head, same_epoch).or(mended)?;
    // Pages go on where they stopped, unless the bucket begins anew.
    let at = asked
        .at
        .get(bucket)
        .copied()
        .filter(|at| since == cursor && (since..=head).contains(at));
    Some(Start {
        since,
        from: at.unwrap_or(since),
    })
}

/// The records that go out whole with a page: on the first one after a checkpoint, and not where everything does.
pub fn whole<'a>(asked: &'a PullRequest, bucket: &BucketId, start: Start) -> &'a [RecordId] {
    let first = start.from == start.since && start.since > 0;
    asked.mend.get(bucket).filter(|_| first).map_or(&[][..], Vec::as_slice)
}

/// A cursor of another life means nothing here, and one beyond the head proves that this server lost changes it had shown: either
/// way the bucket goes out whole, to replace what the phone has.
fn since(cursor: i64, head: i64, same_epoch: bool) -> Option<i64> {
    match (same_epoch || planted(Bug::CursorAcrossEpochs), cursor == head) {
        (true, true) => None,
        (true, false) if cursor > head => Some(0),
        (true, false) => Some(cursor.max(0)),
        (false, _) => Some(0),
    }
}
