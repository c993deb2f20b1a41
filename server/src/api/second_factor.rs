//! `/api/v1/second-factor`: somebody with an office role sets up, confirms and removes their own time-based codes. A sign-in asks for them
//! once they are confirmed (`api/session.rs`); an administrator removes somebody else's (`api/people.rs`). Passkeys are in `api/passkeys.rs`.

use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Payload};
use anyhow::Context;
use chrono::Utc;
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::AppState;
use crate::api::passkeys::{self as keys, Shown};
use crate::auth::actor::{Actor, Doorstep};
use crate::auth::office;
use crate::auth::second_factor::{LONGEST_CODE, Secret, Typed, fresh_recovery_codes};
use crate::body;
use crate::error::{Code, Refused, Result};
use crate::store::audit::{self, Event};
use crate::store::passkeys;
use crate::store::people::{self, Person};
use crate::store::purpose::{Purpose, within};
use crate::store::second_factors::{self, SecondFactor};

/// Who may set one up. A supervisor's phone signs in where there is nobody to help with a lost code.
const ROLES: [&str; 4] = ["coordinator", "committee", "admin", "zone_lead"];

/// What one has: `{"active": true, "recovery_left": 8, "passkeys": [], "passkeys_at": "duxing.example", "demanded": true}`.
#[derive(Serialize)]
pub struct Standing {
    /// Whether the sign-in asks for a code.
    active: bool,
    /// Recovery codes not used yet.
    recovery_left: i64,
    /// One of which the sign-in asks for.
    passkeys: Vec<Shown>,
    /// The name under which a page must be open to set up a passkey; null where there can be none.
    passkeys_at: Option<String>,
    /// Whether the caller must have one or the other.
    demanded: bool,
}

/// `GET`: one's own.
pub async fn show(app: Data<AppState>, Doorstep(actor): Doorstep) -> Result<Json<Standing>> {
    let mut conn = app.pool.get().await?;
    Ok(Json(standing(&app, &mut conn, &actor).await?))
}

/// What the caller has.
pub(super) async fn standing(app: &AppState, conn: &mut AsyncPgConnection, actor: &Actor) -> Result<Standing> {
    let (district, person) = (actor.district, actor.person);
    let standing = within(conn, Purpose::signing_in(), async |conn| -> Result<_> {
        let factor = second_factors::of(conn, district, person).await?;
        Ok(Standing {
            active: factor.is_some_and(|factor| factor.confirmed),
            recovery_left: second_factors::recovery_left(conn, district, person).await?,
            passkeys: keys::shown(passkeys::of(conn, district, person).await?),
            passkeys_at: app.passkeys.as_ref().map(|passkeys| passkeys.name().to_owned()),
            demanded: app.second_factor.demands_of(&actor.roles),
        })
    });
    standing.await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    password: String,
}

/// What the device must learn, shown this once: `{"secret": "GEZD…", "uri": "otpauth://totp/Duxing:login?secret=…"}`.
#[derive(Serialize)]
pub struct Begun {
    /// Base32, to be typed.
    secret: String,
    /// For a QR code.
    uri: String,
}

