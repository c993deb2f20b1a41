//! Two versions of a checklist side by side: what came, what went, what changed, and where the answers of a draft go.

use crate::checklist::{Checklist, Item};

/// What became of an item from one version to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Only the newer version has it.
    Added,
    /// Only the older version has it.
    Removed,
    /// Its words or rules differ; an answer still fits.
    Changed,
    /// It is answered in another way: what was answered has no place.
    Retyped,
}

/// What differs, in the order of the newer version, then what is gone. Items that are the same are left out.
pub fn compare<'a>(older: &'a Checklist, newer: &'a Checklist) -> Vec<(&'a str, Change)> {
    let items = |checklist: &'a Checklist| checklist.sections.iter().flat_map(|section| &section.items);
    let of_newer = items(newer).filter_map(|item| {
        let change = match older.item(&item.code) {
            None => Change::Added,
            Some(before) if std::mem::discriminant(&before.kind) != std::mem::discriminant(&item.kind) => {
                Change::Retyped
            }
            Some(before) if differs(before, item) => Change::Changed,
            Some(_) => return None,
        };
        Some((item.code.as_str(), change))
    });
    let gone = items(older).filter(|item| newer.item(&item.code).is_none());
    of_newer
        .chain(gone.map(|item| (item.code.as_str(), Change::Removed)))
        .collect()
}

fn differs(before: &Item, after: &Item) -> bool {
    format!("{before:?}") != format!("{after:?}")
}

/// Whether an answer at this path, given to the older version, still counts in the newer one.
pub fn has_place(older: &Checklist, newer: &Checklist, path: &str) -> bool {
    let code = path.split('/').next().unwrap_or(path);
    match (older.item(code), newer.item(code)) {
        (Some(before), Some(after)) => std::mem::discriminant(&before.kind) == std::mem::discriminant(&after.kind),
        (Some(_), None) => false,
        // Facts, remarks and whatever else is not an item's.
        (None, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Parts, built_in_parts};
    use serde_json::{Value, json};

    fn changed(change: impl FnOnce(&mut Value)) -> Checklist {
        let Parts { head, mut sections } = built_in_parts("campus-safety", 1).expect("built in");
        let mut section: Value = serde_json::from_str(&sections["SF1"]).expect("JSON");
        change(&mut section);
        sections.insert("SF1".into(), section.to_string());
        Parts { head, sections }.read("campus-safety", 2).expect("sound")
    }

    #[test]
    fn what_came_what_went_and_what_changed_is_told() {
        let older = crate::catalog().checklist("campus-safety", 1).expect("built in");
        assert_eq!(compare(older, &changed(|_| {})), []);
        let newer = changed(|section| {
            let items = section["items"].as_array_mut().expect("items");
            items[0]["title"][0] = json!("责任书");
            items[1] = json!({ "code": "SF1.9", "weight": 3, "severity": "L1", "title": ["新", "New"] });
            items[2] = json!({ "code": "SF1.3", "kind": "scale", "weight": 2, "title": ["在岗", "Present"],
                "levels": [["一", "a"], ["二", "b"], ["三", "c"], ["四", "d"]] });
        });
        assert_eq!(
            compare(older, &newer),
            [
                ("SF1.1", Change::Changed),
                ("SF1.9", Change::Added),
                ("SF1.3", Change::Retyped),
                ("SF1.2", Change::Removed)
            ]
        );
        for (path, stays) in [
            ("SF1.1", true),
            ("SF1.1/note", true),
            ("SF1.2/n", false),
            ("SF1.3", false),
            ("fact/students", true),
            ("on", true),
        ] {
            assert_eq!(has_place(older, &newer, path), stays, "{path}");
        }
    }

    #[test]
    fn between_any_two_versions_every_answer_has_a_place_or_is_named() {
        let all = &crate::catalog().checklists;
        for older in all {
            for newer in all {
                let told = compare(older, newer);
                for item in older.sections.iter().flat_map(|section| &section.items) {
                    let named = told.iter().any(|(code, change)| {
                        *code == item.code && matches!(change, Change::Removed | Change::Retyped)
                    });
                    assert_ne!(has_place(older, newer, &item.code), named, "{}", item.code);
                }
            }
        }
    }
}
