//! What comes in: pages, checkpoints and scope. Nothing of a bucket shows before its checkpoint (P5).

use super::*;

impl Replica {
    /// Asks for everything after what is here. Pages staged before go on where they stopped.
    pub fn next_pull(&mut self, budget: u32) -> PullRequest {
        self.count_what_was_stored();
        let marks = self.buckets.iter();
        let want = marks.map(|(bucket, mark)| (bucket.clone(), mark.cursor)).collect();
        let stages = self.stages.iter();
        let at = stages.map(|(bucket, stage)| (bucket.clone(), stage.to)).collect();
        PullRequest {
            protocol: PROTOCOL,
            epoch: self.epoch.clone(),
            want,
            at,
            budget,
            acked: self.acked(),
            mend: self.to_mend(),
        }
    }

    /// Counts each bucket once a start: where a record was changed behind the program's back it is mended.
    fn count_what_was_stored(&mut self) {
        let uncounted: Vec<BucketId> = self
            .buckets
            .keys()
            .filter(|id| !self.counted.contains(*id))
            .cloned()
            .collect();
        for bucket in uncounted.into_iter().filter(|_| !planted(Bug::MarkBelieved)) {
            let counted = self.counted_sum(&bucket);
            if self.buckets.get(&bucket).is_some_and(|mark| mark.sum != counted) {
                self.suspect(&bucket);
            }
            self.counted.insert(bucket);
        }
    }

    /// Acknowledged and not covered: the oldest, as many as one question may name.
    fn acked(&self) -> Vec<GroupId> {
        let acked = |pending: &&Pending| matches!(pending.saved.phase, Phase::Acked { .. });
        let ids = self.outbox.values().filter(acked).map(|pending| pending.saved.id);
        ids.take(MAX_HAVE).collect()
    }

    /// Takes one frame of a pull's answer. Nothing is seen of a bucket before its checkpoint (P5).
    pub fn handle_frame(&mut self, frame: Frame) -> Result<Vec<Stored>, StageError> {
        match frame {
            Frame::Hello(hello) => self.hello(&hello),
            Frame::Lost(groups) => Ok(self.lost(&groups)),
            Frame::End(end) => Ok(if end.more || self.refill { vec![] } else { self.end() }),
            // The base goes only after what it proves was offered: until then everybody sees what they wrote.
            _ if self.refill => Err(StageError::RefillFirst),
            Frame::Scope(scope) => Ok(self.rescope(scope)),
            Frame::Records(page) => self.stage(page).map(|()| vec![]),
            Frame::Checkpoint(checkpoint) => self.swap(checkpoint),
        }
    }

    /// Forgets pages whose checkpoint did not come, because the answer broke off or belongs to another state.
    pub fn drop_stages(&mut self) {
        self.stages.clear();
    }

    fn hello(&mut self, hello: &Hello) -> Result<Vec<Stored>, StageError> {
        if hello.protocol != PROTOCOL {
            return Err(StageError::Protocol(hello.protocol));
        }
        (self.server_now, self.horizon_days) = (hello.now, hello.backup_horizon_days);
        Ok(self.meet_epoch(&hello.epoch))
    }

    /// A new epoch means that the server may have lost what it acknowledged.
    pub(super) fn meet_epoch(&mut self, epoch: &str) -> Vec<Stored> {
        if self.epoch.as_deref() == Some(epoch) {
            return vec![];
        }
        let mut stored = vec![Stored::Epoch(epoch.to_owned())];
        if self.epoch.replace(epoch.to_owned()).is_some() {
            stored.extend(self.meet_restored_server());
        }
        stored
    }

    fn lost(&mut self, groups: &[GroupId]) -> Vec<Stored> {
        let acked = |pending: &Pending| {
            groups.contains(&pending.saved.id) && matches!(pending.saved.phase, Phase::Acked { .. })
        };
        match self.outbox.values().any(acked) {
            true => self.meet_restored_server(),
            false => vec![],
        }
    }

    /// Acks and cursors are forgotten, everything unsettled is sent again, and the journal is to be offered; sending twice has no
    /// effect (P3), so this is always safe.
    fn meet_restored_server(&mut self) -> Vec<Stored> {
        self.restores += 1;
        self.stages.clear();
        // Everything is fetched whole.
        self.suspects.clear();
        let mut stored = Vec::new();
        if !planted(Bug::CursorAcrossEpochs) {
            for (bucket, mark) in &mut self.buckets {
                mark.cursor = 0;
                stored.push(Stored::PutBucket(bucket.clone(), *mark));
            }
        }
        if planted(Bug::AcksAcrossEpochs) {
            return stored;
        }
        (self.refill, self.witness) = (true, true);
        stored.extend([Stored::Refill(true), Stored::Witness(true)]);
        let told = |phase: &Phase| matches!(phase, Phase::Acked { .. } | Phase::Quarantined { .. });
        for pending in self.outbox.values_mut().filter(|pending| told(&pending.saved.phase)) {
            pending.saved.phase = Phase::Frozen;
            stored.push(Stored::PutGroup(pending.saved.clone()));
        }
        stored
    }

