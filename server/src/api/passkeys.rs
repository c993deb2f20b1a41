//! `/api/v1/second-factor/passkeys`: anybody sets up and removes their own passkeys. A sign-in asks for one of them (`api/session.rs`) beside the
//! password, never in its place (docs/adr/0014-passkeys.md).

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Payload};
use anyhow::Context;
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use webauthn_rs::prelude::{AuthenticationResult, Passkey};

use crate::AppState;
use crate::api::people::{moment, refuse_odd_name};
use crate::api::query;
use crate::api::second_factor::{Standing, refuse_last, standing, tell};
use crate::auth::actor::Doorstep;
use crate::auth::office;
use crate::auth::passkeys::{Asked, Passkeys, Verdict};
use crate::body;
use crate::error::{Code, Result};
use crate::store::passkeys::{self, New, Row, Work};
use crate::store::people::{self, Person};
use crate::store::purpose::{Purpose, within};
use crate::store::second_factors;

/// As many as one person may have.
const MOST: usize = 10;

/// A passkey as its owner sees it.
#[derive(Serialize)]
pub struct Shown {
    id: Uuid,
    name: String,
    created_at: String,
    last_used_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlyPassword {
    password: String,
}

/// What the browser is asked: `options` go to `navigator.credentials.create`, with bytes spelt in base 64 for addresses.
#[derive(Serialize)]
pub struct Begun {
    challenge: Uuid,
    options: Value,
}

/// A browser's answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// To which question.
    challenge: Uuid,
    /// What `navigator.credentials.get` gave, spelt in the same way.
    answer: Map<String, Value>,
}

