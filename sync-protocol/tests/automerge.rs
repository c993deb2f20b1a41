//! The merge against an outside oracle: Automerge keeps all values that concurrent writers gave a map key, as a field here does.
//!
//! The two meet like this: a field is a key of the root map, a write is a `put` of a number that occurs once, and what its author saw is
//! what their own document held. Automerge's conflicting values of a key must be the live writes of the field. Left out is what Automerge
//! has no notion of: a base that names only some of what was visible (our property test draws those), and witness copies.

use std::collections::{BTreeMap, BTreeSet};

use automerge::transaction::Transactable;
use automerge::{AutoCommit, ReadDoc, ScalarValue};
use proptest::prelude::*;
use sync_protocol::{Dot, FieldState, GroupId, Value, Write};

const ACTORS: usize = 3;
const FIELDS: usize = 2;
const ID: &str = "0190a2b4-7c3d-7e11-8f00-0123456789ab";

/// A step of a history.
#[derive(Debug, Clone)]
enum Step {
    Write {
        actor: usize,
        field: usize,
    },
    /// The first takes everything that the second has.
    Take {
        actor: usize,
        from: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let write = (0..ACTORS, 0..FIELDS).prop_map(|(actor, field)| Step::Write { actor, field });
    let take = (0..ACTORS, 0..ACTORS).prop_map(|(actor, from)| Step::Take { actor, from });
    prop_oneof![3 => write, 2 => take]
}

/// A write with what its author saw.
#[derive(Debug, Clone)]
struct Op {
    field: usize,
    write: Write,
    base: Vec<Dot>,
}

/// The same state twice: ours and Automerge's.
#[derive(Clone)]
struct Actor {
    fields: Vec<FieldState>,
    known: BTreeSet<GroupId>,
    document: AutoCommit,
}

impl Actor {
    fn new() -> Self {
        Self {
            fields: vec![FieldState::default(); FIELDS],
            known: BTreeSet::new(),
            document: AutoCommit::new(),
        }
    }

    /// Ours alone; a group that is known is not applied again (P3).
    fn receive(&mut self, op: &Op) {
        if self.known.insert(op.write.dot.group) {
            self.fields[op.field].apply(op.write.clone(), &op.base, |group| self.known.contains(group));
        }
    }

    fn write(&mut self, field: usize, number: usize) -> Op {
        let op = Op {
            field,
            write: numbered(number),
            base: self.fields[field].live.iter().map(|write| write.dot).collect(),
        };
        self.receive(&op);
        self.document
            .put(automerge::ROOT, field.to_string(), number as i64)
            .expect("a number fits a map");
        // What is open in a document that is copied would be closed twice.
        self.document.commit();
        op
    }

    fn ours(&self, field: usize) -> BTreeSet<i64> {
        let live = self.fields[field].live.iter();
        live.map(|write| write.value.int().expect("written as a number"))
            .collect()
    }

    fn oracles(&self, field: usize) -> BTreeSet<i64> {
        let values = self
            .document
            .get_all(automerge::ROOT, field.to_string())
            .expect("a map");
        let number = |value: &automerge::Value| value.as_scalar().and_then(ScalarValue::as_i64).expect("a number");
        values.iter().map(|(value, _)| number(value)).collect()
    }
}

fn numbered(number: usize) -> Write {
    let mut group = [0; 16];
    // Ids are hashes: their order says nothing about time.
    group[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Write {
        dot: Dot {
            group: GroupId(group),
            op: 0,
        },
        value: Value::Int(number as i64),
        author: ID.parse().expect("an id"),
        device: ID.parse().expect("an id"),
        at: 0,
        witnessed: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_live_writes_of_a_field_are_the_values_that_automerge_keeps(
        steps in prop::collection::vec(step(), 1..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let mut actors = vec![Actor::new(); ACTORS];
        for (nth, actor) in actors.iter_mut().enumerate() {
            actor.document.set_actor(automerge::ActorId::from([nth as u8 + 1; 16]));
        }
        let mut ops: BTreeMap<GroupId, Op> = BTreeMap::new();
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::Write { actor, field } => {
                    let op = actors[actor].write(field, number);
                    ops.insert(op.write.dot.group, op);
                }
                Step::Take { actor, from } => {
                    let mut source = actors[from].clone();
                    actors[actor].document.merge(&mut source.document).expect("documents of one family");
                    // In the order of ids, which is none: an op may come before what it replaces.
                    for group in &source.known {
                        actors[actor].receive(&ops[group]);
                    }
                }
            }
            for actor in &actors {
                for field in 0..FIELDS {
                    prop_assert_eq!(actor.ours(field), actor.oracles(field));
                }
            }
        }

        // Everything in one place: the drawn order with its repeats, then whatever it missed.
        let mut office = Actor::new();
        let all: Vec<&Op> = ops.values().collect();
        for index in order.iter().filter(|_| !all.is_empty()) {
            office.receive(all[index.index(all.len())]);
        }
        all.iter().for_each(|op| office.receive(op));
        for actor in &mut actors {
            office.document.merge(&mut actor.document).expect("documents of one family");
        }
        for field in 0..FIELDS {
            prop_assert_eq!(office.ours(field), office.oracles(field));
            prop_assert!(office.fields[field].ghosts.is_empty());
        }
    }
}
