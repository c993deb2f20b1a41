//! How records came to be as they are: the applied changes of a history, and the fields as they stood after any of them.
//! The merge is the one of [`FieldState::apply`]; nothing here decides what wins.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Dot, FieldPath, FieldState, Group, GroupId, GroupKind, PersonId, RecordId, Value, Write};

/// One field write of an applied group, as a history tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub group: GroupId,
    pub op: u16,
    pub record: RecordId,
    pub field: FieldPath,
    pub value: Value,
    /// The dots that were on the author's screen.
    pub base: Vec<Dot>,
    pub author: PersonId,
    pub device: DeviceId,
    /// The author's clock in ms since 1970, as claimed.
    pub at: i64,
    pub kind: GroupKind,
}

impl Change {
    /// The `at`-th op of a group, given the group's id.
    pub fn of(group: &Group, id: GroupId, at: usize) -> Self {
        let op = &group.ops[at];
        Self {
            group: id,
            op: Group::dot(id, at).op,
            record: op.record().clone(),
            field: op.path().clone(),
            value: op.value().clone(),
            base: op.base().to_vec(),
            author: group.author.clone(),
            device: group.device.clone(),
            at: group.at,
            kind: group.kind,
        }
    }

    /// The dot that later writes name when they have seen this one.
    pub fn dot(&self) -> Dot {
        let own = Dot {
            group: self.group,
            op: self.op,
        };
        self.kind.dot(own, &self.base)
    }

    /// What it takes away; nothing when it is a witness copy.
    pub fn replaces(&self) -> &[Dot] {
        self.kind.replaced(&self.base)
    }

    fn write(&self) -> Write {
        Write {
            dot: self.dot(),
            value: self.value.clone(),
            author: self.author.clone(),
            device: self.device.clone(),
            at: self.at,
            witnessed: self.kind == GroupKind::Witness,
        }
    }
}

/// Fields of several records.
pub type Fields = BTreeMap<(RecordId, FieldPath), FieldState>;

/// The fields after these changes, which come in the office's order and each once. To see an earlier moment, give fewer of them.
pub fn replay<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Fields {
    let mut fields = Fields::new();
    let mut known = BTreeSet::new();
    for change in changes {
        known.insert(change.group);
        let field = fields.entry((change.record.clone(), change.field.clone()));
        field
            .or_default()
            .apply(change.write(), change.replaces(), |group| known.contains(group));
    }
    fields
}

/// A field that two moments do not agree on: its different values at each, in order. None is a field that nobody had written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub record: RecordId,
    pub field: FieldPath,
    pub then: Vec<Value>,
    pub now: Vec<Value>,
}

