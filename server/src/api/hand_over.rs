//! `POST /api/v1/people/{id}/hand-over`: all of somebody's schools go to somebody else from a day on, in one action. Visits and findings lie in
//! the schools' buckets and need no moving: whoever has the school has them.

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
use crate::store::purpose::within;
use crate::store::{accounts, recusals};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandOver {
    /// Who takes the schools over.
    to: Uuid,
    /// Their first day; the day before is the last one of who had them.
    from: String,
    password: String,
}

/// What lasts beyond the day before ends then; what was to end or begin later does so with the new person. Schools that they have already are
/// not given twice.
///
/// Refuses `assignment.not_supervisor` unless the new person is an active supervisor, `hand_over.recused` with the school they keep away from,
/// and 404 when there is nothing to hand over.
pub async fn hand_over(
    app: Data<AppState>,
    actor: Actor,
    request: HttpRequest,
    payload: Payload,
) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: HandOver = body::json(&request, payload).await?;
    let from = day(&asked.from)?;
    let last = from.checked_sub_days(Days::new(1)).ok_or(Code::ValueInvalid)?;
    if asked.to == id {
        return Err(Code::ValueInvalid.into());
    }
    confirm(&app, &actor, &request, asked.password).await?;
    let district = actor.district;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        subject(conn, &actor, id).await?;
        let next = subject(conn, &actor, asked.to).await?;
        if next.status != "active" || !next.roles.iter().any(|role| role == "supervisor") {
            return Err(Code::NotSupervisor.into());
        }
        let lasting = accounts::lasting(conn, district, id, from).await?;
        if lasting.is_empty() {
            return Err(Code::NotFound.into());
        }
        let (mut left, mut taken) = (Vec::new(), Vec::new());
        for one in lasting {
            let school = one.school_id;
            // One that has not begun by then is taken back.
            let end = last.max(one.from_date.pred_opt().unwrap_or(last));
            accounts::end_assignment(conn, district, id, school, one.from_date, end).await?;
            left.push(school);
            let days = (from.max(one.from_date), one.to_date);
            if !accounts::assign(conn, district, asked.to, school, days).await? {
                continue;
            }
            if recusals::meets(conn, district, asked.to, school, days).await? {
                return Err(Code::HandOverRecused { school }.into());
            }
            taken.push(school);
        }
        let detail = json!({ "to": asked.to, "from": from, "schools": left });
        tell(conn, &actor, "schools.handed_over", id, detail).await?;
        let detail = json!({ "of": id, "from": from, "schools": taken });
        tell(conn, &actor, "schools.taken_over", asked.to, detail).await
    })
    .await?;
    app.hub.publish(district, [format!("person/{}", asked.to)]);
    answer(&app, &mut conn, &actor, id).await
}
