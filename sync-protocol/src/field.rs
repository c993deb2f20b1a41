//! The state of one field and the merge: `live` = ops whose dot is in no other op's base.
//!
//! The server and every phone run this very code. It is a function of the *set* of ops applied, so order, repeats and delays do
//! not matter (P1), and a value goes only when somebody who had seen it replaced it (P2).

use serde::{Deserialize, Serialize};

use crate::planted::{Bug, planted};
use crate::{DeviceId, Dot, GroupId, Late, PersonId, Value};

/// A live write of a field: one sibling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    #[serde(rename = "d")]
    pub dot: Dot,
    #[serde(rename = "v")]
    pub value: Value,
    #[serde(rename = "a")]
    pub author: PersonId,
    #[serde(rename = "dev")]
    pub device: DeviceId,
    /// The author's clock in ms since 1970, as claimed.
    #[serde(rename = "t")]
    pub at: i64,
    /// Known from a witness copy alone: the group itself was lost with a restored server and may still come.
    #[serde(rename = "wit", default, skip_serializing_if = "std::ops::Not::not")]
    pub witnessed: bool,
}

/// The siblings of a field, in the order of their dots, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FieldState {
    /// The number of the bucket's change that last touched this field.
    #[serde(rename = "n")]
    pub seq: i64,
    #[serde(rename = "w")]
    pub live: Vec<Write>,
    /// Dots that somebody has replaced although they have not arrived here yet: they will not be inserted when they do.
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub ghosts: Vec<Dot>,
    /// Writes that came after the record was sealed, by people who had not seen the seal: beside the value, not in its place.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
}

/// What an apply changed among the live dots, for the checksum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delta {
    pub removed: Vec<Dot>,
    pub inserted: Option<Dot>,
}

impl FieldState {
    /// Merges one write whose author had `base` on screen. `known` says whether a group was applied here before: a base dot that
    /// is neither live nor of a known group is still on its way and becomes a ghost.
    pub fn apply(&mut self, write: Write, base: &[Dot], known: impl Fn(&GroupId) -> bool) -> Delta {
        let mut delta = Delta::default();
        for dot in base {
            let at = self.live.iter().position(|sibling| sibling.dot == *dot);
            let removed = at.map(|at| self.live.remove(at));
            delta.removed.extend(removed.iter().map(|sibling| sibling.dot));
            // A write that is known from a copy alone may still come by itself.
            let may_come = removed.map_or_else(|| !known(&dot.group), |sibling| sibling.witnessed);
            if may_come && !self.ghosts.contains(dot) && !planted(Bug::NoGhosts) {
                self.ghosts.push(*dot);
                self.ghosts.sort_unstable();
            }
        }
        if let Some(at) = self.ghosts.iter().position(|ghost| *ghost == write.dot) {
            // A copy of what somebody has replaced is of no use; the ghost waits on for the write itself.
            if !write.witnessed {
                self.ghosts.remove(at);
            }
            return delta;
        }
        match self.live.binary_search_by(|sibling| sibling.dot.cmp(&write.dot)) {
            Ok(at) => self.live[at].witnessed &= write.witnessed,
            Err(at) => {
                delta.inserted = Some(write.dot);
                self.live.insert(at, write);
            }
        }
        delta
    }

    /// Whether people must settle it: several live writes that do not say the same.
    pub fn is_conflict(&self) -> bool {
        self.live.windows(2).any(|pair| pair[0].value != pair[1].value)
    }

    /// Whether this write is here, in the field or beside it.
    pub fn holds(&self, dot: &Dot) -> bool {
        let late = self.late.iter().map(|late| &late.write);
        self.live.iter().chain(late).any(|write| write.dot == *dot)
    }

    /// Every write that counts in the checksum: the live ones, then the late ones.
    pub fn writes(&self) -> impl Iterator<Item = &Write> {
        self.live.iter().chain(self.late.iter().map(|late| &late.write))
    }

