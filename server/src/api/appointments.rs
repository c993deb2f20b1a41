//! `/api/v1/people/{id}/appointments`: for how long somebody is appointed. A supervisor has schools only on the days of an appointment, which
//! holds from the next request on; work that comes later is kept for the office.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Payload};
use chrono::Days;
use diesel_async::AsyncPgConnection;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::AppState;
use crate::api::people::{Shown, answer, day, is_unseen, subject, tell};
use crate::api::query;
use crate::auth::actor::Actor;
use crate::auth::office::{confirm, office_only};
use crate::body;
use crate::error::{Code, Refused, Result};
use crate::store::appointments::{self, Appointment};
use crate::store::purpose::within;

/// The longest reference to a decision, in characters.
const LONGEST_REFERENCE: usize = 200;

/// What is said of an appointment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Term {
    employment: String,
    from: String,
    /// The last day, if there is to be one.
    to: Option<String>,
    #[serde(default)]
    decision_ref: String,
}

impl Term {
    /// Somebody's appointment for this term. Refuses `value.invalid`.
    pub(super) fn of(self, district: Uuid, person: Uuid) -> Result<Appointment, Refused> {
        let (from, to) = (day(&self.from)?, self.to.as_deref().map(day).transpose()?);
        let paper = self.decision_ref;
        let fits = paper.trim() == paper && paper.chars().count() <= LONGEST_REFERENCE && !paper.chars().any(is_unseen);
        if !fits || !["full", "part"].contains(&self.employment.as_str()) || to.is_some_and(|to| to < from) {
            return Err(Refused(Code::ValueInvalid));
        }
        Ok(Appointment {
            district_id: district,
            id: Uuid::now_v7(),
            person_id: person,
            employment: self.employment,
            from_date: from,
            to_date: to,
            decision_ref: paper,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    employment: String,
    from: String,
    to: Option<String>,
    #[serde(default)]
    decision_ref: String,
    password: String,
}

/// `POST`: a term, for supervisors only (`assignment.not_supervisor`). Nobody appoints themselves (`person.yourself`). Refuses `appointment.overlaps`.
pub async fn add(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: Add = body::json(&request, payload).await?;
    let term = Term {
        employment: asked.employment,
        from: asked.from,
        to: asked.to,
        decision_ref: asked.decision_ref,
    };
    let new = term.of(actor.district, id)?;
    confirm(&app, &actor, &request, asked.password).await?;
    if id == actor.person {
        return Err(Code::Yourself.into());
    }
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        let person = subject(conn, &actor, id).await?;
        appoint(conn, &actor, &person.roles, new).await
    })
    .await?;
    answer(&app, &mut conn, &actor, id).await
}

/// Appoints somebody with these roles, who is held, and tells it.
pub(super) async fn appoint(
    conn: &mut AsyncPgConnection,
    actor: &Actor,
    roles: &[String],
    new: Appointment,
) -> Result<()> {
    if !roles.iter().any(|role| role == "supervisor") {
        return Err(Code::NotSupervisor.into());
    }
    let days = (new.from_date, new.to_date);
    if appointments::meets(conn, actor.district, new.person_id, days).await? {
        return Err(Code::AppointmentOverlaps.into());
    }
    let (person, detail) = (new.person_id, detail(&new));
    appointments::add(conn, &[new]).await?;
    tell(conn, actor, "appointment.added", person, detail).await
}

/// What the audit keeps of an appointment.
fn detail(of: &Appointment) -> Value {
    json!({ "employment": of.employment, "from": of.from_date, "to": of.to_date, "decision_ref": of.decision_ref })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    appointment: Uuid,
    /// The last day; the day before the first takes the appointment back.
    to: String,
    password: String,
}

/// `POST …/end`: the last day of an appointment, before the one it had. 404 when none is open beyond that day.
pub async fn end(app: Data<AppState>, actor: Actor, request: HttpRequest, payload: Payload) -> Result<Json<Shown>> {
    office_only(&actor)?;
    let id = query::path_id(&request, "id")?;
    let asked: End = body::json(&request, payload).await?;
    let to = day(&asked.to)?;
    confirm(&app, &actor, &request, asked.password).await?;
    let mut conn = app.pool.get().await?;
    within(&mut conn, actor.managing(), async |conn| -> Result<()> {
        subject(conn, &actor, id).await?;
        let found = appointments::lock(conn, actor.district, id, asked.appointment).await?;
        let open = found.filter(|found| found.to_date.is_none_or(|last| last > to));
        let open = open.ok_or(Code::NotFound)?;
        let earliest = open.from_date.checked_sub_days(Days::new(1));
        if earliest.is_none_or(|earliest| to < earliest) {
            return Err(Code::ValueInvalid.into());
        }
        appointments::end(conn, actor.district, open.id, to).await?;
        let detail = json!({ "from": open.from_date, "to": to });
        tell(conn, &actor, "appointment.ended", id, detail).await
    })
    .await?;
    answer(&app, &mut conn, &actor, id).await
}
