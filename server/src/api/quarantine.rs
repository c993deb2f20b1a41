//! `GET /api/v1/quarantine` and `POST /api/v1/quarantine/{id}/admit`: what arrived whole and could not take effect, for the office to
//! decide. Nothing leaves quarantine but by being admitted; a group that is admitted merges like any that comes late.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use chrono::SecondsFormat;
use serde::Serialize;
use sync_protocol::office::{Received, Verdict};
use sync_protocol::{Group, GroupId, RecordId, Value};
use uuid::Uuid;

use crate::AppState;
use crate::api::sync::tell;
use crate::auth::actor::Actor;
use crate::error::{Code, Result};
use crate::store::purpose::within;
use crate::store::sync::{self, Kept, Sender};

/// Groups shown at once, oldest first; the rest follow when these are decided.
const MOST: i64 = 200;

/// What waits for the office.
#[derive(Serialize)]
pub struct Waiting {
    groups: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    bucket: String,
    /// Why it could not take effect.
    code: String,
    author: Uuid,
    author_name: String,
    device: Uuid,
    received_at: String,
    /// The author's clock, ms since 1970; nothing when the line cannot be read, or not by the reader.
    at: Option<i64>,
    /// The school's name, where its bucket is a school's.
    school: Option<String>,
    /// What it writes: record, field and value; left out where the reader may not read the bucket.
    ops: Vec<(RecordId, String, Value)>,
}

/// What became of an admission.
#[derive(Serialize)]
pub struct Admitted {
    /// `applied`, or `kept` when something still stands against it.
    outcome: &'static str,
    /// Why it is still kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// `GET /api/v1/quarantine`: coordinators and administrators only.
pub async fn list(app: Data<AppState>, actor: Actor) -> Result<Json<Waiting>> {
    office_only(&actor)?;
    let mut conn = app.pool.get().await?;
    let kept = within(&mut conn, actor.managing(), async |conn| sync::kept(conn, MOST).await);
    let kept = kept.await?;
    let groups = kept.into_iter().map(|kept| shown(&actor, kept)).collect();
    Ok(Json(Waiting { groups }))
}

/// `POST /api/v1/quarantine/{id}/admit`: gives the group its effect. 404 when it is not in quarantine (any more).
pub async fn admit(app: Data<AppState>, actor: Actor, request: HttpRequest) -> Result<Json<Admitted>> {
    office_only(&actor)?;
    let id: GroupId = request
        .match_info()
        .get("id")
        .and_then(|text| text.parse().ok())
        .ok_or(Code::NotFound)?;
    let mut conn = app.pool.get().await?;
    let line = within(&mut conn, actor.admitting(), async |conn| {
        sync::kept_one(conn, actor.district, id).await
    });
    let line = line.await?.ok_or(Code::NotFound)?;
    let sender = Sender {
        district: actor.district,
        person: actor.person,
        device: actor.device,
        roles: actor.roles.clone(),
        purpose: actor.admitting(),
    };
    let received = Received::read(&line);
    let verdict = sync::admit(&mut conn, &sender, &received).await?;
    drop(conn);
    tell(&app, actor.district, &[received], std::slice::from_ref(&verdict));
    Ok(Json(match verdict {
        Verdict::Applied { .. } | Verdict::Duplicate { .. } => Admitted {
            outcome: "applied",
            code: None,
        },
        Verdict::Refused { code } | Verdict::Quarantined { code } => Admitted {
            outcome: "kept",
            code: Some(code),
        },
    }))
}

fn office_only(actor: &Actor) -> Result<()> {
    match actor.has("coordinator") || actor.has("admin") || !actor.first_lock {
        true => Ok(()),
        false => Err(Code::NotFound.into()),
    }
}

fn shown(actor: &Actor, kept: Kept) -> Shown {
    let group = kept.bytes.as_deref().and_then(|line| Group::from_line(line).ok());
    let readable = actor.may_read(&kept.bucket);
    let ops = group.iter().filter(|_| readable).flat_map(|group| &group.ops);
    Shown {
        id: kept.id.iter().map(|byte| format!("{byte:02x}")).collect(),
        ops: ops
            .map(|op| (op.record().clone(), op.path().to_string(), op.value().clone()))
            .collect(),
        at: group.as_ref().map(|group| group.at),
        school: kept.school,
        bucket: kept.bucket,
        code: kept.code,
        author: kept.author,
        author_name: kept.author_name,
        device: kept.device,
        received_at: kept.received_at.to_rfc3339_opts(SecondsFormat::Millis, true),
    }
}
