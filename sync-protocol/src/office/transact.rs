//! One transaction: the groups of one bucket judged, merged, numbered and written.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::ledger::{Commit, Ledger, Mark, Moved};
use super::{ATTEMPTS, Judge, Logged, Objection, Received, Verdict};
use crate::{BucketId, Code, Dot, Group, GroupId, GroupKind, RecordId, RecordState, Sum};

/// The records that a transaction holds locked, as they become.
#[derive(Default)]
struct Held {
    records: BTreeMap<RecordId, RecordState>,
    existing: BTreeSet<RecordId>,
    elsewhere: BTreeSet<RecordId>,
    changed: BTreeSet<RecordId>,
    sum: Sum,
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
            merge(&mut held, received.id, group, -applied, &known);
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
    judge.judge(group, &held.records)
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
    merge(&mut held, received.id, group, there.head + 1, known);
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

fn merge(held: &mut Held, id: GroupId, group: &Group, seq: i64, known: &HashSet<GroupId>) {
    for (at, op) in group.ops.iter().enumerate() {
        let write = group.write(id, at);
        let record = held
            .records
            .entry(op.record().clone())
            .or_insert_with(|| RecordState::new(op.record().clone()));
        held.sum = held
            .sum
            .plus(record.apply(op.path(), write, group.replaces(at), seq, |group| known.contains(group)));
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
