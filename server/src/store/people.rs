//! People, the district they work in, and their devices.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{device, district, person};

/// The district.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = district)]
pub struct District {
    /// Its id, which leads every key.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// A person as far as signing in is concerned.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = person)]
pub struct Person {
    /// The district.
    pub district_id: Uuid,
    /// The person.
    pub id: Uuid,
    /// What they sign in with.
    pub login: String,
    /// The PHC string of the password; none before they chose one.
    pub password_hash: Option<String>,
    /// The name shown.
    pub name: String,
    /// Role codes.
    pub roles: Vec<String>,
    /// The person's own zone.
    pub zone_id: Option<Uuid>,
    /// `active` or `disabled`.
    pub status: String,
    /// Raised when rights or password change.
    pub stamp: i32,
}

/// The district of this installation; `None` before one was set up.
pub async fn first_district(conn: &mut AsyncPgConnection) -> Result<Option<District>> {
    let rows = district::table.order(district::code).select(District::as_select());
    Ok(rows.first(conn).await.optional()?)
}

/// One district by id.
pub async fn district(conn: &mut AsyncPgConnection, id: Uuid) -> Result<District> {
    Ok(district::table
        .find(id)
        .select(District::as_select())
        .first(conn)
        .await?)
}

/// The person with this login, letter case apart.
pub async fn by_login(conn: &mut AsyncPgConnection, login: &str) -> Result<Option<Person>> {
    use diesel::dsl::sql;
    use diesel::sql_types::{Bool, Text};
    let same = sql::<Bool>("lower(login) = lower(").bind::<Text, _>(login).sql(")");
    Ok(person::table
        .filter(same)
        .select(Person::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// One person by id.
pub async fn by_id(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid) -> Result<Person> {
    Ok(person::table
        .find((district, id))
        .select(Person::as_select())
        .first(conn)
        .await?)
}

/// The state (`active` or `revoked`) of a person's device; `None` when they never signed in on it.
pub async fn device_state(conn: &mut AsyncPgConnection, person: &Person, id: Uuid) -> Result<Option<String>> {
    let row = device::table
        .find((person.district_id, id, person.id))
        .select(device::state);
    Ok(row.first(conn).await.optional()?)
}

/// What a person's device calls itself.
pub async fn device_name(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    device: Uuid,
) -> Result<Option<String>> {
    let row = device::table.find((district, device, person)).select(device::name);
    Ok(row.first(conn).await.optional()?)
}

/// Remembers that a person uses a device, under the name it gives itself.
pub async fn see_device(conn: &mut AsyncPgConnection, person: &Person, id: Uuid, name: &str) -> Result<()> {
    diesel::insert_into(device::table)
        .values((
            device::district_id.eq(person.district_id),
            device::id.eq(id),
            device::person_id.eq(person.id),
            device::name.eq(name),
        ))
        .on_conflict((device::district_id, device::id, device::person_id))
        .do_update()
        .set((device::name.eq(name), device::last_seen.eq(diesel::dsl::now)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that a device was heard of.
pub async fn hear_of_device(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, device: Uuid) -> Result<()> {
    diesel::update(device::table.find((district, device, person)))
        .set(device::last_seen.eq(diesel::dsl::now))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes how often a person's copy on a device was mended, as the device counts it.
pub async fn note_mended(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    device: Uuid,
    times: i32,
) -> Result<()> {
    diesel::update(device::table.find((district, device, person)))
        .set(device::mended.eq(times))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes how much of a person's work is only on a device, as the device counts it.
pub async fn note_pending(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    device: Uuid,
    pieces: i32,
) -> Result<()> {
    diesel::update(device::table.find((district, device, person)))
        .set((device::pending.eq(pieces), device::last_seen.eq(diesel::dsl::now)))
        .execute(conn)
        .await?;
    Ok(())
}
