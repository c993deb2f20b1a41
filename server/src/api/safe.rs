//! The safe on a phone, seen from the office: locks its key, gives it back to its owner, opens the sealed work that it hands in.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use sync_protocol::office::Received;
use sync_protocol::safe::{Envelope, EnvelopeReply, SafeKey, office_place};
use sync_protocol::{MAX_PUSH_GROUPS, Outcome};
use uuid::Uuid;

use crate::AppState;
use crate::api::sync;
use crate::auth::actor::{Actor, Doorstep, Uploader};
use crate::body;
use crate::error::{Code, Result};

/// A new safe's key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fresh {
    /// 32 bytes in base 64.
    key: String,
}

/// A key that this office locked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Locked {
    locked: String,
}

/// The key in it.
#[derive(Serialize)]
struct Opened {
    key: String,
}

/// `POST /api/v1/session/key`: locks the key of a phone's safe for its owner and that phone. Nothing of it is stored here: the phone
/// keeps the answer, and only this office can open it. That also makes it a proof of who handed the key in.
pub async fn lock(
    app: Data<AppState>,
    Doorstep(actor): Doorstep,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let Fresh { key } = body::json(&request, payload).await?;
    let key = SafeKey::from_text(&key).ok_or(Code::ValueInvalid)?;
    let locked = key.locked_by(&app.keys.safe, &place(&actor), rand::random());
    Ok(HttpResponse::Ok().json(Locked { locked }))
}

/// `POST /api/v1/session/key/open`: gives the key back to the person, on the phone, that it was locked for: they have a new password.
/// 422 `safe.unusable` for anybody else's and for what this office did not lock.
pub async fn open(
    app: Data<AppState>,
    Doorstep(actor): Doorstep,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    let Locked { locked } = body::json(&request, payload).await?;
    let key = SafeKey::unlocked_by(&app.keys.safe, &place(&actor), &locked).ok_or(Code::SafeUnusable)?;
    Ok(HttpResponse::Ok().json(Opened { key: key.to_text() }))
}

fn place(actor: &Actor) -> String {
    office_place(
        &actor.district.to_string(),
        &actor.person.to_string(),
        &actor.device.to_string(),
    )
}

/// `POST /api/v1/sync/sealed`: an envelope (`sync_protocol::safe`), from whichever phone it comes. The locked key in it says whose work
/// it is, for this office made it for somebody who had signed in; so nobody needs to be signed in now. The work counts under its
/// author's name and by their rights of this moment; if they were withdrawn, all of it is kept for the office.
///
/// An outcome a row, in order; `null` for a row that does not open; and whether author or phone were withdrawn, which is what an
/// envelope without rows asks. 422 `safe.unusable` when the key is not this office's.
pub async fn deliver(app: Data<AppState>, request: HttpRequest, payload: Payload) -> Result<HttpResponse> {
    body::require_type(&request, "application/x-ndjson")?;
    let _room = app.pushes.try_acquire().map_err(|_| Code::Busy)?;
    let body = body::read(&request, payload, body::PUSH).await?;
    let text = std::str::from_utf8(&body).map_err(|_| Code::JsonMalformed)?;
    let Envelope { header, rows } = Envelope::read(text).map_err(|_| Code::JsonMalformed)?;
    if rows.len() > MAX_PUSH_GROUPS {
        return Err(Code::BodyTooLarge.into());
    }
    let id = |text: &str| text.parse::<Uuid>().map_err(|_| Code::JsonMalformed);
    let (district, person, device) = (
        id(&header.district)?,
        id(header.person.as_str())?,
        id(header.device.as_str())?,
    );
    app.pace.admit(device)?;
    let place = office_place(&district.to_string(), &person.to_string(), &device.to_string());
    let key = SafeKey::unlocked_by(&app.keys.safe, &place, &header.key).ok_or(Code::SafeUnusable)?;
    let lines: Vec<Option<String>> = rows
        .iter()
        .map(|row| row.line(&key, &header.person, &header.device))
        .collect();
    let received: Vec<Received> = lines
        .iter()
        .flatten()
        .map(|line| Received::read(line.as_bytes()))
        .collect();
    if received.len() < rows.len() {
        let shut = rows.len() - received.len();
        tracing::warn!(%person, %device, shut, "rows of sealed work do not open: they were damaged on the phone");
    }
    let (Uploader(author), withdrawn) =
        Uploader::of_safe(&mut *app.pool.get().await?, district, person, device).await?;
    let mut taken = sync::take(&app, &author, author.handing_in(), &received)
        .await?
        .into_iter();
    let outcomes: Vec<Option<Outcome>> = lines
        .iter()
        .map(|line| line.as_ref().and_then(|_| taken.next()))
        .collect();
    Ok(HttpResponse::Ok().json(EnvelopeReply {
        epoch: app.epoch.to_string(),
        now: Utc::now().timestamp_millis(),
        outcomes,
        withdrawn: withdrawn.map(|code| code.name().to_owned()),
    }))
}
