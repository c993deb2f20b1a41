//! What an answer does besides being an answer: the finding it makes, keeps or takes back.

use catalog::{Assessment, Flag, Item, ItemState, Severity, Verdict};
use leptos::prelude::untrack;
use sync_protocol::{Edit, RecordId, Shown, Value};

use super::sheet::Sheet;
use crate::session::finding_id;

/// What a finding says when it is made.
struct Found<'a> {
    code: &'a str,
    severity: Severity,
    matter: &'a str,
    // Official records are kept in official language; screens say the title from the catalog.
    title: &'a str,
    basis: &'a str,
}

/// The edits that bring an item's finding in line with its verdict; none when it already is. `state` is nothing for an item that
/// is hidden.
pub fn finding_ops(sheet: &Sheet, item: &Item, state: Option<&ItemState>) -> Vec<Edit> {
    let failed = state.filter(|state| state.verdict == Verdict::Fail);
    let found = failed
        .and_then(|state| state.severity.or(item.severity))
        .map(|severity| Found {
            code: &item.code,
            severity,
            matter: &item.matter,
            title: &item.title.zh,
            basis: &item.basis.zh,
        });
    in_line(sheet, &item.code, found)
}

/// The same for what the whole form shows.
pub fn flag_ops(sheet: &Sheet, judged: &Assessment) -> Vec<Edit> {
    let flags = sheet.checklist().flags.iter().enumerate();
    let found = |at: usize, flag: &'static Flag| {
        let severity = flag.severity.filter(|_| judged.flags.contains(&at))?;
        Some(Found {
            code: &flag.code,
            severity,
            matter: &flag.matter,
            title: &flag.title.zh,
            basis: &flag.basis.zh,
        })
    };
    flags
        .flat_map(|(at, flag)| in_line(sheet, &flag.code, found(at, flag)))
        .collect()
}

fn in_line(sheet: &Sheet, code: &str, found: Option<Found<'_>>) -> Vec<Edit> {
    let finding = finding_id(&sheet.response(), code);
    let exists = untrack(|| sheet.session.record(&finding).is_some());
    let withdrawn = untrack(|| sheet.session.field(&finding, "withdrawn"));
    match (found, exists) {
        (Some(found), false) => new_finding(sheet, &found, &finding),
        (Some(found), true) => {
            let mut ops = graver(sheet, &finding, found.severity);
            if withdrawn.bool() {
                ops.push(Edit::new(&finding, "withdrawn", false.into(), withdrawn.shown()));
            }
            ops
        }
        (None, true) if !withdrawn.bool() => {
            vec![Edit::new(&finding, "withdrawn", true.into(), withdrawn.shown())]
        }
        (None, _) => Vec::new(),
    }
}

/// A grade only rises by itself: what somebody raised by hand stays, and lowering it is a person's decision.
fn graver(sheet: &Sheet, finding: &RecordId, severity: Severity) -> Vec<Edit> {
    let field = untrack(|| sheet.session.field(finding, "severity"));
    match Severity::from_code(field.text()) {
        Some(known) if known >= severity => Vec::new(),
        _ => vec![Edit::new(finding, "severity", severity.code().into(), field.shown())],
    }
}

fn new_finding(sheet: &Sheet, found: &Found<'_>, finding: &RecordId) -> Vec<Edit> {
    // No state: a state moves by command, and what a colleague moved first must not take this answer down with it. Without one
    // it is a draft.
    let fields: [(&str, Value); 9] = [
        ("@kind", "finding".into()),
        ("visit", sheet.visit().to_string().into()),
        ("response", sheet.response().to_string().into()),
        ("item", found.code.into()),
        ("severity", found.severity.code().into()),
        ("matter", found.matter.into()),
        ("title", found.title.into()),
        ("basis", found.basis.into()),
        ("withdrawn", false.into()),
    ];
    fields
        .into_iter()
        .map(|(path, value)| Edit::new(finding, path, value, Shown::nothing()))
        .collect()
}
