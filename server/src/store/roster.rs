//! Writes who there is: the district, its zones, schools, people, and who looks after which school.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{assignment, device, district, person, school, zone};

/// A new district.
#[derive(Debug, Insertable)]
#[diesel(table_name = district)]
pub struct NewDistrict<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its short code, unique in the installation.
    pub code: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// A new zone.
#[derive(Debug, Insertable)]
#[diesel(table_name = zone)]
pub struct NewZone<'a> {
    /// Its district.
    pub district_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: &'a str,
}

/// A new school; everything else about it is a record in its bucket.
#[derive(Debug, Insertable)]
#[diesel(table_name = school)]
pub struct NewSchool<'a> {
    /// Its district.
    pub district_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Its zone.
    pub zone_id: Uuid,
    /// Its code, unique in the district.
    pub code: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// A new person.
#[derive(Debug, Insertable)]
#[diesel(table_name = person)]
pub struct NewPerson<'a> {
    /// Their district.
    pub district_id: Uuid,
    /// Their id.
    pub id: Uuid,
    /// What they sign in with; unique whatever the letter case.
    pub login: &'a str,
    /// The PHC string of their password; without one they choose it by a link.
    pub password_hash: Option<String>,
    /// Their name.
    pub name: &'a str,
    /// Role codes.
    pub roles: Vec<&'a str>,
    /// Their own zone.
    pub zone_id: Option<Uuid>,
}

/// Who looks after a school from a day on.
#[derive(Debug, Insertable)]
#[diesel(table_name = assignment)]
pub struct NewAssignment {
    /// The district.
    pub district_id: Uuid,
    /// The school.
    pub school_id: Uuid,
    /// The supervisor.
    pub person_id: Uuid,
    /// The first day.
    pub from_date: NaiveDate,
}

/// Holds everybody else who sets up people off until this transaction ends.
pub async fn lock(conn: &mut AsyncPgConnection) -> Result<()> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(4819232117)")
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds a district.
pub async fn add_district(conn: &mut AsyncPgConnection, new: &NewDistrict<'_>) -> Result<()> {
    diesel::insert_into(district::table).values(new).execute(conn).await?;
    Ok(())
}

/// Adds zones.
pub async fn add_zones(conn: &mut AsyncPgConnection, new: &[NewZone<'_>]) -> Result<()> {
    diesel::insert_into(zone::table).values(new).execute(conn).await?;
    Ok(())
}

/// Adds schools.
pub async fn add_schools(conn: &mut AsyncPgConnection, new: &[NewSchool<'_>]) -> Result<()> {
    diesel::insert_into(school::table).values(new).execute(conn).await?;
    Ok(())
}

/// Adds people; false when one of the logins is taken, and then nobody is added.
pub async fn add_people(conn: &mut AsyncPgConnection, new: &[NewPerson<'_>]) -> Result<bool> {
    use diesel::result::DatabaseErrorKind::UniqueViolation;
    use diesel::result::Error::DatabaseError;
    match diesel::insert_into(person::table).values(new).execute(conn).await {
        Err(DatabaseError(UniqueViolation, _)) => Ok(false),
        added => added.map(|_| true).map_err(Into::into),
    }
}

/// Somebody's device, as if they had signed in on it.
#[derive(Debug, Insertable)]
#[diesel(table_name = device)]
pub struct NewDevice {
    /// The district.
    pub district_id: Uuid,
    /// The installation.
    pub id: Uuid,
    /// Whose it is.
    pub person_id: Uuid,
    /// What it calls itself.
    pub name: String,
}

/// Notes devices.
pub async fn add_devices(conn: &mut AsyncPgConnection, new: &[NewDevice]) -> Result<()> {
    diesel::insert_into(device::table).values(new).execute(conn).await?;
    Ok(())
}

/// Assigns schools.
pub async fn assign(conn: &mut AsyncPgConnection, new: &[NewAssignment]) -> Result<()> {
    diesel::insert_into(assignment::table).values(new).execute(conn).await?;
    Ok(())
}
