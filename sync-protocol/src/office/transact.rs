//! One transaction: the groups of one bucket judged, merged, numbered and written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::ledger::{Commit, Ledger, Mark, Moved};
use super::{ATTEMPTS, Judge, Logged, Objection, Received, Verdict};
use crate::merge::{is_seal, merge as merge_write};
use crate::{BucketId, Code, Dot, FieldPath, Group, GroupId, GroupKind, Op, RecordId, RecordState, Sum, sealed_dots};

/// The records that a transaction holds locked, as they become.
#[derive(Default)]
struct Held {
    records: BTreeMap<RecordId, RecordState>,
    existing: BTreeSet<RecordId>,
    elsewhere: BTreeSet<RecordId>,
    changed: BTreeSet<RecordId>,
    sum: Sum,
    /// What the judgement also depends on: read, not locked, never written.
    beside: BTreeMap<RecordId, RecordState>,
    /// Groups out of the log that seals speak of: those that set them, and those of sealed writes that are no longer there.
    told: HashMap<GroupId, Group>,
    /// Something is sealed in this transaction: its groups are kept in `told` as they take effect.
    sealing: bool,
}

/// Applies groups of one bucket in one transaction, again while it meets others that create the same records.
pub(super) async fn apply<L: Ledger>(
    ledger: &mut L,
    judge: &impl Judge,
    groups: &[(&Received, &Group)],
) -> Result<Vec<Verdict>, L::Error> {
    repeat(ledger, judge, &groups[0].1.bucket, groups, false).await
}

/// Gives a quarantined group its effect after all, late, as if it had just arrived and nothing stood against it but its own shape.
/// Where its records have moved to another bucket meanwhile it follows them.
/// Answers what the log says when it is not in quarantine (any more), and the objection when it still cannot be applied.
pub async fn admit<L: Ledger>(ledger: &mut L, judge: &impl Judge, received: &Received) -> Result<Verdict, L::Error> {
    let logged = ledger.logged(vec![received.id]).await?;
    match (logged.get(&received.id), &received.group) {
        (Some(Logged::Quarantined { .. }), Ok(group)) => {
            let homes = ledger.homes(&records_of(&[(received, group)])).await?;
            let bucket = match homes.first() {
                Some(home) if homes.len() == 1 && group.kind != GroupKind::Move => home,
                _ => &group.bucket,
            };
            let verdicts = repeat(ledger, judge, bucket, &[(received, group)], true).await?;
            Ok(verdicts.into_iter().next().expect("a verdict for the one group"))
        }
        (Some(logged), _) => Ok(logged.again()),
        (None, _) => Ok(Verdict::Refused {
            code: Code::GroupMalformed.as_str().into(),
        }),
    }
}

async fn repeat<L: Ledger>(
    ledger: &mut L,
    judge: &impl Judge,
    bucket: &BucketId,
    groups: &[(&Received, &Group)],
    admitted: bool,
) -> Result<Vec<Verdict>, L::Error> {
    for _ in 0..ATTEMPTS {
        ledger.begin().await?;
        match transact(ledger, judge, bucket, groups, admitted).await {
            Ok(Some(verdicts)) => {
                ledger.commit().await?;
                return Ok(verdicts);
            }
            Ok(None) => ledger.rollback().await?,
            Err(error) => {
                // What went wrong first is what its reader needs; the rollback's own failure ends the connection anyway.
                let undone = ledger.rollback().await;
                if !L::is_collision(&error) || undone.is_err() {
                    return Err(error);
                }
            }
        }
    }
    Err(L::gave_up(ATTEMPTS))
}

fn records_of<'a>(groups: &[(&Received, &'a Group)]) -> BTreeSet<&'a RecordId> {
    groups
        .iter()
        .flat_map(|(_, group)| group.ops.iter().map(|op| op.record()))
        .collect()
}

async fn hold<L: Ledger>(ledger: &mut L, bucket: &BucketId, groups: &[(&Received, &Group)]) -> Result<Held, L::Error> {
    let mut held = Held::default();
    for (home, record) in ledger.lock_records(&records_of(groups)).await? {
        held.existing.insert(record.id.clone());
        if home != *bucket {
            held.elsewhere.insert(record.id.clone());
        }
        held.records.insert(record.id.clone(), record);
    }
    Ok(held)
}

