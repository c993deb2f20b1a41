//! What a request may do, in one prepared statement: the sign-in, the person, the device, and the schools within reach.

use chrono::NaiveDate;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;

/// The state of affairs behind an access token.
#[derive(Debug, Queryable)]
pub struct Standing {
    /// The person's name.
    pub name: String,
    /// Role codes.
    pub roles: Vec<String>,
    /// The person's own zone.
    pub zone: Option<Uuid>,
    /// The person's stamp: raised when rights or password change.
    pub stamp: i32,
    /// Whether the person may use the system at all.
    pub person_active: bool,
    /// The device that signed in.
    pub device: Uuid,
    /// Whether that device is still trusted.
    pub device_active: bool,
    /// Whether the sign-in is neither revoked nor out of date.
    pub session_live: bool,
    /// Schools assigned on the day asked about.
    pub assigned: Vec<Uuid>,
    /// Schools seen by office or as zone lead.
    pub overseen: Vec<Uuid>,
}

/// Looks up everything a request's rights depend on; `None` when there is no such sign-in of that person.
pub async fn standing(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    person: Uuid,
    family: Uuid,
    today: NaiveDate,
) -> Result<Option<Standing>> {
    Ok(StandingQuery {
        district,
        person,
        family,
        today,
    }
    .get_result(conn)
    .await
    .optional()?)
}

/// Written by hand because diesel caches a prepared statement by its type, and never that of a `sql_query`:
/// this one runs on every request.
#[derive(QueryId)]
struct StandingQuery {
    district: Uuid,
    person: Uuid,
    family: Uuid,
    today: NaiveDate,
}

impl Query for StandingQuery {
    type SqlType = (
        sql_types::Text,
        sql_types::Array<sql_types::Text>,
        sql_types::Nullable<sql_types::Uuid>,
        sql_types::Integer,
        sql_types::Bool,
        sql_types::Uuid,
        sql_types::Bool,
        sql_types::Bool,
        sql_types::Array<sql_types::Uuid>,
        sql_types::Array<sql_types::Uuid>,
    );
}

impl QueryFragment<Pg> for StandingQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT p.name, p.roles, p.zone_id, p.stamp, p.status = 'active', d.id, d.state = 'active', \
             s.revoked_at IS NULL AND s.expires_at > now(), \
             CASE WHEN 'supervisor' = ANY(p.roles) THEN ARRAY(\
               SELECT a.school_id FROM assignment a \
               WHERE a.district_id = p.district_id AND a.person_id = p.id \
               AND a.from_date <= ",
        );
        out.push_bind_param::<sql_types::Date, _>(&self.today)?;
        out.push_sql(
            " AND (a.to_date IS NULL OR a.to_date >= $1) ORDER BY 1) ELSE '{}' END, \
             CASE WHEN p.roles && '{coordinator,committee}' THEN ARRAY(\
               SELECT c.id FROM school c WHERE c.district_id = p.district_id ORDER BY 1) \
             WHEN 'zone_lead' = ANY(p.roles) THEN ARRAY(\
               SELECT c.id FROM school c WHERE c.district_id = p.district_id AND c.zone_id = p.zone_id ORDER BY 1) \
             ELSE '{}' END \
             FROM session s \
             JOIN person p ON p.district_id = s.district_id AND p.id = s.person_id \
             JOIN device d ON d.district_id = s.district_id AND d.id = s.device_id AND d.person_id = s.person_id \
             WHERE s.district_id = ",
        );
        out.push_bind_param::<sql_types::Uuid, _>(&self.district)?;
        out.push_sql(" AND s.family = ");
        out.push_bind_param::<sql_types::Uuid, _>(&self.family)?;
        out.push_sql(" AND s.person_id = ");
        out.push_bind_param::<sql_types::Uuid, _>(&self.person)
    }
}
