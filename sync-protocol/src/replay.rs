//! How records came to be as they are: the applied changes of a history, and the fields as they stood after any of them.
//! The merge is the office's own; nothing here decides what wins.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::merge::{Told, merge};
use crate::{DeviceId, Dot, FieldPath, Group, GroupId, GroupKind, PersonId, RecordId, RecordState, Value, Write};

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
        self.kind.dot(self.own_dot(), &self.base)
    }

    fn own_dot(&self) -> Dot {
        Dot {
            group: self.group,
            op: self.op,
        }
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

/// Records as they stood at one moment.
pub type Records = BTreeMap<RecordId, RecordState>;

/// The changes so far, for the seals that speak of them.
#[derive(Default)]
struct Log<'a> {
    groups: HashMap<GroupId, Vec<&'a Change>>,
}

impl Told for Log<'_> {
    fn written(&self, record: &RecordId, group: &GroupId) -> Vec<(Dot, FieldPath, Value)> {
        let changes = self.groups.get(group).into_iter().flatten();
        changes
            .filter(|change| change.record == *record)
            .map(|change| (change.own_dot(), change.field.clone(), change.value.clone()))
            .collect()
    }

    fn write(&self, record: &RecordId, dot: &Dot) -> Option<(FieldPath, Write)> {
        let mut changes = self.groups.get(&dot.group)?.iter();
        let change = changes.find(|change| change.own_dot() == *dot && change.record == *record)?;
        Some((change.field.clone(), change.write()))
    }
}

/// The records after these changes, which come in the office's order and each once. To see an earlier moment, give fewer of them.
/// `outlives_seal` says which fields live on when their record is sealed, as for the office.
pub fn replay<'a>(
    changes: impl IntoIterator<Item = &'a Change>,
    outlives_seal: impl Fn(&RecordState, &FieldPath) -> bool,
) -> Records {
    let mut records = Records::new();
    let mut log = Log::default();
    for change in changes {
        log.groups.entry(change.group).or_default().push(change);
        let id = &change.record;
        let record = records
            .entry(id.clone())
            .or_insert_with(|| RecordState::new(id.clone()));
        let write = (&change.field, change.write(), change.replaces());
        let known = |group: &GroupId| log.groups.contains_key(group);
        merge(record, write, 0, &log, known, &outlives_seal);
    }
    records
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
pub fn differences(then: &Records, now: &Records) -> Vec<Difference> {
    let places = |records: &Records| -> Vec<(RecordId, FieldPath)> {
        let of_record = |record: &RecordState| {
            let id = record.id.clone();
            record
                .fields
                .keys()
                .map(move |path| (id.clone(), path.clone()))
                .collect::<Vec<_>>()
        };
        records.values().flat_map(of_record).collect()
    };
    let all: BTreeSet<_> = places(then).into_iter().chain(places(now)).collect();
    let compared = all.into_iter().map(|(record, field)| Difference {
        then: values(then, &record, &field),
        now: values(now, &record, &field),
        record,
        field,
    });
    compared.filter(|field| field.then != field.now).collect()
}

fn values(records: &Records, record: &RecordId, path: &FieldPath) -> Vec<Value> {
    let field = records.get(record).and_then(|record| record.fields.get(path));
    let live = field.into_iter().flat_map(|field| &field.live);
    let different: BTreeSet<Value> = live.map(|write| write.value.clone()).collect();
    different.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{replay as replay_with, *};
    use crate::{SEAL_FIELD, seal_value};

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

    fn replay<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Records {
        replay_with(changes, |_, path| path.as_str() == "state")
    }

    fn id() -> RecordId {
        ID.parse().unwrap()
    }

    fn changes((id, group): &(GroupId, Group)) -> Vec<Change> {
        (0..group.ops.len()).map(|at| Change::of(group, *id, at)).collect()
    }

    fn said(records: &Records, path: &str) -> Vec<Value> {
        values(records, &id(), &path.parse().unwrap())
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
        assert_eq!(said(&replay(&story[..2]), "SF1.1"), ["yes".into()]);
        assert_eq!(said(&replay(&story[..3]), "SF1.1"), ["no".into()]);
        let whole = replay(&story);
        assert_eq!(said(&whole, "SF1.1").len(), 2);
        assert_eq!(said(&whole, "SF1.2"), ["yes".into()]);
        assert!(whole[&id()].conflicts() == 1);
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
        let from_nothing = differences(&Records::new(), &first);
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
        assert_eq!(said(&replay(&late), "SF1.1"), ["no".into()]);
        let field = "SF1.1".parse().unwrap();
        let copy = Group::witness(first.1.bucket.clone(), id(), field, &first.1.write(first.0, 0));
        let copy = (GroupId::of(copy.to_line().as_bytes()), copy);
        assert_eq!(changes(&copy)[0].dot(), Group::dot(first.0, 0));
        let copied: Vec<Change> = [&copy, &second].into_iter().flat_map(changes).collect();
        assert_eq!(said(&replay(&copied), "SF1.1"), ["no".into()]);
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

    #[test]
    fn under_a_seal_what_comes_late_stands_beside_what_was_signed() {
        let first = group(
            1,
            vec![("SF1.1", "yes".into(), vec![]), ("state", "open".into(), vec![])],
        );
        let dots = [Group::dot(first.0, 0), Group::dot(first.0, 1)];
        let seal = group(2, vec![(SEAL_FIELD, seal_value(dots), vec![])]);
        let late = group(
            3,
            vec![
                ("SF1.1", "no".into(), vec![dots[0]]),
                ("state", "closed".into(), vec![dots[1]]),
            ],
        );
        let story: Vec<Change> = [&first, &seal, &late].into_iter().flat_map(changes).collect();
        let records = replay(&story);
        assert_eq!(said(&records, "SF1.1"), ["yes".into()]);
        assert_eq!(said(&records, "state"), ["closed".into()]);
        let late = &records[&id()].fields.get("SF1.1").unwrap().late;
        assert_eq!(
            late.iter().map(|late| &late.write.value).collect::<Vec<_>>(),
            [&"no".into()]
        );
    }
}
