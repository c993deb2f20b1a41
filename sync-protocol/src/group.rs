//! A group: one atomic action of one person, serialised once by its author and never again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::planted::{Bug, planted};
use crate::view::Shown;
use crate::{BucketId, Code, DeviceId, Dot, FieldPath, GroupId, PersonId, RecordId, Value, Write};

pub const MAX_GROUP_BYTES: usize = 256 * 1024;
pub const MAX_OPS: usize = 512;
/// The newest version of the format. A line says the oldest one that has what it uses, so that older servers take what they can.
const VERSION: u32 = 2;
/// The field that says in which bucket a record lives, once it has moved.
const BUCKET_FIELD: &str = "@bucket";

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Fills fields.
    Edit,
    /// Also asks for a change of state, which the server checks against the workflow.
    Command,
    /// Takes records to another bucket. Since version 2.
    Move,
    /// A copy of somebody else's write that a restored server lost: one op, whose base is the dot of the write. Since version 2.
    Witness,
}

impl GroupKind {
    fn version(self) -> u32 {
        match self {
            Self::Edit | Self::Command => 1,
            Self::Move | Self::Witness => 2,
        }
    }

    /// The dot of a write: a witness copy stands for the write that it copies.
    pub(crate) fn dot(self, own: Dot, base: &[Dot]) -> Dot {
        match base {
            [dot] if self == Self::Witness && !planted(Bug::CopyCountsTwice) => *dot,
            _ => own,
        }
    }

    /// What a write takes away of what its author had seen: a witness copy takes nothing.
    pub(crate) fn replaced(self, base: &[Dot]) -> &[Dot] {
        match self {
            Self::Witness => &[],
            _ => base,
        }
    }
}

/// One field write: `[record, field path, value, base]`, where `base` are the dots that were on the author's screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op(pub RecordId, pub FieldPath, pub Value, pub Vec<Dot>);

impl Op {
    pub fn record(&self) -> &RecordId {
        &self.0
    }
    pub fn path(&self) -> &FieldPath {
        &self.1
    }
    pub fn value(&self) -> &Value {
        &self.2
    }
    pub fn base(&self) -> &[Dot] {
        &self.3
    }
}

/// What somebody wants to write: a value, and what they saw when they chose it.
#[derive(Debug, Clone)]
pub struct Edit {
    pub record: RecordId,
    pub path: FieldPath,
    pub value: Value,
    pub shown: Shown,
}

impl Edit {
    /// # Panics
    /// If `path` is not a field path: paths come from the program or the catalog, never from what people type.
    pub fn new(record: &RecordId, path: &str, value: Value, shown: Shown) -> Self {
        Self {
            record: record.clone(),
            path: path.parse().expect("a field path"),
            value,
            shown,
        }
    }
}

/// A group as its line says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    v: u32,
    /// 64 random bits in hex: two equal actions are two groups.
    nonce: String,
    pub bucket: BucketId,
    pub kind: GroupKind,
    pub author: PersonId,
    pub device: DeviceId,
    /// The device's clock in ms since 1970, as claimed: for display and audit only.
    pub at: i64,
    pub ops: Vec<Op>,
    /// Where a move takes its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<BucketId>,
}

/// Why a line is not a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub Code);

impl Group {
    pub fn new(
        bucket: BucketId,
        kind: GroupKind,
        author: PersonId,
        device: DeviceId,
        at: i64,
        nonce: u64,
        ops: Vec<Op>,
    ) -> Self {
        Self {
            v: kind.version(),
            nonce: format!("{nonce:016x}"),
            bucket,
            kind,
            author,
            device,
            at,
            ops,
            to: None,
        }
    }

    /// A move of records from `self.bucket` to `to`: each record says where it goes.
    #[must_use]
    pub fn into_move(self, to: BucketId, records: Vec<(RecordId, Vec<Dot>)>) -> Self {
        let path: FieldPath = BUCKET_FIELD.parse().expect("a reserved field path");
        let op = |(record, base)| Op(record, path.clone(), Value::Text(to.to_string()), base);
        Self {
            v: GroupKind::Move.version(),
            kind: GroupKind::Move,
            ops: records.into_iter().map(op).collect(),
            to: Some(to),
            ..self
        }
    }