async fn transact<L: Ledger>(
    ledger: &mut L,
    judge: &impl Judge,
    bucket: &BucketId,
    groups: &[(&Received, &Group)],
    admitted: bool,
) -> Result<Option<Vec<Verdict>>, L::Error> {
    let mut held = hold(ledger, bucket, groups).await?;
    look_up_seals(ledger, groups, &mut held).await?;
    look_beside(ledger, judge, groups, &mut held).await?;
    let mut known = known_bases(ledger, groups, &held).await?;
    if let [(received, group)] = groups
        && let Some(to) = &group.to
    {
        return move_records(ledger, judge, held, &known, (received, group, to), admitted).await;
    }
    let mut outcomes: Vec<Result<i64, Objection>> = Vec::new();
    let mut applied = 0;
    for (received, group) in groups {
        let verdict = object(judge, group, &held, &known);
        // From here on this group is no longer on its way, unless it may still be admitted.
        if !matches!(&verdict, Err(objection) if objection.keep) {
            known.insert(received.id);
        }
        outcomes.push(verdict.map(|()| {
            applied += 1;
            // The bucket's head is not known before its lock: until then the change counts from minus one down.
            merge(judge, &mut held, received.id, group, -applied, &known);
            applied
        }));
    }
    if admitted && applied == 0 && !is_copy_not_needed(groups, &outcomes) {
        // Still impossible: it stays where it is, and whoever tried hears why.
        let verdicts = outcomes.into_iter().filter_map(Result::err).map(Objection::verdict);
        return Ok(Some(verdicts.collect()));
    }

    let before = ledger.lock_bucket(bucket).await?;
    number(&mut held, before.head);
    let verdicts: Vec<Verdict> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(nth) => Verdict::Applied {
                bucket: bucket.clone(),
                seq: before.head + nth,
            },
            Err(objection) => objection.verdict(),
        })
        .collect();
    let mut mark = Mark {
        sum: before.sum.plus(held.sum),
        ..before
    };
    let mut rows = Vec::new();
    for ((received, group), verdict) in groups.iter().zip(&verdicts) {
        let chain = match verdict {
            Verdict::Applied { seq, .. } => {
                mark.head = *seq;
                mark.chain = mark.chain.link(received.id, *seq);
                Some(mark.chain)
            }
            _ => None,
        };
        rows.push((*received, *group, verdict, chain));
    }
    let changed: Vec<&RecordState> = held.changed.iter().map(|id| &held.records[id]).collect();
    let (updated, created) = changed
        .into_iter()
        .partition(|record| held.existing.contains(&record.id));
    let commit = Commit {
        bucket,
        groups: rows,
        created,
        updated,
        before,
        mark,
        moved: None,
        admitted,
    };
    Ok(ledger.write(commit).await?.then_some(verdicts))
}

/// What stands against a group at this moment.
fn object(judge: &impl Judge, group: &Group, held: &Held, known: &HashSet<GroupId>) -> Result<(), Objection> {
    if group.ops.iter().any(|op| held.elsewhere.contains(op.record())) {
        return Err(Objection::keep(Code::RecordElsewhere.as_str()));
    }
    if group.kind == GroupKind::Witness && !is_copy_needed(group, held, known) {
        return Err(Objection::refuse(Code::WitnessKnown.as_str()));
    }
    match held.beside.is_empty() {
        true => judge.judge(group, &held.records),
        false => {
            let mut all = held.beside.clone();
            all.extend(held.records.iter().map(|(id, record)| (id.clone(), record.clone())));
            judge.judge(group, &all)
        }
    }
}

/// Reads the groups that seals speak of, which is rare: nearly every push neither seals nor touches what is sealed.
async fn look_up_seals<L: Ledger>(
    ledger: &mut L,
    groups: &[(&Received, &Group)],
    held: &mut Held,
) -> Result<(), L::Error> {
    let mut asked: BTreeSet<GroupId> = BTreeSet::new();
    for record in held.records.values() {
        asked.extend(record.seals().map(|seal| seal.dot.group));
    }
    let here: BTreeSet<GroupId> = groups.iter().map(|(received, _)| received.id).collect();
    let seals: Vec<&Op> = groups
        .iter()
        .flat_map(|(_, group)| &group.ops)
        .filter(|op| is_seal(op.path()))
        .collect();
    held.sealing = !seals.is_empty();
    for op in seals {
        let record = held.records.get(op.record());
        let is_held = |dot: &Dot| record.is_some_and(|record| record.fields.values().any(|field| field.holds(dot)));
        let missing = sealed_dots(op.value()).into_iter().filter(|dot| !is_held(dot));
        asked.extend(missing.map(|dot| dot.group));
    }
    asked.retain(|id| !here.contains(id));
    if !asked.is_empty() {
        let lines = ledger.lines(asked.into_iter().collect()).await?;
        let read = lines.into_iter();
        held.told
            .extend(read.filter_map(|(id, line)| Some((id, Group::from_line(&line).ok()?))));
    }
    Ok(())
}

async fn look_beside<L: Ledger>(
    ledger: &mut L,
    judge: &impl Judge,
    groups: &[(&Received, &Group)],
    held: &mut Held,
) -> Result<(), L::Error> {
    let mut wanted: BTreeSet<RecordId> = BTreeSet::new();
    for (_, group) in groups {
        wanted.extend(judge.looks_at(group, &held.records));
    }
    wanted.retain(|id| !held.records.contains_key(id));
    if !wanted.is_empty() {
        let read = ledger.read_records(&wanted).await?;
        held.beside = read.into_iter().map(|record| (record.id.clone(), record)).collect();
    }
    Ok(())
}

