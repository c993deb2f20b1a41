//! The SQL of push and pull: the transaction that gives a group its effect, and the pages that carry state out.
//!
//! Order inside a transaction: lock the records in id order, judge and merge, lock the bucket's counter last, write, commit.
//! The counter's row lock is held until the commit is visible, so every snapshot holds exactly changes 1..k of a bucket (P4).

mod judge;
mod projection;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use diesel_async::{AsyncConnection, AsyncPgConnection};
use sync_protocol::{BucketId, Code, Group, GroupId, PersonId, RecordId, RecordState, Sum, Write};
use uuid::Uuid;

use crate::error::Result;

pub use judge::{Standing, to_catalog};
pub use rows::{Logged, Page, head, logged, page, server_epoch};

/// A group as it came, read or not.
pub struct Received {
    pub id: GroupId,
    pub bytes: Vec<u8>,
    pub group: Result<Group, Code>,
}

/// What became of a group: a change of its bucket, or a refusal with its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Applied { bucket: BucketId, seq: i64 },
    Duplicate { bucket: BucketId, seq: i64 },
    Refused { code: String },
}

/// Who pushes, and from where.
#[derive(Debug, Clone)]
pub struct Sender {
    pub district: Uuid,
    pub person: Uuid,
    pub device: Uuid,
    pub roles: Vec<String>,
}

/// How often a transaction is tried again after it met another that created the same record or group.
const ATTEMPTS: usize = 5;

/// Gives each group its effect, once, in the order given. `may_write` says which buckets the sender may write.
///
/// Neighbouring groups of one bucket share a transaction, so that a visit costs one commit; each still is judged, merged,
/// numbered and answered by itself. Should such a transaction fail, its groups are tried again one by one.
pub async fn apply(
    conn: &mut AsyncPgConnection,
    sender: &Sender,
    received: &[Received],
    may_write: impl Fn(&BucketId) -> bool,
) -> Result<Vec<Verdict>> {
    let known = rows::logged(conn, sender.district, received.iter().map(|one| one.id)).await?;
    let mut verdicts: BTreeMap<usize, Verdict> = BTreeMap::new();
    let mut run: Vec<(usize, &Received, &Group)> = Vec::new();
    let mut seen = HashSet::new();
    for (at, one) in received.iter().enumerate() {
        let refusal = match &one.group {
            _ if known.contains_key(&one.id) => {
                verdicts.insert(at, duplicate(&known[&one.id]));
                continue;
            }
            // The same line twice in one push: the second is answered after the first has its number.
            _ if !seen.insert(one.id) => {
                apply_run(conn, sender, &mut run, &mut verdicts).await?;
                let again = rows::logged(conn, sender.district, [one.id]).await?;
                verdicts.extend(again.get(&one.id).map(|logged| (at, duplicate(logged))));
                continue;
            }
            Err(code) => Some(*code),
            Ok(group) if group.author.as_str() != sender.person.to_string() => Some(Code::GroupAuthor),
            Ok(group) if !may_write(&group.bucket) => Some(Code::ScopeDenied),
            Ok(_) => None,
        };
        match (refusal, &one.group) {
            (None, Ok(group)) => {
                if run.first().is_some_and(|(_, _, first)| first.bucket != group.bucket) {
                    apply_run(conn, sender, &mut run, &mut verdicts).await?;
                }
                run.push((at, one, group));
            }
            (code, _) => {
                let code = code.unwrap_or(Code::GroupMalformed).as_str();
                rows::log_refused(conn, sender, one, code).await?;
                verdicts.insert(at, Verdict::Refused { code: code.into() });
            }
        }
    }
    apply_run(conn, sender, &mut run, &mut verdicts).await?;
    Ok(verdicts.into_values().collect())
}

fn duplicate(logged: &Logged) -> Verdict {
    match logged {
        Logged::Applied { bucket, seq } => Verdict::Duplicate {
            bucket: bucket.clone(),
            seq: *seq,
        },
        Logged::Refused { code } => Verdict::Refused { code: code.clone() },
    }
}

