//! A fleet of supervisors that push whole visits at once, for the benchmarks. Each looks after a school of their own.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use catalog::catalog;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use server::schema::school;
use sync_protocol::{BucketId, Dot, Group, GroupId, GroupKind, Op, OutcomeKind, PROTOCOL, PushReply, RecordId, Value};
use uuid::Uuid;

use crate::District;
use crate::people::{PASSWORD, Person, assign, insert_person};
use crate::phone::{Phone, applicable_items, today, wire, worked_check_facts};

/// What a visit of the load consists of.
pub const CHECKLISTS: usize = 3;
/// Answers in each of them.
pub const ANSWERS: usize = 40;

/// Supervisors with a signed-in phone each.
pub struct Fleet {
    pub phones: Vec<Phone>,
    pub buckets: Vec<BucketId>,
}

/// What a round of pushing came to.
pub struct Pushed {
    pub visits: usize,
    pub took: Duration,
    /// How long each visit took from the first byte sent to the last byte read.
    pub each: Vec<Duration>,
}

impl Pushed {
    pub fn per_second(&self) -> f64 {
        self.visits as f64 / self.took.as_secs_f64()
    }
}

impl Fleet {
    /// Adds so many supervisors with a school each to the district, and signs them in.
    pub async fn enrol(conn: &mut AsyncPgConnection, district: &District, url: &str, size: usize) -> Result<Self> {
        let (mut phones, mut buckets) = (Vec::new(), Vec::new());
        for nth in 0..size {
            let id = Uuid::new_v4();
            let mark = id.simple().to_string();
            let person = Person {
                id: Uuid::new_v4(),
                login: format!("load-{mark}"),
                name: format!("示例 {nth}"),
                roles: vec!["supervisor".into()],
                zone: Some(district.zones[0]),
            };
            let new_school = (
                school::district_id.eq(district.id),
                school::id.eq(id),
                school::zone_id.eq(district.zones[0]),
                school::code.eq(&mark),
                school::name.eq(format!("示例学校 {nth}")),
            );
            diesel::insert_into(school::table)
                .values(new_school)
                .execute(conn)
                .await?;
            insert_person(conn, district.id, &person).await?;
            assign(conn, district.id, &person, id).await?;
            phones.push(Phone::sign_in(url, &person.login, PASSWORD).await?);
            buckets.push(format!("school/{id}").parse().context("a bucket id")?);
        }
        Ok(Fleet { phones, buckets })
    }

    /// Everybody pushes so many visits, one after the other, all at the same time.
    pub async fn push(&self, visits_each: usize) -> Result<Pushed> {
        let prepared: Vec<Vec<Vec<String>>> = (self.phones.iter().zip(&self.buckets))
            .map(|(phone, bucket)| (0..visits_each).map(|_| visit(phone, bucket)).collect())
            .collect();
        let started = Instant::now();
        let work = self.phones.iter().zip(prepared).map(|(phone, visits)| async move {
            let mut each = Vec::with_capacity(visits.len());
            for groups in visits {
                each.push(push_one(phone, &groups).await?);
            }
            anyhow::Ok(each)
        });
        let each = futures_util::future::try_join_all(work).await?;
        Ok(Pushed {
            visits: visits_each * self.phones.len(),
            took: started.elapsed(),
            each: each.concat(),
        })
    }

    /// The lines of a visit that anybody of the fleet might push, for comparisons.
    pub fn sample_visit(&self) -> Vec<String> {
        visit(&self.phones[0], &self.buckets[0])
    }
}

/// Pushes groups in one request and makes sure that each was applied.
pub async fn push_one(phone: &Phone, groups: &[String]) -> Result<Duration> {
    let header = serde_json::json!({"protocol": PROTOCOL, "device": phone.device, "epoch": null, "now": phone.now});
    let body = std::iter::once(&header.to_string())
        .chain(groups)
        .flat_map(|line| [line, "\n"])
        .collect::<String>();
    let started = Instant::now();
    let reply = phone.post("sync/push", "application/x-ndjson", body).await?;
    ensure!(reply.status().is_success(), "push: {}", reply.status());
    let bytes = reply.bytes().await?;
    let took = started.elapsed();
    let reply: PushReply = serde_json::from_slice(&bytes)?;
    let applied = reply
        .outcomes
        .iter()
        .filter(|outcome| matches!(outcome.kind, OutcomeKind::Applied { .. }))
        .count();
    ensure!(
        applied == groups.len(),
        "{applied} of {} groups applied: {reply:?}",
        groups.len()
    );
    Ok(took)
}

