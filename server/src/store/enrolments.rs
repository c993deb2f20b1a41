//! The table `enrolment`: the one link by which somebody may choose a password. Of its code only the hash is stored.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{enrolment, person};

/// Opens a link for somebody; one they had before is no good any more.
pub async fn open(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    code_hash: [u8; 32],
    expires_at: DateTime<Utc>,
) -> Result<()> {
    let new = (
        enrolment::code_hash.eq(code_hash.to_vec()),
        enrolment::expires_at.eq(expires_at),
    );
    diesel::insert_into(enrolment::table)
        .values((
            enrolment::district_id.eq(district),
            enrolment::person_id.eq(person),
            new.clone(),
        ))
        .on_conflict((enrolment::district_id, enrolment::person_id))
        .do_update()
        .set(new)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whose link it is (district, person, login), while it is good and the account is not disabled.
pub async fn owner(conn: &mut AsyncPgConnection, code_hash: [u8; 32]) -> Result<Option<(Uuid, Uuid, String)>> {
    let row = enrolment::table
        .inner_join(
            person::table.on(person::district_id
                .eq(enrolment::district_id)
                .and(person::id.eq(enrolment::person_id))),
        )
        .filter(enrolment::code_hash.eq(code_hash.to_vec()))
        .filter(enrolment::expires_at.gt(diesel::dsl::now))
        .filter(person::status.eq("active"))
        .select((person::district_id, person::id, person::login));
    Ok(row.first(conn).await.optional()?)
}

/// Uses the link up.
pub async fn use_up(conn: &mut AsyncPgConnection, code_hash: [u8; 32]) -> Result<()> {
    let link = enrolment::table.filter(enrolment::code_hash.eq(code_hash.to_vec()));
    diesel::delete(link).execute(conn).await?;
    Ok(())
}
