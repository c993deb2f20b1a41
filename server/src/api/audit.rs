//! `GET /api/v1/audit`: who changed whose rights, newest first; and where its chain stands, with all the others (`…/anchor`).

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::AppState;
use crate::api::query;
use crate::auth::actor::Actor;
use crate::auth::office::office_only;
use crate::error::Result;
use crate::store::purpose::within;
use crate::store::{anchor, audit};

/// Events shown at once.
const MOST: i64 = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// Only events with a smaller number: the last one of the page before.
    before: Option<i64>,
}

/// A page of the audit.
#[derive(Serialize)]
pub struct Page {
    events: Vec<Shown>,
    /// Whether older events follow.
    more: bool,
}

#[derive(Serialize)]
struct Shown {
    seq: i64,
    at: String,
    /// Nil when the command line did it.
    actor: Uuid,
    actor_name: Option<String>,
    what: String,
    subject: Uuid,
    subject_name: Option<String>,
    detail: Value,
}

/// Coordinators and administrators only; 403 `forbidden` for others.
pub async fn list(app: Data<AppState>, actor: Actor, request: HttpRequest) -> Result<Json<Page>> {
    office_only(&actor)?;
    let asked: Parameters = query::read(&request)?;
    let before = asked.before.unwrap_or(i64::MAX);
    let mut conn = app.pool.get().await?;
    let page = within(&mut conn, actor.managing(), async |conn| {
        audit::page(conn, actor.district, before, MOST + 1).await
    });
    let mut rows = page.await?;
    let more = rows.len() as i64 > MOST;
    rows.truncate(MOST as usize);
    let events = rows.into_iter().map(|(row, actor_name, subject_name)| Shown {
        seq: row.seq,
        at: row.at.to_rfc3339_opts(SecondsFormat::Millis, true),
        actor: row.actor,
        actor_name,
        what: row.what,
        subject: row.subject,
        subject_name,
        detail: row.detail,
    });
    Ok(Json(Page {
        events: events.collect(),
        more,
    }))
}

/// Where the chains stand.
#[derive(Serialize)]
pub struct Anchored {
    /// The audit's own end.
    audit: Option<End>,
    /// The line that `duxing audit anchor` prints for this district.
    line: String,
}

#[derive(Serialize)]
struct End {
    seq: i64,
    chain: String,
}

/// Coordinators and administrators only; 403 `forbidden` for others.
pub async fn anchored(app: Data<AppState>, actor: Actor) -> Result<Json<Anchored>> {
    office_only(&actor)?;
    let mut conn = app.pool.get().await?;
    let taken = within(&mut conn, actor.managing(), async |conn| {
        anchor::take_for_office(conn, actor.district, Utc::now()).await
    });
    let taken = taken.await?;
    let audit = taken.audit().map(|(seq, chain)| End {
        seq,
        chain: chain.to_owned(),
    });
    Ok(Json(Anchored {
        audit,
        line: taken.to_line(),
    }))
}
