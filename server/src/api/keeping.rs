//! `GET /api/v1/keeping`: what is thrown away when it is old, by the settings in force, and when that was last done. Throws nothing away.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::AppState;
use crate::auth::actor::Actor;
use crate::auth::office::office_only;
use crate::error::Result;
use crate::store::audit;
use crate::store::purpose::within;
use crate::store::retention::{self, Keeps, RULES};

/// A day, and two of the looks that a server takes every hour: with no run for longer, none was made that should have been.
const LONGEST_PAUSE: Duration = Duration::hours(26);

/// The rules and the last run.
#[derive(Serialize)]
pub struct Keeping {
    rules: Vec<Rule>,
    last: Option<Run>,
    /// Whether the day's run was missed.
    overdue: bool,
}

#[derive(Serialize)]
struct Rule {
    name: &'static str,
    keeps: Period,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Period {
    Days(u64),
    Years(u32),
}

#[derive(Serialize)]
struct Run {
    at: String,
    /// Rows by the name of the rule.
    thrown_away: BTreeMap<String, u64>,
}

/// Coordinators and administrators only; 403 `forbidden` for others.
pub async fn show(app: Data<AppState>, actor: Actor) -> Result<Json<Keeping>> {
    office_only(&actor)?;
    let mut conn = app.pool.get().await?;
    let known = within(&mut conn, actor.managing(), async |conn| -> Result<_> {
        let last = retention::last_run(conn, actor.district).await?;
        Ok((last, audit::begun(conn, actor.district).await?))
    });
    let (last, begun) = known.await?;
    let since = last.as_ref().map(|(at, _)| *at).or(begun);
    let rules = RULES.iter().map(|rule| Rule {
        name: rule.name,
        keeps: match rule.keeps {
            Keeps::Days(days) => Period::Days(days),
            Keeps::IdentityYears => Period::Years(app.identity_years),
        },
    });
    Ok(Json(Keeping {
        rules: rules.collect(),
        last: last.map(|(at, detail)| run(at, &detail)),
        overdue: since.is_some_and(|since| Utc::now() - since > LONGEST_PAUSE),
    }))
}

/// The audit has the counts as text.
fn run(at: DateTime<Utc>, detail: &Value) -> Run {
    let counts = detail.as_object().into_iter().flatten();
    let counts = counts.filter_map(|(rule, rows)| Some((rule.clone(), rows.as_str()?.parse().ok()?)));
    Run {
        at: at.to_rfc3339_opts(SecondsFormat::Millis, true),
        thrown_away: counts.collect(),
    }
}
