//! `/api/v1/people/{id}/recusals`: who keeps away from which school. Holds from the next request on; work for that school is kept for the office.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Payload};
use chrono::Days;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::AppState;
use crate::api::people::{Shown, answer, day, subject, tell};
use crate::api::query;
use crate::auth::actor::Actor;
use crate::auth::office::{confirm, office_only};
use crate::body;
use crate::error::{Code, Result};
use crate::store::accounts;
use crate::store::purpose::within;
use crate::store::recusals::{self, Recusal};

/// Why somebody keeps away (domain.md, `recusal`).
const REASONS: [&str; 3] = ["kin", "former_head", "other"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    school: Uuid,
    reason: String,
    from: String,
    /// The last day, if it is known.
    to: Option<String>,
    password: String,
}

/// `POST`: a school to keep away from. An assignment that is there stays, and gives nothing while this lasts. Refuses `recusal.overlaps`.
pub async fn add(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: Add = body::json(&request, payload).await?;
    let (from, to) = (day(&asked.from)?, asked.to.as_deref().map(day).transpose()?);
    if !REASONS.contains(&asked.reason.as_str()) || to.is_some_and(|to| to < from) {
        return Err(Code::ValueInvalid.into());
    }
    confirm(&app, &actor, &request, asked.password).await?;
    let new = Recusal {
        district_id: actor.district,
        id: Uuid::now_v7(),
        person_id: id,
        school_id: asked.school,
        reason: asked.reason,
        from_date: from,
        to_date: to,
    };
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        subject(conn, &actor, id).await?;
        if !accounts::has_school(conn, actor.district, asked.school).await? {
            return Err(Code::NotFound.into());
        }
        if recusals::meets(conn, actor.district, id, asked.school, (from, to)).await? {
            return Err(Code::RecusalOverlaps.into());
        }
        recusals::add(conn, &new).await?;
        let detail = json!({ "school": new.school_id, "reason": new.reason, "from": from, "to": to });
        tell(conn, &actor, "recusal.added", id, detail).await
    })
    .await?;
    answer(&app, &mut conn, &actor, id).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    recusal: Uuid,
    /// The last day; the day before the first takes the recusal back.
    to: String,
    password: String,
}

/// `POST …/end`: the last day of a recusal. Nobody ends their own (`person.yourself`); 404 when none is open beyond that day.
pub async fn end(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: End = body::json(&request, payload).await?;
    let to = day(&asked.to)?;
    confirm(&app, &actor, &request, asked.password).await?;
    if id == actor.person {
        return Err(Code::Yourself.into());
    }
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        subject(conn, &actor, id).await?;
        let found = recusals::lock(conn, actor.district, id, asked.recusal).await?;
        let open = found.filter(|found| found.to_date.is_none_or(|last| last > to));
        let open = open.ok_or(Code::NotFound)?;
        if open
            .from_date
            .checked_sub_days(Days::new(1))
            .is_none_or(|earliest| to < earliest)
        {
            return Err(Code::ValueInvalid.into());
        }
        recusals::end(conn, actor.district, open.id, to).await?;
        let detail = json!({ "school": open.school_id, "from": open.from_date, "to": to });
        tell(conn, &actor, "recusal.ended", id, detail).await
    })
    .await?;
    answer(&app, &mut conn, &actor, id).await
}
