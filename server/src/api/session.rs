//! `/api/v1/session`: sign in, refresh, sign out.

use std::time::Instant;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Context;
use chrono::{Duration, Utc};
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::AppState;
use crate::api::{passkeys as keys, second_factor};
use crate::auth::office::LONGEST_PASSWORD;
use crate::auth::password::Caller;
use crate::auth::second_factor::LONGEST_CODE;
use crate::auth::session::{COOKIE, LIFETIME_DAYS, RefreshToken, Rotation, presented, rotate};
use crate::auth::throttle::{Visitor, address};
use crate::auth::token::{Claims, LIFETIME_S};
use crate::body;
use crate::error::{Code, Error, Result};
use crate::store::audit::{self, Event};
use crate::store::people::{self, Person};
use crate::store::purpose::{Purpose, within};
use crate::store::sessions::Session;
use crate::store::{passkeys, second_factors, sessions};

/// What a person types, and what their installation calls itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    login: String,
    password: String,
    device: Uuid,
    device_name: String,
    /// Six digits or a recovery code, from whoever was told `session.code_needed`.
    #[serde(default)]
    code: Option<String>,
    /// The answer of a passkey to what came with `session.code_needed`, in the place of a code.
    #[serde(default)]
    passkey: Option<keys::Answer>,
}

/// How somebody proves that it is them, beside the password.
enum Proof {
    Code(String),
    Passkey(keys::Answer),
}

/// An open session as the client sees it.
#[derive(Serialize)]
struct Opened {
    access: String,
    expires_in_s: u64,
    person: SessionPerson,
    district: District,
    demo: bool,
}

#[derive(Serialize)]
struct SessionPerson {
    id: Uuid,
    name: String,
    roles: Vec<String>,
    zone: Option<Uuid>,
}

#[derive(Serialize)]
struct District {
    id: Uuid,
    name: String,
}

/// `POST`: checks login and password, then the second factor if the person has one, and starts a sign-in on this device.
///
/// Body `{"login", "password", "device", "device_name", "code"?, "passkey"?}`. With the password right and neither `code` nor `passkey`: 401
/// `session.code_needed`, and the same body with one of them is expected next. For somebody with passkeys that refusal has a member more,
/// `{"passkey": {"challenge", "options", "or_code"}}`: the options are for `navigator.credentials.get`, and `or_code` says whether a code would do.
/// What is wrong, late or used is 401 `session.code_refused` and slowed down like a password.
pub async fn sign_in(app: Data<AppState>, request: HttpRequest, payload: Payload) -> Result<HttpResponse> {
    let asked: SignIn = body::json(&request, payload).await?;
    asked.check()?;
    // Whoever shows a sign-in of before, be it over, has been here; all others need a place before they are looked up, and share a few
    // connections for that.
    let door = match presented(&app.keys.refresh, &request) {
        Some(_) => None,
        None => {
            let place = app.hasher.place(Caller::Stranger).await?;
            let door = app.doors.acquire().await.context("the doors are never closed")?;
            Some((place, door))
        }
    };
    let mut conn = app.pool.get().await?;
    let known = within(&mut conn, Purpose::signing_in(), async |conn| -> Result<_> {
        let person = people::by_login(conn, &asked.login).await?;
        let device_state = match &person {
            Some(person) => people::device_state(conn, person, asked.device).await?,
            None => None,
        };
        Ok((person, device_state))
    });
    let (person, device_state) = known.await?;
    // The password takes a while: no connection is held meanwhile.
    drop(conn);
    let place = door.map(|(place, _)| place);

    let visitor = Visitor {
        address: address(&request),
        device: asked.device,
        known_device: device_state.is_some(),
        login: asked.login,
    };
    app.throttle.admit(&visitor, Instant::now())?;
    let stored = person.as_ref().and_then(|person| person.password_hash.clone());
    let place = match (place, visitor.known_device) {
        (Some(place), false) => place,
        (None, false) => app.hasher.place(Caller::Stranger).await?,
        (_, true) => app.hasher.place(Caller::Known).await?,
    };
    let right = app.hasher.verify_in(place, asked.password, stored).await?;
    let person = person.filter(|_| right).ok_or(Code::SignInRefused)?;
    refuse_inactive(&person, device_state.as_deref())?;

    let mut conn = app.pool.get().await?;
    let proof = asked.passkey.map(Proof::Passkey).or(asked.code.map(Proof::Code));
    // A refusal must use up what was shown, so it is no error in here.
    let started = within(&mut conn, Purpose::signing_in(), async |conn| -> Result<Result<Uuid>> {
        if let Err(refused) = check_factor(&app, conn, &visitor, &person, proof).await? {
            return Ok(Err(refused));
        }
        people::see_device(conn, &person, asked.device, &asked.device_name).await?;
        let family = sessions::start(conn, person.district_id, person.id, asked.device, lifetime()).await?;
        Ok(Ok(family))
    });
    let family = started.await??;
    app.throttle.succeeded(&visitor);
    open(
        &app,
        &mut conn,
        person,
        RefreshToken {
            district: Uuid::nil(),
            family,
            generation: 0,
        },
    )
    .await
}