/// `POST`, body `{"password"}`: asks the browser for a new passkey, which it has five minutes for.
///
/// Refuses `password.wrong`, `passkey.nameless` and `passkey.too_many`.
pub async fn begin(
    app: Data<AppState>,
    Doorstep(actor): Doorstep,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Begun>> {
    let asked: OnlyPassword = body::json(&request, payload).await?;
    office::confirm(&app, &actor, &request, asked.password).await?;
    let ceremony = ceremony(&app)?;
    let mut conn = app.pool.get().await?;
    let begun = within(&mut conn, Purpose::signing_in(), async |conn| -> Result<_> {
        let person = people::by_id(conn, actor.district, actor.person).await?;
        let known = known(&passkeys::of(conn, actor.district, actor.person).await?)?;
        if known.len() >= MOST {
            return Err(Code::PasskeysMany.into());
        }
        let Asked { options, state } = ceremony.ask_for_new(person.id, &person.login, &person.name, &known)?;
        let challenge = passkeys::ask(conn, actor.district, actor.person, Work::Register, state).await?;
        Ok(Begun { challenge, options })
    });
    Ok(Json(begun.await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finish {
    challenge: Uuid,
    name: String,
    answer: Map<String, Value>,
}

/// `POST …/finish`, body `{"challenge", "name", "answer"}`: the passkey counts from now on.
///
/// Refuses `passkey.refused` for an answer that is wrong, late or given twice, and for a passkey that somebody has already.
pub async fn finish(
    app: Data<AppState>,
    Doorstep(actor): Doorstep,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Standing>> {
    let asked: Finish = body::json(&request, payload).await?;
    refuse_odd_name(&asked.name)?;
    let name = asked.name.as_str();
    let ceremony = ceremony(&app)?;
    let mut conn = app.pool.get().await?;
    // A refusal must use the question up, so it is no error in here.
    let kept = within(&mut conn, Purpose::signing_in(), async |conn| -> Result<bool> {
        let (district, id) = (actor.district, actor.person);
        let Some(state) = passkeys::answered(conn, district, id, Work::Register, asked.challenge).await? else {
            return Ok(false);
        };
        let Some(made) = ceremony.new_one(asked.answer.into(), state) else {
            return Ok(false);
        };
        let new = New {
            credential_id: made.cred_id(),
            credential: serde_json::to_value(&made).context("a passkey is JSON")?,
            name,
        };
        if !passkeys::add(conn, district, id, new).await? {
            return Ok(false);
        }
        let person = people::by_id(conn, district, id).await?;
        tell(conn, &person, "passkey.added", json!({ "name": name })).await?;
        Ok(true)
    });
    match kept.await? {
        true => Ok(Json(standing(&app, &mut conn, &actor).await?)),
        false => Err(Code::PasskeyRefused.into()),
    }
}

/// `POST …/{id}/remove`, body `{"password"}`.
///
/// Refuses `password.wrong`, 404 when there is none, and `second_factor.last` for the last factor of somebody who must have one.
pub async fn remove(
    app: Data<AppState>,
    Doorstep(actor): Doorstep,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Standing>> {
    let id = query::path_id(&request, "id")?;
    let asked: OnlyPassword = body::json(&request, payload).await?;
    office::confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, Purpose::signing_in(), async |conn| -> Result<()> {
        let person = people::by_id(conn, actor.district, actor.person).await?;
        let name = passkeys::remove(conn, actor.district, actor.person, id).await?;
        let name = name.ok_or(Code::NotFound)?;
        let codes = second_factors::of(conn, actor.district, actor.person).await?;
        let has_codes = codes.is_some_and(|codes| codes.confirmed);
        let left = passkeys::of(conn, actor.district, actor.person).await?.len() + usize::from(has_codes);
        refuse_last(&app, &person, left)?;
        tell(conn, &person, "passkey.removed", json!({ "name": name })).await
    })
    .await?;
    Ok(Json(standing(&app, &mut conn, &actor).await?))
}

/// What somebody at the door is asked who has passkeys; `None` where this installation can ask for none.
pub(super) async fn ask(
    app: &AppState,
    conn: &mut AsyncPgConnection,
    person: &Person,
    rows: &[Row],
) -> Result<Option<Value>> {
    let Some(ceremony) = app.passkeys.as_deref().filter(|_| !rows.is_empty()) else {
        return Ok(None);
    };
    let Asked { options, state } = ceremony.ask(&known(rows)?)?;
    let challenge = passkeys::ask(conn, person.district_id, person.id, Work::SignIn, state).await?;
    let factor = second_factors::of(conn, person.district_id, person.id).await?;
    let or_code = factor.is_some_and(|factor| factor.confirmed);
    Ok(Some(
        json!({ "challenge": challenge, "options": options, "or_code": or_code }),
    ))
}

/// Whether the answer proves that whoever signs in holds a passkey of this person. It is good once, and so is its question.
pub(super) async fn spend(
    app: &AppState,
    conn: &mut AsyncPgConnection,
    person: &Person,
    given: Answer,
) -> Result<bool> {
    let Some(ceremony) = app.passkeys.as_deref() else {
        return Ok(false);
    };
    let (district, id) = (person.district_id, person.id);
    let Some(state) = passkeys::answered(conn, district, id, Work::SignIn, given.challenge).await? else {
        return Ok(false);
    };
    match ceremony.judge(given.answer.into(), state) {
        Verdict::Good(result) => take(conn, person, &result).await,
        Verdict::Copied(credential_id) => {
            if let Some(row) = passkeys::lock(conn, district, id, &credential_id).await? {
                tell_of_copy(conn, person, &row).await?;
            }
            Ok(false)
        }
        Verdict::Wrong => Ok(false),
    }
}

/// Holds a good answer against the passkey as it stands now: it may be gone, or have signed since it was asked for.
async fn take(conn: &mut AsyncPgConnection, person: &Person, result: &AuthenticationResult) -> Result<bool> {
    let found = passkeys::lock(conn, person.district_id, person.id, result.cred_id()).await?;
    let Some(mut row) = found else {
        return Ok(false);
    };
    let counter = i64::from(result.counter());
    if (counter > 0 || row.counter > 0) && counter <= row.counter {
        tell_of_copy(conn, person, &row).await?;
        return Ok(false);
    }
    let mut passkey = read(&row)?;
    passkey.update_credential(result);
    row.credential = serde_json::to_value(&passkey).context("a passkey is JSON")?;
    row.counter = counter;
    passkeys::used(conn, person.district_id, person.id, &row).await?;
    Ok(true)
}

async fn tell_of_copy(conn: &mut AsyncPgConnection, person: &Person, row: &Row) -> Result<()> {
    tracing::warn!("the counter of a passkey went back: there may be a copy of it");
    tell(conn, person, "passkey.copied", json!({ "name": row.name })).await
}

/// As their owner sees them.
pub(super) fn shown(rows: Vec<Row>) -> Vec<Shown> {
    let shown = rows.into_iter().map(|row| Shown {
        id: row.id,
        name: row.name,
        created_at: moment(row.created_at),
        last_used_at: row.last_used_at.map(moment),
    });
    shown.collect()
}

fn ceremony(app: &AppState) -> Result<&Passkeys> {
    Ok(app.passkeys.as_deref().ok_or(Code::PasskeysNameless)?)
}

fn known(rows: &[Row]) -> Result<Vec<Passkey>> {
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Passkey> {
    let read = serde_json::from_value(row.credential.clone());
    Ok(read.context("a stored passkey cannot be read")?)
}