    /// The copy of one write. Every phone that holds the write makes the very same line, so that copies count once.
    pub fn witness(bucket: BucketId, record: RecordId, path: FieldPath, write: &Write) -> Self {
        let op = Op(record, path, write.value.clone(), vec![write.dot]);
        let (author, device) = (write.author.clone(), write.device.clone());
        Self::new(bucket, GroupKind::Witness, author, device, write.at, 0, vec![op])
    }

    /// The write that the `at`-th op stands for: in a witness copy that of the group it copies.
    pub fn write(&self, id: GroupId, at: usize) -> Write {
        let op = &self.ops[at];
        Write {
            dot: self.kind.dot(Self::dot(id, at), op.base()),
            value: op.value().clone(),
            author: self.author.clone(),
            device: self.device.clone(),
            at: self.at,
            witnessed: self.kind == GroupKind::Witness,
        }
    }

    /// What the `at`-th op replaces: a witness copy replaces nothing.
    pub fn replaces(&self, at: usize) -> &[Dot] {
        self.kind.replaced(self.ops[at].base())
    }

    /// The group that a witness copy is of.
    pub fn copy_of(&self) -> Option<GroupId> {
        match self.kind {
            GroupKind::Witness => self.ops.first()?.base().first().map(|dot| dot.group),
            _ => None,
        }
    }

    /// The line that is stored, hashed and sent: called once, when the author's phone freezes the group.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a group has only text keys")
    }

    /// Reads and checks a received line (without its newline).
    pub fn from_line(line: &[u8]) -> Result<Self, Malformed> {
        if line.len() > MAX_GROUP_BYTES {
            return Err(Malformed(Code::GroupTooLarge));
        }
        // serde would read an array as a struct, too: one meaning, one spelling.
        if line.first() != Some(&b'{') {
            return Err(Malformed(Code::GroupMalformed));
        }
        let group: Self = serde_json::from_slice(line).map_err(|error| why_unreadable(line, &error))?;
        group.check()?;
        Ok(group)
    }

    /// The dot of this group's `op`-th op, given the group's id.
    pub fn dot(id: GroupId, op: usize) -> Dot {
        Dot {
            group: id,
            op: op as u16,
        }
    }

    fn check(&self) -> Result<(), Malformed> {
        let nonce_ok = self.nonce.len() == 16
            && self
                .nonce
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if self.v > VERSION {
            return Err(Malformed(Code::GroupVersion));
        }
        if !nonce_ok || self.ops.is_empty() || self.v != self.kind.version() || !self.fits_its_kind() {
            return Err(Malformed(Code::GroupMalformed));
        }
        if self.ops.len() > MAX_OPS {
            return Err(Malformed(Code::GroupTooManyOps));
        }
        let mut seen = BTreeSet::new();
        if self.ops.iter().all(|op| seen.insert((op.record(), op.path()))) {
            Ok(())
        } else {
            Err(Malformed(Code::GroupRepeatsField))
        }
    }
}

impl Group {
    fn fits_its_kind(&self) -> bool {
        match (self.kind, &self.to) {
            (GroupKind::Edit | GroupKind::Command, None) => true,
            (GroupKind::Move, Some(to)) => {
                let says_so = |op: &Op| op.path().as_str() == BUCKET_FIELD && op.value().text() == Some(to.as_str());
                *to != self.bucket && self.ops.iter().all(says_so)
            }
            (GroupKind::Witness, None) => self.ops.len() == 1 && self.ops[0].base().len() == 1,
            _ => false,
        }
    }
}

