//! What an answer does besides being an answer: the finding it makes, keeps or takes back.

use catalog::{Item, Verdict};
use leptos::prelude::untrack;
use sync_protocol::{Edit, RecordId, Shown, Value};

use super::sheet::Sheet;
use crate::session::finding_id;

/// The edits that bring an item's finding in line with its verdict; none when it already is.
pub fn finding_ops(sheet: &Sheet, item: &Item, verdict: &Verdict) -> Vec<Edit> {
    let finding = finding_id(&sheet.response(), &item.code);
    let exists = untrack(|| sheet.session.record(&finding).is_some());
    let withdrawn = untrack(|| sheet.session.field(&finding, "withdrawn"));
    match (*verdict == Verdict::Fail, exists) {
        (true, false) => new_finding(sheet, item, &finding),
        (true, true) if withdrawn.bool() => vec![Edit::new(&finding, "withdrawn", false.into(), withdrawn.shown())],
        (false, true) if !withdrawn.bool() => vec![Edit::new(&finding, "withdrawn", true.into(), withdrawn.shown())],
        _ => Vec::new(),
    }
}

fn new_finding(sheet: &Sheet, item: &Item, finding: &RecordId) -> Vec<Edit> {
    let Some(severity) = item.severity else {
        return Vec::new();
    };
    // No state: a state moves by command, and what a colleague moved first must not take this answer down with it. Without one
    // it is a draft.
    // Official records are kept in official language; screens say the title from the catalog.
    let fields: [(&str, Value); 9] = [
        ("@kind", "finding".into()),
        ("visit", sheet.visit().to_string().into()),
        ("response", sheet.response().to_string().into()),
        ("item", item.code.as_str().into()),
        ("severity", severity.code().into()),
        ("matter", item.matter.as_str().into()),
        ("title", item.title.zh.as_str().into()),
        ("basis", item.basis.zh.as_str().into()),
        ("withdrawn", false.into()),
    ];
    fields
        .into_iter()
        .map(|(path, value)| Edit::new(finding, path, value, Shown::nothing()))
        .collect()
}
