//! What a request may do, in one prepared statement: the sign-in, the person, the device, and the schools within reach.

use chrono::NaiveDate;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::error::Result;

/// Of whom a second factor may be demanded: they see or change what is the whole district's.
pub const OFFICE_ROLES: [&str; 3] = ["coordinator", "committee", "admin"];

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
    /// Schools they keep away from on that day.
    pub recused: Vec<Uuid>,
    /// Whether they have an office role and no second factor.
    pub lacks_factor: bool,
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
        sql_types::Array<sql_types::Uuid>,
        sql_types::Bool,
    );
}

impl QueryFragment<Pg> for StandingQuery {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // One of the few questions that the second lock answers to a server that has not said for whom it works.
        out.push_sql(
            "SELECT name, roles, zone_id, stamp, person_active, device_id, device_active, session_live, assigned, overseen, recused, \
             CASE WHEN roles && ",
        );
        out.push_bind_param::<sql_types::Array<sql_types::Text>, _>(OFFICE_ROLES.as_slice())?;
        out.push_sql(" THEN NOT lock_has_factor(");
        out.push_bind_param::<sql_types::Uuid, _>(&self.district)?;
        out.push_sql(", ");
        out.push_bind_param::<sql_types::Uuid, _>(&self.person)?;
        out.push_sql(") ELSE false END FROM lock_standing(");
        out.push_bind_param::<sql_types::Uuid, _>(&self.district)?;
        out.push_sql(", ");
        out.push_bind_param::<sql_types::Uuid, _>(&self.person)?;
        out.push_sql(", ");
        out.push_bind_param::<sql_types::Uuid, _>(&self.family)?;
        out.push_sql(", ");
        out.push_bind_param::<sql_types::Date, _>(&self.today)?;
        out.push_sql(")");
        Ok(())
    }
}
