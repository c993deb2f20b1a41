//! What waits to be settled, by age; and who has a visit open at this moment.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::store::prepared::prepared;

/// One open difference with its record.
#[derive(Debug, QueryableByName)]
pub struct Open {
    /// The record.
    #[diesel(sql_type = SqlUuid)]
    pub record: Uuid,
    /// The visit it belongs to.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub visit: Option<Uuid>,
    /// The field.
    #[diesel(sql_type = Text)]
    pub path: String,
    /// Whether it came after the record was sealed.
    #[diesel(sql_type = Bool)]
    pub late: bool,
    /// Since when it is open.
    #[diesel(sql_type = Timestamptz)]
    pub opened_at: DateTime<Utc>,
    /// The school's name.
    #[diesel(sql_type = Text)]
    pub school: String,
    /// The zone's name.
    #[diesel(sql_type = Text)]
    pub zone: String,
    /// The day of the visit.
    #[diesel(sql_type = Nullable<Date>)]
    pub visit_date: Option<NaiveDate>,
    /// Who leads the visit.
    #[diesel(sql_type = Text)]
    pub lead: String,
    /// The record's fields as stored.
    #[diesel(sql_type = Text)]
    pub state: String,
}

/// The differences in these buckets, or in all that the database shows, the oldest first.
pub async fn open(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    buckets: Option<&[String]>,
    most: i64,
) -> Result<Vec<Open>> {
    let rows = prepared(
        "SELECT d.record_id AS record, d.visit_id AS visit, d.path, d.late, d.opened_at, coalesce(s.name, '') AS school,
                coalesce(z.name, '') AS zone, v.visit_date, coalesce(p.name, '') AS lead, r.state::text AS state
         FROM difference d
         JOIN record r ON r.district_id = d.district_id AND r.id = d.record_id
         LEFT JOIN visit v ON v.district_id = d.district_id AND v.id = d.visit_id
         LEFT JOIN school s ON s.district_id = v.district_id AND s.id = v.school_id
         LEFT JOIN zone z ON z.district_id = s.district_id AND z.id = s.zone_id
         LEFT JOIN LATERAL lock_people(ARRAY[v.lead]) p ON true
         WHERE d.district_id = $1 AND ($2 IS NULL OR d.bucket = ANY($2)) AND NOT coalesce(v.removed, false)
         ORDER BY d.opened_at, d.record_id, d.path LIMIT $3",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Nullable<Array<Text>>, _>(buckets)
    .bind::<BigInt, _>(most)
    .load(conn)
    .await?;
    Ok(rows)
}

/// Somebody who has a visit open.
#[derive(Debug, QueryableByName)]
pub struct Present {
    /// Their id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Their name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The section they are at.
    #[diesel(sql_type = Text)]
    pub place: String,
}

/// Notes that somebody has the visit open, and says who else had it open within the last `seconds`.
pub async fn be_here(
    conn: &mut AsyncPgConnection,
    (district, visit): (Uuid, Uuid),
    (person, device): (Uuid, Uuid),
    place: &str,
    seconds: i64,
) -> Result<Vec<Present>> {
    prepared(
        "INSERT INTO presence (district_id, visit_id, person_id, device_id, place) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (district_id, visit_id, person_id, device_id) DO UPDATE SET place = excluded.place, seen_at = clock_timestamp()",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<SqlUuid, _>(visit)
    .bind::<SqlUuid, _>(person)
    .bind::<SqlUuid, _>(device)
    .bind::<Text, _>(place)
    .execute(conn)
    .await?;
    // Nobody needs to know tomorrow who looked at what today.
    prepared("DELETE FROM presence WHERE district_id = $1 AND visit_id = $2 AND seen_at < clock_timestamp() - interval '1 hour'")
        .bind::<SqlUuid, _>(district)
        .bind::<SqlUuid, _>(visit)
        .execute(conn)
        .await?;
    let rows = prepared(
        "SELECT DISTINCT ON (p.name, p.id) p.id, p.name, h.place FROM presence h
         JOIN LATERAL lock_people(ARRAY[h.person_id]) p ON true
         WHERE h.district_id = $1 AND h.visit_id = $2 AND h.person_id <> $3
           AND h.seen_at > clock_timestamp() - $4 * interval '1 second'
         ORDER BY p.name, p.id, h.seen_at DESC",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<SqlUuid, _>(visit)
    .bind::<SqlUuid, _>(person)
    .bind::<BigInt, _>(seconds)
    .load(conn)
    .await?;
    Ok(rows)
}
