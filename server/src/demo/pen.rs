//! Writes groups the way a phone does: each write names what was on the screen, and nobody overwrites unseen.

use std::collections::{BTreeMap, HashMap};

use diesel_async::AsyncPgConnection;
use sync_protocol::office::Received;
use sync_protocol::{
    BucketId, Dot, Group, GroupId, GroupKind, Op, RecordId, SEAL_FIELD, Value, seal_value, verification_code,
};
use uuid::Uuid;

use super::dice::Dice;
use crate::people;
use crate::store::purpose::Purpose;
use crate::store::sync::{self, Sender, person_id};

/// One write: which record, which field, what.
pub type Field = (RecordId, String, Value);

/// Somebody at their phone.
pub struct Writer {
    pub person: Uuid,
    pub device: Uuid,
    pub roles: Vec<String>,
}

/// The groups of one school's bucket, in the order in which they reach the server.
pub struct Pen {
    district: Uuid,
    bucket: BucketId,
    nonces: Dice,
    groups: Vec<(Sender, Group)>,
    /// What a screen shows: the last write of each field.
    shown: HashMap<(RecordId, String), Dot>,
    /// What each record is, and to which visit it belongs.
    kinds: BTreeMap<RecordId, String>,
    visits: HashMap<RecordId, RecordId>,
}

impl Pen {
    pub fn new(district: Uuid, school: RecordId, seed: u64) -> Self {
        Pen {
            district,
            bucket: BucketId::school(&school),
            nonces: Dice::new(seed),
            groups: Vec::new(),
            shown: HashMap::new(),
            kinds: BTreeMap::new(),
            visits: HashMap::new(),
        }
    }

    /// One group by somebody who saw everything written before.
    pub fn write(&mut self, by: &Writer, at_ms: i64, fields: Vec<Field>) {
        let base = |pen: &Self, field: &Field| {
            pen.shown
                .get(&(field.0.clone(), field.1.clone()))
                .copied()
                .into_iter()
                .collect::<Vec<_>>()
        };
        let bases = fields.iter().map(|field| base(self, field)).collect();
        self.freeze(by, at_ms, fields, bases);
    }

    /// What signing a visit adds to the group that hands it in: each of its records is sealed as it is shown, but for what that
    /// group writes itself, and the visit gets the code of them all.
    pub fn signature(&self, visit: &RecordId, written: &[Field]) -> Vec<Field> {
        let of_visit = |record: &&RecordId| *record == visit || self.visits.get(record) == Some(visit);
        let mut fields = Vec::new();
        let mut dots = Vec::new();
        for record in self.kinds.keys().filter(of_visit) {
            let is_written = |path: &str| written.iter().any(|(id, of, _)| id == record && of == path);
            let kind = catalog::catalog().kind(&self.kinds[record]);
            let lives_on = |path: &str| kind.is_some_and(|kind| kind.outlives_seal(path));
            let own = self
                .shown
                .iter()
                .filter(|((id, path), _)| id == record && !path.starts_with('@') && !is_written(path));
            let own: Vec<(&str, Dot)> = own.map(|((_, path), dot)| (path.as_str(), *dot)).collect();
            dots.extend(own.iter().filter(|(path, _)| !lives_on(path)).map(|(_, dot)| *dot));
            let seal = seal_value(own.into_iter().map(|(_, dot)| dot));
            fields.push((record.clone(), SEAL_FIELD.to_owned(), seal));
        }
        let code = Value::List(vec![verification_code(dots).into(), 1.into(), "".into()]);
        fields.push((visit.clone(), "seal".to_owned(), code));
        fields
    }

    /// One group by somebody whose phone had seen none of these fields.
    pub fn write_unseen(&mut self, by: &Writer, at_ms: i64, fields: Vec<Field>) {
        let bases = vec![Vec::new(); fields.len()];
        self.freeze(by, at_ms, fields, bases);
    }

    fn freeze(&mut self, by: &Writer, at_ms: i64, fields: Vec<Field>, bases: Vec<Vec<Dot>>) {
        // Asking for a change of state makes it a command.
        let asks = fields.iter().any(|(_, path, _)| path == "state");
        let kind = if asks { GroupKind::Command } else { GroupKind::Edit };
        let op = |((record, path, value), base): (&Field, Vec<Dot>)| {
            Op(record.clone(), path.parse().expect("a field path"), value.clone(), base)
        };
        let ops = fields.iter().zip(bases).map(op).collect();
        let device = by.device.to_string().parse().expect("a UUID is a device id");
        let nonce = self.nonces.roll();
        let group = Group::new(
            self.bucket.clone(),
            kind,
            person_id(by.person),
            device,
            at_ms,
            nonce,
            ops,
        );
        let id = GroupId::of(group.to_line().as_bytes());
        for (nth, (record, path, value)) in fields.into_iter().enumerate() {
            match (path.as_str(), value.text()) {
                ("@kind", Some(kind)) => drop(self.kinds.insert(record.clone(), kind.to_owned())),
                ("visit", Some(visit)) => {
                    let visit = visit.parse().expect("the id of a visit");
                    self.visits.insert(record.clone(), visit);
                }
                _ => {}
            }
            self.shown.insert((record, path), Group::dot(id, nth));
        }
        let sender = Sender {
            district: self.district,
            person: by.person,
            device: by.device,
            roles: by.roles.clone(),
            purpose: Purpose::installation(),
        };
        self.groups.push((sender, group));
    }

    /// Pushes everything as if its writers' duty had ended before it came: all of it is kept for the office to decide.
    pub async fn push_too_late(self, conn: &mut AsyncPgConnection) -> anyhow::Result<()> {
        for (sender, group) in &self.groups {
            let received = [Received::read(group.to_line().as_bytes())];
            sync::apply(conn, sender, &received, |_| false).await?;
        }
        Ok(())
    }

    /// Pushes everything, each phone its own in turn.
    pub async fn push(self, conn: &mut AsyncPgConnection) -> anyhow::Result<()> {
        for run in self.groups.chunk_by(|(one, _), (other, _)| one.person == other.person) {
            let groups: Vec<Group> = run.iter().map(|(_, group)| group.clone()).collect();
            people::push(conn, &run[0].0, &groups).await?;
        }
        Ok(())
    }
}
