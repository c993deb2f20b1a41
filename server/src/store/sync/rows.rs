//! Rows of `record`, `bucket` and `change_group`, in and out. Bulk goes by `UNNEST`: one statement a table, however many rows.

use std::collections::{BTreeSet, HashMap};

use diesel::sql_types::{Array, BigInt, Binary, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel::{OptionalExtension, QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use sync_protocol::{BucketId, Group, GroupId, RecordId, RecordState, Sum};
use uuid::Uuid;

use super::{Received, Sender, Verdict};
use crate::error::Result;

/// What the log says of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    Applied { bucket: BucketId, seq: i64 },
    Refused { code: String },
}

/// The log's word on those of `ids` that it holds.
pub async fn logged(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    ids: impl IntoIterator<Item = GroupId>,
) -> Result<HashMap<GroupId, Logged>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Binary)]
        id: Vec<u8>,
        #[diesel(sql_type = Text)]
        bucket: String,
        #[diesel(sql_type = Nullable<BigInt>)]
        seq: Option<i64>,
        #[diesel(sql_type = Nullable<Text>)]
        code: Option<String>,
    }
    let ids: Vec<Vec<u8>> = ids.into_iter().map(|id| id.0.to_vec()).collect();
    let rows: Vec<Row> =
        sql_query("SELECT id, bucket, seq, code FROM change_group WHERE district_id = $1 AND id = ANY($2)")
            .bind::<SqlUuid, _>(district)
            .bind::<Array<Binary>, _>(ids)
            .load(conn)
            .await?;
    let read = |row: Row| {
        let id = GroupId(row.id.try_into().expect("the table checks the length"));
        let logged = match (row.seq, row.bucket.parse()) {
            (Some(seq), Ok(bucket)) => Logged::Applied { bucket, seq },
            _ => Logged::Refused {
                code: row.code.unwrap_or_default(),
            },
        };
        (id, logged)
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Locks those of `ids` that exist, in id order, and reads them: id, bucket, state.
pub async fn lock_records(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    ids: &BTreeSet<&RecordId>,
) -> Result<Vec<(RecordId, String, RecordState)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Text)]
        bucket: String,
        #[diesel(sql_type = Text)]
        state: String,
    }
    let rows: Vec<Row> = sql_query(
        "SELECT id, bucket, state::text AS state FROM record WHERE district_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Array<SqlUuid>, _>(ids.iter().map(|id| uuid(id)).collect::<Vec<_>>())
    .load(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = record_id(row.id);
            let fields = serde_json::from_str(&row.state).map_err(anyhow::Error::from)?;
            Ok((id.clone(), row.bucket, RecordState { id, fields }))
        })
        .collect()
}

/// A bucket's counter and checksum.
#[derive(QueryableByName, Debug, Clone, Copy)]
pub struct Mark {
    #[diesel(sql_type = BigInt)]
    pub head: i64,
    #[diesel(sql_type = BigInt)]
    sum_a: i64,
    #[diesel(sql_type = BigInt)]
    sum_b: i64,
}

impl Mark {
    /// The mark after `applied` more changes that add `gained` to the checksum.
    pub fn after(self, applied: i64, gained: Sum) -> Self {
        let sum = self.sum().plus(gained);
        Self {
            head: self.head + applied,
            sum_a: sum.a as i64,
            sum_b: sum.b as i64,
        }
    }
    pub fn sum(self) -> Sum {
        Sum {
            a: self.sum_a as u64,
            b: self.sum_b as u64,
        }
    }
}