/// `POST`, body `{"password"}`: a new secret. Nothing is asked at sign-in until it is confirmed; beginning again replaces it.
///
/// Refuses `forbidden` to those without an office role, `password.wrong`, and `second_factor.present` when there is a confirmed one.
pub async fn begin(
    app: Data<AppState>,
    Doorstep(actor): Doorstep,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Begun>> {
    refuse_others(&actor)?;
    let asked: Begin = body::json(&request, payload).await?;
    office::confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    let secret = Secret::fresh();
    let sealed = secret.seal(&app.keys.second_factor, actor.district, actor.person);
    let begun = within(&mut conn, Purpose::signing_in(), async |conn| -> Result<_> {
        let begun = second_factors::begin(conn, actor.district, actor.person, &sealed).await?;
        Ok(begun.then_some(people::by_id(conn, actor.district, actor.person).await?))
    });
    let person = begun.await?.ok_or(Code::SecondFactorPresent)?;
    Ok(Json(Begun {
        uri: secret.uri(&person.login),
        secret: secret.spelt(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirm {
    code: String,
}

/// The codes for whoever loses the device, shown this once: `{"recovery_codes": ["abcd-efgh-jkmn-pqrs", …]}`, eight of them.
#[derive(Serialize)]
pub struct Confirmed {
    recovery_codes: Vec<String>,
}

/// `POST …/confirm`, body `{"code"}`: the device makes the right codes, so from now on the sign-in asks for them.
///
/// Refuses `code.wrong`, `session.too_many_tries`, and 404 when nothing waits to be confirmed.
pub async fn confirm(
    app: Data<AppState>,
    Doorstep(actor): Doorstep,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Confirmed>> {
    refuse_others(&actor)?;
    let asked: Confirm = body::json(&request, payload).await?;
    let mut conn = app.pool.get().await?;
    let (person, waiting) = own(&mut conn, &actor).await?;
    let waiting = waiting.filter(|factor| !factor.confirmed).ok_or(Code::NotFound)?;
    app.throttle.admit_code(&person.login, Instant::now())?;
    let secret = open(&app, &person, &waiting)?;
    let step = match typed(&asked.code)? {
        Some(Typed::Timed(code)) => secret.step_of(code, Utc::now().timestamp(), waiting.last_step),
        _ => None,
    };
    let step = step.ok_or(Code::CodeWrong)?;
    let recovery_codes = fresh_recovery_codes();
    let hashes: Vec<[u8; 32]> = recovery_codes
        .iter()
        .filter_map(|code| match Typed::read(code) {
            Some(Typed::Recovery(hash)) => Some(hash),
            _ => None,
        })
        .collect();
    within(&mut conn, Purpose::signing_in(), async |conn| -> Result<()> {
        // Somebody else's beginning of the same account would have replaced the secret whose code this is.
        let now = second_factors::of(conn, actor.district, actor.person).await?;
        if now.is_none_or(|now| now.sealed != waiting.sealed)
            || !second_factors::confirm(conn, actor.district, actor.person, step, &hashes).await?
        {
            return Err(Code::NotFound.into());
        }
        tell(conn, &person, "second_factor.added", json!({})).await
    })
    .await?;
    app.throttle.code_succeeded(&person.login);
    Ok(Json(Confirmed { recovery_codes }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    password: String,
    code: String,
}

/// `POST …/remove`, body `{"password", "code"}`, the code being six digits or a recovery code: the sign-in asks for the password alone again.
///
/// Refuses `password.wrong`, `code.wrong`, `session.too_many_tries`, 404 when there is none, and `second_factor.last` for the last factor of somebody
/// who must have one.
pub async fn remove(
    app: Data<AppState>,
    Doorstep(actor): Doorstep,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Standing>> {
    let asked: Remove = body::json(&request, payload).await?;
    typed(&asked.code)?;
    office::confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    let (person, factor) = own(&mut conn, &actor).await?;
    let factor = factor.filter(|factor| factor.confirmed).ok_or(Code::NotFound)?;
    let passkeys = within(&mut conn, Purpose::signing_in(), async |conn| {
        passkeys::of(conn, actor.district, actor.person).await
    });
    refuse_last(&app, &person, passkeys.await?.len())?;
    app.throttle.admit_code(&person.login, Instant::now())?;
    let spent = within(&mut conn, Purpose::signing_in(), async |conn| {
        spend(&app, conn, &person, &factor, &asked.code).await
    });
    if !spent.await? {
        return Err(Code::CodeWrong.into());
    }
    app.throttle.code_succeeded(&person.login);
    within(&mut conn, Purpose::signing_in(), async |conn| -> Result<()> {
        if !second_factors::remove(conn, actor.district, actor.person).await? {
            return Err(Code::NotFound.into());
        }
        tell(conn, &person, "second_factor.removed", json!({})).await
    })
    .await?;
    Ok(Json(standing(&app, &mut conn, &actor).await?))
}

/// Refuses `second_factor.last` when so many factors are left to somebody who must have one.
pub(super) fn refuse_last(app: &AppState, person: &Person, left: usize) -> Result<(), Refused> {
    match left == 0 && app.second_factor.demands_of(&person.roles) {
        true => Err(Refused(Code::SecondFactorLast)),
        false => Ok(()),
    }
}

/// Whether `code` is good, which it is once: a used-up recovery code is told in the audit.
pub(super) async fn spend(
    app: &AppState,
    conn: &mut AsyncPgConnection,
    person: &Person,
    factor: &SecondFactor,
    code: &str,
) -> Result<bool> {
    let (district, id) = (person.district_id, person.id);
    match Typed::read(code) {
        None => Ok(false),
        Some(Typed::Timed(code)) => {
            let secret = open(app, person, factor)?;
            match secret.step_of(code, Utc::now().timestamp(), factor.last_step) {
                Some(step) => second_factors::use_step(conn, district, id, step).await,
                None => Ok(false),
            }
        }
        Some(Typed::Recovery(hash)) => {
            within(conn, Purpose::signing_in(), async |conn| -> Result<bool> {
                let used = second_factors::use_recovery(conn, district, id, &hash).await?;
                if used {
                    let left = second_factors::recovery_left(conn, district, id).await?;
                    tell(
                        conn,
                        person,
                        "second_factor.recovery_used",
                        json!({ "left": left.to_string() }),
                    )
                    .await?;
                }
                Ok(used)
            })
            .await
        }
    }
}

/// The caller, and what they have. A second factor is part of signing in, so the database shows it to nothing else.
async fn own(conn: &mut AsyncPgConnection, actor: &Actor) -> Result<(Person, Option<SecondFactor>)> {
    let own = within(conn, Purpose::signing_in(), async |conn| -> Result<_> {
        let person = people::by_id(conn, actor.district, actor.person).await?;
        let factor = second_factors::of(conn, actor.district, actor.person).await?;
        Ok((person, factor))
    });
    own.await
}

fn refuse_others(actor: &Actor) -> Result<(), Refused> {
    match ROLES.iter().any(|role| actor.has(role)) {
        true => Ok(()),
        false => Err(Refused(Code::Forbidden)),
    }
}

/// What was typed; refuses `value.invalid` for more than any code has.
fn typed(code: &str) -> Result<Option<Typed>, Refused> {
    match code.chars().count() <= LONGEST_CODE {
        true => Ok(Typed::read(code)),
        false => Err(Refused(Code::ValueInvalid)),
    }
}

fn open(app: &AppState, person: &Person, factor: &SecondFactor) -> Result<Secret> {
    let secret = Secret::open(&factor.sealed, &app.keys.second_factor, person.district_id, person.id);
    Ok(secret.context("a sealed second factor does not open with this installation's key")?)
}

/// About one's own second factor.
pub(super) async fn tell(
    conn: &mut AsyncPgConnection,
    person: &Person,
    what: &'static str,
    detail: Value,
) -> Result<()> {
    let (district, id): (Uuid, Uuid) = (person.district_id, person.id);
    let event = Event {
        district,
        actor: id,
        what,
        subject: id,
        detail,
    };
    audit::append(conn, event).await
}
