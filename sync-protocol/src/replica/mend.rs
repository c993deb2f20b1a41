//! Mending a bucket whose checksum does not match: a walk down the digest tree finds the records that differ, and the next pull
//! replaces just these. Unsent work is never touched.

use super::*;
use crate::digest::{Descent, DigestReply, DigestRequest};

impl Replica {
    /// The bucket here is not what its checksum says. Either the base was damaged, or the server was restored without saying so and
    /// has gone on since: then it lacks what the journal holds, and is offered that first.
    pub(super) fn suspect(&mut self, bucket: &BucketId) {
        (self.refill, self.witness) = (true, true);
        self.stages.remove(bucket);
        if !self.suspects.contains_key(bucket) {
            self.mismatches += 1;
            self.suspects.insert(bucket.clone(), Descent::begin());
        }
    }

    /// A checkpoint did not match. Where what was found to differ had been replaced already, or nothing was found, the bucket is
    /// fetched whole: whatever the walk cannot see would be looked for again and again.
    pub(super) fn mismatch(&mut self, bucket: BucketId, stage: &Stage) -> StageError {
        let walk = self.suspects.get(&bucket);
        let found_nothing = |walk: &Descent| walk.differing().is_some_and(<[_]>::is_empty);
        let in_vain = walk.is_some_and(|walk| walk.is_over() && (stage.mends || found_nothing(walk)));
        if in_vain {
            self.fetch_whole(&bucket);
        }
        self.suspect(&bucket);
        StageError::Mismatch(bucket)
    }

    fn fetch_whole(&mut self, bucket: &BucketId) {
        self.stages.remove(bucket);
        self.suspects.insert(bucket.clone(), Descent::begin());
        if let Some(mark) = self.buckets.get_mut(bucket) {
            mark.cursor = 0;
        }
    }

    /// The next step down the tree of a bucket that does not match, or nothing. Goes before the next pull.
    pub fn next_digest(&self) -> Option<DigestRequest> {
        let fetched_whole = |bucket: &BucketId| self.buckets.get(bucket).is_none_or(|mark| mark.cursor == 0);
        let walks = self.suspects.iter();
        let (bucket, descent) = walks
            .into_iter()
            .find(|(bucket, walk)| !walk.is_over() && !fetched_whole(bucket))?;
        Some(DigestRequest {
            protocol: PROTOCOL,
            bucket: bucket.clone(),
            places: descent.places(),
        })
    }

    /// Takes the nodes of a bucket's tree. An answer of another life of the server counts for nothing.
    pub fn handle_digest(&mut self, reply: &DigestReply) -> Vec<Stored> {
        let met = self.meet_epoch(&reply.epoch);
        if !met.is_empty() {
            return met;
        }
        let ours = self.sums_in(&reply.bucket);
        let Some(descent) = self.suspects.get_mut(&reply.bucket) else {
            return vec![];
        };
        for (place, node) in &reply.nodes {
            descent.compare(place, node, &ours);
        }
        if descent.differing().is_none() {
            self.fetch_whole(&reply.bucket);
        }
        vec![]
    }

    fn sums_in(&self, bucket: &BucketId) -> BTreeMap<RecordId, Sum> {
        let left = self.leaving.values().filter(|record| record.bucket == *bucket);
        let here = self.records.values().filter(|record| record.bucket == *bucket);
        here.chain(left)
            .map(|record| (record.state.id.clone(), record.state.sum()))
            .collect()
    }

    /// The buckets whose walk is over, each with what differs: perhaps nothing, where only a checkpoint is wanted.
    pub(super) fn to_mend(&self) -> BTreeMap<BucketId, Vec<RecordId>> {
        let whole = |bucket: &BucketId| self.buckets.get(bucket).is_some_and(|mark| mark.cursor == 0);
        let ready = self
            .suspects
            .iter()
            .filter(|(bucket, walk)| walk.is_over() || whole(bucket));
        ready
            .map(|(bucket, walk)| (bucket.clone(), walk.differing().unwrap_or_default().to_vec()))
            .collect()
    }

    /// How many buckets were mended since start.
    pub fn mended(&self) -> u64 {
        self.mended
    }
}
