//! When the office was restored from a copy: noticing it, and giving back what it lost (P12).

use super::*;

impl Replica {
    /// Whether the server must be offered the journal before anything else is taken from it.
    pub fn must_refill(&self) -> bool {
        self.refill
    }

    /// What a server that lost something is to be asked about: the journal, and every group of somebody else whose write the base shows.
    /// A daily check asks about the journal alone.
    pub fn to_offer(&self, journal: &[GroupId]) -> Vec<GroupId> {
        let known: HashSet<&GroupId> = journal.iter().collect();
        let others: BTreeSet<GroupId> = match self.witness {
            true => self.base_writes().map(|(_, _, write)| write.dot.group).collect(),
            false => BTreeSet::new(),
        };
        let others = others.into_iter().filter(|id| !known.contains(id));
        journal.iter().copied().chain(others).collect()
    }

    fn base_writes(&self) -> impl Iterator<Item = (&SavedRecord, &FieldPath, &Write)> {
        self.records.values().flat_map(|record| {
            // Of a seal the state has the code alone: only its own group can bring back what it covers.
            let fields = record
                .state
                .fields
                .iter()
                .filter(|(path, _)| path.as_str() != SEAL_FIELD);
            fields.flat_map(move |(path, field)| field.writes().map(move |write| (record, path, write)))
        })
    }

    /// Asks which of these the server has: a part at a time, when [`Self::must_refill`].
    pub fn offer(groups: &[GroupId]) -> HaveRequest {
        HaveRequest {
            protocol: PROTOCOL,
            groups: groups.iter().take(MAX_HAVE).copied().collect(),
        }
    }

    /// What lies in quarantine here, to ask whether the office has decided.
    pub fn in_quarantine(&self) -> Vec<GroupId> {
        let kept = |pending: &&Pending| matches!(pending.saved.phase, Phase::Quarantined { .. });
        let ids = self.outbox.values().filter(kept).map(|pending| pending.saved.id);
        ids.take(MAX_HAVE).collect()
    }

    /// Takes the server's answer. `journal` are those that were offered from the journal: what the server needs, and what it
    /// has without effect (another phone of this person sent it too late), goes into the outbox again under its old place. An answer of yet another life of the server counts for nothing.
    pub fn handle_have(&mut self, reply: &HaveReply, journal: Vec<SavedGroup>) -> Vec<Stored> {
        let met = self.meet_epoch(&reply.epoch);
        if !met.is_empty() {
            return met;
        }
        let mut stored: Vec<Stored> = reply
            .known
            .iter()
            .filter_map(|outcome| self.take_outcome(outcome))
            .collect();
        for pending in self.outbox.values_mut() {
            let forgotten = reply.need.contains(&pending.saved.id);
            if forgotten && matches!(pending.saved.phase, Phase::Quarantined { .. }) {
                pending.saved.phase = Phase::Frozen;
                stored.push(Stored::PutGroup(pending.saved.clone()));
            }
        }
        let copies = self.copy_others(reply, &journal);
        stored.extend(copies);
        for mut saved in journal {
            saved.phase = match reply.known.iter().find(|outcome| outcome.group == saved.id) {
                None if reply.need.contains(&saved.id) => Phase::Frozen,
                Some(Outcome {
                    kind: OutcomeKind::Quarantined { code },
                    ..
                }) => Phase::Quarantined { code: code.clone() },
                Some(Outcome {
                    kind: OutcomeKind::Refused { code },
                    ..
                }) => Phase::Refused { code: code.clone() },
                _ => continue,
            };
            if let Ok(group) = Group::from_line(saved.line.as_bytes()) {
                stored.push(Stored::Reopen(saved.clone()));
                self.insert_pending(Pending { saved, group });
            }
        }
        stored
    }

    /// Copies of what the server lacks and nothing here but the base shows: their authors' phones may be lost, too. The office decides
    /// about them; where the author's own phone comes back, the copy gives way.
    fn copy_others(&mut self, reply: &HaveReply, journal: &[SavedGroup]) -> Vec<Stored> {
        let own = journal.iter().map(|saved| saved.id);
        let own: HashSet<GroupId> = own.chain(self.outbox.keys().map(|(_, id)| *id)).collect();
        let needed: HashSet<GroupId> = reply.need.iter().filter(|id| !own.contains(*id)).copied().collect();
        let lost = self
            .base_writes()
            .filter(|(.., write)| needed.contains(&write.dot.group));
        let copy = |(record, path, write): (&SavedRecord, &FieldPath, &Write)| {
            Group::witness(record.bucket.clone(), record.state.id.clone(), path.clone(), write)
        };
        let copies: Vec<Group> = lost.map(copy).collect();
        // Asked twice, a copy that waits already is the same line.
        let waits = |group: &Group| self.outbox.values().any(|pending| pending.group == *group);
        let new: Vec<Group> = copies.into_iter().filter(|group| !waits(group)).collect();
        new.into_iter().map(|group| self.freeze(group)).collect()
    }

    /// Offers the journal at the next occasion although nothing points to a loss: once a day, so that a server restored behind
    /// everybody's back is refilled even with what this phone no longer may read.
    pub fn check_journal(&mut self) {
        self.refill = true;
    }

    /// Whether every backup the office may still need holds the group, by the server's clock alone: then the journal may let it go.
    pub fn is_beyond_horizon(&self, saved: &SavedGroup) -> bool {
        let days = i64::from(self.horizon_days).saturating_add(2);
        let oldest = self.server_now.saturating_sub(days.saturating_mul(24 * 3_600_000));
        matches!(saved.phase, Phase::Covered { at, .. } if at > 0 && at < oldest)
    }

    /// The whole journal was offered to this life of the server.
    pub fn refilled(&mut self) -> Vec<Stored> {
        (self.refill, self.witness) = (false, false);
        vec![Stored::Refill(false), Stored::Witness(false)]
    }
}
