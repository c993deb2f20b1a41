//! When old things are thrown away: by the command `duxing retention`, and once a day while the server runs. What is old is said in
//! `store/retention.rs`; each run is told in the audit of every district.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, Utc};
use diesel_async::AsyncPgConnection;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::db::Pool;
use crate::error::{Code, Result};
use crate::store::audit::{self, COMMAND_LINE, Event};
use crate::store::purpose::{Purpose, within};
use crate::store::retention::{RULES, alone, count, districts, ran_since, throw_away};

/// How often a server looks whether today's run is still to be made.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// What a run threw away, or would: by district, by rule.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report(pub Vec<Line>);

/// What one rule came to in one district.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The district's code.
    pub district: String,
    /// The rule's name.
    pub rule: &'static str,
    /// Rows.
    pub rows: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.iter();
        lines.try_for_each(|line| writeln!(f, "{} {}: {}", line.district, line.rule, line.rows))
    }
}

/// What a run at this moment would throw away. Changes nothing and tells nobody.
pub async fn dry_run(pool: &Pool, now: DateTime<Utc>, identity_years: u32) -> Result<Report> {
    let mut conn = pool.get().await?;
    within(&mut conn, Purpose::retaining(), async |conn| -> Result<_> {
        let mut report = Report::default();
        for (district, code) in districts(conn).await? {
            for rule in &RULES {
                let rows = count(conn, district, rule, rule.before(now, identity_years)).await?;
                report.0.push(Line {
                    district: code.clone(),
                    rule: rule.name,
                    rows,
                });
            }
        }
        Ok(report)
    })
    .await
}

/// Throws away what is old, in one transaction. Refuses `busy` while another instance is at it.
pub async fn run(pool: &Pool, now: DateTime<Utc>, identity_years: u32) -> Result<Report> {
    let mut conn = pool.get().await?;
    within(&mut conn, Purpose::retaining(), async |conn| -> Result<_> {
        if !alone(conn).await? {
            return Err(Code::Busy.into());
        }
        let mut report = Report::default();
        for (district, code) in districts(conn).await? {
            report
                .0
                .extend(run_for(conn, district, &code, now, identity_years).await?);
        }
        Ok(report)
    })
    .await
}

/// The day's run, unless another instance is at it or it was made today: then nothing.
pub async fn run_once_today(pool: &Pool, now: DateTime<Utc>, identity_years: u32) -> Result<Report> {
    let mut conn = pool.get().await?;
    within(&mut conn, Purpose::retaining(), async |conn| -> Result<_> {
        let mut report = Report::default();
        if !alone(conn).await? {
            return Ok(report);
        }
        for (district, code) in districts(conn).await? {
            if !ran_since(conn, district, midnight(now)).await? {
                report
                    .0
                    .extend(run_for(conn, district, &code, now, identity_years).await?);
            }
        }
        Ok(report)
    })
    .await
}

/// Looks every hour, for as long as the server runs; the first time an hour after its start.
pub async fn every_day(pool: Pool, identity_years: u32) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match run_once_today(&pool, Utc::now(), identity_years).await {
            Ok(report) => report.0.iter().for_each(|line| {
                tracing::info!(
                    district = line.district,
                    rule = line.rule,
                    rows = line.rows,
                    "retention"
                );
            }),
            // The next look tries again.
            Err(error) => tracing::warn!(%error, "retention"),
        }
    }
}

async fn run_for(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    code: &str,
    now: DateTime<Utc>,
    identity_years: u32,
) -> Result<Vec<Line>> {
    let (mut lines, mut detail) = (Vec::new(), Map::new());
    for rule in &RULES {
        let rows = throw_away(conn, district, rule, rule.before(now, identity_years)).await?;
        // As text: the audit takes no numbers, which have several spellings.
        detail.insert(rule.name.into(), Value::from(rows.to_string()));
        lines.push(Line {
            district: code.into(),
            rule: rule.name,
            rows,
        });
    }
    let event = Event {
        district,
        actor: COMMAND_LINE,
        what: "retention.run",
        subject: district,
        detail: Value::Object(detail),
    };
    audit::append(conn, event).await?;
    Ok(lines)
}

/// When the day in the district began.
fn midnight(now: DateTime<Utc>) -> DateTime<Utc> {
    let china = FixedOffset::east_opt(8 * 3600).expect("eight hours are an offset");
    let day = now.with_timezone(&china).date_naive();
    let begun = day
        .and_hms_opt(0, 0, 0)
        .and_then(|begun| begun.and_local_timezone(china).single());
    begun.expect("an offset has every midnight").to_utc()
}
