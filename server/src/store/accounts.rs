//! People as the office manages them: their accounts with schools, devices and links, and what changes an account.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Date};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{assignment, device, enrolment, person, school, zone};

/// An account.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = person)]
pub struct Account {
    /// The person.
    pub id: Uuid,
    /// What they sign in with.
    pub login: String,
    /// Their name.
    pub name: String,
    /// Role codes.
    pub roles: Vec<String>,
    /// Their own zone.
    pub zone_id: Option<Uuid>,
    /// `active` or `disabled`.
    pub status: String,
    /// Whether they have chosen a password.
    #[diesel(select_expression = person::password_hash.is_not_null())]
    pub enrolled: bool,
}

/// A school somebody looks after, or did.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = assignment)]
pub struct Assignment {
    /// Who.
    pub person_id: Uuid,
    /// Which.
    pub school_id: Uuid,
    /// The first day.
    pub from_date: NaiveDate,
    /// The last day.
    pub to_date: Option<NaiveDate>,
}

/// An installation somebody signed in on.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = device)]
pub struct Device {
    /// Whose.
    pub person_id: Uuid,
    /// The installation.
    pub id: Uuid,
    /// What it calls itself.
    pub name: String,
    /// `active` or `revoked`.
    pub state: String,
    /// The first sign-in.
    pub first_seen: DateTime<Utc>,
    /// When it was last heard of: signed in, renewed its sign-in, or told what waits on it.
    pub last_seen: DateTime<Utc>,
    /// Pieces of their work that were only there then.
    pub pending: i32,
}

/// A school to choose: id, zone, code, name.
pub type SchoolRow = (Uuid, Uuid, String, String);

/// Accounts of the district, or the one asked for, by name.
pub async fn accounts(conn: &mut AsyncPgConnection, district: Uuid, only: Option<Uuid>) -> Result<Vec<Account>> {
    let mut rows = person::table.filter(person::district_id.eq(district)).into_boxed();
    if let Some(id) = only {
        rows = rows.filter(person::id.eq(id));
    }
    Ok(rows
        .order((person::name, person::login))
        .select(Account::as_select())
        .load(conn)
        .await?)
}

/// One account, held until the transaction ends.
pub async fn lock(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid) -> Result<Option<Account>> {
    let row = person::table
        .find((district, id))
        .select(Account::as_select())
        .for_update();
    Ok(row.first(conn).await.optional()?)
}

/// What they look after and looked after, the newest first.
pub async fn assignments(conn: &mut AsyncPgConnection, district: Uuid, of: &[Uuid]) -> Result<Vec<Assignment>> {
    let rows = assignment::table
        .filter(assignment::district_id.eq(district))
        .filter(assignment::person_id.eq_any(of))
        .order((assignment::from_date.desc(), assignment::school_id))
        .select(Assignment::as_select());
    Ok(rows.load(conn).await?)
}

/// What they look after on a day or later, by school: what is left to hand over.
pub async fn lasting(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    day: NaiveDate,
) -> Result<Vec<Assignment>> {
    let last = assignment::to_date;
    let rows = assignment::table
        .filter(assignment::district_id.eq(district))
        .filter(assignment::person_id.eq(person))
        .filter(
            last.is_null()
                .or(last.ge(day).and(last.ge(assignment::from_date.nullable()))),
        )
        .order((assignment::school_id, assignment::from_date))
        .select(Assignment::as_select());
    Ok(rows.load(conn).await?)
}

/// Their devices, the one last heard of first.
pub async fn devices(conn: &mut AsyncPgConnection, district: Uuid, of: &[Uuid]) -> Result<Vec<Device>> {
    let rows = device::table
        .filter(device::district_id.eq(district))
        .filter(device::person_id.eq_any(of))
        .order((device::last_seen.desc(), device::id))
        .select(Device::as_select());
    Ok(rows.load(conn).await?)
}

/// Until when whose link may be used.
pub async fn open_links(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    of: &[Uuid],
) -> Result<Vec<(Uuid, DateTime<Utc>)>> {
    let rows = enrolment::table
        .filter(enrolment::district_id.eq(district))
        .filter(enrolment::person_id.eq_any(of))
        .filter(enrolment::expires_at.gt(diesel::dsl::now))
        .select((enrolment::person_id, enrolment::expires_at));
    Ok(rows.load(conn).await?)
}

/// The district's zones, by name.
pub async fn zones(conn: &mut AsyncPgConnection, district: Uuid) -> Result<Vec<(Uuid, String)>> {
    let rows = zone::table.filter(zone::district_id.eq(district)).order(zone::name);
    Ok(rows.select((zone::id, zone::name)).load(conn).await?)
}

