//! Checklists that the district made itself: read out of their records, checked before they are published, and made known to
//! this process.

use std::collections::BTreeMap;

use catalog::{Checklist, DefinitionErrors, Parts, ThresholdRule};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use sync_protocol::{Op, RecordState, Value};
use uuid::Uuid;

use crate::error::Result;
use crate::store::prepared::prepared;

pub const KIND: &str = "template";
/// A district's own limit.
pub const LIMIT: &str = "threshold";
pub const PUBLISHED: &str = "published";

/// The definition as the record has it after these changes.
///
/// # Errors
/// What is wrong with it, also when people differ on a part of it.
pub fn read(now: Option<&RecordState>, ops: &[&Op]) -> std::result::Result<Checklist, DefinitionErrors> {
    let mut fields: BTreeMap<&str, &Value> = BTreeMap::new();
    for (path, field) in now.iter().flat_map(|record| &record.fields) {
        match field.live.as_slice() {
            [] => {}
            [one] => {
                fields.insert(path.as_str(), &one.value);
            }
            // Nobody has settled it: nothing that could be published.
            _ => {
                fields.insert(path.as_str(), &Value::Null);
            }
        }
    }
    fields.extend(ops.iter().map(|op| (op.path().as_str(), op.value())));
    let text = |path: &str| fields.get(path).and_then(|value| value.text()).unwrap_or_default();
    let sections = fields.iter().filter_map(|(path, value)| {
        let section = path.strip_prefix("section/")?;
        Some((section.to_owned(), value.text()?.to_owned()))
    });
    let parts = Parts {
        head: text("head").to_owned(),
        sections: sections.collect(),
    };
    let version = fields.get("version").and_then(|value| value.int());
    let version = version.and_then(|version| u32::try_from(version).ok()).unwrap_or(0);
    parts.read(text("code"), version)
}

/// A district's limit as the record has it after these changes.
///
/// # Errors
/// What is wrong with it, also when people differ on it.
pub fn read_limit(now: Option<&RecordState>, ops: &[&Op]) -> std::result::Result<ThresholdRule, DefinitionErrors> {
    let given = ops
        .iter()
        .rfind(|op| op.path().as_str() == "rule")
        .and_then(|op| op.value().text());
    let known = now.and_then(|record| record.fields.iter().find(|(path, _)| path.as_str() == "rule"));
    let known = known.and_then(|(_, field)| match field.live.as_slice() {
        [one] => one.value.text(),
        _ => None,
    });
    catalog::threshold_from_json(given.or(known).unwrap_or_default())
}

/// Reads what the district published when its bucket has changed since this process looked. From then on
/// `catalog::checklist` knows the district's checklists and limits.
pub async fn follow(conn: &AsyncPgConnection, district: Uuid) -> Result<()> {
    #[derive(QueryableByName)]
    struct Head {
        #[diesel(sql_type = BigInt)]
        head: i64,
    }
    let (name, bucket) = (district.to_string(), format!("district/{district}"));
    let heads: Vec<Head> = prepared("SELECT head FROM bucket WHERE district_id = $1 AND id = $2")
        .bind::<SqlUuid, _>(district)
        .bind::<Text, _>(bucket.clone())
        .load(&mut &*conn)
        .await?;
    let signature = heads.as_slice().first().map_or(0, |row| row.head).to_string();
    if catalog::knows(&name, &signature) {
        return Ok(());
    }
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Text)]
        state: String,
    }
    let rows: Vec<Row> = prepared(
        "SELECT id, state::text AS state FROM record WHERE district_id = $1 AND bucket = $2 AND kind = ANY($3)",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket)
    .bind::<Array<Text>, _>(vec![KIND, LIMIT])
    .load(&mut &*conn)
    .await?;
    let (mut own, mut limits) = (Vec::new(), Vec::new());
    for row in rows {
        let record = RecordState {
            id: row.id.to_string().parse().map_err(anyhow::Error::from)?,
            fields: serde_json::from_str(&row.state).map_err(anyhow::Error::from)?,
        };
        match (record.text("@kind"), record.text("state")) {
            (Some(KIND), Some(PUBLISHED | "retired")) => own.extend(read(Some(&record), &[])),
            (Some(LIMIT), Some(PUBLISHED)) => limits.extend(read_limit(Some(&record), &[])),
            _ => {}
        }
    }
    catalog::learn(&name, &signature, own, limits);
    Ok(())
}
