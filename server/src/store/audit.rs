//! The table `audit_event`: who changed whose rights, each row covering the one before it. Rows are only ever added.

use std::collections::BTreeMap;

use blake3::Hasher;
use chrono::{DateTime, SubsecRound, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{audit_event, audit_head, district, person};

/// Keeps these hashes apart from all others.
const DOMAIN: &[u8] = b"duxing audit 1";

/// Rows read at a time when the chain is followed.
const STEP: i64 = 1000;

/// Who stands as the actor when the command line did it.
pub const COMMAND_LINE: Uuid = Uuid::nil();

/// Something that happened to somebody's rights.
#[derive(Debug)]
pub struct Event {
    /// The district.
    pub district: Uuid,
    /// Who did it.
    pub actor: Uuid,
    /// A code such as `person.added`.
    pub what: &'static str,
    /// To whom.
    pub subject: Uuid,
    /// More of it, for people to read; never a secret, and no number, which would have several spellings.
    pub detail: Value,
}

/// One row as stored.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = audit_event)]
pub struct Row {
    district_id: Uuid,
    /// Its number in the district, from 1 on.
    pub seq: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it; nil for the command line.
    pub actor: Uuid,
    /// A code such as `person.added`.
    pub what: String,
    /// To whom.
    pub subject: Uuid,
    /// More of it.
    pub detail: Value,
    chain: Vec<u8>,
}

/// Adds a row to the chain; to be called in the transaction that does what the row tells, before its buckets are locked.
pub async fn append(conn: &mut AsyncPgConnection, event: Event) -> Result<()> {
    let (last, chain) = lock(conn, event.district).await?;
    let mut row = Row {
        district_id: event.district,
        seq: last + 1,
        // As much as Postgres keeps.
        at: Utc::now().trunc_subsecs(6),
        actor: event.actor,
        what: event.what.into(),
        subject: event.subject,
        detail: event.detail,
        chain: Vec::new(),
    };
    row.chain = row.link(&chain);
    diesel::update(audit_head::table.find(row.district_id))
        .set((audit_head::seq.eq(row.seq), audit_head::chain.eq(&row.chain)))
        .execute(conn)
        .await?;
    diesel::insert_into(audit_event::table)
        .values((
            audit_event::district_id.eq(row.district_id),
            audit_event::seq.eq(row.seq),
            audit_event::at.eq(row.at),
            audit_event::actor.eq(row.actor),
            audit_event::what.eq(row.what),
            audit_event::subject.eq(row.subject),
            audit_event::detail.eq(row.detail),
            audit_event::chain.eq(row.chain),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// When the district's audit begins.
pub async fn begun(conn: &mut AsyncPgConnection, district: Uuid) -> Result<Option<DateTime<Utc>>> {
    let first = audit_event::table
        .filter(audit_event::district_id.eq(district))
        .order(audit_event::seq)
        .select(audit_event::at);
    Ok(first.first(conn).await.optional()?)
}

/// The rows before number `before`, newest first, with the names of the actor and of whom it concerns.
pub async fn page(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    before: i64,
    most: i64,
) -> Result<Vec<(Row, Option<String>, Option<String>)>> {
    let (actor, subject) = diesel::alias!(person as actor, person as subject);
    let rows = audit_event::table
        .left_join(
            actor.on(actor
                .field(person::district_id)
                .eq(audit_event::district_id)
                .and(actor.field(person::id).eq(audit_event::actor))),
        )
        .left_join(
            subject.on(subject
                .field(person::district_id)
                .eq(audit_event::district_id)
                .and(subject.field(person::id).eq(audit_event::subject))),
        )
        .filter(audit_event::district_id.eq(district))
        .filter(audit_event::seq.lt(before))
        .order(audit_event::seq.desc())
        .limit(most)
        .select((
            Row::as_select(),
            actor.field(person::name).nullable(),
            subject.field(person::name).nullable(),
        ));
    Ok(rows.load(conn).await?)
}

/// What following the chains showed.
#[derive(Debug, Default)]
pub struct Verified {
    /// Rows followed.
    pub events: usize,
    /// A sentence for each district whose chain breaks, naming the first broken row.
    pub broken: Vec<String>,
}

/// Follows each district's chain from its first row to where it says that it ends.
pub async fn verify(conn: &mut AsyncPgConnection) -> Result<Verified> {
    let districts: Vec<(Uuid, String)> = district::table
        .order(district::id)
        .select((district::id, district::code))
        .load(conn)
        .await?;
    let mut verified = Verified::default();
    for (id, code) in districts {
        match follow(conn, id).await? {
            Ok(events) => verified.events += events,
            Err(what) => verified.broken.push(format!("audit of district {code}: {what}")),
        }
    }
    Ok(verified)
}

async fn follow(conn: &mut AsyncPgConnection, district: Uuid) -> Result<std::result::Result<usize, String>> {
    let (mut at, mut chain) = (0, vec![0; 32]);
    loop {
        let rows: Vec<Row> = audit_event::table
            .filter(audit_event::district_id.eq(district))
            .filter(audit_event::seq.gt(at))
            .order(audit_event::seq)
            .limit(STEP)
            .select(Row::as_select())
            .load(conn)
            .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if row.seq != at + 1 {
                return Ok(Err(format!("event {} is missing", at + 1)));
            }
            if row.link(&chain) != row.chain {
                return Ok(Err(format!("event {} is not what was written", row.seq)));
            }
            (at, chain) = (row.seq, row.chain);
        }
    }
    let head: Option<(i64, Vec<u8>)> = audit_head::table
        .find(district)
        .select((audit_head::seq, audit_head::chain))
        .first(conn)
        .await
        .optional()?;
    let (end, sealed) = head.unwrap_or((0, vec![0; 32]));
    Ok(match (end, sealed) == (at, chain) {
        true => Ok(at as usize),
        false => Err(format!("it ends at event {at} and says that it is at {end}")),
    })
}

/// Where the district's chain ends, held until the transaction does.
async fn lock(conn: &mut AsyncPgConnection, district: Uuid) -> Result<(i64, Vec<u8>)> {
    diesel::insert_into(audit_head::table)
        .values((
            audit_head::district_id.eq(district),
            audit_head::seq.eq(0),
            audit_head::chain.eq(vec![0; 32]),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(audit_head::table
        .find(district)
        .select((audit_head::seq, audit_head::chain))
        .for_update()
        .first(conn)
        .await?)
}

impl Row {
    /// The hash of the chain so far and of all that this row says; each part is preceded by its length.
    fn link(&self, before: &[u8]) -> Vec<u8> {
        let detail = canonical(&self.detail);
        let parts: [&[u8]; 9] = [
            DOMAIN,
            before,
            self.district_id.as_bytes(),
            &self.seq.to_be_bytes(),
            &self.at.timestamp_micros().to_be_bytes(),
            self.actor.as_bytes(),
            self.what.as_bytes(),
            self.subject.as_bytes(),
            detail.as_bytes(),
        ];
        let mut hasher = Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hasher.finalize().as_bytes().to_vec()
    }
}

/// JSON with its members in order: Postgres gives them back in an order of its own.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, String> =
                members.iter().map(|(name, value)| (name, canonical(value))).collect();
            let members = sorted
                .into_iter()
                .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        leaf => leaf.to_string(),
    }
}
