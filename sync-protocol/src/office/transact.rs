//! One transaction: the groups of one bucket judged, merged, numbered and written.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::ledger::{Commit, Ledger, Mark};
use super::{ATTEMPTS, Judge, Logged, Objection, Received, Verdict};
use crate::{Code, Dot, Group, GroupId, RecordId, RecordState, Sum, Write};

/// The records that a transaction holds locked, as they become.
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
    repeat(ledger, judge, groups, false).await
}

/// Gives a quarantined group its effect after all, late, as if it had just arrived and nothing stood against it but its own shape.
/// Answers what the log says when it is not in quarantine (any more), and the objection when it still cannot be applied.
pub async fn admit<L: Ledger>(ledger: &mut L, judge: &impl Judge, received: &Received) -> Result<Verdict, L::Error> {
    let logged = ledger.logged(vec![received.id]).await?;
    match (logged.get(&received.id), &received.group) {
        (Some(Logged::Quarantined { .. }), Ok(group)) => {
            let verdicts = repeat(ledger, judge, &[(received, group)], true).await?;
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
    groups: &[(&Received, &Group)],
    admitted: bool,
) -> Result<Vec<Verdict>, L::Error> {
    for _ in 0..ATTEMPTS {
        ledger.begin().await?;
        match transact(ledger, judge, groups, admitted).await {
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

async fn transact<L: Ledger>(
    ledger: &mut L,
    judge: &impl Judge,
    groups: &[(&Received, &Group)],
    admitted: bool,
) -> Result<Option<Vec<Verdict>>, L::Error> {
    let bucket = &groups[0].1.bucket;
    let ids: BTreeSet<&RecordId> = groups
        .iter()
        .flat_map(|(_, group)| group.ops.iter().map(|op| op.record()))
        .collect();
    let mut held = Held {
        records: BTreeMap::new(),
        existing: BTreeSet::new(),
        elsewhere: BTreeSet::new(),
        changed: BTreeSet::new(),
        sum: Sum::default(),
    };
    for (home, record) in ledger.lock_records(&ids).await? {
        held.existing.insert(record.id.clone());
        if home != *bucket {
            held.elsewhere.insert(record.id.clone());
        }
        held.records.insert(record.id.clone(), record);
    }
    let mut known = known_bases(ledger, groups, &held).await?;

    let mut outcomes: Vec<Result<i64, Objection>> = Vec::new();
    let mut applied = 0;
    for (received, group) in groups {
        let verdict = match group.ops.iter().any(|op| held.elsewhere.contains(op.record())) {
            true => Err(Objection::keep(Code::RecordElsewhere.as_str())),
            false => judge.judge(group, &held.records),
        };
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
    if admitted && applied == 0 {
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
        admitted,
    };
    Ok(ledger.write(commit).await?.then_some(verdicts))
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
