//! `GET /api/v1/results`: the consolidated results of a month, read in one snapshot.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use diesel_async::AsyncPgConnection;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::AppState;
use crate::api::query::{self, Month};
use crate::auth::actor::Actor;
use crate::error::{Code, Result};
use crate::store::purpose::snapshot;
use crate::store::results::{self, Ask};

/// Months of coverage shown, the one asked for being the last.
const COVERAGE_MONTHS: u32 = 12;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    month: String,
    zone: Option<Uuid>,
    school: Option<Uuid>,
    supervisor: Option<Uuid>,
    checklist: Option<String>,
}

/// For coordinators and the committee the district, for zone leads their own zone without schools they keep away from; 403 `forbidden` for others,
/// 404 for another zone or a school outside it.
pub async fn show(app: Data<AppState>, actor: Actor, request: HttpRequest) -> Result<Json<Results>> {
    let within_zone = zone_of(&actor)?;
    let asked: Parameters = query::read(&request)?;
    let month = Month::parse(&asked.month)?;
    let ask = Ask {
        district: actor.district,
        from: month.first_day(),
        until: month.plus(1).first_day(),
        within_zone,
        // The office has every school, also those that somebody of it keeps away from (auth/grants.rs).
        besides: match within_zone {
            Some(_) => actor.recused.clone(),
            None => Vec::new(),
        },
        zone: asked.zone,
        school: asked.school,
        supervisor: asked.supervisor,
        checklist: asked.checklist,
    };
    let outside = |school: &Uuid| !actor.may_read(&format!("school/{school}"));
    if ask.zone.is_some_and(|zone| within_zone.is_some_and(|own| own != zone))
        || ask.school.as_ref().is_some_and(outside)
    {
        return Err(Code::NotFound.into());
    }
    let mut conn = app.pool.get().await?;
    let results = snapshot(&mut conn, actor.reading(), async |conn| {
        consolidate(conn, &ask, month).await
    });
    Ok(Json(results.await?))
}

/// The zone a caller is confined to; `None` is the whole district.
fn zone_of(actor: &Actor) -> Result<Option<Uuid>> {
    if actor.has("coordinator") || actor.has("committee") || !actor.first_lock {
        return Ok(None);
    }
    match actor.zone.filter(|_| actor.has("zone_lead")) {
        Some(zone) => Ok(Some(zone)),
        None => Err(Code::Forbidden.into()),
    }
}

async fn consolidate(conn: &mut AsyncPgConnection, ask: &Ask, month: Month) -> Result<Results> {
    let as_of = results::as_of(conn).await?;
    let zones = results::zones(conn, ask).await?;
    let schools = results::schools(conn, ask).await?;
    let visits = results::visits(conn, ask).await?;
    let supervisors = results::supervisors(conn, ask, &visits).await?;
    let mut responses = by_visit(results::responses(conn, ask, &visits).await?, |row| row.visit);
    let mut findings = by_visit(results::findings(conn, ask, &visits).await?, |row| row.visit);
    let covered = results::coverage(conn, ask, month.minus(COVERAGE_MONTHS - 1).first_day()).await?;

    let zone_of: HashMap<Uuid, Uuid> = schools.iter().map(|school| (school.id, school.zone)).collect();
    let visits = visits.into_iter().map(|row| Visit {
        id: row.id,
        school: row.school,
        zone: zone_of.get(&row.school).copied(),
        lead: row.lead,
        state: row.state,
        visit_kind: row.visit_kind,
        visit_date: row.visit_date,
        submitted_at: row.submitted_at.map(moment),
        received_at: row.received_at.map(moment),
        conflicts: row.conflicts,
        responses: responses
            .remove(&row.id)
            .unwrap_or_default()
            .into_iter()
            .map(Response::from)
            .collect(),
        findings: findings
            .remove(&row.id)
            .unwrap_or_default()
            .into_iter()
            .map(Finding::from)
            .collect(),
    });
    Ok(Results {
        as_of: moment(as_of),
        month: month.to_string(),
        visits: visits.collect(),
        coverage: coverage(ask, &schools, covered, month),
        zones: zones
            .into_iter()
            .map(|row| Named {
                id: row.id,
                name: row.name,
            })
            .collect(),
        supervisors: supervisors
            .into_iter()
            .map(|row| Named {
                id: row.id,
                name: row.name,
            })
            .collect(),
        schools: schools
            .into_iter()
            .map(|row| School {
                id: row.id,
                name: row.name,
                zone: row.zone,
            })
            .collect(),
    })
}