    /// Whether a base dot is missing here, so that the caller must find out if its group is known.
    pub fn lacks(&self, dot: &Dot) -> bool {
        !self.holds(dot) && !self.ghosts.contains(dot)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0190a2b4-7c3d-7e11-8f00-0123456789ab";

    fn write(name: u8, value: u8) -> Write {
        let dot = Dot {
            group: GroupId([name; 16]),
            op: 0,
        };
        Write {
            dot,
            value: Value::Int(value.into()),
            author: ID.parse().unwrap(),
            device: ID.parse().unwrap(),
            at: 0,
            witnessed: false,
        }
    }

    fn dot(name: u8) -> Dot {
        write(name, 0).dot
    }

    fn apply_all<'a>(ops: impl IntoIterator<Item = &'a (Write, Vec<Dot>)>) -> FieldState {
        let mut field = FieldState::default();
        let mut known = BTreeSet::new();
        for (write, base) in ops {
            // Exactly once is the log's business (P3): a known group is not applied again.
            if known.insert(write.dot.group) {
                field.apply(write.clone(), base, |group| known.contains(group));
            }
        }
        field
    }

    #[test]
    fn a_value_that_was_seen_is_replaced_and_one_that_was_not_stays() {
        let field = apply_all(&[
            (write(1, 10), vec![]),
            (write(2, 20), vec![dot(1)]),
            (write(3, 30), vec![dot(1)]),
        ]);
        let values: Vec<_> = field.live.iter().map(|sibling| sibling.value.clone()).collect();
        assert_eq!(values, [Value::Int(20), Value::Int(30)]);
        assert!(field.is_conflict());
    }

    #[test]
    fn equal_values_of_two_people_are_agreement() {
        let field = apply_all(&[(write(1, 10), vec![]), (write(2, 10), vec![])]);
        assert_eq!(field.live.len(), 2);
        assert!(!field.is_conflict());
    }

    #[test]
    fn a_witness_copy_stands_in_for_a_lost_write_and_gives_way_to_it() {
        let copy = |name| Write {
            witnessed: true,
            ..write(name, name)
        };
        let nobody = |_: &GroupId| false;
        // The copy, then the write itself: one value, no longer a copy.
        let mut field = FieldState::default();
        field.apply(copy(1), &[], nobody);
        field.apply(copy(1), &[], nobody);
        field.apply(write(1, 1), &[], nobody);
        assert_eq!(field.live, [write(1, 1)]);
        // The copy, somebody who saw it, then the write itself: it stays replaced.
        let mut field = FieldState::default();
        field.apply(copy(1), &[], nobody);
        field.apply(write(2, 2), &[dot(1)], nobody);
        field.apply(copy(1), &[], nobody);
        field.apply(write(1, 1), &[], nobody);
        assert_eq!((field.live, field.ghosts), (vec![write(2, 2)], vec![]));
    }

    #[test]
    fn a_chain_that_arrives_reversed_leaves_only_its_end() {
        let chain = [
            (write(3, 3), vec![dot(2)]),
            (write(2, 2), vec![dot(1)]),
            (write(1, 1), vec![]),
        ];
        let field = apply_all(&chain);
        assert_eq!(field.live, [write(3, 3)]);
        assert!(field.ghosts.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]

        /// P1 and P2 against the definition: any order, any repeats, any bases (each op may have seen any earlier ones).
        #[test]
        fn merge_is_the_three_line_definition(
            seen in prop::collection::vec(any::<u8>(), 1..7),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..14),
        ) {
            let ops: Vec<(Write, Vec<Dot>)> = seen.iter().enumerate().map(|(at, mask)| {
                let base = (0..at as u8).filter(|earlier| mask & (1 << earlier) != 0).map(dot).collect();
                (write(at as u8, mask % 3), base)
            }).collect();

            let replaced: BTreeSet<Dot> = ops.iter().flat_map(|(_, base)| base.clone()).collect();
            let live: Vec<Write> = ops.iter().filter(|(write, _)| !replaced.contains(&write.dot)).map(|(write, _)| write.clone()).collect();

            // The drawn order with its repeats, then whatever it missed, backwards.
            let mut sequence: Vec<_> = order.iter().map(|index| &ops[index.index(ops.len())]).collect();
            sequence.extend(ops.iter().rev());
            let field = apply_all(sequence);
            prop_assert_eq!(field.live, live);
            prop_assert!(field.ghosts.is_empty());
        }
    }
}
