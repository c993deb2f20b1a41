//! The newest change number of each bucket, kept in memory: a pull with nothing new is answered by one comparison, however
//! many records there are. Knows no SQL; a miss is looked up by the caller and remembered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use uuid::Uuid;

/// Shared by the workers of one process. A number here is never above the committed one.
#[derive(Debug, Clone, Default)]
pub struct Heads {
    known: Arc<RwLock<HashMap<Uuid, HashMap<String, i64>>>>,
    /// While nobody tells what other instances commit, nothing here is to be believed.
    distrusted: Arc<AtomicBool>,
    /// Counts what was forgotten, and what was committed while nothing was known of its bucket.
    version: Arc<AtomicU64>,
}

impl Heads {
    /// The head as far as this process knows, or nothing when it has not looked yet.
    pub fn get(&self, district: Uuid, bucket: &str) -> Option<i64> {
        if self.distrusted.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(&district)?.get(bucket).copied()
    }

    /// Looks again when next asked: somebody changed the bucket and nobody here knows to what.
    pub fn forget(&self, district: Uuid, bucket: &str) {
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.version.fetch_add(1, Ordering::Relaxed);
        if let Some(heads) = known.get_mut(&district) {
            heads.remove(bucket);
        }
    }

    /// Forgets everything: whoever told of changes was silent for a while.
    pub fn forget_all(&self) {
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.version.fetch_add(1, Ordering::Relaxed);
        known.clear();
    }

    /// Other instances are no longer heard of.
    pub fn distrust(&self) {
        self.distrusted.store(true, Ordering::Relaxed);
    }

    /// They are heard of again, from now on.
    pub fn trust(&self) {
        self.forget_all();
        self.distrusted.store(false, Ordering::Relaxed);
    }

    /// To be taken before the database is asked, for [`Self::learn`].
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// Remembers what the database said, unless something was forgotten or committed meanwhile: then it may be old already.
    pub fn learn(&self, district: Uuid, bucket: &str, head: i64, version: u64) {
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.version() == version {
            let heads = known.entry(district).or_default();
            let here = heads.entry(bucket.to_owned()).or_insert(head);
            *here = head.max(*here);
        }
    }

    /// A commit of this process. An older number that arrives late changes nothing, nor does one of a bucket that is looked up anew
    /// when next asked: another instance may be further. Whoever is looking it up at this moment may have asked before the commit.
    pub fn raise(&self, district: Uuid, bucket: &str, head: i64) {
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        match known.get_mut(&district).and_then(|heads| heads.get_mut(bucket)) {
            Some(here) => *here = head.max(*here),
            None => drop(self.version.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_only_rises() {
        let (heads, district) = (Heads::default(), Uuid::from_u128(1));
        assert_eq!(heads.get(district, "school/a"), None);
        heads.learn(district, "school/a", 3, heads.version());
        heads.raise(district, "school/a", 2);
        assert_eq!(heads.get(district, "school/a"), Some(3));
        heads.raise(district, "school/a", 4);
        assert_eq!(heads.get(district, "school/a"), Some(4));
        assert_eq!(heads.get(Uuid::from_u128(2), "school/a"), None);
    }

    #[test]
    fn a_look_that_began_before_a_commit_does_not_hide_it() {
        let (heads, district) = (Heads::default(), Uuid::from_u128(1));
        let before = heads.version();
        heads.raise(district, "school/a", 4);
        heads.learn(district, "school/a", 0, before);
        assert_eq!(heads.get(district, "school/a"), None, "looked up anew");
        heads.learn(district, "school/a", 4, heads.version());
        let later = heads.version();
        heads.raise(district, "school/a", 5);
        heads.learn(district, "school/a", 4, later);
        assert_eq!(heads.get(district, "school/a"), Some(5));
    }

    #[test]
    fn what_another_instance_changed_is_looked_up_and_never_taken_from_an_older_look() {
        let (heads, district) = (Heads::default(), Uuid::from_u128(1));
        let before = heads.version();
        heads.forget(district, "school/a");
        heads.learn(district, "school/a", 5, before);
        heads.raise(district, "school/a", 6);
        assert_eq!(heads.get(district, "school/a"), None);
        heads.learn(district, "school/a", 7, heads.version());
        heads.distrust();
        assert_eq!(heads.get(district, "school/a"), None);
        heads.trust();
        assert_eq!(heads.get(district, "school/a"), None);
    }
}
