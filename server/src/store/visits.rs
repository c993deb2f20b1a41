//! One visit with everything that belongs to it, and the history of a record out of the log.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{change_group, device, person, record};

/// Groups read for one history; far above what a record sees in its life.
const MOST_GROUPS: i64 = 5_000;

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
#[derive(Debug, Queryable)]
pub struct Logged {
    /// The hash of its bytes.
    pub id: Vec<u8>,
    /// Its number in the bucket.
    pub seq: Option<i64>,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// The line as its author's phone wrote it.
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
    let rows = sql_query(
        "SELECT r.id, r.state::text AS fields FROM record r \
         WHERE r.district_id = $1 AND r.bucket = $2 AND (\
           r.id = $3 OR r.kind = 'school' \
           OR r.id IN (SELECT id FROM response WHERE district_id = $1 AND visit_id = $3) \
           OR r.id IN (SELECT id FROM finding WHERE district_id = $1 AND visit_id = $3) \
           OR (r.kind = 'feedback_note' AND r.state #>> '{visit,w,0,v}' = $3::text)) \
         ORDER BY r.first_seq, r.id",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket)
    .bind::<SqlUuid, _>(visit);
    Ok(rows.load(conn).await?)
}

/// The applied groups that may name the record, oldest first. A group is a line of text that spells the record's id.
pub async fn groups(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid, place: &Place) -> Result<Vec<Logged>> {
    use diesel::dsl::sql;
    use diesel::sql_types::{Binary, Bool};
    let names_it = sql::<Bool>("position(")
        .bind::<Binary, _>(id.to_string().into_bytes())
        .sql(" IN bytes) > 0");
    let rows = change_group::table
        .filter(
            change_group::district_id
                .eq(district)
                .and(change_group::bucket.eq(&place.bucket)),
        )
        .filter(change_group::seq.between(place.first_seq, place.seq))
        .filter(names_it)
        .select((
            change_group::id,
            change_group::seq,
            change_group::received_at,
            change_group::bytes,
        ))
        .order(change_group::seq)
        .limit(MOST_GROUPS);
    Ok(rows.load(conn).await?)
}

/// Names of those of `ids` who are people of the district.
pub async fn names_of_people(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>> {
    let rows = person::table.filter(person::district_id.eq(district).and(person::id.eq_any(ids)));
    Ok(rows.select((person::id, person::name)).load(conn).await?)
}

/// Names of those of `ids` that are devices of the district; where several people share one, what it said last.
pub async fn names_of_devices(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>> {
    let rows = device::table
        .filter(device::district_id.eq(district).and(device::id.eq_any(ids)))
        .select((device::id, device::name))
        .distinct_on(device::id)
        .order((device::id, device::last_seen.desc()));
    Ok(rows.load(conn).await?)
}
