//! The tables `passkey` and `passkey_challenge`: what people's browsers hold, and what they were asked and have not answered.

use chrono::{DateTime, Duration, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{passkey, passkey_challenge};

/// For so long a browser may take to answer.
const GOOD_FOR_MINUTES: i64 = 5;
/// Questions to one person that may wait for their answers at a time; the oldest gives way.
const OPEN_AT_ONCE: i64 = 5;

/// Somebody's passkey.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = passkey)]
pub struct Row {
    /// Its id here.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// The public key and what belongs to it (`webauthn_rs::prelude::Passkey`).
    pub credential: Value,
    /// How often it signed, as far as it counts at all.
    pub counter: i64,
    /// When it was set up.
    pub created_at: DateTime<Utc>,
    /// When it let somebody in last.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A passkey that is to be stored.
#[derive(Debug)]
pub struct New<'a> {
    /// What the browser calls it.
    pub credential_id: &'a [u8],
    /// As in [`Row`].
    pub credential: Value,
    /// As in [`Row`].
    pub name: &'a str,
}

/// What a browser was asked for.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// A new passkey.
    Register,
    /// A proof at the door.
    SignIn,
}

impl Work {
    fn word(self) -> &'static str {
        match self {
            Work::Register => "register",
            Work::SignIn => "sign_in",
        }
    }
}

/// A person's, the oldest first.
pub async fn of(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid) -> Result<Vec<Row>> {
    let rows = passkey::table
        .filter(passkey::district_id.eq(district))
        .filter(passkey::person_id.eq(person))
        .order((passkey::created_at, passkey::id));
    Ok(rows.select(Row::as_select()).load(conn).await?)
}

/// Those of the district's people who have any.
pub async fn owners(conn: &mut AsyncPgConnection, district: Uuid, of: &[Uuid]) -> Result<Vec<Uuid>> {
    let rows = passkey::table
        .filter(passkey::district_id.eq(district))
        .filter(passkey::person_id.eq_any(of));
    Ok(rows.select(passkey::person_id).distinct().load(conn).await?)
}

/// Stores a new one; false when somebody has it already.
pub async fn add(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, new: New<'_>) -> Result<bool> {
    let added = diesel::insert_into(passkey::table)
        .values((
            passkey::district_id.eq(district),
            passkey::person_id.eq(person),
            passkey::id.eq(Uuid::now_v7()),
            passkey::credential_id.eq(new.credential_id),
            passkey::credential.eq(new.credential),
            passkey::name.eq(new.name),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(added == 1)
}

/// One of a person's by what the browser calls it, held until the transaction ends.
pub async fn lock(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    credential_id: &[u8],
) -> Result<Option<Row>> {
    let row = passkey::table
        .filter(passkey::district_id.eq(district))
        .filter(passkey::person_id.eq(person))
        .filter(passkey::credential_id.eq(credential_id))
        .select(Row::as_select())
        .for_update();
    Ok(row.first(conn).await.optional()?)
}

/// It let its owner in.
pub async fn used(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, row: &Row) -> Result<()> {
    diesel::update(passkey::table.find((district, person, row.id)))
        .set((
            passkey::credential.eq(&row.credential),
            passkey::counter.eq(row.counter),
            passkey::last_used_at.eq(diesel::dsl::now),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes one away and says what it was called; `None` when there is none of this id.
pub async fn remove(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, id: Uuid) -> Result<Option<String>> {
    let row = passkey::table.find((district, person, id));
    Ok(diesel::delete(row)
        .returning(passkey::name)
        .get_result(conn)
        .await
        .optional()?)
}

/// Takes all of a person's away, and says how many there were.
pub async fn remove_all(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid) -> Result<usize> {
    let rows = passkey::table
        .filter(passkey::district_id.eq(district))
        .filter(passkey::person_id.eq(person));
    Ok(diesel::delete(rows).execute(conn).await?)
}

/// Keeps what belongs to a question until it is answered; its id. Old ones go with this.
pub async fn ask(conn: &mut AsyncPgConnection, district: Uuid, person: Uuid, work: Work, state: Value) -> Result<Uuid> {
    let old = passkey_challenge::table
        .filter(passkey_challenge::district_id.eq(district))
        .filter(passkey_challenge::expires_at.lt(diesel::dsl::now));
    diesel::delete(old).execute(conn).await?;
    let of_person = passkey_challenge::table
        .filter(passkey_challenge::district_id.eq(district))
        .filter(passkey_challenge::person_id.eq(person));
    let newest: Vec<Uuid> = of_person
        .order(passkey_challenge::expires_at.desc())
        .limit(OPEN_AT_ONCE - 1)
        .select(passkey_challenge::id)
        .load(conn)
        .await?;
    diesel::delete(of_person.filter(passkey_challenge::id.ne_all(newest)))
        .execute(conn)
        .await?;
    let id = Uuid::new_v4();
    diesel::insert_into(passkey_challenge::table)
        .values((
            passkey_challenge::district_id.eq(district),
            passkey_challenge::person_id.eq(person),
            passkey_challenge::id.eq(id),
            passkey_challenge::work.eq(work.word()),
            passkey_challenge::state.eq(state),
            passkey_challenge::expires_at.eq(Utc::now() + Duration::minutes(GOOD_FOR_MINUTES)),
        ))
        .execute(conn)
        .await?;
    Ok(id)
}

/// What was kept for this question, once and in time. The transaction must not be undone by a wrong answer.
pub async fn answered(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    work: Work,
    id: Uuid,
) -> Result<Option<Value>> {
    let row = passkey_challenge::table
        .find((district, person, id))
        .filter(passkey_challenge::work.eq(work.word()));
    let found: Option<(Value, DateTime<Utc>)> = diesel::delete(row)
        .returning((passkey_challenge::state, passkey_challenge::expires_at))
        .get_result(conn)
        .await
        .optional()?;
    Ok(found
        .filter(|(_, expires_at)| *expires_at > Utc::now())
        .map(|(state, _)| state))
}
