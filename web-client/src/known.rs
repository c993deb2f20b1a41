//! The checklists this person can meet: those that are built in, and those that the district published, read out of their records
//! the first time somebody asks. All reading is tracked, so that a page follows what arrives.

use std::collections::BTreeMap;

use catalog::{Checklist, DefinitionErrors, Parts};
use leptos::prelude::{ArcMemo, Get, untrack};
use sync_protocol::{RecordId, RecordView};

use crate::session::{Session, use_session};

/// The kind of the records that hold definitions.
pub const KIND: &str = "template";

/// One version of a checklist, with the district's own limits.
pub fn checklist(code: &str, version: u32) -> Option<&'static Checklist> {
    catalog::checklist(&district(), code, version)
}

thread_local! {
    /// Looked at once for each change of what is here, however many ask.
    static FOLLOWED: ArcMemo<String> = ArcMemo::new(|_| follow());
}

/// Reads what the district published when that has changed; gives the district.
fn follow() -> String {
    let session = use_session();
    let district = session.person().map(|person| person.district_id).unwrap_or_default();
    let public: Vec<RecordView> = records(session).filter(is_public).collect();
    let limits: Vec<RecordView> = limits(session)
        .filter(|record| record.text("state") == "published")
        .collect();
    let all = public.iter().chain(&limits);
    // What is published never changes, so the names say it all.
    let signature: Vec<&str> = all.map(|record| record.id().as_str()).collect();
    let signature = signature.join(" ");
    if !catalog::knows(&district, &signature) {
        let own = public.iter().filter_map(|record| read(record).ok());
        let rules = limits
            .iter()
            .filter_map(|record| catalog::threshold_from_json(record.text("rule")).ok());
        catalog::learn(&district, &signature, own.collect(), rules.collect());
    }
    format!("{district} {signature}")
}

/// The district, whose checklists are known by now; tracked.
fn district() -> String {
    let followed = FOLLOWED.with(ArcMemo::clone).get();
    followed.split(' ').next().unwrap_or_default().to_owned()
}

/// Begins to follow, under the page's own owner.
pub fn begin() {
    let _ = untrack(district);
}

/// The kind of the records that hold the district's own limits.
pub const LIMIT: &str = "threshold";

/// The district's own limits on this device; tracked.
pub fn limits(session: Session) -> impl Iterator<Item = RecordView> {
    let ids: Vec<RecordId> = session.records(LIMIT);
    ids.into_iter().filter_map(move |id| session.record(&id))
}

/// The newest version of a checklist, whether it is still offered or not.
pub fn latest(code: &str) -> Option<&'static Checklist> {
    all().into_iter().rfind(|checklist| checklist.code == code)
}

/// Every version of every checklist that is built in or published, by code and version.
pub fn all() -> Vec<&'static Checklist> {
    catalog::checklists(&district())
}

/// What a visit can begin: the newest version of each checklist that is not retired.
pub fn offered() -> Vec<&'static Checklist> {
    let session = use_session();
    let retired: Vec<(String, u32)> = records(session)
        .filter(|record| record.text("state") == "retired")
        .filter_map(|record| Some((record.text("code").to_owned(), version_of(&record)?)))
        .collect();
    let mut newest: BTreeMap<&str, &'static Checklist> = BTreeMap::new();
    for checklist in all() {
        let is_retired = retired
            .iter()
            .any(|(code, version)| *code == checklist.code && *version == checklist.version);
        if !is_retired {
            newest.insert(&checklist.code, checklist);
        }
    }
    newest.into_values().collect()
}

/// The newest version of one checklist that a visit can begin.
pub fn offered_one(code: &str) -> Option<&'static Checklist> {
    offered().into_iter().find(|checklist| checklist.code == code)
}

/// The definition in a record, published or not.
pub fn read(record: &RecordView) -> Result<Checklist, DefinitionErrors> {
    parts(record).read(record.text("code"), version_of(record).unwrap_or(1))
}

/// The definition in a record as it lies there.
pub fn parts(record: &RecordView) -> Parts {
    let sections = record.fields().filter_map(|(path, field)| {
        let code = path.strip_prefix("section/")?;
        Some((code.to_owned(), field.value()?.text()?.to_owned()))
    });
    Parts {
        head: record.text("head").to_owned(),
        sections: sections.collect(),
    }
}

pub fn version_of(record: &RecordView) -> Option<u32> {
    record
        .field("version")
        .int()
        .and_then(|version| u32::try_from(version).ok())
}

fn is_public(record: &RecordView) -> bool {
    matches!(record.text("state"), "published" | "retired")
}

/// The district's definitions on this device; tracked.
pub fn records(session: Session) -> impl Iterator<Item = RecordView> {
    let ids: Vec<RecordId> = session.records(KIND);
    ids.into_iter().filter_map(move |id| session.record(&id))
}
