//! The table `complaint_identity`: who complained, sealed. Rows are added and opened within the purpose of their own, and by nothing else.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::complaint_identity;

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

/// Whether this transaction may touch identities, and those of this school: the second lock's own answer.
pub async fn may_touch(conn: &mut AsyncPgConnection, school: Option<Uuid>) -> Result<bool> {
    let asked = diesel::dsl::sql::<Bool>("lock_work() = 'identities' AND NOT lock_recuses(")
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

/// What was told last, but for what is about schools that the caller keeps away from.
pub async fn newest(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    complaint: Uuid,
    besides: &[Uuid],
) -> Result<Option<Sealed>> {
    let school = complaint_identity::school_id;
    let rows = complaint_identity::table
        .filter(complaint_identity::district_id.eq(district))
        .filter(complaint_identity::complaint_id.eq(complaint))
        .filter(
            school
                .is_null()
                .or(school.ne_all(besides.iter().copied().map(Some).collect::<Vec<_>>())),
        )
        .order((complaint_identity::created_at.desc(), complaint_identity::id.desc()))
        .select(Sealed::as_select());
    Ok(rows.first(conn).await.optional()?)
}
