//! The anchor: where every chain stands at a moment, as one line that is kept elsewhere. Whoever rewrites the database can make its chains fit again,
//! but not the line that was printed or mailed the day before.

use std::fmt::Write;

use blake3::Hasher;
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{audit_event, audit_head, district};
use crate::store::prepared::prepared;

/// Keeps this hash apart from all others.
const DOMAIN: &[u8] = b"duxing anchor 1";

/// Where one chain stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its bucket, or `audit`.
    chain_of: String,
    /// The number of its newest change.
    seq: i64,
    /// Its end, in hexadecimal.
    chain: String,
}

/// A line of an anchor: one district at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The form: 1.
    duxing_anchor: u32,
    /// The district's code.
    district: String,
    /// When.
    at: String,
    /// Every bucket by id, then the audit.
    chains: Vec<Link>,
    /// The hash of all before it, in hexadecimal: one number to compare on paper.
    total: String,
}

impl Anchor {
    /// As one line of JSON.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("an anchor has only text keys")
    }

    /// Reads a line; `None` when it is none, or not whole.
    pub fn read(line: &str) -> Option<Self> {
        let anchor: Anchor = serde_json::from_str(line).ok()?;
        (anchor.duxing_anchor == 1 && anchor.total == anchor.sum()).then_some(anchor)
    }

    /// The number of the newest change of rights and the chain's end there; nothing before the first one.
    pub fn audit(&self) -> Option<(i64, &str)> {
        let link = self.chains.iter().find(|link| link.chain_of == AUDIT)?;
        Some((link.seq, &link.chain))
    }

    fn sum(&self) -> String {
        let mut hasher = Hasher::new();
        let mut add = |part: &[u8]| {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        };
        add(DOMAIN);
        add(self.district.as_bytes());
        add(self.at.as_bytes());
        for link in &self.chains {
            add(link.chain_of.as_bytes());
            add(&link.seq.to_be_bytes());
            add(link.chain.as_bytes());
        }
        hasher.finalize().to_string()
    }
}

/// A bucket and where its chain stands.
#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    head: i64,
    #[diesel(sql_type = Binary)]
    chain: Vec<u8>,
}

/// Where every chain of every district stands now.
pub async fn take(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<Vec<Anchor>> {
    let districts: Vec<(Uuid, String)> = district::table
        .order(district::code)
        .select((district::id, district::code))
        .load(conn)
        .await?;
    let mut anchors = Vec::new();
    for (id, code) in districts {
        let rows: Vec<Row> = prepared("SELECT id, head, chain FROM bucket WHERE district_id = $1 ORDER BY id")
            .bind::<SqlUuid, _>(id)
            .load(conn)
            .await?;
        anchors.push(anchor(conn, (id, code), rows, now).await?);
    }
    Ok(anchors)
}

/// The same for the district whose office this transaction works for.
pub async fn take_for_office(conn: &mut AsyncPgConnection, of: Uuid, now: DateTime<Utc>) -> Result<Anchor> {
    let code: String = district::table.find(of).select(district::code).first(conn).await?;
    let rows: Vec<Row> = prepared("SELECT id, head, chain FROM lock_chains()").load(conn).await?;
    anchor(conn, (of, code), rows, now).await
}

async fn anchor(
    conn: &mut AsyncPgConnection,
    (id, code): (Uuid, String),
    buckets: Vec<Row>,
    now: DateTime<Utc>,
) -> Result<Anchor> {
    let mut chains: Vec<Link> = buckets
        .into_iter()
        .map(|row| Link {
            chain_of: row.id,
            seq: row.head,
            chain: hex(&row.chain),
        })
        .collect();
    let audit: Option<(i64, Vec<u8>)> = audit_head::table
        .find(id)
        .select((audit_head::seq, audit_head::chain))
        .first(conn)
        .await
        .optional()?;
    if let Some((seq, chain)) = audit {
        chains.push(Link {
            chain_of: AUDIT.into(),
            seq,
            chain: hex(&chain),
        });
    }
    let mut anchor = Anchor {
        duxing_anchor: 1,
        district: code,
        at: now.to_rfc3339_opts(SecondsFormat::Secs, true),
        chains,
        total: String::new(),
    };
    anchor.total = anchor.sum();
    Ok(anchor)
}

/// The chain of the changes of rights; no bucket has a name without a slash.
const AUDIT: &str = "audit";

/// A sentence for each chain of which the database no longer holds what the anchor saw, in the anchor's order.
pub async fn missing(conn: &mut AsyncPgConnection, anchor: &Anchor) -> Result<Vec<String>> {
    let found: Option<Uuid> = district::table
        .filter(district::code.eq(&anchor.district))
        .select(district::id)
        .first(conn)
        .await
        .optional()?;
    let Some(id) = found else {
        return Ok(vec![format!("district {} is gone", anchor.district)]);
    };
    let mut broken = Vec::new();
    for link in &anchor.chains {
        let Link { chain_of, seq, chain } = link;
        // Nothing had happened there, or nothing since there are chains.
        if *seq == 0 {
            continue;
        }
        match at(conn, id, chain_of, *seq).await? {
            Some(now) if now == *chain => {}
            Some(_) => broken.push(format!(
                "{chain_of}: change {seq} is not the one that was anchored on {}",
                anchor.at
            )),
            None => broken.push(format!("{chain_of}: change {seq}, anchored on {}, is gone", anchor.at)),
        }
    }
    Ok(broken)
}

/// The chain after this change, as it is stored now.
async fn at(conn: &mut AsyncPgConnection, district: Uuid, chain_of: &str, seq: i64) -> Result<Option<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Binary>)]
        chain: Option<Vec<u8>>,
    }
    if chain_of == AUDIT {
        let found: Option<Vec<u8>> = audit_event::table
            .find((district, seq))
            .select(audit_event::chain)
            .first(conn)
            .await
            .optional()?;
        return Ok(found.map(|chain| hex(&chain)));
    }
    let rows: Vec<Row> = prepared(
        "SELECT chain FROM change_group WHERE district_id = $1 AND bucket = $2 AND seq = $3
         UNION ALL
         SELECT moved_chain FROM change_group WHERE district_id = $1 AND moved_to = $2 AND moved_seq = $3",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(chain_of)
    .bind::<BigInt, _>(seq)
    .load(conn)
    .await?;
    // What was written before there were chains has none, and its bucket says zeros.
    let first = rows.into_iter().next();
    Ok(first.map(|row| hex(&row.chain.unwrap_or_else(|| vec![0; 32]))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
