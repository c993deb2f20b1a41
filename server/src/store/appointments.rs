//! The table `appointment`: for how long somebody is appointed. What ends with it is decided in SQL, in `lock_standing` and `lock_reach`.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::appointment;

/// A term for which somebody is appointed, or was.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = appointment)]
pub struct Appointment {
    /// The district.
    pub district_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Who.
    pub person_id: Uuid,
    /// `full` or `part`.
    pub employment: String,
    /// The first day.
    pub from_date: NaiveDate,
    /// The last day.
    pub to_date: Option<NaiveDate>,
    /// The paper that says so; may be empty.
    pub decision_ref: String,
}

/// Theirs, the newest first.
pub async fn of(conn: &mut AsyncPgConnection, district: Uuid, people: &[Uuid]) -> Result<Vec<Appointment>> {
    let rows = appointment::table
        .filter(appointment::district_id.eq(district))
        .filter(appointment::person_id.eq_any(people))
        .order((appointment::from_date.desc(), appointment::id))
        .select(Appointment::as_select());
    Ok(rows.load(conn).await?)
}

/// Whether the person is appointed on some of these days, the last of which may be open.
pub async fn meets(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    (from, until): (NaiveDate, Option<NaiveDate>),
) -> Result<bool> {
    let last = appointment::to_date;
    let mut rows = appointment::table
        .filter(appointment::district_id.eq(district))
        .filter(appointment::person_id.eq(person))
        // One that was taken back leaves its row behind.
        .filter(
            last.is_null()
                .or(last.ge(from).and(last.ge(appointment::from_date.nullable()))),
        )
        .into_boxed();
    if let Some(until) = until {
        rows = rows.filter(appointment::from_date.le(until));
    }
    let found: i64 = rows.count().get_result(conn).await?;
    Ok(found > 0)
}

/// Adds some.
pub async fn add(conn: &mut AsyncPgConnection, new: &[Appointment]) -> Result<()> {
    diesel::insert_into(appointment::table)
        .values(new)
        .execute(conn)
        .await?;
    Ok(())
}

/// One of a person's, held until the transaction ends.
pub async fn lock(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, id: Uuid) -> Result<Option<Appointment>> {
    let row = appointment::table
        .find((district, id))
        .filter(appointment::person_id.eq(person))
        .select(Appointment::as_select())
        .for_update();
    Ok(row.first(conn).await.optional()?)
}

/// Sets its last day.
pub async fn end(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid, to: NaiveDate) -> Result<()> {
    diesel::update(appointment::table.find((district, id)))
        .set(appointment::to_date.eq(to))
        .execute(conn)
        .await?;
    Ok(())
}
