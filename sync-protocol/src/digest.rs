//! The digest tree of a bucket: sums of its records by the hash of their ids, sixteen children a node. Two replicas that differ walk
//! down it together and find which records differ without sending the others. Pure arithmetic over what each side has.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{BadId, BucketId, RecordId, Sum};

/// A node with at most this many records names each of them.
pub const LEAF_RECORDS: usize = 64;
/// How many nodes one question may name.
pub const MAX_NODES: usize = 64;
/// How many differing records are mended one by one; beyond that the bucket is fetched whole.
pub const MAX_MENDED: usize = 1000;
const DEEPEST: usize = 8;

/// The path to a node: up to eight hex digits of BLAKE3 over the record's id. The root's is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place(String);

impl Place {
    fn of(record: &RecordId) -> String {
        blake3::hash(record.as_str().as_bytes()).to_hex()[..DEEPEST].to_owned()
    }
    fn child(&self, digit: usize) -> Self {
        Self(format!("{}{digit:x}", self.0))
    }
    fn holds(&self, record: &RecordId) -> bool {
        Self::of(record).starts_with(&self.0)
    }
}
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for Place {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match text.len() <= DEEPEST && text.bytes().all(hex) {
            true => Ok(Self(text.to_owned())),
            false => Err(BadId("place")),
        }
    }
}
impl Serialize for Place {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(input)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What lies at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// Few records: each with its sum.
    Records(Vec<(RecordId, Sum)>),
    /// The sums of the sixteen places below.
    Children(Vec<Sum>),
}

impl Node {
    /// The node of `place` among a bucket's records.
    pub fn of<'a>(place: &Place, records: impl Iterator<Item = (&'a RecordId, Sum)>) -> Self {
        let here: Vec<(&RecordId, Sum)> = records.filter(|(id, _)| place.holds(id)).collect();
        if here.len() <= LEAF_RECORDS || place.0.len() == DEEPEST {
            return Self::Records(here.into_iter().map(|(id, sum)| (id.clone(), sum)).collect());
        }
        let mut children = vec![Sum::default(); 16];
        for (id, sum) in here {
            let digit = Place::of(id).as_bytes()[place.0.len()];
            let at = usize::from(if digit.is_ascii_digit() {
                digit - b'0'
            } else {
                digit - b'a' + 10
            });
            children[at] = children[at].plus(sum);
        }
        Self::Children(children)
    }
}

/// Asks for some nodes of a bucket the phone may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigestRequest {
    pub protocol: u32,
    pub bucket: BucketId,
    /// At most [`MAX_NODES`].
    pub places: Vec<Place>,
}

/// The nodes, from one snapshot, in the order asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestReply {
    pub epoch: String,
    pub bucket: BucketId,
    pub nodes: Vec<(Place, Node)>,
}

/// A walk down the tree of one bucket: where to look next, and which records are known to differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descent {
    open: Vec<Place>,
    differing: Vec<RecordId>,
}

impl Descent {
    pub(crate) fn begin() -> Self {
        Self {
            open: vec![Place::default()],
            differing: vec![],
        }
    }
    /// What to ask next; nothing when the walk is over.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.open.iter().take(MAX_NODES).cloned().collect()
    }
    pub(crate) fn is_over(&self) -> bool {
        self.open.is_empty()
    }
    /// The records that differ, once the walk is over; nothing when they are too many to be mended one by one.
    pub(crate) fn differing(&self) -> Option<&[RecordId]> {
        (self.differing.len() <= MAX_MENDED).then_some(&self.differing)
    }
    /// Compares a node of the server's with what is here.
    pub(crate) fn compare(&mut self, place: &Place, theirs: &Node, ours: &BTreeMap<RecordId, Sum>) {
        let Some(at) = self.open.iter().position(|open| open == place) else {
            return;
        };
        self.open.remove(at);
        match theirs {
            Node::Children(sums) => {
                for (digit, sum) in sums.iter().enumerate().take(16) {
                    let child = place.child(digit);
                    let here = ours.iter().filter(|(id, _)| child.holds(id));
                    let here = here.fold(Sum::default(), |all, (_, one)| all.plus(*one));
                    if here != *sum {
                        self.open.push(child);
                    }
                }
            }
            Node::Records(records) => {
                let theirs: BTreeMap<&RecordId, Sum> = records.iter().map(|(id, sum)| (id, *sum)).collect();
                let changed = theirs.iter().filter(|(id, sum)| ours.get(**id) != Some(sum));
                self.differing.extend(changed.map(|(id, _)| (*id).clone()));
                let extra = ours.keys().filter(|id| place.holds(id) && !theirs.contains_key(id));
                self.differing.extend(extra.cloned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(n: u16) -> RecordId {
        format!("0190a2b4-7c3d-7e11-8f00-00000000{n:04x}").parse().unwrap()
    }
    fn sum(n: u64) -> Sum {
        Sum { a: n, b: n }
    }

    /// Walks down, and says what differs and how many nodes were looked at.
    fn walk(theirs: &BTreeMap<RecordId, Sum>, ours: &BTreeMap<RecordId, Sum>) -> (Vec<RecordId>, usize) {
        let (mut descent, mut looked_at) = (Descent::begin(), 0);
        while !descent.is_over() {
            for place in descent.places() {
                looked_at += 1;
                let node = Node::of(&place, theirs.iter().map(|(id, sum)| (id, *sum)));
                descent.compare(&place, &node, ours);
            }
        }
        let mut found = descent.differing.clone();
        found.sort();
        (found, looked_at)
    }

    #[test]
    fn one_damaged_record_among_five_thousand_is_found_at_the_end_of_one_branch() {
        let theirs: BTreeMap<_, _> = (0..5_000).map(|n| (record(n), sum(u64::from(n) + 1))).collect();
        let mut ours = theirs.clone();
        ours.insert(record(77), sum(0));
        let (found, looked_at) = walk(&theirs, &ours);
        assert_eq!(found, [record(77)]);
        assert!(looked_at <= 4, "{looked_at} nodes");
    }

    proptest! {
        #[test]
        fn the_walk_finds_exactly_what_differs(
            theirs in prop::collection::btree_map(0_u16..600, 1_u64..3, 0..400),
            ours in prop::collection::btree_map(0_u16..600, 1_u64..3, 0..400),
        ) {
            let records = |map: &BTreeMap<u16, u64>| map.iter().map(|(n, s)| (record(*n), sum(s + u64::from(*n) * 7))).collect::<BTreeMap<_, _>>();
            let (theirs, ours) = (records(&theirs), records(&ours));
            let mut expected: Vec<RecordId> = theirs.keys().chain(ours.keys()).filter(|id| theirs.get(id) != ours.get(id)).cloned().collect();
            expected.sort();
            expected.dedup();
            prop_assert_eq!(walk(&theirs, &ours).0, expected);
        }
    }
}
