//! A bucket's checksum: two wrapping 64-bit sums over its live writes, kept up in O(1) a write on both sides.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{BadId, Dot, FieldPath, RecordId};

/// The sum over every live dot of hash(record, field, dot): equal on two replicas exactly when the same writes are live there
/// (a dot is the hash of its value's group, so values need no part in it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    pub a: u64,
    pub b: u64,
}

impl Sum {
    /// What one live write adds.
    pub fn of(record: &RecordId, path: &FieldPath, dot: &Dot) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(record.as_str().as_bytes())
            .update(b"|")
            .update(path.as_str().as_bytes())
            .update(b"|");
        hasher.update(&dot.group.0).update(&dot.op.to_be_bytes());
        let hash = hasher.finalize();
        let half = |from: usize| u64::from_be_bytes(hash.as_bytes()[from..from + 8].try_into().expect("8 bytes"));
        Self { a: half(0), b: half(8) }
    }
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            a: self.a.wrapping_add(other.a),
            b: self.b.wrapping_add(other.b),
        }
    }
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            a: self.a.wrapping_sub(other.a),
            b: self.b.wrapping_sub(other.b),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.a, self.b)
    }
}
impl FromStr for Sum {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        if text.len() != 32 || !text.is_ascii() {
            return Err(BadId("sum"));
        }
        let half = |digits: &str| u64::from_str_radix(digits, 16).map_err(|_| BadId("sum"));
        Ok(Self {
            a: half(&text[..16])?,
            b: half(&text[16..])?,
        })
    }
}
impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(input)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