    fn rescope(&mut self, scope: ScopeChange) -> Vec<Stored> {
        let mut stored = Vec::new();
        let given_back = |bucket: &BucketId| !self.buckets.contains_key(bucket);
        if !self.buckets.is_empty() && scope.add.iter().any(given_back) {
            // What the journal holds of it may be gone from a server that was restored while this phone could not see it.
            self.refill = true;
            stored.push(Stored::Refill(true));
        }
        for bucket in scope.add {
            let mark = *self.buckets.entry(bucket.clone()).or_default();
            stored.push(Stored::PutBucket(bucket, mark));
        }
        for bucket in scope.remove {
            // What is unsent goes out first; the base follows at the next pull (P9).
            let unsent = |pending: &Pending| pending.group.bucket == bucket && pending.saved.phase == Phase::Frozen;
            if self.outbox.values().any(unsent) {
                continue;
            }
            self.buckets.remove(&bucket);
            self.stages.remove(&bucket);
            self.suspects.remove(&bucket);
            let (gone, kept) = std::mem::take(&mut self.records)
                .into_iter()
                .partition(|(_, record)| record.bucket == bucket);
            self.records = kept;
            stored.extend(BTreeMap::<RecordId, SavedRecord>::into_keys(gone).map(Stored::DropRecord));
            let left = self.leaving.keys().filter(|(from, _)| *from == bucket).cloned();
            for key in left.collect::<Vec<_>>() {
                stored.extend(self.drop_leaving(&key));
            }
            stored.push(Stored::DropBucket(bucket));
        }
        stored
    }

    /// Everything there is has come.
    fn end(&mut self) -> Vec<Stored> {
        let mut stranded = Vec::new();
        for (key, pending) in &self.outbox {
            let Phase::Acked { seq, receipt, .. } = &pending.saved.phase else {
                continue;
            };
            match self.buckets.get(pending.home()) {
                // Of a bucket that this phone does not carry (any more) nothing will ever be covered: the office has it.
                None => stranded.push((*key, *seq, receipt.clone())),
                // The acknowledgement came before this answer was asked for: a server that has not got so far was restored.
                Some(mark) if mark.cursor < *seq => return self.meet_restored_server(),
                Some(_) => {}
            }
        }
        stranded
            .into_iter()
            .filter_map(|(key, seq, receipt)| self.move_to_journal(key, seq, receipt))
            .collect()
    }

    fn stage(&mut self, page: RecordsPage) -> Result<(), StageError> {
        let cursor = self.buckets.get(&page.bucket).map_or(0, |mark| mark.cursor);
        if page.from == page.since {
            // The first page after a checkpoint: whatever was staged before belongs to an answer that was given up.
            self.stages.remove(&page.bucket);
        }
        let stage = self
            .stages
            .entry(page.bucket.clone())
            .or_insert_with(|| Stage::after(page.since));
        let follows = stage.to == page.from && stage.from == page.since && (page.since == cursor || page.since == 0);
        if !follows || page.to < page.from {
            self.stages.remove(&page.bucket);
            return Err(StageError::Gap(page.bucket));
        }
        let bucket = page.bucket.clone();
        stage.take(page);
        if planted(Bug::PageByPage) {
            let shown = std::mem::replace(
                stage,
                Stage {
                    ..Stage::after(stage.from)
                },
            );
            stage.to = shown.to;
            self.install(&bucket, shown, false);
        }
        Ok(())
    }

    fn swap(&mut self, checkpoint: Checkpoint) -> Result<Vec<Stored>, StageError> {
        let Checkpoint { bucket, head, sum } = checkpoint;
        let mark = self.buckets.get(&bucket).copied().unwrap_or_default();
        if head < mark.cursor {
            // This server showed more than it has: it was restored without saying so.
            self.meet_restored_server();
            return Err(StageError::RefillFirst);
        }
        let stage = self.stages.remove(&bucket).unwrap_or_else(|| Stage::after(mark.cursor));
        if stage.to > head || (stage.from != mark.cursor && stage.from != 0) {
            return Err(StageError::Gap(bucket));
        }
        let replaces_all = stage.from == 0;
        if self.sum_after(&bucket, mark.sum, &stage, replaces_all) != sum {
            return Err(self.mismatch(bucket, &stage));
        }
        let mut stored = self.install(&bucket, stage, replaces_all);
        let mark = BucketMark { cursor: head, sum };
        self.buckets.insert(bucket.clone(), mark);
        if self.suspects.remove(&bucket).is_some() {
            self.mended += 1;
        }
        stored.push(Stored::PutBucket(bucket.clone(), mark));
        stored.extend(self.cover(&bucket, head));
        Ok(stored)
    }