/// The district's schools, by code.
pub async fn schools(conn: &mut AsyncPgConnection, district: Uuid) -> Result<Vec<SchoolRow>> {
    let rows = school::table
        .filter(school::district_id.eq(district))
        .order(school::code);
    let columns = (school::id, school::zone_id, school::code, school::name);
    Ok(rows.select(columns).load(conn).await?)
}

/// Whether the district has this zone.
pub async fn has_zone(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid) -> Result<bool> {
    let found = diesel::dsl::exists(zone::table.find((district, id)));
    Ok(diesel::select(found).get_result(conn).await?)
}

/// Whether the district has this school.
pub async fn has_school(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid) -> Result<bool> {
    let found = diesel::dsl::exists(school::table.find((district, id)));
    Ok(diesel::select(found).get_result(conn).await?)
}

/// Administrators besides this person who could sign in.
pub async fn other_admins(conn: &mut AsyncPgConnection, district: Uuid, besides: Uuid) -> Result<i64> {
    let rows = person::table
        .filter(person::district_id.eq(district))
        .filter(person::id.ne(besides))
        .filter(person::status.eq("active"))
        .filter(person::password_hash.is_not_null())
        .filter(person::roles.contains(vec!["admin"]));
    Ok(rows.count().get_result(conn).await?)
}

/// Writes what the office may change of an account. `raise` makes the tokens handed out before stale.
pub async fn write(conn: &mut AsyncPgConnection, district: Uuid, account: &Account, raise: bool) -> Result<()> {
    diesel::update(person::table.find((district, account.id)))
        .set((
            person::name.eq(&account.name),
            person::roles.eq(&account.roles),
            person::zone_id.eq(account.zone_id),
            person::status.eq(&account.status),
            person::stamp.eq(person::stamp + i32::from(raise)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Sets the password that somebody chose.
pub async fn set_password(conn: &mut AsyncPgConnection, district: Uuid, id: Uuid, password_hash: &str) -> Result<()> {
    diesel::update(person::table.find((district, id)))
        .set((
            person::password_hash.eq(password_hash),
            person::stamp.eq(person::stamp + 1),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Assigns a school from a day on, until a last one if there is one; false when the person looks after it on the first day or later already.
pub async fn assign(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    school: Uuid,
    (from, until): (NaiveDate, Option<NaiveDate>),
) -> Result<bool> {
    let lasting = sql::<Bool>("(to_date IS NULL OR (to_date >= from_date AND to_date >= ")
        .bind::<Date, _>(from)
        .sql("))");
    let same = assignment::table
        .filter(assignment::district_id.eq(district))
        .filter(assignment::person_id.eq(person))
        .filter(assignment::school_id.eq(school))
        .filter(lasting);
    if diesel::select(diesel::dsl::exists(same)).get_result(conn).await? {
        return Ok(false);
    }
    // One that was withdrawn before it began leaves its row behind.
    diesel::insert_into(assignment::table)
        .values((
            assignment::district_id.eq(district),
            assignment::person_id.eq(person),
            assignment::school_id.eq(school),
            assignment::from_date.eq(from),
            assignment::to_date.eq(until),
        ))
        .on_conflict((
            assignment::district_id,
            assignment::person_id,
            assignment::school_id,
            assignment::from_date,
        ))
        .do_update()
        .set(assignment::to_date.eq(until))
        .execute(conn)
        .await?;
    Ok(true)
}

/// Sets the last day of an assignment that begins on `from`; false when there is none that is open on that day or later.
pub async fn end_assignment(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    school: Uuid,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<bool> {
    let row = assignment::table.find((district, person, school, from));
    let open = row.filter(assignment::to_date.is_null().or(assignment::to_date.gt(to)));
    let ended = diesel::update(open)
        .set(assignment::to_date.eq(to))
        .execute(conn)
        .await?;
    Ok(ended == 1)
}

/// Sets the state of a person's device and answers its name; `None` when they never signed in on it.
pub async fn set_device_state(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    device: Uuid,
    state: &str,
) -> Result<Option<String>> {
    let row = device::table.find((district, device, person));
    let set = diesel::update(row).set(device::state.eq(state)).returning(device::name);
    Ok(set.get_result(conn).await.optional()?)
}

/// Who else has signed in on a device and is still let in there.
pub async fn others_on_device(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    device: Uuid,
) -> Result<Vec<Uuid>> {
    let rows = device::table
        .filter(device::district_id.eq(district))
        .filter(device::id.eq(device))
        .filter(device::person_id.ne(person))
        .filter(device::state.eq("active"))
        .order(device::person_id)
        .select(device::person_id);
    Ok(rows.load(conn).await?)
}
