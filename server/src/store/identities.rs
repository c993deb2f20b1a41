//! The tables `complaint_identity`, who complained, sealed, and `identity_handler`, who may open it besides the coordinator who wrote it down.
//! Identities are added and opened within the purpose of their own, and by nothing else.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{complaint_identity, identity_handler};

/// One telling of who complained.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = complaint_identity)]
pub struct Sealed {
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// When it was told.
    pub created_at: DateTime<Utc>,
    /// Who wrote it down.
    pub created_by: Uuid,
}

/// Whether this transaction may keep identities, and those of this school: the second lock's own answer.
pub async fn may_keep(conn: &mut AsyncPgConnection, school: Option<Uuid>) -> Result<bool> {
    let asked = diesel::dsl::sql::<Bool>("lock_work() = 'identities' AND lock_is('coordinator') AND NOT lock_recuses(")
        .bind::<Nullable<SqlUuid>, _>(school)
        .sql(")");
    Ok(diesel::select(asked).get_result(conn).await?)
}

/// Keeps one more.
pub async fn add(
    conn: &mut AsyncPgConnection,
    (district, complaint): (Uuid, Uuid),
    school: Option<Uuid>,
    sealed: Vec<u8>,
    by: Uuid,
) -> Result<()> {
    diesel::insert_into(complaint_identity::table)
        .values((
            complaint_identity::district_id.eq(district),
            complaint_identity::complaint_id.eq(complaint),
            complaint_identity::id.eq(Uuid::now_v7()),
            complaint_identity::school_id.eq(school),
            complaint_identity::sealed.eq(sealed),
            complaint_identity::created_by.eq(by),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Which tellings of a complaint somebody may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// All: an approved handler, or the coordinator who wrote down the first one.
    All,
    /// Those they wrote down themselves.
    Own(Uuid),
}

/// What this person may open of a complaint, if anything: the policy `opens` once more.
pub async fn opens(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    complaint: Uuid,
    (person, coordinates): (Uuid, bool),
) -> Result<Option<Opens>> {
    if live(conn, district, complaint, person).await? {
        return Ok(Some(Opens::All));
    }
    if !coordinates {
        return Ok(None);
    }
    let first = complaint_identity::table
        .filter(complaint_identity::district_id.eq(district))
        .filter(complaint_identity::complaint_id.eq(complaint))
        .order((complaint_identity::created_at, complaint_identity::id))
        .select(complaint_identity::created_by);
    let first: Option<Uuid> = first.first(conn).await.optional()?;
    Ok(Some(match first == Some(person) {
        true => Opens::All,
        false => Opens::Own(person),
    }))
}

/// What was told last of what somebody may open, but for what is about schools that they keep away from.
pub async fn newest(
    conn: &mut AsyncPgConnection,
    (district, complaint): (Uuid, Uuid),
    opens: Opens,
    besides: &[Uuid],
) -> Result<Option<Sealed>> {
    let school = complaint_identity::school_id;
    let mut rows = complaint_identity::table
        .filter(complaint_identity::district_id.eq(district))
        .filter(complaint_identity::complaint_id.eq(complaint))
        .filter(
            school
                .is_null()
                .or(school.ne_all(besides.iter().copied().map(Some).collect::<Vec<_>>())),
        )
        .order((complaint_identity::created_at.desc(), complaint_identity::id.desc()))
        .select(Sealed::as_select())
        .into_boxed();
    if let Opens::Own(person) = opens {
        rows = rows.filter(complaint_identity::created_by.eq(person));
    }
    Ok(rows.first(conn).await.optional()?)
}

/// Whether somebody is an approved handler of this complaint.
pub async fn live(conn: &mut AsyncPgConnection, district: Uuid, complaint: Uuid, person: Uuid) -> Result<bool> {
    let rows = identity_handler::table
        .filter(identity_handler::district_id.eq(district))
        .filter(identity_handler::complaint_id.eq(complaint))
        .filter(identity_handler::person_id.eq(person))
        .filter(identity_handler::ended_at.is_null());
    Ok(diesel::select(diesel::dsl::exists(rows)).get_result(conn).await?)
}

/// Whether somebody may be a handler: active, and keeping away from no school that the complaint is about.
pub async fn may_handle(conn: &mut AsyncPgConnection, complaint: Uuid, person: Uuid) -> Result<bool> {
    let asked = diesel::dsl::sql::<Bool>("lock_may_handle(")
        .bind::<SqlUuid, _>(complaint)
        .sql(", ")
        .bind::<SqlUuid, _>(person)
        .sql(")");
    Ok(diesel::select(asked).get_result(conn).await?)
}

/// Makes somebody a handler.
pub async fn approve(
    conn: &mut AsyncPgConnection,
    (district, complaint): (Uuid, Uuid),
    person: Uuid,
    by: Uuid,
) -> Result<()> {
    diesel::insert_into(identity_handler::table)
        .values((
            identity_handler::district_id.eq(district),
            identity_handler::id.eq(Uuid::now_v7()),
            identity_handler::complaint_id.eq(complaint),
            identity_handler::person_id.eq(person),
            identity_handler::approved_by.eq(by),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends it; false when there was nothing to end.
pub async fn end(
    conn: &mut AsyncPgConnection,
    (district, complaint): (Uuid, Uuid),
    person: Uuid,
    by: Uuid,
) -> Result<bool> {
    let rows = identity_handler::table
        .filter(identity_handler::district_id.eq(district))
        .filter(identity_handler::complaint_id.eq(complaint))
        .filter(identity_handler::person_id.eq(person))
        .filter(identity_handler::ended_at.is_null());
    let ended = diesel::update(rows)
        .set((
            identity_handler::ended_at.eq(diesel::dsl::now),
            identity_handler::ended_by.eq(by),
        ))
        .execute(conn)
        .await?;
    Ok(ended > 0)
}
