//! Rows of `record`, `bucket` and `change_group`, in and out. Bulk goes by `UNNEST`: one statement a table, however many rows.
//! What takes a shared connection may be sent together with others, before any of them is answered.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use sync_protocol::office::{Chain, Commit, Logged, Mark, Moved, Received, Start, Verdict};
use sync_protocol::{BucketId, GroupId, Node, Place, RecordId, RecordState, Sum};
use uuid::Uuid;

use super::Sender;
use crate::error::Result;
use crate::store::prepared::prepared;

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
        #[diesel(sql_type = Bool)]
        kept: bool,
    }
    let ids: Vec<Vec<u8>> = ids.into_iter().map(|id| id.0.to_vec()).collect();
    let rows: Vec<Row> = prepared("SELECT id, bucket, seq, code, kept FROM lock_outcomes($1, $2)")
        .bind::<SqlUuid, _>(district)
        .bind::<Array<Binary>, _>(ids)
        .load(conn)
        .await?;
    let read = |row: Row| {
        let id = GroupId(row.id.try_into().expect("the table checks the length"));
        let logged = match (row.seq, row.bucket.parse()) {
            (Some(seq), Ok(bucket)) => Logged::Applied { bucket, seq },
            _ if row.kept => Logged::Quarantined {
                code: row.code.unwrap_or_default(),
            },
            _ => Logged::Refused {
                code: row.code.unwrap_or_default(),
            },
        };
        (id, logged)
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The exact lines of those of `ids` that took effect, and of witness copies of them that did.
pub async fn lines(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    ids: Vec<GroupId>,
) -> Result<HashMap<GroupId, Vec<u8>>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Binary)]
        id: Vec<u8>,
        #[diesel(sql_type = Binary)]
        bytes: Vec<u8>,
    }
    let ids: Vec<Vec<u8>> = ids.into_iter().map(|id| id.0.to_vec()).collect();
    let rows: Vec<Row> = prepared(
        "SELECT g.* FROM unnest($2) AS asked(id) CROSS JOIN LATERAL
         (SELECT id, bytes FROM change_group WHERE district_id = $1 AND id = asked.id AND outcome = 'applied'
          UNION ALL
          SELECT id, bytes FROM change_group WHERE district_id = $1 AND copy_of = asked.id AND outcome = 'applied') g",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Array<Binary>, _>(ids)
    .load(conn)
    .await?;
    let read = |row: Row| {
        (
            GroupId(row.id.try_into().expect("the table checks the length")),
            row.bytes,
        )
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Those of `ids` that exist, as they are committed, without a lock.
pub async fn read_records(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    ids: &BTreeSet<RecordId>,
) -> Result<Vec<RecordState>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Text)]
        state: String,
    }
    let rows: Vec<Row> =
        prepared("SELECT id, state::text AS state FROM record WHERE district_id = $1 AND id = ANY($2)")
            .bind::<SqlUuid, _>(district)
            .bind::<Array<SqlUuid>, _>(ids.iter().map(uuid).collect::<Vec<_>>())
            .load(conn)
            .await?;
    rows.into_iter()
        .map(|row| {
            let fields = serde_json::from_str(&row.state).map_err(anyhow::Error::from)?;
            Ok(RecordState {
                id: record_id(row.id),
                fields,
            })
        })
        .collect()
}

/// The buckets in which those of `ids` live that exist.
pub async fn homes(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    ids: &BTreeSet<&RecordId>,
) -> Result<BTreeSet<BucketId>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        bucket: String,
    }
    let rows: Vec<Row> = prepared("SELECT DISTINCT bucket FROM record WHERE district_id = $1 AND id = ANY($2)")
        .bind::<SqlUuid, _>(district)
        .bind::<Array<SqlUuid>, _>(ids.iter().map(|id| uuid(id)).collect::<Vec<_>>())
        .load(conn)
        .await?;
    rows.into_iter()
        .map(|row| Ok(row.bucket.parse().map_err(anyhow::Error::from)?))
        .collect()
}

