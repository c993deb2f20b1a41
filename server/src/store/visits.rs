//! One visit with everything that belongs to it, and the history of a record out of the log.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::record;
use crate::store::prepared::prepared;

/// Groups read for one history; far above what a visit with all its records sees in its life.
const MOST_GROUPS: i64 = 20_000;

/// Which records `r` of a bucket belong to the visit `$3`: itself, its responses, findings and feedback notes.
const OF_THE_VISIT: &str = "r.id = $3 \
    OR r.id IN (SELECT id FROM response WHERE district_id = $1 AND visit_id = $3) \
    OR r.id IN (SELECT id FROM finding WHERE district_id = $1 AND visit_id = $3) \
    OR (r.kind = 'feedback_note' AND r.state #>> '{visit,w,0,v}' = $3::text)";

/// Where a record lives.
#[derive(Debug, Queryable)]
pub struct Place {
    /// Its audience.
    pub bucket: String,
    /// Its kind.
    pub kind: String,
    /// The bucket's change that created it.
    pub first_seq: i64,
    /// The bucket's change that last touched it.
    pub seq: i64,
}

/// Whether group `g` spells one of the ids `$3`.
const NAMES_ONE: &str = "EXISTS (SELECT 1 FROM unnest($3) AS named(id) WHERE position(named.id IN g.bytes) > 0)";

/// The changes of its bucket between which a record was written.
#[derive(Debug, QueryableByName)]
pub struct Span {
    /// The record.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The change that created it.
    #[diesel(sql_type = BigInt)]
    pub first_seq: i64,
    /// The change that last touched it.
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
}

/// A record's fields as stored: JSON text of path to field state.
#[derive(Debug, QueryableByName)]
pub struct Stored {
    /// The record.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The JSON object of its fields.
    #[diesel(sql_type = Text)]
    pub fields: String,
}

/// A group of the log.
#[derive(Debug, QueryableByName)]
pub struct Logged {
    /// Its number in the bucket.
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    /// When it arrived.
    #[diesel(sql_type = Timestamptz)]
    pub received_at: DateTime<Utc>,
    /// The line as its author's phone wrote it.
    #[diesel(sql_type = Binary)]
    pub bytes: Vec<u8>,
}

/// Where a record lives; `None` when there is no such record.
pub async fn place(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid) -> Result<Option<Place>> {
    let row = record::table
        .find((district, id))
        .select((record::bucket, record::kind, record::first_seq, record::seq));
    Ok(row.first(conn).await.optional()?)
}

/// The visit, its responses, findings and feedback notes, and the school's record, which shares the bucket.
pub async fn records(conn: &mut AsyncPgConnection, district: Uuid, bucket: &str, visit: Uuid) -> Result<Vec<Stored>> {
    let rows = sql_query(format!(
        "SELECT r.id, r.state::text AS fields FROM record r \
         WHERE r.district_id = $1 AND r.bucket = $2 AND (r.kind = 'school' OR {OF_THE_VISIT}) \
         ORDER BY r.first_seq, r.id",
    ))
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket)
    .bind::<SqlUuid, _>(visit);
    Ok(rows.load(conn).await?)
}

/// When the records that belong to the visit were written, without the school's, which has a life of its own.
pub async fn spans(conn: &mut AsyncPgConnection, district: Uuid, bucket: &str, visit: Uuid) -> Result<Vec<Span>> {
    let rows = sql_query(format!(
        "SELECT r.id, r.first_seq, r.seq FROM record r \
         WHERE r.district_id = $1 AND r.bucket = $2 AND ({OF_THE_VISIT})",
    ))
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket)
    .bind::<SqlUuid, _>(visit);
    Ok(rows.load(conn).await?)
}

/// The applied groups that may name one of the records, oldest first. A group is a line of text that spells its records' ids.
/// Records that came from other buckets left their past in the logs of those: it is told in the order in which it took effect.
pub async fn groups(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    bucket: &str,
    records: &[Span],
) -> Result<Vec<Logged>> {
    if has_moved(conn, district, bucket, records).await? {
        let rows = prepared("SELECT seq, received_at, bytes FROM lock_past($1, $2)")
            .bind::<Array<SqlUuid>, _>(records.iter().map(|span| span.id).collect::<Vec<_>>())
            .bind::<BigInt, _>(MOST_GROUPS);
        return Ok(rows.load(conn).await?);
    }
    // Where nothing moved, the numbers of the one bucket bound the search and are the order.
    let first = records.iter().map(|span| span.first_seq).min().unwrap_or_default();
    let last = records.iter().map(|span| span.seq).max().unwrap_or_default();
    let rows = sql_query(format!(
        "SELECT g.seq, g.received_at, g.bytes FROM change_group g \
         WHERE g.district_id = $1 AND g.bucket = $2 AND g.seq BETWEEN $4 AND $5 AND {NAMES_ONE} \
         ORDER BY g.seq LIMIT $6",
    ))
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket)
    .bind::<Array<Binary>, _>(spelled(records))
    .bind::<BigInt, _>(first)
    .bind::<BigInt, _>(last)
    .bind::<BigInt, _>(MOST_GROUPS);
    Ok(rows.load(conn).await?)
}

/// Whether one of the records came to the bucket from another one.
async fn has_moved(conn: &mut AsyncPgConnection, district: Uuid, bucket: &str, records: &[Span]) -> Result<bool> {
    #[derive(QueryableByName)]
    struct Moved {
        #[diesel(sql_type = Bool)]
        moved: bool,
    }
    let row = sql_query(format!(
        "SELECT EXISTS (SELECT 1 FROM change_group g WHERE g.district_id = $1 AND g.moved_to = $2 \
           AND g.moved_seq IS NOT NULL AND {NAMES_ONE}) AS moved",
    ))
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket)
    .bind::<Array<Binary>, _>(spelled(records));
    let row: Moved = row.get_result(conn).await?;
    Ok(row.moved)
}

fn spelled(records: &[Span]) -> Vec<Vec<u8>> {
    records.iter().map(|span| span.id.to_string().into_bytes()).collect()
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
}

/// Names of those of `ids` who are people of the district.
pub async fn names_of_people(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>> {
    let rows = prepared("SELECT id, name FROM lock_people($1)").bind::<Array<SqlUuid>, _>(ids);
    let rows: Vec<Named> = rows.load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Names of those of `ids` that are devices of the district; where several people share one, what it said last.
pub async fn names_of_devices(conn: &mut AsyncPgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>> {
    let rows = prepared("SELECT id, name FROM lock_devices($1)").bind::<Array<SqlUuid>, _>(ids);
    let rows: Vec<Named> = rows.load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}