/// The fields whose values differ between two moments, by record and path.
pub fn differences(then: &Fields, now: &Fields) -> Vec<Difference> {
    let values = |fields: &Fields, place| -> Vec<Value> {
        let live = fields.get(place).into_iter().flat_map(|field| &field.live);
        let different: BTreeSet<Value> = live.map(|write| write.value.clone()).collect();
        different.into_iter().collect()
    };
    let places: BTreeSet<_> = then.keys().chain(now.keys()).collect();
    places
        .into_iter()
        .map(|place| Difference {
            record: place.0.clone(),
            field: place.1.clone(),
            then: values(then, place),
            now: values(now, place),
        })
        .filter(|difference| difference.then != difference.now)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a2b4-7c3d-7e11-8f00-0123456789ab";

    fn group(nonce: u64, ops: Vec<(&str, Value, Vec<Dot>)>) -> (GroupId, Group) {
        let op = |(path, value, base): (&str, Value, _)| crate::Op(id(), path.parse().unwrap(), value, base);
        let group = Group::new(
            format!("school/{ID}").parse().unwrap(),
            GroupKind::Edit,
            ID.parse().unwrap(),
            ID.parse().unwrap(),
            0,
            nonce,
            ops.into_iter().map(op).collect(),
        );
        (GroupId::of(group.to_line().as_bytes()), group)
    }

    fn id() -> RecordId {
        ID.parse().unwrap()
    }

    fn changes((id, group): &(GroupId, Group)) -> Vec<Change> {
        (0..group.ops.len()).map(|at| Change::of(group, *id, at)).collect()
    }

    fn values(fields: &Fields, path: &str) -> Vec<Value> {
        let field = &fields[&(id(), path.parse().unwrap())];
        field.live.iter().map(|write| write.value.clone()).collect()
    }

    /// One answers, a second who saw it answers otherwise, a third who saw nothing stands beside them.
    fn story() -> Vec<Change> {
        let first = group(
            1,
            vec![("SF1.1", "yes".into(), vec![]), ("SF1.2", "yes".into(), vec![])],
        );
        let second = group(2, vec![("SF1.1", "no".into(), vec![Group::dot(first.0, 0)])]);
        let third = group(3, vec![("SF1.1", "na".into(), vec![])]);
        [&first, &second, &third].into_iter().flat_map(changes).collect()
    }

    #[test]
    fn every_moment_is_what_the_merge_made_of_the_changes_until_then() {
        let story = story();
        assert!(replay(&story[..0]).is_empty());
        assert_eq!(values(&replay(&story[..2]), "SF1.1"), ["yes".into()]);
        assert_eq!(values(&replay(&story[..3]), "SF1.1"), ["no".into()]);
        let whole = replay(&story);
        assert_eq!(values(&whole, "SF1.1").len(), 2);
        assert_eq!(values(&whole, "SF1.2"), ["yes".into()]);
        assert!(whole[&(id(), "SF1.1".parse().unwrap())].is_conflict());
    }

    #[test]
    fn only_the_fields_that_say_something_else_differ() {
        let story = story();
        let (first, second) = (replay(&story[..2]), replay(&story[..3]));
        let changed = Difference {
            record: id(),
            field: "SF1.1".parse().unwrap(),
            then: vec!["yes".into()],
            now: vec!["no".into()],
        };
        assert_eq!(differences(&first, &second), [changed]);
        assert_eq!(differences(&first, &first), []);
        let from_nothing = differences(&Fields::new(), &first);
        assert_eq!(from_nothing.len(), 2);
        assert!(from_nothing.iter().all(|difference| difference.then.is_empty()));
        // Somebody agrees: another write, the same value.
        let agreed = group(4, vec![("SF1.2", "yes".into(), vec![])]);
        let more = [&story[..3], &changes(&agreed)].concat();
        assert_eq!(differences(&second, &replay(&more)), []);
    }

    #[test]
    fn what_was_replaced_before_it_arrived_stays_replaced_and_a_copy_stands_for_what_it_copies() {
        let first = group(1, vec![("SF1.1", "yes".into(), vec![])]);
        let second = group(2, vec![("SF1.1", "no".into(), vec![Group::dot(first.0, 0)])]);
        let late: Vec<Change> = [&second, &first].into_iter().flat_map(changes).collect();
        assert_eq!(values(&replay(&late), "SF1.1"), ["no".into()]);
        let field = "SF1.1".parse().unwrap();
        let copy = Group::witness(first.1.bucket.clone(), id(), field, &first.1.write(first.0, 0));
        let copy = (GroupId::of(copy.to_line().as_bytes()), copy);
        assert_eq!(changes(&copy)[0].dot(), Group::dot(first.0, 0));
        let copied: Vec<Change> = [&copy, &second].into_iter().flat_map(changes).collect();
        assert_eq!(values(&replay(&copied), "SF1.1"), ["no".into()]);
    }

    /// The merge of a history is the merge of the office: the same writes, the same state.
    #[test]
    fn a_change_writes_what_its_group_writes() {
        let (name, group) = group(
            1,
            vec![("SF1.1", "yes".into(), vec![]), ("SF1.2", Value::Int(3), vec![])],
        );
        for at in 0..2 {
            let change = Change::of(&group, name, at);
            assert_eq!(change.write(), group.write(name, at));
            assert_eq!(change.replaces(), group.replaces(at));
            let line = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<Change>(&line).unwrap(), change);
        }
    }
}