/// Takes the bucket's row lock, the last lock of a transaction, making the bucket if this is its first change.
pub async fn lock_bucket(conn: &mut AsyncPgConnection, district: Uuid, bucket: &BucketId) -> Result<Mark> {
    let lock = "SELECT head, sum_a, sum_b FROM bucket WHERE district_id = $1 AND id = $2 FOR UPDATE";
    let mut found: Option<Mark> = None;
    while found.is_none() {
        let select = sql_query(lock)
            .bind::<SqlUuid, _>(district)
            .bind::<Text, _>(bucket.as_str());
        found = select.get_result(conn).await.optional()?;
        if found.is_none() {
            sql_query("INSERT INTO bucket (district_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind::<SqlUuid, _>(district)
                .bind::<Text, _>(bucket.as_str())
                .execute(conn)
                .await?;
        }
    }
    Ok(found.expect("the loop ends with a mark"))
}

pub async fn move_mark(conn: &mut AsyncPgConnection, district: Uuid, bucket: &BucketId, mark: Mark) -> Result<()> {
    sql_query("UPDATE bucket SET head = $3, sum_a = $4, sum_b = $5 WHERE district_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(district)
        .bind::<Text, _>(bucket.as_str())
        .bind::<BigInt, _>(mark.head)
        .bind::<BigInt, _>(mark.sum_a)
        .bind::<BigInt, _>(mark.sum_b)
        .execute(conn)
        .await?;
    Ok(())
}

/// Inserts new records and says how many there were not yet.
pub async fn insert_records(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    bucket: &BucketId,
    records: &[&RecordState],
) -> Result<usize> {
    if records.is_empty() {
        return Ok(0);
    }
    let inserted = sql_query(
        "INSERT INTO record (district_id, id, bucket, kind, seq, first_seq, state)
         SELECT $1, n.id, $2, n.kind, n.seq, n.first_seq, n.state
         FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::jsonb[]) AS n(id, kind, seq, first_seq, state)
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket.as_str())
    .bind::<Array<SqlUuid>, _>(records.iter().map(|record| uuid(&record.id)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(records.iter().map(|record| record.text("@kind").unwrap_or("")).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(records.iter().map(|record| last_seq(record)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(records.iter().map(|record| first_seq(record)).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(states(records)?)
    .execute(conn)
    .await?;
    Ok(inserted)
}

pub async fn update_records(conn: &mut AsyncPgConnection, district: Uuid, records: &[&RecordState]) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    sql_query(
        "UPDATE record SET seq = n.seq, state = n.state
         FROM unnest($2::uuid[], $3::bigint[], $4::jsonb[]) AS n(id, seq, state)
         WHERE record.district_id = $1 AND record.id = n.id",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Array<SqlUuid>, _>(records.iter().map(|record| uuid(&record.id)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(records.iter().map(|record| last_seq(record)).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(states(records)?)
    .execute(conn)
    .await?;
    Ok(())
}

fn states(records: &[&RecordState]) -> Result<Vec<serde_json::Value>> {
    let state =
        |record: &&RecordState| serde_json::to_value(&record.fields).map_err(|error| anyhow::Error::from(error).into());
    records.iter().map(state).collect()
}

fn last_seq(record: &RecordState) -> i64 {
    record.fields.values().map(|field| field.seq).max().unwrap_or(0)
}

fn first_seq(record: &RecordState) -> i64 {
    record.fields.values().map(|field| field.seq).min().unwrap_or(0)
}

/// Writes the log rows of one bucket's groups and says how many were new.
pub async fn log_groups(
    conn: &mut AsyncPgConnection,
    sender: &Sender,
    bucket: &BucketId,
    groups: &[(&Received, &Group)],
    verdicts: &[Verdict],
) -> Result<usize> {
    let seq = |verdict: &Verdict| match verdict {
        Verdict::Applied { seq, .. } | Verdict::Duplicate { seq, .. } => Some(*seq),
        Verdict::Refused { .. } => None,
    };
    let code = |verdict: &Verdict| match verdict {
        Verdict::Refused { code } => Some(code.clone()),
        _ => None,
    };
    let inserted = sql_query(
        "INSERT INTO change_group (district_id, id, bucket, seq, outcome, code, author, sender, device, bytes)
         SELECT $1, n.id, $2, n.seq, CASE WHEN n.seq IS NULL THEN 'refused' ELSE 'applied' END, n.code, n.author, $3, n.device, n.bytes
         FROM unnest($4::bytea[], $5::bigint[], $6::text[], $7::uuid[], $8::uuid[], $9::bytea[]) AS n(id, seq, code, author, device, bytes)
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(sender.district)
    .bind::<Text, _>(bucket.as_str())
    .bind::<SqlUuid, _>(sender.person)
    .bind::<Array<Binary>, _>(groups.iter().map(|(received, _)| received.id.0.to_vec()).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(verdicts.iter().map(seq).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(verdicts.iter().map(code).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(groups.iter().map(|(_, group)| parse(group.author.as_str())).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(groups.iter().map(|(_, group)| parse(group.device.as_str())).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(groups.iter().map(|(received, _)| &received.bytes[..]).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(inserted)
}

/// Logs a group that never came to a bucket: its bytes are kept, its author hears why (P7).
pub async fn log_refused(conn: &mut AsyncPgConnection, sender: &Sender, received: &Received, code: &str) -> Result<()> {
    let (bucket, author) = match &received.group {
        Ok(group) => (group.bucket.as_str(), parse(group.author.as_str())),
        Err(_) => ("", sender.person),
    };
    sql_query(
        "INSERT INTO change_group (district_id, id, bucket, outcome, code, author, sender, device, bytes)
         VALUES ($1, $2, $3, 'refused', $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(sender.district)
    .bind::<Binary, _>(received.id.0.to_vec())
    .bind::<Text, _>(bucket)
    .bind::<Text, _>(code)
    .bind::<SqlUuid, _>(author)
    .bind::<SqlUuid, _>(sender.person)
    .bind::<SqlUuid, _>(sender.device)
    .bind::<Binary, _>(&received.bytes[..])
    .execute(conn)
    .await?;
    Ok(())
}

/// Part of a bucket's state after a cursor, from one snapshot.
pub struct Page {
    pub head: i64,
    pub sum: Sum,
    /// The page holds everything up to this change.
    pub to: i64,
    /// Whether the bucket ends with this page.
    pub last: bool,
    /// Each record's id and its fields as JSON.
    pub records: Vec<(Uuid, String)>,
}

/// The records of a bucket that changed after `from`, at most about `limit`; nothing when the bucket has no changes at all.
/// A change is never split between pages: one change touches at most 512 records, so a limit above that always gets on.
pub async fn page(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    bucket: &BucketId,
    from: i64,
    limit: usize,
) -> Result<Option<Page>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(embed)]
        mark: Mark,
        #[diesel(sql_type = Nullable<SqlUuid>)]
        id: Option<Uuid>,
        #[diesel(sql_type = Nullable<BigInt>)]
        seq: Option<i64>,
        #[diesel(sql_type = Nullable<Text>)]
        state: Option<String>,
    }
    let mut rows: Vec<Row> = sql_query(
        "SELECT b.head, b.sum_a, b.sum_b, r.id, r.seq, r.state FROM bucket b LEFT JOIN LATERAL (
             SELECT id, seq, state::text AS state FROM record
             WHERE district_id = b.district_id AND bucket = b.id AND seq > $3 ORDER BY seq LIMIT $4) r ON true
         WHERE b.district_id = $1 AND b.id = $2 ORDER BY r.seq",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket.as_str())
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(limit as i64 + 1)
    .load(conn)
    .await?;
    let Some(mark) = rows.as_slice().first().map(|row| row.mark) else {
        return Ok(None);
    };
    let last = rows.len() <= limit;
    if !last {
        let cut = rows.as_slice().last().and_then(|row| row.seq);
        rows.retain(|row| row.seq != cut);
    }
    let to = if last {
        mark.head
    } else {
        rows.as_slice().last().and_then(|row| row.seq).unwrap_or(from)
    };
    let records = rows.into_iter().filter_map(|row| row.id.zip(row.state)).collect();
    Ok(Some(Page {
        head: mark.head,
        sum: mark.sum(),
        to,
        last,
        records,
    }))
}

/// The bucket's counter; 0 when nothing was ever written there.
pub async fn head(conn: &mut AsyncPgConnection, district: Uuid, bucket: &str) -> Result<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        head: i64,
    }
    let row: Option<Row> = sql_query("SELECT head FROM bucket WHERE district_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(district)
        .bind::<Text, _>(bucket)
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map_or(0, |row| row.head))
}

/// Which life of which database this is: changes when the data is restored elsewhere or to an earlier point in time.
pub async fn server_epoch(conn: &mut AsyncPgConnection) -> Result<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        identity: String,
    }
    let row: Row = sql_query(
        "SELECT s.system_identifier || '/' || c.timeline_id || '/' || d.oid AS identity
         FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database()",
    )
    .get_result(conn)
    .await?;
    Ok(GroupId::of(row.identity.as_bytes()).to_string())
}

pub fn uuid(id: &RecordId) -> Uuid {
    parse(id.as_str())
}

fn parse(id: &str) -> Uuid {
    Uuid::parse_str(id).expect("the wire checked the form")
}

fn record_id(id: Uuid) -> RecordId {
    id.to_string().parse().expect("a UUID is a record id")
}
