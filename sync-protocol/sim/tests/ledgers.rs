//! T3: the database in memory that the simulator uses and Postgres do the same under the same commands: same verdicts, same
//! marks, same records, same log.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use diesel_async::{AsyncConnection, AsyncPgConnection};
use server::store::purpose::Purpose;
use server::store::sync::{Postgres, Sender, everything};
use sim::chance::Chance;
use sim::memory::{Database, Memory};
use sim::rules::{Admitted, Rules};
use sync_protocol::office::{self, Received, Verdict};
use sync_protocol::{BucketId, Dot, Group, GroupId, GroupKind, Op, PersonId, RecordId, SEAL_FIELD, Value, seal_value};
use uuid::Uuid;

const SEQUENCES: u64 = 2_000;
const PATHS: [&str; 4] = ["f0", "note", "state", "poison"];

/// Groups that people might write: what they saw may be late, lost, refused or not theirs to see.
struct Authors {
    chance: Chance,
    written: Vec<(RecordId, &'static str, Dot)>,
    nonce: u64,
}

fn person(n: usize) -> PersonId {
    format!("00000003-0000-7000-8000-00000000000{n}").parse().unwrap()
}
fn bucket(n: usize) -> BucketId {
    format!("school/00000001-0000-7000-8000-00000000000{n}")
        .parse()
        .unwrap()
}

impl Authors {
    fn write(&mut self) -> String {
        let of = self.chance.below(2);
        let mut ops: Vec<Op> = Vec::new();
        let mut placed: Vec<(RecordId, &'static str)> = Vec::new();
        for _ in 0..1 + self.chance.below(3) {
            // Now and then a record is written in the bucket that it does not live in.
            let home = if self.chance.percent(5) { 1 - of } else { of };
            let record: RecordId = format!("00000002-0000-7000-8000-0000000000{home}{}", self.chance.below(2))
                .parse()
                .unwrap();
            let rare = self.chance.percent(90);
            let path = PATHS[if rare { self.chance.below(3) } else { 3 }];
            if placed.contains(&(record.clone(), path)) {
                continue;
            }
            let seen = self.written.iter().filter(|(at, of, _)| *at == record && *of == path);
            let base: Vec<Dot> = seen.map(|(.., dot)| *dot).collect();
            let base = base.into_iter().filter(|_| self.chance.percent(50)).collect();
            let value = format!("{}#{}", 1 + self.chance.below(3), self.nonce);
            placed.push((record.clone(), path));
            ops.push(Op(record.clone(), path.parse().unwrap(), Value::Text(value), base));
            // Now and then somebody signs some of what they have seen of the record, or takes the signature back.
            if self.chance.percent(12) && !placed.contains(&(record.clone(), SEAL_FIELD)) {
                let seen = self
                    .written
                    .iter()
                    .filter(|(at, of, _)| *at == record && *of != SEAL_FIELD);
                let seen: Vec<Dot> = seen.map(|(.., dot)| *dot).collect();
                let signed = seen.into_iter().filter(|_| self.chance.percent(60)).collect::<Vec<_>>();
                let standing = self
                    .written
                    .iter()
                    .filter(|(at, of, _)| *at == record && *of == SEAL_FIELD);
                let standing: Vec<Dot> = standing.map(|(.., dot)| *dot).collect();
                let base = standing.into_iter().filter(|_| self.chance.percent(70)).collect();
                let value = if self.chance.percent(80) {
                    seal_value(signed)
                } else {
                    Value::Null
                };
                placed.push((record.clone(), SEAL_FIELD));
                ops.push(Op(record, SEAL_FIELD.parse().unwrap(), value, base));
            }
        }
        self.nonce += 1;
        let kind = if self.chance.percent(40) {
            GroupKind::Command
        } else {
            GroupKind::Edit
        };
        let device = person(9).as_str().parse().unwrap();
        let author = person(usize::from(self.chance.percent(8)));
        let line = Group::new(bucket(of), kind, author, device, 0, self.nonce, ops).to_line();
        let id = GroupId::of(line.as_bytes());
        let dots = placed
            .into_iter()
            .enumerate()
            .map(|(at, (record, path))| (record, path, Group::dot(id, at)));
        self.written.extend(dots);
        line
    }
}

/// A future that needs nothing from outside.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

#[tokio::test]
async fn memory_and_postgres_do_the_same_under_the_same_commands() {
    let url = tests::postgres::fresh_database().await;
    let mut conn = AsyncPgConnection::establish(&url).await.unwrap();
    for seed in 0..SEQUENCES {
        // Each sequence has a district of its own in the one database.
        sequence(&mut conn, seed, Uuid::from_u128(u128::from(seed) + 1)).await;
    }
}

async fn sequence(conn: &mut AsyncPgConnection, seed: u64, district: Uuid) {
    let database = Rc::new(RefCell::new(Database::default()));
    let sender = Sender {
        district,
        person: Uuid::parse_str(person(0).as_str()).unwrap(),
        device: Uuid::nil(),
        roles: vec![],
        purpose: Purpose::installation(),
    };
    let mut authors = Authors {
        chance: Chance::new(seed),
        written: vec![],
        nonce: seed << 32,
    };
    let mut lines: Vec<String> = Vec::new();
    for _ in 0..4 {
        lines.extend((0..3).map(|_| authors.write()));
        let picked: Vec<Received> = (0..4)
            .filter_map(|_| authors.chance.pick(&lines))
            .map(|line| Received::read(line.as_bytes()))
            .collect();
        let granted = [bucket(0), bucket(1)].into_iter().take(1 + authors.chance.below(2));
        let rules = Rules {
            sender: person(0),
            grants: granted.collect(),
        };
        let here = at_once(office::push(&mut Memory::connect(&database), &rules, &picked)).unwrap();
        let there = office::push(&mut Postgres::of(conn, &sender), &rules, &picked)
            .await
            .unwrap();
        assert_eq!(here, there, "seed {seed}");
        if let Some(line) = authors.chance.pick(&lines) {
            let received = Received::read(line.as_bytes());
            let here: Result<Verdict, _> =
                at_once(office::admit(&mut Memory::connect(&database), &Admitted, &received));
            let there = office::admit(&mut Postgres::of(conn, &sender), &Admitted, &received).await;
            assert_eq!(here.unwrap(), there.unwrap(), "seed {seed}");
        }
    }
    let there = everything(conn, district).await.unwrap();
    let tables = &database.borrow().tables;
    let records: BTreeMap<_, _> = there.records.into_iter().collect();
    assert_eq!(tables.records, records, "seed {seed}");
    assert_eq!(tables.buckets, there.buckets.into_iter().collect(), "seed {seed}");
    let log: BTreeMap<_, _> = tables.log.iter().map(|(id, row)| (*id, row.logged.clone())).collect();
    assert_eq!(log, there.log.into_iter().collect(), "seed {seed}");
}
