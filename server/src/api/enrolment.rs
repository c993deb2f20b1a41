//! `POST /api/v1/enrolment`: whoever holds a link chooses the password of the account it was made for.

use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Payload};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::AppState;
use crate::auth::office::LONGEST_PASSWORD;
use crate::auth::password::{self, Caller};
use crate::auth::throttle::{Visitor, address};
use crate::body;
use crate::error::{Code, Result};
use crate::store::audit::{self, Event};
use crate::store::purpose::{Purpose, within};
use crate::store::{accounts, enrolments, roster, sessions};

/// For how long a link is good.
pub const GOOD_FOR_DAYS: i64 = 7;
/// Longer than any code.
const LONGEST_CODE: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    code: String,
    password: String,
}

/// Whose password it is, so that the page can sign in with it.
#[derive(Serialize)]
pub struct Chosen {
    login: String,
}

/// The code of a new link: 192 random bits. Only its hash is stored.
pub fn fresh_code() -> String {
    BASE64.encode(rand::random::<[u8; 24]>())
}

/// What is stored of a code.
pub fn hash_of(code: &str) -> [u8; 32] {
    blake3::derive_key("duxing 2026-11-28 enrolment code", code.as_bytes())
}

/// Sets the password and ends every sign-in that the old one opened. Refuses `enrolment.unusable` for any code that is not good
/// (any more), `password.blank`, `password.short` and `password.is_login`; wrong codes are slowed down like wrong passwords.
pub async fn choose_password(app: Data<AppState>, request: HttpRequest, payload: Payload) -> Result<Json<Chosen>> {
    let asked: Choice = body::json(&request, payload).await?;
    if asked.code.len() > LONGEST_CODE || asked.password.chars().count() > LONGEST_PASSWORD {
        return Err(Code::ValueInvalid.into());
    }
    password::refuse_weak(&asked.password)?;
    // Counted by address alone: there is no login yet, and no device that would be known.
    let visitor = Visitor {
        login: String::new(),
        address: address(&request),
        device: Uuid::nil(),
        known_device: true,
    };
    app.throttle.admit(&visitor, Instant::now())?;
    let code_hash = hash_of(&asked.code);
    let mut conn = app.pool.get().await?;
    let owner = within(&mut conn, Purpose::signing_in(), async |conn| {
        enrolments::owner(conn, code_hash).await
    });
    let owner = owner.await?;
    drop(conn);
    let (district, person, login) = owner.ok_or(Code::EnrolmentUnusable)?;
    app.throttle.succeeded(&visitor);
    if asked.password.trim().to_lowercase() == login.to_lowercase() {
        return Err(Code::PasswordIsLogin.into());
    }
    let password_hash = app.hasher.hash(Caller::Known, asked.password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, Purpose::signing_in(), async |conn| -> Result<()> {
        roster::lock(conn).await?;
        // The hash took a while: the link may have been used, or its owner disabled.
        enrolments::owner(conn, code_hash)
            .await?
            .ok_or(Code::EnrolmentUnusable)?;
        enrolments::use_up(conn, code_hash).await?;
        accounts::set_password(conn, district, person, &password_hash).await?;
        sessions::revoke_all(conn, district, person).await?;
        let event = Event {
            district,
            actor: person,
            what: "enrolment.used",
            subject: person,
            detail: json!({}),
        };
        audit::append(conn, event).await
    })
    .await?;
    app.hub.publish(district, [format!("person/{person}")]);
    Ok(Json(Chosen { login }))
}
