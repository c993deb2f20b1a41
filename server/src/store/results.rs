//! The office's question about a month: which visits there were and what came of them. Indexed reads of the projections.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{finding, response, school, visit, zone};
use crate::store::prepared::prepared;

/// What is asked for; `None` leaves a column open.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The district.
    pub district: Uuid,
    /// The first day of the month.
    pub from: NaiveDate,
    /// The first day after the month.
    pub until: NaiveDate,
    /// The zone the caller is confined to.
    pub within_zone: Option<Uuid>,
    /// Schools of that zone that the caller keeps away from.
    pub besides: Vec<Uuid>,
    /// Only this zone.
    pub zone: Option<Uuid>,
    /// Only this school.
    pub school: Option<Uuid>,
    /// Only visits led by this person.
    pub supervisor: Option<Uuid>,
    /// Only visits with a response to this checklist, and only that response.
    pub checklist: Option<String>,
}

/// A zone.
#[derive(Debug, Queryable)]
pub struct Zone {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// A school.
#[derive(Debug, Queryable)]
pub struct School {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The zone it belongs to.
    pub zone: Uuid,
}

/// A person who leads visits.
#[derive(Debug, QueryableByName)]
pub struct Supervisor {
    /// Their id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Their name.
    #[diesel(sql_type = Text)]
    pub name: String,
}

/// A visit of the month.
#[derive(Debug, Queryable)]
pub struct Visit {
    /// Its id.
    pub id: Uuid,
    /// The school visited.
    pub school: Uuid,
    /// Who leads it.
    pub lead: Option<Uuid>,
    /// Its state in the workflow.
    pub state: String,
    /// What sort of visit.
    pub visit_kind: String,
    /// The day of the visit.
    pub visit_date: Option<NaiveDate>,
    /// When the supervisor submitted it, by the phone's clock.
    pub submitted_at: Option<DateTime<Utc>>,
    /// When the server first knew of that.
    pub received_at: Option<DateTime<Utc>>,
    /// Fields that wait for somebody to settle them.
    pub conflicts: i32,
}

/// A filled checklist of a visit.
#[derive(Debug, Queryable)]
pub struct Response {
    /// Its id.
    pub id: Uuid,
    /// The visit it belongs to.
    pub visit: Uuid,
    /// The checklist's code.
    pub template: String,
    /// The checklist's version.
    pub version: i32,
    /// The score with one decimal, such as `98.4`.
    pub score: Option<String>,
    /// The band's code.
    pub band: Option<String>,
    /// Whether enough was answered for score and band to count.
    pub rated: bool,
    /// The items that cap the band.
    pub caps: serde_json::Value,
    /// Codes of items answered "no".
    pub failed: Vec<String>,
    /// Items answered.
    pub answered: i32,
    /// Items that apply here.
    pub applicable: i32,
    /// Fields that wait for somebody to settle them.
    pub conflicts: i32,
}

/// A finding of a visit.
#[derive(Debug, Queryable)]
pub struct Finding {
    /// Its id.
    pub id: Uuid,
    /// The visit it belongs to.
    pub visit: Uuid,
    /// The checklist item it came from.
    pub item: Option<String>,
    /// `L1` to `L4`.
    pub severity: Option<String>,
    /// `draft` or `confirmed`.
    pub state: String,
    /// What was found, in a line.
    pub title: String,
    /// Whether it was taken back.
    pub withdrawn: bool,
}

/// How many visits a school had in a month.
#[derive(Debug, QueryableByName)]
pub struct Covered {
    /// The school.
    #[diesel(sql_type = SqlUuid)]
    pub school: Uuid,
    /// `YYYY-MM`.
    #[diesel(sql_type = Text)]
    pub month: String,
    /// Visits submitted and not sent back.
    #[diesel(sql_type = BigInt)]
    pub submitted: i64,
    /// Visits begun or sent back.
    #[diesel(sql_type = BigInt)]
    pub draft: i64,
}

/// The moment this transaction's snapshot stands for.
pub async fn as_of(conn: &mut AsyncPgConnection) -> Result<DateTime<Utc>> {
    Ok(diesel::select(sql::<Timestamptz>("now()")).get_result(conn).await?)
}

/// The zones within reach, by name.
pub async fn zones(conn: &mut AsyncPgConnection, ask: &Ask) -> Result<Vec<Zone>> {
    let mut rows = zone::table
        .filter(zone::district_id.eq(ask.district))
        .select((zone::id, zone::name))
        .order((zone::name, zone::id))
        .into_boxed();
    if let Some(within) = ask.within_zone {
        rows = rows.filter(zone::id.eq(within));
    }
    Ok(rows.load(conn).await?)
}

/// The schools within reach, by name; the filters of the question do not apply.
pub async fn schools(conn: &mut AsyncPgConnection, ask: &Ask) -> Result<Vec<School>> {
    let mut rows = school::table
        .filter(school::district_id.eq(ask.district))
        .select((school::id, school::name, school::zone_id))
        .order((school::name, school::id))
        .into_boxed();
    if let Some(within) = ask.within_zone {
        rows = rows.filter(school::zone_id.eq(within));
    }
    if !ask.besides.is_empty() {
        rows = rows.filter(school::id.ne_all(&ask.besides));
    }
    Ok(rows.load(conn).await?)
}

/// The supervisors within reach, and whoever else leads one of `visits`, by name.
pub async fn supervisors(conn: &mut AsyncPgConnection, ask: &Ask, visits: &[Visit]) -> Result<Vec<Supervisor>> {
    let leads: Vec<Uuid> = visits.iter().filter_map(|visit| visit.lead).collect();
    let rows = prepared(
        "SELECT id, name FROM lock_people(NULL)
         WHERE 'supervisor' = ANY (roles) AND ($1 IS NULL OR zone_id = $1) OR id = ANY ($2) ORDER BY name, id",
    )
    .bind::<Nullable<SqlUuid>, _>(ask.within_zone)
    .bind::<Array<SqlUuid>, _>(leads);
    Ok(rows.load(conn).await?)
}

/// The visits asked for, newest first.
pub async fn visits(conn: &mut AsyncPgConnection, ask: &Ask) -> Result<Vec<Visit>> {
    let mut rows = visit::table
        .inner_join(
            school::table.on(school::district_id
                .eq(visit::district_id)
                .and(school::id.eq(visit::school_id))),
        )
        .filter(visit::district_id.eq(ask.district))
        .filter(visit::visit_date.ge(ask.from).and(visit::visit_date.lt(ask.until)))
        // One answer that its remover had not seen keeps a visit.
        .filter(
            visit::removed.eq(false).or(diesel::dsl::exists(
                response::table.filter(
                    response::district_id
                        .eq(visit::district_id)
                        .and(response::visit_id.eq(visit::id))
                        .and(response::removed.eq(false)),
                ),
            )),
        )
        .select((
            visit::id,
            visit::school_id,
            visit::lead,
            visit::state,
            visit::visit_kind,
            visit::visit_date,
            visit::submitted_at,
            visit::received_at,
            visit::conflicts,
        ))
        .order((visit::visit_date.desc(), visit::id))
        .into_boxed();
    for zone in [ask.within_zone, ask.zone].into_iter().flatten() {
        rows = rows.filter(school::zone_id.eq(zone));
    }
    if !ask.besides.is_empty() {
        rows = rows.filter(visit::school_id.ne_all(&ask.besides));
    }
    if let Some(school) = ask.school {
        rows = rows.filter(visit::school_id.eq(school));
    }
    if let Some(supervisor) = ask.supervisor {
        rows = rows.filter(visit::lead.eq(supervisor));
    }
    if let Some(checklist) = &ask.checklist {
        let filled = response::table
            .filter(
                response::district_id
                    .eq(ask.district)
                    .and(response::template.eq(checklist)),
            )
            .select(response::visit_id);
        rows = rows.filter(visit::id.eq_any(filled));
    }
    Ok(rows.load(conn).await?)
}

/// The responses of `visits` in the order of their checklists.
pub async fn responses(conn: &mut AsyncPgConnection, ask: &Ask, visits: &[Visit]) -> Result<Vec<Response>> {
    let mut rows = response::table
        .filter(
            response::district_id
                .eq(ask.district)
                .and(response::visit_id.eq_any(ids(visits))),
        )
        .filter(response::removed.eq(false))
        .select((
            response::id,
            response::visit_id,
            response::template,
            response::version,
            sql::<Nullable<Text>>("response.score::text"),
            response::band,
            response::rated,
            response::caps,
            response::failed,
            response::answered,
            response::applicable,
            response::conflicts,
        ))
        .order((response::template, response::id))
        .into_boxed();
    if let Some(checklist) = &ask.checklist {
        rows = rows.filter(response::template.eq(checklist));
    }
    Ok(rows.load(conn).await?)
}

/// The findings of `visits`, the gravest first.
pub async fn findings(conn: &mut AsyncPgConnection, ask: &Ask, visits: &[Visit]) -> Result<Vec<Finding>> {
    let rows = finding::table
        .filter(
            finding::district_id
                .eq(ask.district)
                .and(finding::visit_id.eq_any(ids(visits))),
        )
        .select((
            finding::id,
            finding::visit_id,
            finding::item,
            finding::severity,
            finding::state,
            finding::title,
            finding::withdrawn,
        ))
        .order((finding::severity.desc(), finding::item, finding::id));
    Ok(rows.load(conn).await?)
}

/// Visits by school and month from the day `since` to the end of the month asked for; schools without any are left out.
pub async fn coverage(conn: &mut AsyncPgConnection, ask: &Ask, since: NaiveDate) -> Result<Vec<Covered>> {
    let rows = sql_query(
        "SELECT school_id AS school, to_char(visit_date, 'YYYY-MM') AS month, \
         count(*) FILTER (WHERE state IN ('submitted', 'reviewed', 'archived')) AS submitted, \
         count(*) FILTER (WHERE state IN ('checked_in', 'in_progress', 'feedback_given', 'returned')) AS draft \
         FROM visit v WHERE district_id = $1 AND visit_date >= $2 AND visit_date < $3 \
           AND (NOT removed OR EXISTS (SELECT 1 FROM response r WHERE r.district_id = v.district_id AND r.visit_id = v.id AND NOT r.removed)) \
         GROUP BY 1, 2",
    )
    .bind::<SqlUuid, _>(ask.district)
    .bind::<Date, _>(since)
    .bind::<Date, _>(ask.until);
    Ok(rows.load(conn).await?)
}

fn ids(visits: &[Visit]) -> Vec<Uuid> {
    visits.iter().map(|visit| visit.id).collect()
}