/// A whole visit as a phone sends it when it comes back: begun, three checklists filled, feedback, handed in.
pub fn visit(phone: &Phone, bucket: &BucketId) -> Vec<String> {
    let mut lines = Lines {
        phone,
        bucket,
        lines: Vec::new(),
    };
    let visit: RecordId = wire(Uuid::now_v7());
    let checklist = catalog().latest("campus-safety").expect("a built-in checklist");
    let me = phone.person.to_string();
    let mut fields: Vec<(RecordId, String, Value)> = [
        ("@kind", Value::from("visit")),
        ("school", bucket.subject().into()),
        ("visit_kind", "regular".into()),
        ("lead", me.as_str().into()),
        ("visit_date", today().as_str().into()),
        ("state", "checked_in".into()),
    ]
    .into_iter()
    .map(|(path, value)| (visit.clone(), path.to_owned(), value))
    .collect();
    let responses: Vec<RecordId> = (0..CHECKLISTS).map(|_| wire(Uuid::now_v7())).collect();
    for response in &responses {
        let mut of_response = vec![
            ("@kind".to_owned(), Value::from("response")),
            ("visit".to_owned(), visit.as_str().into()),
            ("template".to_owned(), checklist.code.as_str().into()),
            ("version".to_owned(), i64::from(checklist.version).into()),
            ("on".to_owned(), today().as_str().into()),
        ];
        of_response.extend(
            worked_check_facts()
                .into_iter()
                .map(|(name, value)| (format!("fact/{name}"), value)),
        );
        fields.extend(
            of_response
                .into_iter()
                .map(|(path, value)| (response.clone(), path, value)),
        );
    }
    let state_at = fields
        .iter()
        .position(|(_, path, _)| path == "state")
        .expect("a visit has a state");
    let mut state = Group::dot(lines.write(GroupKind::Command, fields, Vec::new()), state_at);
    let mut step = |lines: &mut Lines<'_>, to: &str| {
        let field = (visit.clone(), "state".to_owned(), Value::from(to));
        state = Group::dot(lines.write(GroupKind::Command, vec![field], vec![state]), 0);
    };
    step(&mut lines, "in_progress");
    let items = applicable_items();
    for response in &responses {
        let answers = items.iter().take(ANSWERS).enumerate().map(|(nth, item)| {
            let answer = if nth % 20 == 19 { "no" } else { "yes" };
            (response.clone(), item.clone(), Value::from(answer))
        });
        lines.write(GroupKind::Edit, answers.collect(), Vec::new());
    }
    step(&mut lines, "feedback_given");
    step(&mut lines, "submitted");
    lines.lines
}

/// The record of a school, as the office writes it.
pub fn school_record(phone: &Phone, school: Uuid, name: &str) -> String {
    let bucket: BucketId = format!("school/{school}").parse().expect("a bucket id");
    let record: RecordId = wire(school);
    let mut fields = vec![
        ("@kind", Value::from("school")),
        ("name", name.into()),
        ("type", "primary".into()),
    ];
    fields.extend(worked_check_facts());
    let fields = fields
        .into_iter()
        .map(|(path, value)| (record.clone(), path.to_owned(), value));
    let mut lines = Lines {
        phone,
        bucket: &bucket,
        lines: Vec::new(),
    };
    lines.write(GroupKind::Edit, fields.collect(), Vec::new());
    lines.lines.remove(0)
}

struct Lines<'a> {
    phone: &'a Phone,
    bucket: &'a BucketId,
    lines: Vec<String>,
}

impl Lines<'_> {
    fn write(&mut self, kind: GroupKind, fields: Vec<(RecordId, String, Value)>, base: Vec<Dot>) -> GroupId {
        let op = |(record, path, value): (RecordId, String, Value)| {
            Op(record, path.parse().expect("a field path"), value, base.clone())
        };
        let ops = fields.into_iter().map(op).collect();
        let (author, device) = (wire(self.phone.person), wire(self.phone.device));
        let nonce = rand::random();
        let group = Group::new(self.bucket.clone(), kind, author, device, self.phone.now, nonce, ops);
        let line = group.to_line();
        let id = GroupId::of(line.as_bytes());
        self.lines.push(line);
        id
    }
}

/// A connection of one's own to the same Postgres.
pub async fn connect(database_url: &str) -> Result<AsyncPgConnection> {
    Ok(AsyncPgConnection::establish(database_url).await?)
}
