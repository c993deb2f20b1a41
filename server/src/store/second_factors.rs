//! The tables `second_factor` and `recovery_code`: sealed secrets, and what of them was used up.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{recovery_code, second_factor};
use crate::store::passkeys;

/// Somebody's second factor.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = second_factor)]
pub struct SecondFactor {
    /// The secret, sealed.
    pub sealed: Vec<u8>,
    /// Whether the owner has proved that their device makes the right codes: before that it is asked of nobody.
    #[diesel(select_expression = second_factor::confirmed_at.is_not_null())]
    pub confirmed: bool,
    /// The newest time step whose code was taken.
    pub last_step: i64,
}

/// What a person has, confirmed or not.
pub async fn of(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid) -> Result<Option<SecondFactor>> {
    let row = second_factor::table
        .find((district, person))
        .select(SecondFactor::as_select());
    Ok(row.first(conn).await.optional()?)
}

/// Those of the district's people who have one that is asked for, be it a passkey.
pub async fn owners(conn: &mut AsyncPgConnection, district: Uuid, of: &[Uuid]) -> Result<Vec<Uuid>> {
    let rows = second_factor::table
        .filter(second_factor::district_id.eq(district))
        .filter(second_factor::person_id.eq_any(of))
        .filter(second_factor::confirmed_at.is_not_null());
    let mut owners: Vec<Uuid> = rows.select(second_factor::person_id).load(conn).await?;
    owners.extend(passkeys::owners(conn, district, of).await?);
    Ok(owners)
}

/// Stores a secret that its owner has yet to confirm, in the place of an earlier one of the same sort; false when they have a confirmed one.
pub async fn begin(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, sealed: &[u8]) -> Result<bool> {
    let unconfirmed = second_factor::table
        .find((district, person))
        .filter(second_factor::confirmed_at.is_null());
    diesel::delete(unconfirmed).execute(conn).await?;
    let begun = diesel::insert_into(second_factor::table)
        .values((
            second_factor::district_id.eq(district),
            second_factor::person_id.eq(person),
            second_factor::sealed.eq(sealed),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(begun == 1)
}

/// From now on it is asked for at sign-in; these are the hashes of its recovery codes. False when it was confirmed or removed meanwhile.
pub async fn confirm(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    step: i64,
    recovery: &[[u8; 32]],
) -> Result<bool> {
    let waiting = second_factor::table
        .find((district, person))
        .filter(second_factor::confirmed_at.is_null());
    let confirmed = diesel::update(waiting)
        .set((
            second_factor::confirmed_at.eq(diesel::dsl::now),
            second_factor::last_step.eq(step),
        ))
        .execute(conn)
        .await?;
    if confirmed == 0 {
        return Ok(false);
    }
    let rows: Vec<_> = recovery
        .iter()
        .map(|hash| {
            (
                recovery_code::district_id.eq(district),
                recovery_code::person_id.eq(person),
                recovery_code::code_hash.eq(hash.as_slice()),
            )
        })
        .collect();
    diesel::insert_into(recovery_code::table)
        .values(rows)
        .execute(conn)
        .await?;
    Ok(true)
}

/// Uses up the code of a time step; false when that or a later one was used before, be it at the same moment.
pub async fn use_step(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, step: i64) -> Result<bool> {
    let unused = second_factor::table
        .find((district, person))
        .filter(second_factor::last_step.lt(step));
    let used = diesel::update(unused)
        .set(second_factor::last_step.eq(step))
        .execute(conn)
        .await?;
    Ok(used == 1)
}

/// Uses up a recovery code; false when there is none of this hash.
pub async fn use_recovery(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    code_hash: &[u8; 32],
) -> Result<bool> {
    let row = recovery_code::table.find((district, person, code_hash.as_slice()));
    Ok(diesel::delete(row).execute(conn).await? == 1)
}

/// How many recovery codes are left.
pub async fn recovery_left(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid) -> Result<i64> {
    let rows = recovery_code::table
        .filter(recovery_code::district_id.eq(district))
        .filter(recovery_code::person_id.eq(person));
    Ok(rows.count().get_result(conn).await?)
}

/// Takes it away with its recovery codes; false when there was none that was confirmed.
pub async fn remove(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid) -> Result<bool> {
    let row = second_factor::table
        .find((district, person))
        .filter(second_factor::confirmed_at.is_not_null());
    Ok(diesel::delete(row).execute(conn).await? == 1)
}
