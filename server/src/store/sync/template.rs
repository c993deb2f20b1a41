//! Checklists that the district made itself: read out of their records, checked before they are published, and made known to
//! this process.

use std::collections::BTreeMap;

use catalog::{Checklist, DefinitionErrors, Parts};
use diesel::QueryableByName;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use sync_protocol::{Op, RecordState, Value};
use uuid::Uuid;

use crate::error::Result;
use crate::store::prepared::prepared;

pub const KIND: &str = "template";
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

/// The checklist of a response: built in, known from before, or read from the district's records now.
pub async fn find(
    conn: &AsyncPgConnection,
    district: Uuid,
    code: &str,
    version: u32,
) -> Result<Option<&'static Checklist>> {
    let audience = district.to_string();
    if let Some(known) = catalog::checklist(&audience, code, version) {
        return Ok(Some(known));
    }
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Text)]
        state: String,
    }
    // A few dozen in a district's life; asked only for a version this process has not read yet.
    let rows: Vec<Row> =
        prepared("SELECT id, state::text AS state FROM record WHERE district_id = $1 AND bucket = $2 AND kind = $3")
            .bind::<SqlUuid, _>(district)
            .bind::<Text, _>(format!("district/{district}"))
            .bind::<Text, _>(KIND)
            .load(&mut &*conn)
            .await?;
    for row in rows {
        let record = RecordState {
            id: row.id.to_string().parse().map_err(anyhow::Error::from)?,
            fields: serde_json::from_str(&row.state).map_err(anyhow::Error::from)?,
        };
        let is_public = matches!(record.text("state"), Some("published" | "retired"));
        if let (true, Ok(checklist)) = (is_public, read(Some(&record), &[])) {
            catalog::publish(&audience, checklist);
        }
    }
    Ok(catalog::checklist(&audience, code, version))
}