fn by_visit<T>(rows: Vec<T>, visit: impl Fn(&T) -> Uuid) -> HashMap<Uuid, Vec<T>> {
    let mut grouped: HashMap<Uuid, Vec<T>> = HashMap::new();
    for row in rows {
        grouped.entry(visit(&row)).or_default().push(row);
    }
    grouped
}

/// Every school asked about with all its months, so that a gap is a nought and not an absence.
fn coverage(ask: &Ask, schools: &[results::School], covered: Vec<results::Covered>, last: Month) -> Vec<Coverage> {
    let counts: HashMap<(Uuid, &str), (i64, i64)> = covered
        .iter()
        .map(|row| ((row.school, row.month.as_str()), (row.submitted, row.draft)))
        .collect();
    let months: Vec<String> = (0..COVERAGE_MONTHS)
        .rev()
        .map(|back| last.minus(back).to_string())
        .collect();
    let asked = schools.iter().filter(|school| {
        ask.school.is_none_or(|only| only == school.id) && ask.zone.is_none_or(|only| only == school.zone)
    });
    asked
        .map(|school| Coverage {
            school: school.id,
            months: months
                .iter()
                .map(|month| {
                    let (submitted, draft) = counts.get(&(school.id, month.as_str())).copied().unwrap_or_default();
                    MonthCount {
                        month: month.clone(),
                        submitted,
                        draft,
                    }
                })
                .collect(),
        })
        .collect()
}

fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The answer, as in `docs/protocol.md`.
#[derive(Serialize)]
pub struct Results {
    as_of: String,
    month: String,
    zones: Vec<Named>,
    schools: Vec<School>,
    supervisors: Vec<Named>,
    visits: Vec<Visit>,
    coverage: Vec<Coverage>,
}

#[derive(Serialize)]
struct Named {
    id: Uuid,
    name: String,
}

#[derive(Serialize)]
struct School {
    id: Uuid,
    name: String,
    zone: Uuid,
}

#[derive(Serialize)]
struct Visit {
    id: Uuid,
    school: Uuid,
    zone: Option<Uuid>,
    lead: Option<Uuid>,
    state: String,
    visit_kind: String,
    visit_date: Option<NaiveDate>,
    submitted_at: Option<String>,
    received_at: Option<String>,
    conflicts: i32,
    responses: Vec<Response>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Response {
    id: Uuid,
    template: String,
    version: i32,
    score: Option<String>,
    band: Option<String>,
    rated: bool,
    caps: serde_json::Value,
    failed: Vec<String>,
    answered: i32,
    applicable: i32,
    conflicts: i32,
}

impl From<results::Response> for Response {
    fn from(row: results::Response) -> Self {
        Response {
            id: row.id,
            template: row.template,
            version: row.version,
            score: row.score,
            band: row.band,
            rated: row.rated,
            caps: row.caps,
            failed: row.failed,
            answered: row.answered,
            applicable: row.applicable,
            conflicts: row.conflicts,
        }
    }
}

#[derive(Serialize)]
struct Finding {
    id: Uuid,
    item: Option<String>,
    severity: Option<String>,
    state: String,
    title: String,
    withdrawn: bool,
}

impl From<results::Finding> for Finding {
    fn from(row: results::Finding) -> Self {
        Finding {
            id: row.id,
            item: row.item,
            severity: row.severity,
            state: row.state,
            title: row.title,
            withdrawn: row.withdrawn,
        }
    }
}

#[derive(Serialize)]
struct Coverage {
    school: Uuid,
    months: Vec<MonthCount>,
}

#[derive(Serialize)]
struct MonthCount {
    month: String,
    submitted: i64,
    draft: i64,
}
