//! The table `session`: sign-ins and how often each was refreshed.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{device, session};

/// One sign-in.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = session)]
pub struct Session {
    /// The district.
    pub district_id: Uuid,
    /// The sign-in's id.
    pub family: Uuid,
    /// Who signed in.
    pub person_id: Uuid,
    /// On which installation.
    pub device_id: Uuid,
    /// The newest refresh token handed out.
    pub generation: i32,
    /// When it ends unless refreshed.
    pub expires_at: DateTime<Utc>,
    /// When it was ended on purpose.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Starts a sign-in and returns its family.
pub async fn start(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    device: Uuid,
    lifetime: Duration,
) -> Result<Uuid> {
    let family = Uuid::new_v4();
    diesel::insert_into(session::table)
        .values((
            session::district_id.eq(district),
            session::family.eq(family),
            session::person_id.eq(person),
            session::device_id.eq(device),
            session::expires_at.eq(Utc::now() + lifetime),
        ))
        .execute(conn)
        .await?;
    Ok(family)
}

/// Reads a sign-in and holds its row until the transaction ends, so that two refreshes take turns.
pub async fn lock(conn: &mut AsyncPgConnection, district: Uuid, family: Uuid) -> Result<Option<Session>> {
    let row = session::table
        .find((district, family))
        .select(Session::as_select())
        .for_update();
    Ok(row.first(conn).await.optional()?)
}

/// Whose sign-in it is.
pub async fn person_of(conn: &mut AsyncPgConnection, district: Uuid, family: Uuid) -> Result<Option<Uuid>> {
    let row = session::table.find((district, family)).select(session::person_id);
    Ok(row.first(conn).await.optional()?)
}

/// The newest sign-in of a person on a device, ended or not.
pub async fn newest(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, device: Uuid) -> Result<Option<Uuid>> {
    let rows = session::table
        .filter(session::district_id.eq(district))
        .filter(session::person_id.eq(person))
        .filter(session::device_id.eq(device))
        .order(session::created_at.desc())
        .select(session::family);
    Ok(rows.first(conn).await.optional()?)
}

/// Moves a sign-in to the next generation and prolongs it.
pub async fn advance(conn: &mut AsyncPgConnection, row: &Session, generation: i32, lifetime: Duration) -> Result<()> {
    diesel::update(session::table.find((row.district_id, row.family)))
        .set((
            session::generation.eq(generation),
            session::expires_at.eq(Utc::now() + lifetime),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends every sign-in of a person. Those on a phone that was reported lost stay: what is on it may still be handed in.
pub async fn revoke_all(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid) -> Result<()> {
    let trusted = device::table
        .filter(device::district_id.eq(district))
        .filter(device::person_id.eq(person))
        .filter(device::state.eq("active"))
        .select(device::id);
    let live = session::table
        .filter(session::district_id.eq(district))
        .filter(session::person_id.eq(person))
        .filter(session::revoked_at.is_null())
        .filter(session::device_id.eq_any(trusted));
    diesel::update(live)
        .set(session::revoked_at.eq(diesel::dsl::now))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends a sign-in; ending it twice keeps the first time.
pub async fn revoke(conn: &mut AsyncPgConnection, district: Uuid, family: Uuid) -> Result<()> {
    let live = session::table
        .find((district, family))
        .filter(session::revoked_at.is_null());
    diesel::update(live)
        .set(session::revoked_at.eq(diesel::dsl::now))
        .execute(conn)
        .await?;
    Ok(())
}
