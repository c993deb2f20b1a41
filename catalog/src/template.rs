//! Checklists that a district made itself: how their definition lies in the fields of a record, and the ones this process has
//! read so far. A published version never changes, so that what was read once is right for ever.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use serde_json::{Map, Value as Json};

use crate::{
    Catalog, EMBEDDED, catalog,
    checklist::Checklist,
    definitions::{self, DefinitionError, DefinitionErrors},
    threshold::ThresholdRule,
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

/// Reads and checks one dated limit of a district's own, given as JSON of the shape of `thresholds.toml`.
///
/// # Errors
/// What is wrong with it; also when it limits something that no built-in rule knows.
pub fn threshold_from_json(json: &str) -> Result<ThresholdRule, DefinitionErrors> {
    let rule = definitions::load_threshold(json)?;
    let built_in = catalog().thresholds.iter().find(|known| known.code == rule.code);
    match built_in {
        None => Err(wrong(
            &format!("threshold {}", rule.code),
            "no checklist asks for this limit: use a code of the table".into(),
        )),
        Some(known) if known.op != rule.op => Err(wrong(
            &format!("threshold {}", rule.code),
            "op turns the limit round: keep the side of the built-in rule".into(),
        )),
        Some(_) => Ok(rule),
    }
}

/// What a district made itself, as this process knows it.
struct District {
    /// What it was made of, so that nobody makes it again.
    signature: String,
    /// Of the limits, to see whether they changed.
    limits: String,
    checklists: Vec<&'static Checklist>,
}

/// Checklists are never dropped, because sheets on the screen hold them: a district publishes a few dozen versions in its life.
static DISTRICTS: RwLock<BTreeMap<String, District>> = RwLock::new(BTreeMap::new());

fn districts() -> RwLockReadGuard<'static, BTreeMap<String, District>> {
    DISTRICTS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this is known already.
pub fn knows(district: &str, signature: &str) -> bool {
    districts()
        .get(district)
        .is_some_and(|known| known.signature == signature)
}

/// Makes known what a district published: its own checklists, and its own limits, which go before those for all.
pub fn learn(district: &str, signature: &str, own: Vec<Checklist>, limits: Vec<ThresholdRule>) {
    let limits: Vec<ThresholdRule> = limits
        .into_iter()
        .map(|rule| ThresholdRule {
            district: Some(district.to_owned()),
            ..rule
        })
        .collect();
    let as_text = format!("{limits:?}");
    let mut all = DISTRICTS.write().unwrap_or_else(PoisonError::into_inner);
    let before = all.remove(district).filter(|known| known.limits == as_text);
    let known = |checklist: &Checklist| {
        let of_before = before.iter().flat_map(|known| &known.checklists);
        of_before
            .copied()
            .find(|known| known.code == checklist.code && known.version == checklist.version)
    };
    let with_limits = |mut checklist: Checklist| -> &'static Checklist {
        checklist.thresholds.extend(limits.iter().cloned());
        checklist.district = Some(district.to_owned());
        Box::leak(Box::new(checklist))
    };
    let built_in = catalog()
        .checklists
        .iter()
        .map(|checklist| match (limits.is_empty(), known(checklist)) {
            (true, _) => checklist,
            (false, Some(known)) => known,
            (false, None) => with_limits(checklist.clone()),
        });
    let mut checklists: Vec<&'static Checklist> = built_in.collect();
    for checklist in own {
        let is_new = !checklists
            .iter()
            .any(|known| known.code == checklist.code && known.version == checklist.version);
        if is_new {
            checklists.push(known(&checklist).unwrap_or_else(|| with_limits(checklist)));
        }
    }
    checklists.sort_by(|a, b| (&a.code, a.version).cmp(&(&b.code, b.version)));
    let district_of = District {
        signature: signature.to_owned(),
        limits: as_text,
        checklists,
    };
    all.insert(district.to_owned(), district_of);
}

/// One version of a checklist, built in or published by the district.
pub fn checklist(district: &str, code: &str, version: u32) -> Option<&'static Checklist> {
    checklists(district)
        .into_iter()
        .find(|checklist| checklist.code == code && checklist.version == version)
}

/// Every checklist that a district knows, by code and version.
pub fn checklists(district: &str) -> Vec<&'static Checklist> {
    match districts().get(district) {
        Some(known) => known.checklists.clone(),
        None => catalog().checklists.iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Answers;

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
        let own = || vec![parts.read("campus-safety", 2).expect("sound")];
        learn("one", "a", own(), vec![]);
        let first = checklist("one", "campus-safety", 2).expect("known");
        assert!(knows("one", "a") && !knows("one", "b"));
        learn("one", "b", own(), vec![]);
        let again = checklist("one", "campus-safety", 2).expect("still known");
        assert!(std::ptr::eq(first, again), "what was read once stays where it is");
        assert!(checklist("two", "campus-safety", 2).is_none());
        assert!(checklist("two", "campus-safety", 1).is_some());
        let versions = |district: &str| {
            let all = checklists(district).into_iter();
            all.filter(|checklist| checklist.code == "campus-safety")
                .map(|checklist| checklist.version)
                .collect::<Vec<_>>()
        };
        assert_eq!((versions("one"), versions("two")), (vec![1, 2], vec![1]));
    }

    #[test]
    fn a_districts_limit_goes_before_the_one_for_all_from_its_day_on() {
        let rule = |from: &str, limit: &str| {
            let json = serde_json::json!({
                "code": "PATROL", "title": ["每日巡查次数", "Patrols a day"], "op": "at_least", "unit": ["次/日", "a day"],
                "level": "red", "effective_from": from, "basis": ["本区 2026 年 3 号文", "The district's notice 3 of 2026"], "limit": limit,
            });
            threshold_from_json(&json.to_string())
        };
        learn("three", "a", vec![], vec![rule("2026-09-01", "6").expect("sound")]);
        let judged = |district: &str, day: &str| {
            let checklist = checklist(district, "campus-safety", 1).expect("built in");
            let answers = Answers::from([
                ("on".to_owned(), day.into()),
                ("SF2.9/n".to_owned(), crate::Value::Int(5)),
            ]);
            let judged = crate::assess(checklist, &answers);
            let limit = judged.item("SF2.9").expect("it").limits[0].clone();
            (limit.limit, limit.ok)
        };
        assert_eq!(judged("three", "2026-08-31"), ("5".into(), Some(true)));
        assert_eq!(judged("three", "2026-09-01"), ("6".into(), Some(false)));
        assert_eq!(
            judged("four", "2026-09-01"),
            ("5".into(), Some(true)),
            "another district has its own"
        );
        let unknown = rule("2026-09-01", "six").expect_err("no number").to_string();
        assert!(unknown.contains("is not a number"), "{unknown}");
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
