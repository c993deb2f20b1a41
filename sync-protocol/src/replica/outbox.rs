//! What goes out and what becomes of it: pushes, their outcomes, and the way to the journal.

use super::*;

impl PushBatch {
    /// The first of these lines that fit one push, or nothing to send.
    pub fn of<'a>(header: &PushHeader, lines: impl Iterator<Item = (GroupId, &'a str)>) -> Option<Self> {
        let mut body = serde_json::to_string(header).expect("a header has only text keys");
        let mut groups = Vec::new();
        for (id, line) in lines {
            if groups.len() == MAX_PUSH_GROUPS || body.len() + 1 + line.len() > MAX_PUSH_BYTES {
                break;
            }
            body.push('\n');
            body.push_str(line);
            groups.push(id);
        }
        (!groups.is_empty()).then_some(Self { body, groups })
    }
}

impl Replica {
    /// The oldest frozen groups that fit one push, or nothing to send.
    pub fn next_push(&self, now: i64) -> Option<PushBatch> {
        let header = PushHeader {
            protocol: PROTOCOL,
            device: self.me.device.clone(),
            epoch: self.epoch.clone(),
            now,
        };
        let refused = |pending: &Pending| matches!(pending.saved.phase, Phase::Refused { .. });
        if planted(Bug::QueueBlockedByRefusal) && self.outbox.values().any(refused) {
            return None;
        }
        let frozen = self.outbox.values().filter(|one| one.saved.phase == Phase::Frozen);
        PushBatch::of(&header, frozen.map(|one| (one.saved.id, one.saved.line.as_str())))
    }

    /// Takes the outcomes of a push. Those of groups that are not frozen here any more are old news.
    pub fn handle_push_reply(&mut self, reply: &PushReply) -> Vec<Stored> {
        let mut stored = self.meet_epoch(&reply.epoch);
        for outcome in &reply.outcomes {
            stored.extend(self.take_outcome(outcome));
        }
        stored
    }

    pub(super) fn take_outcome(&mut self, Outcome { group, kind }: &Outcome) -> Option<Stored> {
        let phase = match kind.clone() {
            OutcomeKind::Applied { seq, receipt, bucket } | OutcomeKind::Duplicate { seq, receipt, bucket } => {
                Phase::Acked {
                    seq,
                    receipt,
                    bucket: Some(bucket),
                }
            }
            OutcomeKind::Refused { code } => Phase::Refused { code },
            OutcomeKind::Quarantined { code } => Phase::Quarantined { code },
            OutcomeKind::Retry { .. } => return None,
        };
        match self.witness_key(group) {
            // Whatever the office does with a copy, its carrier has no more part in it.
            Some(key) => self.take_out(key).map(|_| Stored::DropGroup(*group)),
            None => self.advance(*group, phase),
        }
    }

    fn witness_key(&self, id: &GroupId) -> Option<(i64, GroupId)> {
        let copies = self.outbox.iter().filter(|(_, pending)| pending.is_witness());
        copies.map(|(key, _)| *key).find(|(_, copy)| copy == id)
    }

    fn advance(&mut self, id: GroupId, mut phase: Phase) -> Option<Stored> {
        let waits = |phase: &Phase| matches!(phase, Phase::Frozen | Phase::Quarantined { .. });
        let pending = self
            .outbox
            .values_mut()
            .find(|pending| pending.saved.id == id && waits(&pending.saved.phase) && pending.saved.phase != phase)?;
        if let Phase::Acked { bucket, .. } = &mut phase {
            // Only what differs from the line is worth remembering.
            bucket.take_if(|bucket| *bucket == pending.group.bucket);
        }
        if let (Phase::Acked { seq, receipt, .. }, true) = (&phase, planted(Bug::DropOnAck)) {
            let (key, seq, receipt) = ((pending.saved.order, id), *seq, receipt.clone());
            return self.move_to_journal(key, seq, receipt);
        }
        pending.saved.phase = phase.clone();
        let home = pending.home().clone();
        let (key, group) = ((pending.saved.order, id), pending.group.clone());
        let stored = Stored::PutGroup(pending.saved.clone());
        let cursor = self.buckets.get(&home).map_or(0, |mark| mark.cursor);
        match phase {
            // A pull brought the group's effect before its acknowledgement came.
            Phase::Acked { seq, receipt, .. } if seq <= cursor && self.base_shows(id, &group) => {
                self.move_to_journal(key, seq, receipt)
            }
            // The number says that it must be here and it is not: somebody replaced it already, or this server has lived another
            // life since. Compared anew, the bucket tells.
            Phase::Acked { seq, .. } if seq <= cursor => {
                self.suspect(&home);
                Some(stored)
            }
            _ => Some(stored),
        }
    }

    fn base_shows(&self, id: GroupId, group: &Group) -> bool {
        group.ops.iter().enumerate().all(|(at, op)| {
            let record = self.records.get(op.record());
            let field = record.and_then(|record| record.state.fields.get(op.path()));
            field.is_some_and(|field| !field.lacks(&Group::dot(id, at)))
        })
    }

    /// Takes a group out of the overlay.
    fn take_out(&mut self, key: (i64, GroupId)) -> Option<Pending> {
        let pending = self.outbox.remove(&key)?;
        for op in &pending.group.ops {
            if let Some(groups) = self.touching.get_mut(op.record()) {
                groups.remove(&key);
                if groups.is_empty() {
                    self.touching.remove(op.record());
                }
            }
        }
        Some(pending)
    }

    pub(super) fn move_to_journal(&mut self, key: (i64, GroupId), seq: i64, receipt: String) -> Option<Stored> {
        let saved = self.take_out(key)?.saved;
        Some(Stored::Journal(SavedGroup {
            phase: Phase::Covered {
                seq,
                receipt,
                at: self.server_now,
            },
            ..saved
        }))
    }
}