    /// What this phone has of a record in a bucket: a record that has moved on shows in its new bucket alone, but counts in the old one
    /// until that says that it is gone.
    pub(super) fn held_in(&self, bucket: &BucketId, id: &RecordId) -> Option<&SavedRecord> {
        let here = self.records.get(id).filter(|record| record.bucket == *bucket);
        here.or_else(|| self.leaving.get(&(bucket.clone(), id.clone())))
    }

    fn sum_after(&self, bucket: &BucketId, mark: Sum, stage: &Stage, replaces_all: bool) -> Sum {
        let staged = || stage.records.values();
        if replaces_all {
            return staged().fold(Sum::default(), |sum, record| sum.plus(record.sum()));
        }
        // What a suspect's mark says is not to be built on.
        let before = match self.suspects.contains_key(bucket) {
            true => self.counted_sum(bucket),
            false => mark,
        };
        let of = |id: &RecordId| self.held_in(bucket, id).map_or(Sum::default(), |held| held.state.sum());
        let before = stage.whole.union(&stage.gone).fold(before, |sum, id| sum.minus(of(id)));
        staged().fold(before, |sum, record| {
            if stage.replaces(&record.id) {
                return sum.plus(record.sum());
            }
            let held = self.held_in(bucket, &record.id);
            record.fields.iter().fold(sum, |sum, (path, field)| {
                let old = held.and_then(|held| held.state.fields.get(path));
                let old = old.map_or(Sum::default(), |old| field_sum(&record.id, path, old));
                sum.minus(old).plus(field_sum(&record.id, path, field))
            })
        })
    }

    fn install(&mut self, bucket: &BucketId, stage: Stage, replaces_all: bool) -> Vec<Stored> {
        let mut stored = Vec::new();
        let replaced = |id: &RecordId| replaces_all || stage.replaces(id);
        let held = self.records.values().filter(|record| record.bucket == *bucket);
        let gone = held.filter(|record| replaced(&record.state.id) && !stage.records.contains_key(&record.state.id));
        for id in gone.map(|record| record.state.id.clone()).collect::<Vec<_>>() {
            self.records.remove(&id);
            stored.push(Stored::DropRecord(id));
        }
        let left = self.leaving.keys().filter(|(from, id)| from == bucket && replaced(id));
        for key in left.cloned().collect::<Vec<_>>() {
            stored.extend(self.drop_leaving(&key));
        }
        let Stage {
            whole, gone, records, ..
        } = stage;
        for (id, record) in records {
            stored.extend(self.take_home(bucket, &id));
            let fresh = || SavedRecord::new(bucket.clone(), RecordState::new(id.clone()));
            let here = self.records.entry(id.clone()).or_insert_with(fresh);
            if replaces_all || whole.contains(&id) || gone.contains(&id) {
                here.state.fields.clear();
            }
            here.state.fields.extend(record.fields);
            stored.push(Stored::PutRecord(here.clone()));
        }
        stored
    }

    /// A record that comes in a bucket while another still counts it: the other keeps its copy until it says that the record is gone.
    /// One that comes back before that goes on from the copy that was kept.
    fn take_home(&mut self, bucket: &BucketId, id: &RecordId) -> Vec<Stored> {
        let mut stored = Vec::new();
        let elsewhere = self.records.get(id).is_some_and(|record| record.bucket != *bucket);
        let old = elsewhere.then(|| self.records.remove(id)).flatten();
        if let Some(mut old) = old.filter(|old| self.buckets.contains_key(&old.bucket)) {
            old.leaving = true;
            self.leaving.insert((old.bucket.clone(), id.clone()), old.clone());
            stored.push(Stored::PutRecord(old));
        }
        if let Some(mut kept) = self.leaving.remove(&(bucket.clone(), id.clone())) {
            kept.leaving = false;
            self.records.insert(id.clone(), kept);
            stored.push(Stored::DropLeaving(bucket.clone(), id.clone()));
        }
        stored
    }

    fn drop_leaving(&mut self, key: &(BucketId, RecordId)) -> Option<Stored> {
        let (bucket, id) = key.clone();
        self.leaving.remove(key).map(|_| Stored::DropLeaving(bucket, id))
    }

    /// Groups that the checkpoint contains leave the overlay for the journal, in the transaction that swaps it in.
    fn cover(&mut self, bucket: &BucketId, head: i64) -> Vec<Stored> {
        let covered = |pending: &Pending| match &pending.saved.phase {
            Phase::Acked { seq, receipt, .. } if pending.home() == bucket && *seq <= head => {
                Some((*seq, receipt.clone()))
            }
            _ => None,
        };
        let covered: Vec<_> = self
            .outbox
            .iter()
            .filter_map(|(key, pending)| covered(pending).map(|ack| (*key, ack)))
            .collect();
        covered
            .into_iter()
            .filter_map(|(key, (seq, receipt))| self.move_to_journal(key, seq, receipt))
            .collect()
    }
}
