//! The newest change number of each bucket, kept in memory: a pull with nothing new is answered by one comparison, however
//! many records there are. Knows no SQL; a miss is looked up by the caller and remembered.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use uuid::Uuid;

/// Shared by the workers of one process. A number here is never above the committed one.
#[derive(Debug, Clone, Default)]
pub struct Heads {
    known: Arc<RwLock<HashMap<Uuid, HashMap<String, i64>>>>,
}

impl Heads {
    /// The head as far as this process knows, or nothing when it has not looked yet.
    pub fn get(&self, district: Uuid, bucket: &str) -> Option<i64> {
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(&district)?.get(bucket).copied()
    }

    /// Looks again when next asked: somebody changed the bucket and nobody here knows to what.
    pub fn forget(&self, district: Uuid, bucket: &str) {
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(heads) = known.get_mut(&district) {
            heads.remove(bucket);
        }
    }

    /// Forgets everything: whoever told of changes was silent for a while.
    pub fn forget_all(&self) {
        self.known
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
    }

    /// Remembers a committed head. An older number that arrives late changes nothing.
    pub fn raise(&self, district: Uuid, bucket: &str, head: i64) {
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let heads = known.entry(district).or_default();
        match heads.get_mut(bucket) {
            Some(here) => *here = head.max(*here),
            None => drop(heads.insert(bucket.to_owned(), head)),
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
        heads.raise(district, "school/a", 3);
        heads.raise(district, "school/a", 2);
        assert_eq!(heads.get(district, "school/a"), Some(3));
        assert_eq!(heads.get(Uuid::from_u128(2), "school/a"), None);
    }
}
