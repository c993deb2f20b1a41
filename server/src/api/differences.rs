//! `GET /api/v1/differences`: what waits to be settled within the caller's reach, the oldest first; and
//! `POST /api/v1/visits/{id}/here`: who else has a visit open.

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Payload};
use anyhow::Context;
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sync_protocol::{FieldPath, FieldState};
use uuid::Uuid;

use crate::AppState;
use crate::api::query;
use crate::auth::actor::Actor;
use crate::body;
use crate::error::{Code, Result};
use crate::store::purpose::within;
use crate::store::{differences, visits};

/// Shown at once; the rest follow when these are settled.
const MOST: i64 = 200;
/// Whoever said so within this time has the visit open. Phones say it every fifteen seconds.
const PRESENT_S: i64 = 40;
/// Far above the code of any section.
const LONGEST_PLACE: usize = 64;

/// What waits.
#[derive(Serialize)]
pub struct Listed {
    differences: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    record: Uuid,
    visit: Option<Uuid>,
    path: String,
    /// It came after the record was sealed.
    late: bool,
    opened_at: String,
    school: String,
    zone: String,
    visit_date: Option<String>,
    /// Who leads the visit.
    lead: String,
    /// Whose words differ, by name.
    people: Vec<String>,
    /// The record as stored, passed on unread.
    state: State,
}

#[derive(Serialize)]
struct State {
    id: Uuid,
    fields: Box<RawValue>,
}

/// `GET /api/v1/differences`: those in buckets that the caller may read.
pub async fn list(app: Data<AppState>, actor: Actor) -> Result<Json<Listed>> {
    let buckets: Vec<String> = actor.grants.iter().map(|grant| grant.bucket.clone()).collect();
    let buckets = Some(buckets).filter(|_| actor.first_lock);
    let mut conn = app.pool.get().await?;
    let found = within(&mut conn, actor.reading(), async |conn| -> Result<_> {
        let open = differences::open(conn, actor.district, buckets.as_deref(), MOST).await?;
        let voices: Vec<BTreeSet<Uuid>> = open.iter().map(authors).collect::<Result<_>>()?;
        let ids: Vec<Uuid> = voices.iter().flatten().copied().collect();
        let names = visits::names_of_people(conn, &ids).await?;
        Ok((open, voices, names))
    });
    let (open, voices, names) = found.await?;
    let name = |id: &Uuid| {
        names
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, name)| name.clone())
    };
    let differences = open.into_iter().zip(voices).map(|(open, voices)| {
        Ok(Shown {
            record: open.record,
            visit: open.visit,
            path: open.path,
            late: open.late,
            opened_at: open.opened_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            school: open.school,
            zone: open.zone,
            visit_date: open.visit_date.map(|date| date.to_string()),
            lead: open.lead,
            people: voices.iter().filter_map(name).collect(),
            state: State {
                id: open.record,
                fields: RawValue::from_string(open.state).context("a stored record is not JSON")?,
            },
        })
    });
    Ok(Json(Listed {
        differences: differences.collect::<Result<_>>()?,
    }))
}

fn authors(open: &differences::Open) -> Result<BTreeSet<Uuid>> {
    let mut fields: std::collections::BTreeMap<FieldPath, FieldState> =
        serde_json::from_str(&open.state).context("a stored record is unreadable")?;
    let field = fields.remove(open.path.as_str()).unwrap_or_default();
    Ok(field
        .writes()
        .filter_map(|write| Uuid::parse_str(write.author.as_str()).ok())
        .collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Here {
    place: String,
}

/// Who else is there.
#[derive(Serialize)]
pub struct Others {
    people: Vec<Other>,
}

#[derive(Serialize)]
struct Other {
    id: Uuid,
    name: String,
    /// The section they are at, empty when at none.
    place: String,
}

/// `POST /api/v1/visits/{id}/here`: the caller has the visit open at a section. 404 for a visit beyond their reach.
pub async fn here(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<Json<Others>> {
    let visit = query::path_id(&request, "id")?;
    let asked: Here = body::json(&request, payload).await?;
    let fits = asked.place.len() <= LONGEST_PLACE
        && asked
            .place
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !fits {
        return Err(Code::RequestMalformed.into());
    }
    let mut conn = app.pool.get().await?;
    let present = within(&mut conn, actor.reading(), async |conn| -> Result<_> {
        let place = visits::place(conn, actor.district, visit).await?;
        if !place.is_some_and(|place| place.kind == "visit" && actor.may_read(&place.bucket)) {
            return Err(Code::NotFound.into());
        }
        let me = (actor.person, actor.device);
        differences::be_here(conn, (actor.district, visit), me, &asked.place, PRESENT_S).await
    });
    let people = present.await?.into_iter().map(|one| Other {
        id: one.id,
        name: one.name,
        place: one.place,
    });
    Ok(Json(Others {
        people: people.collect(),
    }))
}
