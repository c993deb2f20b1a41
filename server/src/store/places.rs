//! Zones and schools as the office looks after them. Whoever writes here holds `roster::lock`.

use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{person, school, zone};

/// What rights ask of a school.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = school)]
pub struct School {
    /// Its id.
    pub id: Uuid,
    /// Its zone.
    pub zone_id: Uuid,
    /// Its code, unique in the district.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// The name of a zone, held; `None` when the district has none of this id.
pub async fn lock_zone(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid) -> Result<Option<String>> {
    let row = zone::table.find((district, id)).select(zone::name).for_update();
    Ok(row.first(conn).await.optional()?)
}

/// A school, held; `None` when the district has none of this id.
pub async fn lock_school(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid) -> Result<Option<School>> {
    let row = school::table
        .find((district, id))
        .select(School::as_select())
        .for_update();
    Ok(row.first(conn).await.optional()?)
}

/// Whether another zone has this name.
pub async fn zone_name_is_taken(conn: &mut AsyncPgConnection, district: Uuid, name: &str, by: Uuid) -> Result<bool> {
    let rows = zone::table
        .filter(zone::district_id.eq(district))
        .filter(zone::name.eq(name))
        .filter(zone::id.ne(by));
    Ok(diesel::select(diesel::dsl::exists(rows)).get_result(conn).await?)
}

/// Whether a school has one of these codes, besides this one.
pub async fn code_is_taken(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    codes: &[&str],
    besides: Option<Uuid>,
) -> Result<bool> {
    let rows = school::table
        .filter(school::district_id.eq(district))
        .filter(school::code.eq_any(codes))
        .filter(school::id.ne(besides.unwrap_or_default()));
    Ok(diesel::select(diesel::dsl::exists(rows)).get_result(conn).await?)
}

/// Gives a zone another name.
pub async fn rename_zone(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid, name: &str) -> Result<()> {
    diesel::update(zone::table.find((district, id)))
        .set(zone::name.eq(name))
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes zone, code and name of a school.
pub async fn write_school(conn: &mut AsyncPgConnection, district: Uuid, new: &School) -> Result<()> {
    diesel::update(school::table.find((district, new.id)))
        .set((
            school::zone_id.eq(new.zone_id),
            school::code.eq(&new.code),
            school::name.eq(&new.name),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets this transaction write what the phones carry of these schools.
pub async fn settle(conn: &mut AsyncPgConnection, schools: &[Uuid]) -> Result<()> {
    diesel::sql_query("SELECT lock_settle($1)")
        .bind::<Array<SqlUuid>, _>(schools)
        .execute(conn)
        .await?;
    Ok(())
}

/// Who leads one of these zones.
pub async fn leads(conn: &mut AsyncPgConnection, district: Uuid, zones: &[Uuid]) -> Result<Vec<Uuid>> {
    let rows = person::table
        .filter(person::district_id.eq(district))
        .filter(person::zone_id.eq_any(zones))
        .filter(person::roles.contains(vec!["zone_lead"]))
        .select(person::id);
    Ok(rows.load(conn).await?)
}