/// A newer format is told from a broken line, so that its author hears "update the server" and not "broken".
fn why_unreadable(line: &[u8], error: &serde_json::Error) -> Malformed {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    match serde_json::from_slice::<Version>(line) {
        Ok(version) if version.v > VERSION => Malformed(Code::GroupVersion),
        _ if error.to_string().starts_with(Code::TextNul.as_str()) => Malformed(Code::TextNul),
        _ => Malformed(Code::GroupMalformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a2b4-7c3d-7e11-8f00-0123456789ab";

    fn group() -> Group {
        let op = Op(ID.parse().unwrap(), "SF3.4".parse().unwrap(), "no".into(), vec![]);
        Group::new(
            format!("school/{ID}").parse().unwrap(),
            GroupKind::Edit,
            ID.parse().unwrap(),
            ID.parse().unwrap(),
            0,
            7,
            vec![op],
        )
    }

    /// Frozen for ever: whoever changes this line breaks every phone in the field (P13).
    #[test]
    fn the_line_of_version_1_is_what_it_always_was() {
        let line = group().to_line();
        assert_eq!(
            line,
            format!(
                r#"{{"v":1,"nonce":"0000000000000007","bucket":"school/{ID}","kind":"edit","author":"{ID}","device":"{ID}","at":0,"ops":[["{ID}","SF3.4","no",[]]]}}"#
            )
        );
        assert_eq!(
            GroupId::of(line.as_bytes()).to_string(),
            "b302f27ed6a1cca6a13e4b5315c70841"
        );
        assert_eq!(Group::from_line(line.as_bytes()), Ok(group()));
    }

    /// Frozen for ever, like the line of version 1.
    #[test]
    fn the_lines_of_version_2_are_what_they_always_were() {
        let to: BucketId = format!("school/{ID}").replace("8f00", "8f01").parse().unwrap();
        let moved = group().into_move(to, vec![(ID.parse().unwrap(), vec![])]).to_line();
        assert_eq!(
            moved,
            format!(
                r#"{{"v":2,"nonce":"0000000000000007","bucket":"school/{ID}","kind":"move","author":"{ID}","device":"{ID}","at":0,"ops":[["{ID}","@bucket","school/0190a2b4-7c3d-7e11-8f01-0123456789ab",[]]],"to":"school/0190a2b4-7c3d-7e11-8f01-0123456789ab"}}"#
            )
        );
        let id = GroupId::of(group().to_line().as_bytes());
        let copied = group().write(id, 0);
        let copy = Group::witness(group().bucket, ID.parse().unwrap(), "SF3.4".parse().unwrap(), &copied);
        let line = copy.to_line();
        assert_eq!(
            line,
            format!(
                r#"{{"v":2,"nonce":"0000000000000000","bucket":"school/{ID}","kind":"witness","author":"{ID}","device":"{ID}","at":0,"ops":[["{ID}","SF3.4","no",["b302f27ed6a1cca6a13e4b5315c70841.0"]]]}}"#
            )
        );
        assert_eq!(Group::from_line(line.as_bytes()), Ok(copy.clone()));
        assert_eq!(Group::from_line(moved.as_bytes()).unwrap().kind, GroupKind::Move);
        let write = copy.write(GroupId::of(line.as_bytes()), 0);
        assert_eq!((write.dot, write.witnessed), (copied.dot, true));
        assert_eq!((copy.copy_of(), copy.replaces(0)), (Some(id), &[][..]));
    }

    #[test]
    fn a_line_that_is_not_a_group_says_why() {
        let refused = |line: String| Group::from_line(line.as_bytes()).unwrap_err().0;
        let line = group().to_line();
        assert_eq!(refused("{".into()), Code::GroupMalformed);
        let as_array: Vec<serde_json::Value> = ["v", "nonce", "bucket", "kind", "author", "device", "at", "ops"]
            .map(|member| serde_json::from_str::<serde_json::Value>(&line).unwrap()[member].clone())
            .into();
        assert_eq!(refused(serde_json::to_string(&as_array).unwrap()), Code::GroupMalformed);
        assert_eq!(refused(line.replace("\"at\":0", "\"at\":0.5")), Code::GroupMalformed);
        assert_eq!(
            refused(line.replace("\"at\":0", "\"at\":0,\"extra\":1")),
            Code::GroupMalformed
        );
        assert_eq!(
            refused(line.replace("\"at\":0", "\"at\":0,\"at\":0")),
            Code::GroupMalformed
        );
        assert_eq!(
            refused(line.replace("\"v\":1", "\"v\":3,\"new\":true")),
            Code::GroupVersion
        );
        assert_eq!(refused(line.replace("\"no\"", "\"n\\u0000o\"")), Code::TextNul);
        assert_eq!(
            refused(line.replace("\"no\"", &format!("\"{}\"", "长".repeat(90_000)))),
            Code::GroupTooLarge
        );
        assert_eq!(refused(line.replace("\"v\":1", "\"v\":2")), Code::GroupMalformed);
        assert_eq!(
            refused(line.replace("\"kind\":\"edit\"", "\"kind\":\"move\"")),
            Code::GroupMalformed
        );
        let twice = [group().ops, group().ops].concat();
        assert_eq!(
            refused(Group { ops: twice, ..group() }.to_line()),
            Code::GroupRepeatsField
        );
        assert_eq!(
            refused(Group { ops: vec![], ..group() }.to_line()),
            Code::GroupMalformed
        );
    }
}