type Run<'a> = Vec<(usize, &'a Received, &'a Group)>;

/// Applies neighbours of one bucket together, or one by one when together fails.
async fn apply_run(
    conn: &mut AsyncPgConnection,
    sender: &Sender,
    run: &mut Run<'_>,
    verdicts: &mut BTreeMap<usize, Verdict>,
) -> Result<()> {
    let run = std::mem::take(run);
    if run.is_empty() {
        return Ok(());
    }
    match apply_together(conn, sender, &run).await {
        Ok(together) => verdicts.extend(run.iter().map(|(at, ..)| *at).zip(together)),
        Err(_) if run.len() > 1 => {
            for one in run {
                let alone = apply_together(conn, sender, &[one]).await?;
                verdicts.extend([one.0].into_iter().zip(alone));
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn apply_together(
    conn: &mut AsyncPgConnection,
    sender: &Sender,
    run: &[(usize, &Received, &Group)],
) -> Result<Vec<Verdict>> {
    let groups: Vec<(&Received, &Group)> = run.iter().map(|(_, received, group)| (*received, *group)).collect();
    for _ in 1..ATTEMPTS {
        match conn
            .transaction(async |conn| transact(conn, sender, &groups).await)
            .await
        {
            Err(Stop::Again) => continue,
            Err(Stop::Failed(error)) => return Err(error),
            Ok(verdicts) => return Ok(verdicts),
        }
    }
    Err(anyhow::anyhow!("a push met other pushes {ATTEMPTS} times in a row").into())
}

/// Why a transaction was rolled back.
enum Stop {
    /// Another transaction created one of these records or groups first: look again.
    Again,
    Failed(crate::error::Error),
}
impl From<crate::error::Error> for Stop {
    fn from(error: crate::error::Error) -> Self {
        Self::Failed(error)
    }
}
impl From<diesel::result::Error> for Stop {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::DatabaseErrorKind::SerializationFailure;
        match error {
            diesel::result::Error::DatabaseError(SerializationFailure, _) => Self::Again,
            diesel::result::Error::DatabaseError(_, ref info) if info.message() == "deadlock detected" => Self::Again,
            error => Self::Failed(error.into()),
        }
    }
}

/// The records that a transaction holds locked, as they were and as they become.
struct Held {
    records: BTreeMap<RecordId, RecordState>,
    existing: BTreeSet<RecordId>,
    changed: BTreeSet<RecordId>,
    sum: Sum,
}

async fn transact(
    conn: &mut AsyncPgConnection,
    sender: &Sender,
    groups: &[(&Received, &Group)],
) -> Result<Vec<Verdict>, Stop> {
    let bucket = &groups[0].1.bucket;
    let ids: BTreeSet<&RecordId> = groups
        .iter()
        .flat_map(|(_, group)| group.ops.iter().map(|op| op.record()))
        .collect();
    let locked = rows::lock_records(conn, sender.district, &ids).await?;
    let elsewhere: BTreeSet<RecordId> = locked
        .iter()
        .filter(|(_, home, _)| home != bucket.as_str())
        .map(|(id, ..)| id.clone())
        .collect();
    let existing = locked.iter().map(|(id, ..)| id.clone()).collect();
    let records = locked.into_iter().map(|(id, _, state)| (id, state)).collect();
    let mut held = Held {
        records,
        existing,
        changed: BTreeSet::new(),
        sum: Sum::default(),
    };
    let known = known_bases(conn, sender.district, groups, &held).await?;

    let standing = Standing { roles: &sender.roles };
    let mut outcomes: Vec<Result<i64, String>> = Vec::new();
    let mut applied = 0;
    for (received, group) in groups {
        let verdict = match group.ops.iter().any(|op| elsewhere.contains(op.record())) {
            true => Err(Code::RecordElsewhere.as_str().to_owned()),
            false => standing.judge(group, &held.records),
        };
        outcomes.push(verdict.map(|()| {
            applied += 1;
            // The bucket's head is not known before its lock: until then the change counts from minus one down.
            merge(&mut held, received.id, group, -applied, &known);
            applied
        }));
    }

    let head = rows::lock_bucket(conn, sender.district, bucket).await?;
    number(&mut held, head.head);
    let verdicts: Vec<Verdict> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(nth) => Verdict::Applied {
                bucket: bucket.clone(),
                seq: head.head + nth,
            },
            Err(code) => Verdict::Refused { code },
        })
        .collect();
    write(
        conn,
        sender,
        bucket,
        groups,
        &verdicts,
        &held,
        head.after(applied, held.sum),
    )
    .await?;
    Ok(verdicts)
}

/// Which groups named in a base were applied here before although their write is no longer live. Asked after the lock.
async fn known_bases(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    groups: &[(&Received, &Group)],
    held: &Held,
) -> Result<HashSet<GroupId>> {
    let mut known: HashSet<GroupId> = groups.iter().map(|(received, _)| received.id).collect();
    let mut asked = HashSet::new();
    for op in groups.iter().flat_map(|(_, group)| &group.ops) {
        let field = held
            .records
            .get(op.record())
            .and_then(|record| record.fields.get(op.path()));
        let lacks =
            |dot: &&sync_protocol::Dot| field.is_none_or(|field| field.lacks(dot)) && !known.contains(&dot.group);
        asked.extend(op.base().iter().filter(lacks).map(|dot| dot.group));
    }
    if !asked.is_empty() {
        known.extend(rows::logged(conn, district, asked).await?.into_keys());
    }
    Ok(known)
}

fn merge(held: &mut Held, id: GroupId, group: &Group, seq: i64, known: &HashSet<GroupId>) {
    for (at, op) in group.ops.iter().enumerate() {
        let write = Write {
            dot: Group::dot(id, at),
            value: op.value().clone(),
            author: group.author.clone(),
            device: group.device.clone(),
            at: group.at,
        };
        let record = held
            .records
            .entry(op.record().clone())
            .or_insert_with(|| RecordState::new(op.record().clone()));
        held.sum = held
            .sum
            .plus(record.apply(op.path(), write, op.base(), seq, |group| known.contains(group)));
        held.changed.insert(op.record().clone());
    }
}

fn number(held: &mut Held, head: i64) {
    for id in &held.changed {
        let fields = held
            .records
            .get_mut(id)
            .into_iter()
            .flat_map(|record| record.fields.values_mut());
        for field in fields.filter(|field| field.seq < 0) {
            field.seq = head - field.seq;
        }
    }
}

async fn write(
    conn: &mut AsyncPgConnection,
    sender: &Sender,
    bucket: &BucketId,
    groups: &[(&Received, &Group)],
    verdicts: &[Verdict],
    held: &Held,
    mark: rows::Mark,
) -> Result<(), Stop> {
    let changed: Vec<&RecordState> = held.changed.iter().map(|id| &held.records[id]).collect();
    let (old, new): (Vec<_>, Vec<_>) = changed.iter().partition(|record| held.existing.contains(&record.id));
    let created = rows::insert_records(conn, sender.district, bucket, &new).await?;
    let logged = rows::log_groups(conn, sender, bucket, groups, verdicts).await?;
    if created != new.len() || logged != groups.len() {
        return Err(Stop::Again);
    }
    rows::update_records(conn, sender.district, &old).await?;
    rows::move_mark(conn, sender.district, bucket, mark).await?;
    projection::write(conn, sender.district, bucket, &changed).await?;
    Ok(())
}

/// The id of a person as the wire writes it.
pub fn person_id(id: Uuid) -> PersonId {
    id.to_string().parse().expect("a UUID is a person id")
}
