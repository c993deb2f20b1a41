//! Checklists that a district made itself: how their definition lies in the fields of a record, and the ones this process has
//! read so far. A published version never changes, so that what was read once is right for ever.

use std::collections::BTreeMap;
use std::sync::RwLock;

use serde_json::{Map, Value as Json};

use crate::{
    Catalog, EMBEDDED, catalog,
    checklist::Checklist,
    definitions::{DefinitionError, DefinitionErrors},
};

/// A definition as a record keeps it: one text for the head, one a section, so that two people may write different sections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// JSON of everything but the sections, with `order`: the codes of the sections.
    pub head: String,
    /// JSON of each section by its code.
    pub sections: BTreeMap<String, String>,
}

impl Parts {
    /// Reads and checks the whole, as one version of a checklist.
    ///
    /// # Errors
    /// Everything that is wrong, each with the item it is in.
    pub fn read(&self, code: &str, version: u32) -> Result<Checklist, DefinitionErrors> {
        let written = self.written(code, version)?;
        Catalog::checklist_from_json(&written.to_string(), &catalog().thresholds)
    }

    fn written(&self, code: &str, version: u32) -> Result<Json, DefinitionErrors> {
        let mut head = object(code, &self.head)?;
        let order = head.remove("order").unwrap_or_default();
        let mut sections = Vec::new();
        for name in order.as_array().into_iter().flatten().filter_map(Json::as_str) {
            let Some(text) = self.sections.get(name) else {
                return Err(wrong(
                    code,
                    format!("order names {name:?}, of which there is no section"),
                ));
            };
            sections.push(Json::Object(object(&format!("{code} {name}"), text)?));
        }
        head.insert("code".into(), code.into());
        head.insert("version".into(), version.into());
        head.insert("sections".into(), sections.into());
        Ok(Json::Object(head))
    }

    /// The parts of a definition that is written as one JSON object.
    fn of(mut written: Map<String, Json>) -> Parts {
        let sections = match written.remove("sections") {
            Some(Json::Array(sections)) => sections,
            _ => Vec::new(),
        };
        let code = |section: &Json| section["code"].as_str().unwrap_or_default().to_owned();
        written.remove("code");
        written.remove("version");
        written.insert(
            "order".into(),
            sections.iter().map(|section| Json::from(code(section))).collect(),
        );
        Parts {
            head: Json::Object(written).to_string(),
            sections: sections
                .iter()
                .map(|section| (code(section), section.to_string()))
                .collect(),
        }
    }
}

fn object(place: &str, text: &str) -> Result<Map<String, Json>, DefinitionErrors> {
    serde_json::from_str(text).map_err(|error| wrong(place, format!("cannot be read: {error}")))
}

fn wrong(place: &str, what: String) -> DefinitionErrors {
    DefinitionErrors(vec![DefinitionError {
        place: place.to_owned(),
        what,
    }])
}

/// The parts of a built-in checklist, to begin another version with.
pub fn built_in_parts(code: &str, version: u32) -> Option<Parts> {
    let document: Json = serde_json::from_str(EMBEDDED).ok()?;
    let Json::Array(checklists) = &document["checklists"] else {
        return None;
    };
    let wanted = |checklist: &&Json| checklist["code"] == code && checklist["version"] == version;
    match checklists.iter().find(wanted)? {
        Json::Object(written) => Some(Parts::of(written.clone())),
        _ => None,
    }
}

struct Known {
    audience: String,
    checklist: &'static Checklist,
}

/// Never shrinks: a district publishes a few dozen versions in its life.
static KNOWN: RwLock<Vec<Known>> = RwLock::new(Vec::new());

fn known() -> std::sync::RwLockReadGuard<'static, Vec<Known>> {
    KNOWN.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Makes a published checklist known to an audience (a district's id), once.
pub fn publish(audience: &str, checklist: Checklist) {
    let mut all = KNOWN.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    let is_it = |known: &Known| {
        known.audience == audience
            && known.checklist.code == checklist.code
            && known.checklist.version == checklist.version
    };
    if !all.iter().any(is_it) {
        all.push(Known {
            audience: audience.to_owned(),
            checklist: Box::leak(Box::new(checklist)),
        });
    }
}

/// One version of a checklist, built in or published by the district.
pub fn checklist(audience: &str, code: &str, version: u32) -> Option<&'static Checklist> {
    let of_district = || {
        let all = known();
        let found = all.iter().find(|known| {
            known.audience == audience && known.checklist.code == code && known.checklist.version == version
        });
        found.map(|known| known.checklist)
    };
    catalog().checklist(code, version).or_else(of_district)
}

/// Every checklist that an audience knows, by code and version.
pub fn checklists(audience: &str) -> Vec<&'static Checklist> {
    let all = known();
    let of_district = all
        .iter()
        .filter(|known| known.audience == audience)
        .map(|known| known.checklist);
    let mut found: Vec<&'static Checklist> = catalog().checklists.iter().chain(of_district).collect();
    found.sort_by(|a, b| (&a.code, a.version).cmp(&(&b.code, b.version)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_in_checklist_taken_apart_and_put_together_is_the_same() {
        for built_in in &catalog().checklists {
            let parts = built_in_parts(&built_in.code, built_in.version).expect("built in");
            assert_eq!(parts.sections.len(), built_in.sections.len());
            let again = parts.read(&built_in.code, 7).expect("sound");
            assert_eq!(again.version, 7);
            let codes = |checklist: &Checklist| {
                let items = checklist.sections.iter().flat_map(|section| &section.items);
                items.map(|item| format!("{item:?}")).collect::<Vec<_>>()
            };
            assert_eq!(codes(&again), codes(built_in));
        }
    }

    #[test]
    fn a_district_knows_its_own_checklists_and_no_other_does() {
        let parts = built_in_parts("campus-safety", 1).expect("built in");
        publish("one", parts.read("campus-safety", 2).expect("sound"));
        publish("one", parts.read("campus-safety", 2).expect("sound"));
        assert!(checklist("one", "campus-safety", 2).is_some());
        assert!(checklist("two", "campus-safety", 2).is_none());
        assert!(checklist("two", "campus-safety", 1).is_some());
        let versions = |audience: &str| {
            let all = checklists(audience).into_iter();
            all.filter(|checklist| checklist.code == "campus-safety")
                .map(|checklist| checklist.version)
                .collect::<Vec<_>>()
        };
        assert_eq!((versions("one"), versions("two")), (vec![1, 2], vec![1]));
    }

    #[test]
    fn what_is_missing_or_unreadable_is_told_with_its_place() {
        let mut parts = built_in_parts("campus-safety", 1).expect("built in");
        parts.sections.insert("SF3".into(), "{".into());
        let said = parts.read("campus-safety", 2).expect_err("broken").to_string();
        assert!(said.starts_with("campus-safety SF3: cannot be read"), "{said}");
        parts.sections.remove("SF3");
        let said = parts.read("campus-safety", 2).expect_err("missing").to_string();
        assert!(said.contains("there is no section"), "{said}");
        parts.head = "nothing".into();
        assert!(parts.read("campus-safety", 2).is_err());
    }
}
