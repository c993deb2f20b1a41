//! The table `recusal`: who keeps away from which school, and when. What it takes away is decided in `auth/grants.rs`, and once more in SQL.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::recusal;

/// A school somebody keeps away from, or did.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = recusal)]
pub struct Recusal {
    /// The district.
    pub district_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Who.
    pub person_id: Uuid,
    /// From which.
    pub school_id: Uuid,
    /// `kin`, `former_head` or `other`.
    pub reason: String,
    /// The first day.
    pub from_date: NaiveDate,
    /// The last day.
    pub to_date: Option<NaiveDate>,
}

/// Theirs, the newest first.
pub async fn of(conn: &mut AsyncPgConnection, district: Uuid, people: &[Uuid]) -> Result<Vec<Recusal>> {
    let rows = recusal::table
        .filter(recusal::district_id.eq(district))
        .filter(recusal::person_id.eq_any(people))
        .order((recusal::from_date.desc(), recusal::id))
        .select(Recusal::as_select());
    Ok(rows.load(conn).await?)
}

/// Whether the person keeps away from the school on some of these days, the last of which may be open.
pub async fn meets(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    school: Uuid,
    (from, until): (NaiveDate, Option<NaiveDate>),
) -> Result<bool> {
    let last = recusal::to_date;
    let mut rows = recusal::table
        .filter(recusal::district_id.eq(district))
        .filter(recusal::person_id.eq(person))
        .filter(recusal::school_id.eq(school))
        // One that was taken back leaves its row behind.
        .filter(
            last.is_null()
                .or(last.ge(from).and(last.ge(recusal::from_date.nullable()))),
        )
        .into_boxed();
    if let Some(until) = until {
        rows = rows.filter(recusal::from_date.le(until));
    }
    let found: i64 = rows.count().get_result(conn).await?;
    Ok(found > 0)
}

/// Adds one.
pub async fn add(conn: &mut AsyncPgConnection, new: &Recusal) -> Result<()> {
    diesel::insert_into(recusal::table).values(new).execute(conn).await?;
    Ok(())
}

/// One of a person's, held until the transaction ends.
pub async fn lock(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, id: Uuid) -> Result<Option<Recusal>> {
    let row = recusal::table
        .find((district, id))
        .filter(recusal::person_id.eq(person))
        .select(Recusal::as_select())
        .for_update();
    Ok(row.first(conn).await.optional()?)
}

/// Sets its last day.
pub async fn end(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid, to: NaiveDate) -> Result<()> {
    diesel::update(recusal::table.find((district, id)))
        .set(recusal::to_date.eq(to))
        .execute(conn)
        .await?;
    Ok(())
}
