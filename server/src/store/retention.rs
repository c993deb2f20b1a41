//! What is thrown away when it is old, as one table of rules, and the statements that do it. Nothing of the log, the records or the audit: those
//! stay, refused lines among them, because they are what the office must be able to prove.

use chrono::{DateTime, Days, Months, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Result;
use crate::schema::{audit_event, district};

/// Any number will do as long as every instance takes the same.
const ONE_AT_A_TIME: i64 = 4_819_232_117;

/// How long something is kept.
#[derive(Debug, Clone, Copy)]
pub enum Keeps {
    /// So many times 24 hours.
    Days(u64),
    /// As many years as the operator says.
    IdentityYears,
}

/// One rule: rows of `table` for which `old` holds are thrown away; `$2` is the moment before which they are old.
#[derive(Debug)]
pub struct Rule {
    /// Its name in the report and the audit.
    pub name: &'static str,
    /// How long they are kept.
    pub keeps: Keeps,
    table: &'static str,
    old: &'static str,
}

/// The rules. All rest on one principle of the personal information law: no longer than the purpose needs (PIPL article 19).
pub const RULES: [Rule; 5] = [
    // A phone hands in work for as long as its sign-in may be renewed, 90 days; after as many again nobody asks about it.
    Rule {
        name: "sessions",
        keeps: Keeps::Days(90),
        table: "session",
        old: "least(expires_at, revoked_at) < $2",
    },
    // Who had a visit open matters for a minute.
    Rule {
        name: "presence",
        keeps: Keeps::Days(1),
        table: "presence",
        old: "seen_at < $2",
    },
    // A link that ran out opens nothing; a month is left for "which link did I send?".
    Rule {
        name: "links",
        keeps: Keeps::Days(30),
        table: "enrolment",
        old: "expires_at < $2",
    },
    // Somebody who left may come back within half a year; after that an administrator sets a second factor up anew.
    Rule {
        name: "recovery_codes",
        keeps: Keeps::Days(180),
        table: "recovery_code",
        old: "EXISTS (SELECT FROM person p WHERE p.district_id = recovery_code.district_id AND p.id = recovery_code.person_id
              AND p.status = 'disabled' AND p.disabled_at < $2)",
    },
    // Long enough for a complaint, its review and a claim at law (three years, Civil Code article 188); the operator may set more or less.
    Rule {
        name: "complaint_identities",
        keeps: Keeps::IdentityYears,
        table: "complaint_identity",
        old: "created_at < $2",
    },
];

impl Rule {
    /// The moment before which something is old.
    pub fn before(&self, now: DateTime<Utc>, identity_years: u32) -> DateTime<Utc> {
        let before = match self.keeps {
            Keeps::Days(days) => now.checked_sub_days(Days::new(days)),
            Keeps::IdentityYears => now.checked_sub_months(Months::new(identity_years.saturating_mul(12))),
        };
        before.unwrap_or(DateTime::UNIX_EPOCH)
    }
}

/// The districts, by id, with their codes.
pub async fn districts(conn: &mut AsyncPgConnection) -> Result<Vec<(Uuid, String)>> {
    let rows = district::table
        .order(district::id)
        .select((district::id, district::code));
    Ok(rows.load(conn).await?)
}

/// How many rows of a district are old by this rule.
pub async fn count(conn: &mut AsyncPgConnection, district: Uuid, rule: &Rule, before: DateTime<Utc>) -> Result<u64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let (table, old) = (rule.table, rule.old);
    let row: Row = diesel::sql_query(format!(
        "SELECT count(*) AS n FROM {table} WHERE district_id = $1 AND {old}"
    ))
    .bind::<SqlUuid, _>(district)
    .bind::<Timestamptz, _>(before)
    .get_result(conn)
    .await?;
    Ok(row.n.unsigned_abs())
}

/// Throws away the rows of a district that are old by this rule, and says how many they were.
pub async fn throw_away(
    conn: &mut AsyncPgConnection,
    district: Uuid,
    rule: &Rule,
    before: DateTime<Utc>,
) -> Result<u64> {
    let (table, old) = (rule.table, rule.old);
    let gone = diesel::sql_query(format!("DELETE FROM {table} WHERE district_id = $1 AND {old}"))
        .bind::<SqlUuid, _>(district)
        .bind::<Timestamptz, _>(before)
        .execute(conn)
        .await?;
    Ok(gone as u64)
}

/// Whether this transaction is the one that throws away at this moment; it then is until it ends.
pub async fn alone(conn: &mut AsyncPgConnection) -> Result<bool> {
    let asked = diesel::dsl::sql::<Bool>("pg_try_advisory_xact_lock(")
        .bind::<BigInt, _>(ONE_AT_A_TIME)
        .sql(")");
    Ok(diesel::select(asked).get_result(conn).await?)
}

/// Whether the district's audit tells of a run since then.
pub async fn ran_since(conn: &mut AsyncPgConnection, district: Uuid, since: DateTime<Utc>) -> Result<bool> {
    let runs = audit_event::table
        .filter(audit_event::district_id.eq(district))
        .filter(audit_event::what.eq("retention.run"))
        .filter(audit_event::at.ge(since));
    Ok(diesel::select(diesel::dsl::exists(runs)).get_result(conn).await?)
}

/// The district's last run: when, and how many rows of each rule, as the audit tells it.
pub async fn last_run(conn: &mut AsyncPgConnection, district: Uuid) -> Result<Option<(DateTime<Utc>, Value)>> {
    let runs = audit_event::table
        .filter(audit_event::district_id.eq(district))
        .filter(audit_event::what.eq("retention.run"))
        .order(audit_event::seq.desc())
        .select((audit_event::at, audit_event::detail));
    Ok(runs.first(conn).await.optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_touches_the_log_the_records_or_the_audit() {
        for rule in &RULES {
            let words = format!("{} {}", rule.table, rule.old);
            for kept in [
                "change_group",
                "record",
                "bucket",
                "audit",
                "visit",
                "response",
                "finding",
                "departure",
                "difference",
            ] {
                assert!(!words.contains(kept), "{rule:?}");
            }
        }
    }
}