/// Whether a copied write is neither here nor was replaced or came by itself.
fn is_copy_needed(group: &Group, held: &Held, known: &HashSet<GroupId>) -> bool {
    group.ops.iter().all(|op| {
        let record = held.records.get(op.record());
        let field = record.and_then(|record| record.fields.get(op.path()));
        let lacks = |dot: &Dot| field.is_none_or(|field| field.lacks(dot)) && !known.contains(&dot.group);
        op.base().iter().all(lacks)
    })
}

/// A copy whose write has come by itself leaves the quarantine for good.
fn is_copy_not_needed(groups: &[(&Received, &Group)], outcomes: &[Result<i64, Objection>]) -> bool {
    let for_good = |outcome: &Result<i64, Objection>| outcome.as_ref().is_err_and(|objection| !objection.keep);
    groups.iter().all(|(_, group)| group.kind == GroupKind::Witness) && outcomes.iter().all(for_good)
}

/// Takes records to another bucket: they leave one and come to the other in one transaction, under both counters.
async fn move_records<L: Ledger>(
    ledger: &mut L,
    judge: &impl Judge,
    mut held: Held,
    known: &HashSet<GroupId>,
    (received, group, to): (&Received, &Group, &BucketId),
    admitted: bool,
) -> Result<Option<Vec<Verdict>>, L::Error> {
    let from = &group.bucket;
    let all_exist = group.ops.iter().all(|op| held.existing.contains(op.record()));
    let objection = match all_exist {
        true => object(judge, group, &held, known).err(),
        false => Some(Objection::keep(Code::RecordKindMissing.as_str())),
    };
    if let Some(objection) = objection {
        let verdict = objection.verdict();
        // Only its place in the log is written; a coordinator who tried in vain changes nothing.
        let kept = admitted || ledger.set_aside(received, &verdict).await?;
        return Ok(kept.then_some(vec![verdict]));
    }
    let (before, there) = match from < to {
        true => (ledger.lock_bucket(from).await?, ledger.lock_bucket(to).await?),
        false => {
            let there = ledger.lock_bucket(to).await?;
            (ledger.lock_bucket(from).await?, there)
        }
    };
    let sum = |held: &Held| {
        held.records
            .values()
            .fold(Sum::default(), |sum, record| sum.plus(record.sum()))
    };
    let left = sum(&held);
    let mark = before.after(received.id, Sum::default().minus(left));
    merge(judge, &mut held, received.id, group, there.head + 1, known);
    for field in held.records.values_mut().flat_map(|record| record.fields.values_mut()) {
        // To readers of the other bucket everything is new.
        field.seq = there.head + 1;
    }
    let moved = Moved {
        to,
        before: there,
        mark: there.after(received.id, sum(&held)),
    };
    let verdict = Verdict::Applied {
        bucket: from.clone(),
        seq: mark.head,
    };
    let commit = Commit {
        bucket: from,
        groups: vec![(received, group, &verdict, Some(mark.chain))],
        created: vec![],
        updated: held.records.values().collect(),
        before,
        mark,
        moved: Some(moved),
        admitted,
    };
    Ok(ledger.write(commit).await?.then_some(vec![verdict]))
}

/// Which groups named in a base are no longer on their way: applied here before although their write is no longer live, or
/// refused for good. One in quarantine may still come, so its dots become ghosts. Asked after the lock.
async fn known_bases<L: Ledger>(
    ledger: &mut L,
    groups: &[(&Received, &Group)],
    held: &Held,
) -> Result<HashSet<GroupId>, L::Error> {
    let mut known = HashSet::new();
    let mut asked = HashSet::new();
    for op in groups.iter().flat_map(|(_, group)| &group.ops) {
        let field = held
            .records
            .get(op.record())
            .and_then(|record| record.fields.get(op.path()));
        let lacks = |dot: &&Dot| field.is_none_or(|field| field.lacks(dot));
        asked.extend(op.base().iter().filter(lacks).map(|dot| dot.group));
    }
    if !asked.is_empty() {
        let logged = ledger.logged(asked.into_iter().collect()).await?;
        let settled = |(id, logged)| (!matches!(logged, Logged::Quarantined { .. })).then_some(id);
        known.extend(logged.into_iter().filter_map(settled));
    }
    Ok(known)
}

fn merge(judge: &impl Judge, held: &mut Held, id: GroupId, group: &Group, seq: i64, known: &HashSet<GroupId>) {
    if held.sealing {
        held.told.insert(id, group.clone());
    }
    for (at, op) in group.ops.iter().enumerate() {
        let write = group.write(id, at);
        let (told, base) = (&held.told, group.replaces(at));
        let record = held
            .records
            .entry(op.record().clone())
            .or_insert_with(|| RecordState::new(op.record().clone()));
        let known = |group: &GroupId| known.contains(group);
        let outlives = |record: &RecordState, path: &FieldPath| judge.outlives_seal(record, path);
        let gained = merge_write(record, (op.path(), write, base), seq, told, known, outlives);
        held.sum = held.sum.plus(gained);
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
