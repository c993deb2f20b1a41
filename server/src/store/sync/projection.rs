//! Rows for the office's questions, written in the transaction that changes their record: `visit`, `response`, `finding`.
//! Everything here can be made again from the records alone.

use catalog::{Answers, Assessment, Checklist, Decision, Said, Standing};
use diesel::sql_types::{Array, Bool, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use sync_protocol::{BucketId, RecordState, Value};
use tokio::try_join;
use uuid::Uuid;

use super::judge::{checklist_of, said, to_catalog};
use super::rows::uuid;
use super::template;
use crate::error::Result;
use crate::store::prepared::prepared;

/// Projects the records that changed, each after its kind.
pub async fn write(
    conn: &AsyncPgConnection,
    district: Uuid,
    bucket: &BucketId,
    changed: &[&RecordState],
) -> Result<()> {
    let of = |kind: &str| {
        changed
            .iter()
            .copied()
            .filter(|record| record.text("@kind") == Some(kind))
            .collect::<Vec<_>>()
    };
    let (of_visits, of_responses, of_findings) = (of("visit"), of("response"), of("finding"));
    try_join!(
        visits(conn, district, bucket, &of_visits),
        responses(conn, district, bucket, &of_responses),
        findings(conn, district, bucket, &of_findings),
        differences(conn, district, bucket, changed),
    )?;
    Ok(())
}

async fn visits(conn: &AsyncPgConnection, district: Uuid, bucket: &BucketId, records: &[&RecordState]) -> Result<()> {
    let Ok(school) = Uuid::parse_str(bucket.subject()) else {
        return Ok(());
    };
    if records.is_empty() {
        return Ok(());
    }
    prepared(
        "INSERT INTO visit (district_id, id, bucket, school_id, lead, state, visit_kind, visit_date, submitted_at, received_at, conflicts, removed)
         SELECT $1, n.id, $2, $3, n.lead, n.state, n.visit_kind, n.visit_date::date, n.submitted_at::timestamptz,
                CASE WHEN n.state IN ('submitted', 'reviewed', 'returned', 'archived') THEN clock_timestamp() END, n.conflicts, n.removed
         FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::integer[], $11::boolean[])
              AS n(id, lead, state, visit_kind, visit_date, submitted_at, conflicts, removed)
         ON CONFLICT (district_id, id) DO UPDATE SET bucket = excluded.bucket, school_id = excluded.school_id, lead = excluded.lead, state = excluded.state, visit_kind = excluded.visit_kind,
             visit_date = excluded.visit_date, submitted_at = excluded.submitted_at,
             received_at = coalesce(visit.received_at, excluded.received_at), conflicts = excluded.conflicts, removed = excluded.removed",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket.as_str())
    .bind::<SqlUuid, _>(school)
    .bind::<Array<SqlUuid>, _>(ids(records))
    .bind::<Array<Nullable<SqlUuid>>, _>(records.iter().map(|record| id_in(record, "lead")).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(records.iter().map(|record| state_of(record)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(records.iter().map(|record| record.text("visit_kind").unwrap_or("regular")).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(records.iter().map(|record| date_in(record, "visit_date")).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(records.iter().map(|record| moment_in(record, "submitted_at")).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(conflicts(district, records))
    .bind::<Array<Bool>, _>(records.iter().map(|record| is_removed(record)).collect::<Vec<_>>())
    .execute(&mut &*conn)
    .await?;
    Ok(())
}

async fn responses(
    conn: &AsyncPgConnection,
    district: Uuid,
    bucket: &BucketId,
    records: &[&RecordState],
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    template::follow(conn, district).await?;
    let name = district.to_string();
    let rated: Vec<Rated<'_>> = records.iter().filter_map(|record| Rated::of(&name, record)).collect();
    if rated.is_empty() {
        return Ok(());
    }
    let whole: Vec<&RecordState> = rated.iter().map(|one| one.record).collect();
    prepared(
        "INSERT INTO response (district_id, id, bucket, visit_id, template, version, score, band, rated, caps, failed, answered, applicable, conflicts, engine, removed)
         SELECT $1, n.id, $2, n.visit_id, n.template, n.version, n.score::numeric, n.band, n.rated, n.caps,
                coalesce((SELECT array_agg(code) FROM jsonb_array_elements_text(n.failed) code), '{}'), n.answered, n.applicable, n.conflicts, n.engine, n.removed
         FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::boolean[], $10::jsonb[], $11::jsonb[],
                     $12::integer[], $13::integer[], $14::integer[], $15::integer[], $16::boolean[])
              AS n(id, visit_id, template, version, score, band, rated, caps, failed, answered, applicable, conflicts, engine, removed)
         ON CONFLICT (district_id, id) DO UPDATE SET bucket = excluded.bucket, version = excluded.version, score = excluded.score, band = excluded.band, rated = excluded.rated, caps = excluded.caps,
             failed = excluded.failed, answered = excluded.answered, applicable = excluded.applicable, conflicts = excluded.conflicts, engine = excluded.engine, removed = excluded.removed",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket.as_str())
    .bind::<Array<SqlUuid>, _>(ids(&whole))
    .bind::<Array<SqlUuid>, _>(rated.iter().map(|one| one.visit).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rated.iter().map(|one| one.template.clone()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rated.iter().map(|one| one.version as i32).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rated.iter().map(Rated::score).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rated.iter().map(Rated::band).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(rated.iter().map(|one| one.assessment.as_ref().is_some_and(|a| a.rated)).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(rated.iter().map(Rated::caps).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(rated.iter().map(|one| json!(one.assessment.as_ref().map_or(&[][..], |a| &a.failed))).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rated.iter().map(|one| one.count(|a| a.answered)).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rated.iter().map(|one| one.count(|a| a.applicable)).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(conflicts(district, &whole))
    .bind::<Array<Integer>, _>(rated.iter().map(|one| one.count(|a| a.engine)).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(whole.iter().map(|record| is_removed(record)).collect::<Vec<_>>())
    .execute(&mut &*conn)
    .await?;
    Ok(())
}

async fn findings(conn: &AsyncPgConnection, district: Uuid, bucket: &BucketId, records: &[&RecordState]) -> Result<()> {
    let placed: Vec<(&RecordState, Uuid)> = records
        .iter()
        .filter_map(|record| Some((*record, id_in(record, "visit")?)))
        .collect();
    if placed.is_empty() {
        return Ok(());
    }
    let whole: Vec<&RecordState> = placed.iter().map(|(record, _)| *record).collect();
    let text = |path: &'static str| {
        whole
            .iter()
            .map(|record| record.text(path).map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let withdrawn =
        |record: &&RecordState| is_removed(record) || record.value("withdrawn").and_then(Value::bool).unwrap_or(false);
    prepared(
        "INSERT INTO finding (district_id, id, bucket, visit_id, response_id, item, severity, state, title, withdrawn)
         SELECT $1, n.id, $2, n.visit_id, n.response_id, n.item, n.severity, n.state, n.title, n.withdrawn
         FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[])
              AS n(id, visit_id, response_id, item, severity, state, title, withdrawn)
         ON CONFLICT (district_id, id) DO UPDATE SET bucket = excluded.bucket, severity = excluded.severity, state = excluded.state, title = excluded.title, withdrawn = excluded.withdrawn",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket.as_str())
    .bind::<Array<SqlUuid>, _>(ids(&whole))
    .bind::<Array<SqlUuid>, _>(placed.iter().map(|(_, visit)| *visit).collect::<Vec<_>>())
    .bind::<Array<Nullable<SqlUuid>>, _>(whole.iter().map(|record| id_in(record, "response")).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(text("item"))
    .bind::<Array<Nullable<Text>>, _>(text("severity"))
    .bind::<Array<Text>, _>(whole.iter().map(|record| state_of(record)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(whole.iter().map(|record| record.text("title").unwrap_or("").to_owned()).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(whole.iter().map(withdrawn).collect::<Vec<_>>())
    .execute(&mut &*conn)
    .await?;
    Ok(())
}

/// A response that names its visit and checklist, judged by the engine when the checklist is known here.
struct Rated<'a> {
    record: &'a RecordState,
    visit: Uuid,
    template: String,
    version: u32,
    checklist: Option<&'static Checklist>,
    assessment: Option<Assessment>,
}

impl<'a> Rated<'a> {
    fn of(district: &str, record: &'a RecordState) -> Option<Self> {
        let visit = id_in(record, "visit")?;
        let template = record.text("template")?.to_owned();
        let version = u32::try_from(record.value("version")?.int()?).ok()?;
        let checklist = catalog::checklist(district, &template, version);
        let assessment = checklist.map(|checklist| catalog::assess(checklist, &answers(checklist, record)));
        Some(Self {
            record,
            visit,
            template,
            version,
            checklist,
            assessment,
        })
    }

    fn score(&self) -> Option<String> {
        self.assessment.as_ref()?.score.map(|score| score.to_string())
    }
    /// The band when the form can be rated, else the one it would have so far.
    fn band(&self) -> Option<String> {
        let assessment = self.assessment.as_ref()?;
        self.band_code(assessment.band.or(assessment.provisional_band)?)
    }
    fn band_code(&self, at: usize) -> Option<String> {
        Some(self.checklist?.bands.get(at)?.code.clone())
    }
    fn caps(&self) -> serde_json::Value {
        let caps = self.assessment.as_ref().map_or(&[][..], |assessment| &assessment.caps);
        caps.iter()
            .map(|cap| json!({ "item": cap.item, "band": self.band_code(cap.band) }))
            .collect()
    }
    fn count(&self, of: impl Fn(&Assessment) -> u32) -> i32 {
        self.assessment.as_ref().map_or(0, |assessment| of(assessment) as i32)
    }
}

/// The answers as they count today: a field on which people differ counts by its policy until they settle it.
fn answers(checklist: &Checklist, record: &RecordState) -> Answers {
    let one = |(path, field): (&sync_protocol::FieldPath, &sync_protocol::FieldState)| {
        let counts = match field.live.as_slice() {
            [one] => to_catalog(&one.value),
            _ => standing(Some(checklist), record, path, field).counts().clone(),
        };
        (path.as_str().to_owned(), counts)
    };
    record
        .fields
        .iter()
        .filter(|(_, field)| !field.live.is_empty())
        .map(one)
        .collect()
}

fn standing(
    checklist: Option<&Checklist>,
    record: &RecordState,
    path: &sync_protocol::FieldPath,
    field: &sync_protocol::FieldState,
) -> Standing {
    let said: Vec<Said> = field.live.iter().map(said).collect();
    let owner = record.fields.get("@kind").and_then(|kind| kind.live.as_slice().first());
    let owner = owner.map_or("", |write| write.author.as_str());
    match record.text("@kind").and_then(|code| catalog::catalog().kind(code)) {
        Some(kind) => kind.standing(checklist, path.as_str(), owner, &said),
        None => Standing::Agreed(said.as_slice().first().map(|one| one.value.clone()).unwrap_or_default()),
    }
}

/// What people must look at in a record: where they differ, what came after it was sealed, and what was settled and taken back.
/// What was removed asks nobody anything.
fn open_differences<'a>(district: &str, record: &'a RecordState) -> Vec<(&'a sync_protocol::FieldPath, bool)> {
    let decision = |path: &str| {
        let marker = record.value(&format!("settled/{path}")).map(to_catalog);
        marker.as_ref().and_then(Decision::from_value)
    };
    let reopened = |path: &str| decision(path).is_some_and(|decision| decision.reopened);
    let any_settled = record.fields.keys().any(|path| path.as_str().starts_with("settled/"));
    let doubtful = |(path, field): &(&sync_protocol::FieldPath, &sync_protocol::FieldState)| {
        field.is_conflict() || !field.late.is_empty() || (any_settled && reopened(path.as_str()))
    };
    let mut doubtful = record.fields.iter().filter(doubtful).peekable();
    if doubtful.peek().is_none() || is_removed(record) {
        return Vec::new();
    }
    let checklist = checklist_of(district, record);
    let open = |(path, field): (&'a sync_protocol::FieldPath, &sync_protocol::FieldState)| {
        let differs = standing(checklist, record, path, field).is_open();
        let decision = decision(path.as_str()).unwrap_or_default();
        let counted = record.value(path.as_str());
        let unheard = field
            .late
            .iter()
            .any(|late| Some(&late.write.value) != counted && !decision.has_heard(&late.write.dot.to_string()));
        (differs || unheard || decision.reopened).then_some((path, unheard && !differs))
    };
    doubtful.filter_map(open).collect()
}

/// Keeps the office's list of what is open: since when, and no longer when it is settled.
async fn differences(
    conn: &AsyncPgConnection,
    district: Uuid,
    bucket: &BucketId,
    records: &[&RecordState],
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let name = district.to_string();
    let mut open: Vec<(Uuid, Option<Uuid>, &str, bool)> = Vec::new();
    for record in records {
        let visit = match record.text("@kind") {
            Some("visit") => Some(uuid(&record.id)),
            _ => id_in(record, "visit"),
        };
        let found = open_differences(&name, record).into_iter();
        open.extend(found.map(|(path, late)| (uuid(&record.id), visit, path.as_str(), late)));
    }
    prepared(
        "WITH open AS (SELECT * FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::boolean[]) AS n(record_id, visit_id, path, late)),
              settled AS (DELETE FROM difference d WHERE d.district_id = $1 AND d.record_id = ANY($3)
                          AND NOT EXISTS (SELECT 1 FROM open WHERE open.record_id = d.record_id AND open.path = d.path))
         INSERT INTO difference (district_id, bucket, record_id, visit_id, path, late)
         SELECT $1, $2, record_id, visit_id, path, late FROM open
         ON CONFLICT (district_id, record_id, path) DO UPDATE SET bucket = excluded.bucket, late = excluded.late",
    )
    .bind::<SqlUuid, _>(district)
    .bind::<Text, _>(bucket.as_str())
    .bind::<Array<SqlUuid>, _>(ids(records))
    .bind::<Array<SqlUuid>, _>(open.iter().map(|row| row.0).collect::<Vec<_>>())
    .bind::<Array<Nullable<SqlUuid>>, _>(open.iter().map(|row| row.1).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(open.iter().map(|row| row.2).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(open.iter().map(|row| row.3).collect::<Vec<_>>())
    .execute(&mut &*conn)
    .await?;
    Ok(())
}

/// Whether somebody removed the record having seen all that is in it: whatever came since brings it back.
fn is_removed(record: &RecordState) -> bool {
    record.removed_by().is_some()
}

fn ids(records: &[&RecordState]) -> Vec<Uuid> {
    records.iter().map(|record| uuid(&record.id)).collect()
}

fn conflicts(district: Uuid, records: &[&RecordState]) -> Vec<i32> {
    let district = district.to_string();
    let open = |record: &&RecordState| match record.conflicts() {
        0 => 0,
        _ => open_differences(&district, record)
            .iter()
            .filter(|(_, late)| !late)
            .count(),
    };
    records
        .iter()
        .map(|record| i32::try_from(open(record)).unwrap_or(i32::MAX))
        .collect()
}

fn state_of(record: &RecordState) -> String {
    record.text("state").unwrap_or("draft").to_owned()
}

fn id_in(record: &RecordState, path: &str) -> Option<Uuid> {
    Uuid::parse_str(record.text(path)?).ok()
}

/// A date that Postgres will take; what people wrote stays in the record.
fn date_in(record: &RecordState, path: &str) -> Option<String> {
    let text = record.text(path)?;
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .map(|date| date.to_string())
}

fn moment_in(record: &RecordState, path: &str) -> Option<String> {
    chrono::DateTime::parse_from_rfc3339(record.text(path)?)
        .ok()
        .map(|moment| moment.to_rfc3339())
}