/// Locks those of `ids` that exist, in id order, and reads them: id, bucket, state.
pub async fn lock_records(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    ids: &BTreeSet<&RecordId>,
) -> Result<Vec<(BucketId, RecordState)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Text)]
        bucket: String,
        #[diesel(sql_type = Text)]
        state: String,
    }
    let rows: Vec<Row> = prepared(
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
            let bucket = row.bucket.parse().map_err(anyhow::Error::from)?;
            Ok((bucket, RecordState { id, fields }))
        })
        .collect()
}

/// A bucket's counter, checksum and chain.
#[derive(QueryableByName)]
struct MarkRow {
    #[diesel(sql_type = BigInt)]
    head: i64,
    #[diesel(sql_type = BigInt)]
    sum_a: i64,
    #[diesel(sql_type = BigInt)]
    sum_b: i64,
    #[diesel(sql_type = Binary)]
    chain: Vec<u8>,
}

impl MarkRow {
    fn sum(&self) -> Sum {
        Sum {
            a: self.sum_a as u64,
            b: self.sum_b as u64,
        }
    }
    fn mark(self) -> Mark {
        Mark {
            head: self.head,
            sum: self.sum(),
            chain: Chain(self.chain.try_into().expect("the table checks the length")),
        }
    }
}

/// Takes the bucket's row lock, the last lock of a transaction, making the bucket if this is its first change.
pub async fn lock_bucket(conn: &mut AsyncPgConnection, district: Uuid, bucket: &BucketId) -> Result<Mark> {
    let lock = "SELECT head, sum_a, sum_b, chain FROM bucket WHERE district_id = $1 AND id = $2 FOR UPDATE";
    let mut found: Option<MarkRow> = None;
    while found.is_none() {
        let select = prepared(lock)
            .bind::<SqlUuid, _>(district)
            .bind::<Text, _>(bucket.as_str());
        found = select.get_result(conn).await.optional()?;
        if found.is_none() {
            prepared("INSERT INTO bucket (district_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind::<SqlUuid, _>(district)
                .bind::<Text, _>(bucket.as_str())
                .execute(conn)
                .await?;
        }
    }
    Ok(found.expect("the loop ends with a mark").mark())
}

pub async fn move_mark(conn: &AsyncPgConnection, district: Uuid, bucket: &BucketId, mark: &Mark) -> Result<()> {
    prepared("UPDATE bucket SET head = $3, sum_a = $4, sum_b = $5, chain = $6 WHERE district_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(district)
        .bind::<Text, _>(bucket.as_str())
        .bind::<BigInt, _>(mark.head)
        .bind::<BigInt, _>(mark.sum.a as i64)
        .bind::<BigInt, _>(mark.sum.b as i64)
        .bind::<Binary, _>(&mark.chain.0[..])
        .execute(&mut &*conn)
        .await?;
    Ok(())
}

/// Takes records from one bucket to another: those who carry the old one will hear that they are gone.
pub async fn move_records(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    from: &BucketId,
    moved: &Moved<'_>,
    commit: &Commit<'_>,
) -> Result<()> {
    let ids: Vec<Uuid> = commit.updated.iter().map(|record| uuid(&record.id)).collect();
    prepared("UPDATE record SET bucket = $2 WHERE district_id = $1 AND id = ANY($3)")
        .bind::<SqlUuid, _>(district)
        .bind::<Text, _>(moved.to.as_str())
        .bind::<Array<SqlUuid>, _>(&ids)
        .execute(conn)
        .await?;
    prepared("DELETE FROM departure WHERE district_id = $1 AND bucket = $2 AND record_id = ANY($3)")
        .bind::<SqlUuid, _>(district)
        .bind::<Text, _>(moved.to.as_str())
        .bind::<Array<SqlUuid>, _>(&ids)
        .execute(conn)
        .await?;
    prepared(
        "INSERT INTO departure (district_id, bucket, record_id, seq) SELECT $1, $2, id, $4 FROM unnest($3) id
         ON CONFLICT (district_id, bucket, record_id) DO UPDATE SET seq = excluded.seq",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(from.as_str())
    .bind::<Array<SqlUuid>, _>(&ids)
    .bind::<BigInt, _>(commit.mark.head)
    .execute(conn)
    .await?;
    Ok(())
}

/// Inserts new records and says how many there were not yet.
pub async fn insert_records(
    conn: &AsyncPgConnection,
    district: Uuid,
    bucket: &BucketId,
    records: &[&RecordState],
) -> Result<usize> {
    if records.is_empty() {
        return Ok(0);
    }
    let inserted = prepared(
        "INSERT INTO record (district_id, id, bucket, kind, seq, first_seq, state)
         SELECT $1, n.id, $2, n.kind, n.seq, n.first_seq, n.state::jsonb
         FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::text[]) AS n(id, kind, seq, first_seq, state)
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket.as_str())
    .bind::<Array<SqlUuid>, _>(records.iter().map(|record| uuid(&record.id)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(records.iter().map(|record| record.text("@kind").unwrap_or("")).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(records.iter().map(|record| last_seq(record)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(records.iter().map(|record| first_seq(record)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(states(records)?)
    .execute(&mut &*conn)
    .await?;
    Ok(inserted)
}

pub async fn update_records(conn: &AsyncPgConnection, district: Uuid, records: &[&RecordState]) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    prepared(
        "UPDATE record SET seq = n.seq, state = n.state::jsonb
         FROM unnest($2::uuid[], $3::bigint[], $4::text[]) AS n(id, seq, state)
         WHERE record.district_id = $1 AND record.id = n.id",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Array<SqlUuid>, _>(records.iter().map(|record| uuid(&record.id)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(records.iter().map(|record| last_seq(record)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(states(records)?)
    .execute(&mut &*conn)
    .await?;
    Ok(())
}

fn states(records: &[&RecordState]) -> Result<Vec<String>> {
    let state = |record: &&RecordState| {
        serde_json::to_string(&record.fields).map_err(|error| anyhow::Error::from(error).into())
    };
    records.iter().map(state).collect()
}

fn last_seq(record: &RecordState) -> i64 {
    record.fields.values().map(|field| field.seq).max().unwrap_or(0)
}

fn first_seq(record: &RecordState) -> i64 {
    record.fields.values().map(|field| field.seq).min().unwrap_or(0)
}

/// A verdict as the log spells it: outcome, number, code.
fn spelled(verdict: &Verdict) -> (&'static str, Option<i64>, Option<&str>) {
    match verdict {
        Verdict::Applied { seq, .. } | Verdict::Duplicate { seq, .. } => ("applied", Some(*seq), None),
        Verdict::Refused { code } => ("refused", None, Some(code)),
        Verdict::Quarantined { code } => ("quarantined", None, Some(code)),
    }
}

/// Writes the log rows of one bucket's groups and says how many were new, or were still waiting to be admitted.
pub async fn log_groups(conn: &AsyncPgConnection, sender: &Sender, commit: &Commit<'_>) -> Result<usize> {
    if commit.admitted {
        return log_admitted(conn, sender, commit).await;
    }
    let spelled: Vec<_> = commit
        .groups
        .iter()
        .map(|(_, _, verdict, _)| spelled(verdict))
        .collect();
    let groups = || commit.groups.iter();
    let chains: Vec<Option<Vec<u8>>> = groups()
        .map(|(.., chain)| chain.map(|chain| chain.0.to_vec()))
        .collect();
    let inserted = prepared(
        "INSERT INTO change_group (district_id, id, bucket, seq, outcome, code, author, sender, device, bytes, chain,
                                   moved_to, moved_seq, moved_chain)
         SELECT $1, n.id, $2, n.seq, n.outcome, n.code, n.author, $3, n.device, n.bytes, n.chain, $12, $13, $14
         FROM unnest($4::bytea[], $5::bigint[], $6::text[], $7::text[], $8::uuid[], $9::uuid[], $10::bytea[], $11::bytea[])
              AS n(id, seq, outcome, code, author, device, bytes, chain)
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(sender.district)
    .bind::<Text, _>(commit.bucket.as_str())
    .bind::<SqlUuid, _>(sender.person)
    .bind::<Array<Binary>, _>(groups().map(|(received, ..)| received.id.0.to_vec()).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(spelled.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(spelled.iter().map(|(outcome, ..)| *outcome).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(spelled.iter().map(|(.., code)| *code).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(groups().map(|(_, group, ..)| parse(group.author.as_str())).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(groups().map(|(_, group, ..)| parse(group.device.as_str())).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(groups().map(|(received, ..)| &received.bytes[..]).collect::<Vec<_>>())
    .bind::<Array<Nullable<Binary>>, _>(chains)
    .bind::<Nullable<Text>, _>(commit.moved.map(|moved| moved.to.as_str()))
    .bind::<Nullable<BigInt>, _>(commit.moved.map(|moved| moved.mark.head))
    .bind::<Nullable<Binary>, _>(commit.moved.map(|moved| moved.mark.chain.0.to_vec()))
    .execute(&mut &*conn)
    .await?;
    Ok(inserted)
}

/// Moves a group from quarantine to the changes of its bucket and says how many rows that were: none when somebody else did.
async fn log_admitted(conn: &AsyncPgConnection, sender: &Sender, commit: &Commit<'_>) -> Result<usize> {
    let mut moved = 0;
    for (received, _, verdict, chain) in &commit.groups {
        let (outcome, seq, code) = spelled(verdict);
        moved += prepared(
            "UPDATE change_group SET outcome = $3, seq = $4, chain = $5, kept_code = change_group.code, code = $8, bucket = $7,
                    admitted_by = $6, admitted_at = clock_timestamp(), moved_to = $9, moved_seq = $10, moved_chain = $11
             WHERE district_id = $1 AND id = $2 AND outcome = 'quarantined'",
        )
        .bind::<SqlUuid, _>(sender.district)
        .bind::<Binary, _>(received.id.0.to_vec())
        .bind::<Text, _>(outcome)
        .bind::<Nullable<BigInt>, _>(seq)
        .bind::<Nullable<Binary>, _>(chain.map(|chain| chain.0.to_vec()))
        .bind::<SqlUuid, _>(sender.person)
        .bind::<Text, _>(commit.bucket.as_str())
        .bind::<Nullable<Text>, _>(code)
        .bind::<Nullable<Text>, _>(commit.moved.map(|moved| moved.to.as_str()))
        .bind::<Nullable<BigInt>, _>(commit.moved.map(|moved| moved.mark.head))
        .bind::<Nullable<Binary>, _>(commit.moved.map(|moved| moved.mark.chain.0.to_vec()))
        .execute(&mut &*conn)
        .await?;
    }
    Ok(moved)
}

/// Logs a group that never came to a bucket: its bytes are kept, its author hears why (P7). False when the log has it already.
pub async fn log_aside(
    conn: &mut AsyncPgConnection,
    sender: &Sender,
    received: &Received,
    verdict: &Verdict,
) -> Result<bool> {
    let (outcome, _, code) = spelled(verdict);
    let (bucket, author) = match &received.group {
        Ok(group) => (group.bucket.as_str(), parse(group.author.as_str())),
        Err(_) => ("", sender.person),
    };
    let copy_of = received.group.as_ref().ok().and_then(|group| group.copy_of());
    let inserted = prepared(
        "INSERT INTO change_group (district_id, id, bucket, outcome, code, author, sender, device, bytes, copy_of)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(sender.district)
    .bind::<Binary, _>(received.id.0.to_vec())
    .bind::<Text, _>(bucket)
    .bind::<Text, _>(outcome)
    .bind::<Nullable<Text>, _>(code)
    .bind::<SqlUuid, _>(author)
    .bind::<SqlUuid, _>(sender.person)
    .bind::<SqlUuid, _>(sender.device)
    .bind::<Binary, _>(&received.bytes[..])
    .bind::<Nullable<Binary>, _>(copy_of.map(|id| id.0.to_vec()))
    .execute(conn)
    .await?;
    Ok(inserted == 1)
}

/// A group in quarantine, as the office reads it.
#[derive(QueryableByName)]
pub struct Kept {
    #[diesel(sql_type = Binary)]
    pub id: Vec<u8>,
    #[diesel(sql_type = Text)]
    pub bucket: String,
    #[diesel(sql_type = Text)]
    pub code: String,
    #[diesel(sql_type = SqlUuid)]
    pub author: Uuid,
    #[diesel(sql_type = Text)]
    pub author_name: String,
    /// The school whose bucket it is for, if it is for one.
    #[diesel(sql_type = Nullable<Text>)]
    pub school: Option<String>,
    #[diesel(sql_type = SqlUuid)]
    pub device: Uuid,
    #[diesel(sql_type = Timestamptz)]
    pub received_at: DateTime<Utc>,
    /// The line, where the reader may read the bucket.
    #[diesel(sql_type = Nullable<Binary>)]
    pub bytes: Option<Vec<u8>>,
}

/// What lies in quarantine of the district, oldest first, at most `limit`; to be asked by whoever manages people.
pub async fn kept(conn: &mut AsyncPgConnection, limit: i64) -> Result<Vec<Kept>> {
    let rows = prepared("SELECT * FROM lock_kept($1)").bind::<BigInt, _>(limit);
    Ok(rows.load(conn).await?)
}

/// The line of one group in quarantine.
pub async fn kept_one(conn: &mut AsyncPgConnection, district: Uuid, id: GroupId) -> Result<Option<Vec<u8>>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Binary)]
        bytes: Vec<u8>,
    }
    let row: Option<Row> = prepared(
        "SELECT g.bytes FROM change_group g WHERE g.district_id = $1 AND g.id = $2 AND g.outcome = 'quarantined'
           AND NOT EXISTS (SELECT 1 FROM change_group o WHERE o.district_id = g.district_id AND o.id = g.copy_of)",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Binary, _>(id.0.to_vec())
    .get_result(conn)
    .await
    .optional()?;
    Ok(row.map(|row| row.bytes))
}

/// Those of `ids` that are not applied here.
pub async fn not_applied(conn: &mut AsyncPgConnection, district: Uuid, ids: &[GroupId]) -> Result<Vec<GroupId>> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let known = logged(conn, district, ids.iter().copied()).await?;
    let applied = |id: &GroupId| matches!(known.get(id), Some(Logged::Applied { .. }));
    Ok(ids.iter().filter(|id| !applied(id)).copied().collect())
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
    /// Records that were asked for whole, those of them that are here.
    pub whole: Vec<(Uuid, String)>,
    /// Records that left the bucket.
    pub gone: Vec<Uuid>,
}

/// The records of a bucket whose last change is after `from`, at most about `limit`; nothing when the bucket has no changes at all.
/// A change is never split between pages: one change touches at most 512 records, so a limit above that always gets on.
pub async fn page(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    bucket: &BucketId,
    start: Start,
    whole: &[RecordId],
    limit: usize,
) -> Result<Option<Page>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(embed)]
        mark: MarkRow,
        #[diesel(sql_type = Nullable<SqlUuid>)]
        id: Option<Uuid>,
        #[diesel(sql_type = Nullable<BigInt>)]
        seq: Option<i64>,
        #[diesel(sql_type = Nullable<Text>)]
        state: Option<String>,
        /// What the row is: `c`hanged, asked for `w`hole, or `g`one.
        #[diesel(sql_type = Nullable<Text>)]
        what: Option<String>,
    }
    let rows: Vec<Row> = prepared(
        "SELECT b.head, b.sum_a, b.sum_b, b.chain, r.id, r.seq, r.state, r.what FROM bucket b LEFT JOIN LATERAL (
             (SELECT id, seq, state::text AS state, 'c' AS what FROM record
              WHERE district_id = b.district_id AND bucket = b.id AND seq > $3 AND NOT (id = ANY($5)) ORDER BY seq LIMIT $4)
             UNION ALL
             (SELECT id, seq, state::text, 'w' FROM record WHERE district_id = b.district_id AND bucket = b.id AND id = ANY($5))
             UNION ALL
             (SELECT record_id, seq, NULL, 'g' FROM departure WHERE district_id = b.district_id AND bucket = b.id AND seq > $3)) r ON true
         WHERE b.district_id = $1 AND b.id = $2 ORDER BY r.seq",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket.as_str())
    .bind::<BigInt, _>(start.from)
    .bind::<BigInt, _>(limit as i64 + 1)
    .bind::<Array<SqlUuid>, _>(whole.iter().map(uuid).collect::<Vec<_>>())
    .load(conn)
    .await?;
    let Some((head, sum)) = rows.as_slice().first().map(|row| (row.mark.head, row.mark.sum())) else {
        return Ok(None);
    };
    let (mut changed, mut mended, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match (row.what.as_deref(), row.id, row.seq, row.state) {
            (Some("c"), Some(id), Some(seq), Some(state)) => changed.push((seq, id, state)),
            (Some("w"), Some(id), _, Some(state)) => mended.push((id, state)),
            (Some("g"), Some(id), Some(seq), _) => gone.push((seq, id)),
            _ => {}
        }
    }
    let last = changed.len() <= limit;
    let cut = changed.last().map(|(seq, ..)| *seq);
    changed.retain(|(seq, ..)| last || Some(*seq) != cut);
    let to = match last {
        true => head,
        false => changed.last().map_or(start.from, |(seq, ..)| *seq),
    };
    Ok(Some(Page {
        head,
        sum,
        to,
        last,
        records: changed.into_iter().map(|(_, id, state)| (id, state)).collect(),
        whole: mended,
        gone: gone
            .into_iter()
            .filter(|(seq, _)| *seq <= to)
            .map(|(_, id)| id)
            .collect(),
    }))
}

/// Nodes of a bucket's digest tree, from one snapshot.
pub async fn digest(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    bucket: &BucketId,
    places: &[Place],
) -> Result<Vec<(Place, Node)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Text)]
        state: String,
    }
    let rows: Vec<Row> = prepared("SELECT id, state::text AS state FROM record WHERE district_id = $1 AND bucket = $2")
        .bind::<SqlUuid, _>(district)
        .bind::<Text, _>(bucket.as_str())
        .load(conn)
        .await?;
    let mut sums = Vec::new();
    for row in rows {
        let fields = serde_json::from_str(&row.state).map_err(anyhow::Error::from)?;
        let record = RecordState {
            id: record_id(row.id),
            fields,
        };
        let sum = record.sum();
        sums.push((record.id, sum));
    }
    let node = |place: &Place| (place.clone(), Node::of(place, sums.iter().map(|(id, sum)| (id, *sum))));
    Ok(places.iter().map(node).collect())
}

/// The bucket's counter; 0 when nothing was ever written there.
pub async fn head(conn: &mut AsyncPgConnection, district: Uuid, bucket: &str) -> Result<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        head: i64,
    }
    let row: Option<Row> = prepared("SELECT lock_head($1, $2) AS head")
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
    let row: Row = prepared(
        "SELECT s.system_identifier || '/' || c.timeline_id || '/' || d.oid || '/' || i.life AS identity
         FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d, installation i WHERE d.datname = current_database()",
    )
    .get_result(conn)
    .await?;
    Ok(GroupId::of(row.identity.as_bytes()).to_string())
}

/// After a restore that left the database's identity as it was: every phone offers its journal again.
pub async fn raise_epoch(conn: &mut AsyncPgConnection) -> Result<()> {
    prepared("UPDATE installation SET life = gen_random_uuid()")
        .execute(conn)
        .await?;
    Ok(())
}

/// All that a district holds, to be compared with another ledger that was given the same groups.
#[derive(Debug, Default)]
pub struct Everything {
    pub records: Vec<(RecordId, (BucketId, RecordState))>,
    pub buckets: Vec<(BucketId, Mark)>,
    pub log: Vec<(GroupId, Logged)>,
}

/// Reads the whole district; for tests and audits of small ones.
pub async fn everything(conn: &mut AsyncPgConnection, district: Uuid) -> Result<Everything> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    #[derive(QueryableByName)]
    struct GroupRow {
        #[diesel(sql_type = Binary)]
        id: Vec<u8>,
    }
    #[derive(QueryableByName)]
    struct Bucket {
        #[diesel(sql_type = Text)]
        id: String,
        #[diesel(embed)]
        mark: MarkRow,
    }
    let ids = prepared("SELECT id FROM record WHERE district_id = $1").bind::<SqlUuid, _>(district);
    let ids: Vec<RecordId> = ids
        .load::<Id>(conn)
        .await?
        .into_iter()
        .map(|row| record_id(row.id))
        .collect();
    let groups = prepared("SELECT id FROM change_group WHERE district_id = $1").bind::<SqlUuid, _>(district);
    let groups: Vec<GroupRow> = groups.load(conn).await?;
    let groups = groups
        .into_iter()
        .map(|row| GroupId(row.id.try_into().expect("the table checks the length")));
    let buckets = prepared("SELECT id, head, sum_a, sum_b, chain FROM bucket WHERE district_id = $1");
    let buckets: Vec<Bucket> = buckets.bind::<SqlUuid, _>(district).load(conn).await?;
    let records = lock_records(conn, district, &ids.iter().collect()).await?;
    Ok(Everything {
        records: records
            .into_iter()
            .map(|(bucket, record)| (record.id.clone(), (bucket, record)))
            .collect(),
        buckets: buckets
            .into_iter()
            .map(|row| Ok((row.id.parse().map_err(anyhow::Error::from)?, row.mark.mark())))
            .collect::<Result<_>>()?,
        log: logged(conn, district, groups).await?.into_iter().collect(),
    })
}

/// What was found along the chains: how many changes hold, and the first that does not, by bucket.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub buckets: usize,
    pub changes: usize,
    /// A sentence for each bucket whose chain breaks.
    pub broken: Vec<String>,
}

/// Follows the hash chain of every bucket from its beginning to its end, over the very bytes that are stored.
pub async fn verify_chains(conn: &mut AsyncPgConnection) -> Result<Verified> {
    #[derive(QueryableByName)]
    struct Bucket {
        #[diesel(sql_type = SqlUuid)]
        district_id: Uuid,
        #[diesel(sql_type = Text)]
        id: String,
        #[diesel(sql_type = BigInt)]
        chain_after: i64,
        #[diesel(embed)]
        mark: MarkRow,
    }
    let buckets: Vec<Bucket> =
        prepared("SELECT district_id, id, chain_after, head, sum_a, sum_b, chain FROM bucket ORDER BY district_id, id")
            .load(conn)
            .await?;
    let mut verified = Verified::default();
    for bucket in buckets {
        verified.buckets += 1;
        let mark = bucket.mark.mark();
        let chain = Follow {
            conn,
            district: bucket.district_id,
            bucket: &bucket.id,
            at: bucket.chain_after,
            chain: Chain::default(),
        };
        match chain.to(mark).await? {
            Ok(changes) => verified.changes += changes,
            Err(what) => verified.broken.push(format!("{}: {what}", bucket.id)),
        }
    }
    Ok(verified)
}

/// A walk along one bucket's chain.
struct Follow<'a> {
    conn: &'a mut AsyncPgConnection,
    district: Uuid,
    bucket: &'a str,
    at: i64,
    chain: Chain,
}

