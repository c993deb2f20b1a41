//! `/api/v1/complaints/{id}/identity`: who complained, apart from the complaint. A coordinator keeps it and opens it, and so do handlers whom an
//! administrator approved for this complaint, each time with a reason that the audit keeps. There is no list, no search, and no other way to
//! it: no pull, page or export has it.

use std::fmt;

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Context;
use chrono::SecondsFormat;
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_protocol::safe::SafeKey;
use uuid::Uuid;

use crate::AppState;
use crate::api::people::tell;
use crate::api::query;
use crate::auth::actor::Actor;
use crate::auth::office::{acting_admin, admin_only, confirm, coordinator_only};
use crate::body;
use crate::error::{Code, Refused, Result};
use crate::store::identities::Opens;
use crate::store::purpose::within;
use crate::store::{accounts, identities, roster};

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;
/// The longest telephone number, in characters.
const LONGEST_PHONE: usize = 40;
/// The longest further text, and the longest reason, in characters.
const LONGEST_TEXT: usize = 2000;

/// Who complained. Never printed.
#[derive(Serialize, Deserialize)]
struct Identity {
    name: String,
    phone: String,
    text: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    fn fits(&self) -> bool {
        let within = |text: &str, longest: usize| text.chars().count() <= longest;
        let says_something = [&self.name, &self.phone, &self.text]
            .iter()
            .any(|text| !text.trim().is_empty());
        says_something
            && within(&self.name, LONGEST_NAME)
            && within(&self.phone, LONGEST_PHONE)
            && within(&self.text, LONGEST_TEXT)
    }

    fn seal(&self, key: &SafeKey, district: Uuid, complaint: Uuid) -> anyhow::Result<Vec<u8>> {
        let plain = serde_json::to_vec(self)?;
        Ok(key.seal(&place(district, complaint), &plain, rand::random()))
    }

    fn open(sealed: &[u8], key: &SafeKey, district: Uuid, complaint: Uuid) -> anyhow::Result<Self> {
        let plain = key.open(&place(district, complaint), sealed);
        let plain = plain.context("a sealed identity does not open with this installation's key")?;
        Ok(serde_json::from_slice(&plain)?)
    }
}