/// `POST …/refresh`: a new access token for the sign-in in the cookie, and the next refresh token.
pub async fn refresh(app: Data<AppState>, request: HttpRequest) -> Result<HttpResponse> {
    let presented = presented(&app.keys.refresh, &request).ok_or(Code::SessionExpired)?;
    let mut conn = app.pool.get().await?;
    let refreshed = within(&mut conn, Purpose::signing_in(), async |conn| {
        turn(conn, presented).await
    });
    let refreshed = refreshed.await?;
    let (person, generation) = refreshed.ok_or(Code::SessionExpired)?;
    open(
        &app,
        &mut conn,
        person,
        RefreshToken {
            generation,
            ..presented
        },
    )
    .await
}

/// `DELETE`: ends the sign-in in the cookie. Answers 204 whether there was one or not. The cookie stays: it opens nothing from now on, but tells
/// the next sign-in on this phone from a stranger's.
pub async fn sign_out(app: Data<AppState>, request: HttpRequest) -> Result<HttpResponse> {
    let Some(token) = presented(&app.keys.refresh, &request) else {
        return Ok(HttpResponse::NoContent()
            .insert_header((header::SET_COOKIE, cookie("", 0)))
            .finish());
    };
    let mut conn = app.pool.get().await?;
    within(&mut conn, Purpose::signing_in(), async |conn| {
        sessions::revoke(conn, token.district, token.family).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The second factor of a person whose password was right, if they have one: a refusal, or nothing against them.
async fn check_factor(
    app: &AppState,
    conn: &mut AsyncPgConnection,
    visitor: &Visitor,
    person: &Person,
    proof: Option<Proof>,
) -> Result<Result<()>> {
    let codes = second_factors::of(conn, person.district_id, person.id).await?;
    let codes = codes.filter(|codes| codes.confirmed);
    let passkeys = passkeys::of(conn, person.district_id, person.id).await?;
    if codes.is_none() && passkeys.is_empty() {
        return Ok(Ok(()));
    }
    let Some(proof) = proof else {
        app.throttle.half_way(visitor);
        let asked = keys::ask(app, conn, person, &passkeys).await?;
        let needed = asked.map(|asked| Error::PasskeyNeeded(Box::new(asked)));
        return Ok(Err(needed.unwrap_or(Code::CodeNeeded.into())));
    };
    app.throttle
        .admit_code(&person.login, Instant::now())
        .inspect_err(|_| app.throttle.half_way(visitor))?;
    let is_good = match (proof, codes) {
        (Proof::Passkey(answer), _) => keys::spend(app, conn, person, answer).await?,
        (Proof::Code(code), Some(codes)) => second_factor::spend(app, conn, person, &codes, &code).await?,
        (Proof::Code(_), None) => false,
    };
    if !is_good {
        return Ok(Err(Code::CodeRefused.into()));
    }
    app.throttle.code_succeeded(&person.login);
    Ok(Ok(()))
}

impl SignIn {
    fn check(&self) -> Result<()> {
        // Logins are plain letters, and many are remembered at a time: theirs is counted in bytes.
        let lengths_fit = (1..=200).contains(&self.login.len())
            && (1..=LONGEST_PASSWORD).contains(&self.password.chars().count())
            && (1..=200).contains(&self.device_name.chars().count())
            && self
                .code
                .as_ref()
                .is_none_or(|code| code.chars().count() <= LONGEST_CODE);
        if lengths_fit && !self.device.is_nil() {
            Ok(())
        } else {
            Err(Code::ValueInvalid.into())
        }
    }
}

/// One refresh inside its transaction: the person and the generation to hand out, `None` when the sign-in is over.
/// A reused token must end the sign-in even though the caller is refused, so it is no error here.
async fn turn(conn: &mut AsyncPgConnection, presented: RefreshToken) -> Result<Option<(Person, i32)>> {
    let Some(row) = sessions::lock(conn, presented.district, presented.family).await? else {
        return Ok(None);
    };
    if row.revoked_at.is_some() || row.expires_at <= Utc::now() {
        return Ok(None);
    }
    // Each turn prolongs the sign-in by its whole lifetime, so the end says when the last one was.
    let age = Utc::now() - (row.expires_at - lifetime());
    let generation = match rotate(presented.generation, row.generation, age.num_seconds()) {
        Rotation::Advance(next) => {
            sessions::advance(conn, &row, next, lifetime()).await?;
            people::hear_of_device(conn, row.district_id, row.person_id, row.device_id).await?;
            next
        }
        Rotation::Repeat(current) => current,
        Rotation::Unknown => return Ok(None),
        Rotation::Reuse => {
            tracing::warn!("an old refresh token was presented again: its sign-in is ended");
            sessions::revoke(conn, row.district_id, row.family).await?;
            tell_of_reuse(conn, &row).await?;
            return Ok(None);
        }
    };
    let person = people::by_id(conn, row.district_id, row.person_id).await?;
    let device_state = people::device_state(conn, &person, row.device_id).await?;
    refuse_inactive(&person, device_state.as_deref())?;
    Ok(Some((person, generation)))
}

/// The office reads that somebody else holds a copy of this sign-in. Who of the two called is not known, so the sign-in's person stands
/// as the actor.
async fn tell_of_reuse(conn: &mut AsyncPgConnection, row: &Session) -> Result<()> {
    let name = people::device_name(conn, row.district_id, row.person_id, row.device_id).await?;
    let event = Event {
        district: row.district_id,
        actor: row.person_id,
        what: "session.reuse",
        subject: row.person_id,
        detail: json!({ "device": row.device_id, "name": name }),
    };
    audit::append(conn, event).await
}

fn refuse_inactive(person: &Person, device_state: Option<&str>) -> Result<()> {
    if device_state == Some("revoked") {
        return Err(Code::DeviceRevoked.into());
    }
    if person.status != "active" {
        return Err(Code::PersonDisabled.into());
    }
    Ok(())
}

/// The reply to a sign-in or refresh.
async fn open(
    app: &AppState,
    conn: &mut AsyncPgConnection,
    person: Person,
    token: RefreshToken,
) -> Result<HttpResponse> {
    let district = people::district(conn, person.district_id).await?;
    let token = RefreshToken {
        district: district.id,
        ..token
    };
    let now_s = u64::try_from(Utc::now().timestamp()).map_err(|before_1970| Error::Internal(before_1970.into()))?;
    let access = Claims::new(district.id, person.id, token.family, person.stamp, now_s).sign(&app.keys)?;
    let session = Opened {
        access,
        expires_in_s: LIFETIME_S,
        person: SessionPerson {
            id: person.id,
            name: person.name,
            roles: person.roles,
            zone: person.zone_id,
        },
        district: District {
            id: district.id,
            name: district.name,
        },
        demo: app.demo.is_some(),
    };
    Ok(HttpResponse::Ok()
        .insert_header((
            header::SET_COOKIE,
            cookie(&token.seal(&app.keys.refresh), LIFETIME_DAYS * 86_400),
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(session))
}

fn cookie(value: &str, max_age_s: i64) -> String {
    format!("{COOKIE}={value}; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age={max_age_s}")
}

fn lifetime() -> Duration {
    Duration::days(LIFETIME_DAYS)
}