impl Follow<'_> {
    async fn to(mut self, mark: Mark) -> Result<std::result::Result<usize, String>> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Binary)]
            id: Vec<u8>,
            #[diesel(sql_type = BigInt)]
            seq: i64,
            #[diesel(sql_type = Nullable<Binary>)]
            chain: Option<Vec<u8>>,
            #[diesel(sql_type = Binary)]
            bytes: Vec<u8>,
        }
        let mut changes = 0;
        loop {
            let rows: Vec<Row> = prepared(
                "(SELECT id, seq, chain, bytes FROM change_group
                  WHERE district_id = $1 AND bucket = $2 AND seq > $3 ORDER BY seq LIMIT 1000)
                 UNION ALL
                 (SELECT id, moved_seq, moved_chain, bytes FROM change_group
                  WHERE district_id = $1 AND moved_to = $2 AND moved_seq > $3 ORDER BY moved_seq LIMIT 1000)
                 ORDER BY seq LIMIT 1000",
            )
            .bind::<SqlUuid, _>(self.district)
            .bind::<Text, _>(self.bucket)
            .bind::<BigInt, _>(self.at)
            .load(self.conn)
            .await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let id = GroupId::of(&row.bytes);
                if row.seq != self.at + 1 {
                    return Ok(Err(format!("change {} is missing", self.at + 1)));
                }
                if id.0[..] != row.id[..] {
                    return Ok(Err(format!(
                        "the bytes of change {} are not those that were received",
                        row.seq
                    )));
                }
                self.chain = self.chain.link(id, row.seq);
                if row.chain.as_deref() != Some(&self.chain.0[..]) {
                    return Ok(Err(format!("the chain breaks at change {}", row.seq)));
                }
                self.at = row.seq;
                changes += 1;
            }
        }
        let end = (self.at, self.chain);
        Ok(match end == (mark.head, mark.chain) {
            true => Ok(changes),
            false => Err(format!(
                "it ends at change {} and says that it is at {}",
                self.at, mark.head
            )),
        })
    }
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