/// What the seal is bound to: on another complaint's row it does not open.
fn place(district: Uuid, complaint: Uuid) -> String {
    format!("complaint-identity/{district}/{complaint}")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keep {
    /// The school that the complaint is about: a coordinator who keeps away from it does not open this.
    school: Option<Uuid>,
    name: String,
    phone: String,
    text: String,
}

/// `POST`, coordinators only: keeps who complained, beside what was kept before. The complaint itself may still be on its way. Answers 204.
pub async fn keep(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<HttpResponse> {
    coordinator_only(&actor)?;
    let complaint = query::path_id(&request, "id")?;
    let Keep {
        school,
        name,
        phone,
        text,
    } = body::json(&request, payload).await?;
    let identity = Identity { name, phone, text };
    if !identity.fits() {
        return Err(Code::ValueInvalid.into());
    }
    let sealed = identity.seal(&app.keys.identity, actor.district, complaint)?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.identifying(), async |conn| -> Result<()> {
        let known = match school {
            Some(school) => accounts::has_school(conn, actor.district, school).await?,
            None => true,
        };
        let away = school.is_some_and(|school| actor.recused.contains(&school));
        if !known || away || !identities::may_keep(conn, school).await? {
            return Err(Code::NotFound.into());
        }
        let place = (actor.district, complaint);
        identities::add(conn, place, school, sealed, actor.person).await?;
        tell(conn, &actor, "identity.kept", complaint, json!({})).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    password: String,
    reason: String,
}

/// Who complained, as it was told last.
#[derive(Serialize)]
pub struct Opened {
    #[serde(flatten)]
    identity: Identity,
    kept_at: String,
    kept_by: Uuid,
}

/// `POST …/open`: for the coordinator who wrote it down and for approved handlers. Who, when and why are in the audit before the answer leaves,
/// the content never. Refuses `identity.reason_missing` and `password.wrong`; 404 when there is none, and to everybody else.
pub async fn open(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<Json<Opened>> {
    let complaint = query::path_id(&request, "id")?;
    let asked: Open = body::json(&request, payload).await?;
    let reason = reason(&asked.reason)?;
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    let sealed = within(&mut conn, actor.identifying(), async |conn| -> Result<_> {
        let opens = opens(conn, &actor, complaint).await?.ok_or(Code::NotFound)?;
        let place = (actor.district, complaint);
        let found = identities::newest(conn, place, opens, &actor.recused).await?;
        let found = found.ok_or(Code::NotFound)?;
        tell(conn, &actor, "identity.opened", complaint, json!({ "reason": reason })).await?;
        Ok(found)
    });
    let sealed = sealed.await?;
    Ok(Json(Opened {
        identity: Identity::open(&sealed.sealed, &app.keys.identity, actor.district, complaint)?,
        kept_at: sealed.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        kept_by: sealed.created_by,
    }))
}

async fn opens(conn: &mut AsyncPgConnection, actor: &Actor, complaint: Uuid) -> Result<Option<Opens>> {
    if !actor.first_lock {
        return Ok(Some(Opens::All));
    }
    let who = (actor.person, actor.has("coordinator"));
    identities::opens(conn, actor.district, complaint, who).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    person: Uuid,
    reason: String,
    password: String,
}

/// `POST …/handlers`, administrators only, and never for themselves (`person.yourself`): somebody who may open it from now on. Whether there is
/// anything to open is not said. Refuses `identity.handler_unfit`. Answers 204, also to whoever approves once more.
pub async fn approve(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse> {
    admin_only(&actor)?;
    let complaint = query::path_id(&request, "id")?;
    let asked: Approve = body::json(&request, payload).await?;
    let reason = reason(&asked.reason)?;
    confirm(&app, &actor, &request, asked.password).await?;
    if asked.person == actor.person {
        return Err(Code::Yourself.into());
    }
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        roster::lock(conn).await?;
        acting_admin(conn, &actor).await?;
        let known = accounts::lock(conn, actor.district, asked.person).await?;
        known.ok_or(Code::NotFound)?;
        if !identities::may_handle(conn, complaint, asked.person).await? {
            return Err(Code::HandlerUnfit.into());
        }
        if identities::live(conn, actor.district, complaint, asked.person).await? {
            return Ok(());
        }
        identities::approve(conn, (actor.district, complaint), asked.person, actor.person).await?;
        let detail = json!({ "complaint": complaint, "reason": reason });
        tell(conn, &actor, "identity.handler_approved", asked.person, detail).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    person: Uuid,
    password: String,
}

/// `POST …/handlers/end`, administrators only: from now on they open it no more. 404 to whom it was not approved. Answers 204.
pub async fn end(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<HttpResponse> {
    admin_only(&actor)?;
    let complaint = query::path_id(&request, "id")?;
    let asked: End = body::json(&request, payload).await?;
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        roster::lock(conn).await?;
        acting_admin(conn, &actor).await?;
        let place = (actor.district, complaint);
        if !identities::end(conn, place, asked.person, actor.person).await? {
            return Err(Code::NotFound.into());
        }
        let detail = json!({ "complaint": complaint });
        tell(conn, &actor, "identity.handler_ended", asked.person, detail).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A reason that says something; refuses `identity.reason_missing`, and `value.invalid` when it is too long.
fn reason(text: &str) -> Result<&str, Refused> {
    match text.trim() {
        "" => Err(Refused(Code::ReasonMissing)),
        reason if reason.chars().count() > LONGEST_TEXT => Err(Refused(Code::ValueInvalid)),
        reason => Ok(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_never_printed_and_opens_only_where_it_was_sealed() {
        let identity = Identity {
            name: "canary".into(),
            phone: "canary".into(),
            text: "canary".into(),
        };
        assert_eq!(format!("{identity:?}"), "Identity");
        let (key, here, there) = (SafeKey::new([7; 32]), Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = identity.seal(&key, here, here).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"canary"));
        assert_eq!(Identity::open(&sealed, &key, here, here).unwrap().name, "canary");
        assert!(Identity::open(&sealed, &key, here, there).is_err());
        assert!(Identity::open(&sealed, &key, there, here).is_err());
        assert!(Identity::open(&sealed, &SafeKey::new([8; 32]), here, here).is_err());
    }
}
