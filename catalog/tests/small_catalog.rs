//! Stories that need a catalog of their own: rounding at the edge of a band, limits that change, versions.

use catalog::{Answers, Catalog, Value, Verdict, assess};
use serde_json::{Value as Json, json};

/// One section of yes/no items with these weights, and one number that is held against the threshold NOISE.
fn catalog_of(weights: &[u32], thresholds: Json) -> Catalog {
    let text = |zh: &str, en: &str| json!([zh, en]);
    let mut items: Vec<Json> = weights
        .iter()
        .enumerate()
        .map(|(i, weight)| {
            json!({ "code": format!("X1.{}", i + 1), "weight": weight, "severity": "L1", "title": text("项", "Item") })
        })
        .collect();
    items[0]["inputs"] =
        json!([{ "suffix": "n", "kind": "int", "label": text("分贝", "Noise"), "unit": text("分贝", "dB") }]);
    items[0]["checks"] = json!([{ "input": "n", "threshold": "NOISE" }]);
    let checklist = |version: u32| {
        json!({
            "code": "noise", "version": version, "title": text("噪声", "Noise"),
            "bands": [
                { "code": "A", "label": text("优", "Good"), "from": "90" },
                { "code": "B", "label": text("良", "Fair"), "from": "0" },
            ],
            "caps": {}, "facts": [],
            "sections": [{
                "code": "X1", "title": text("一", "One"), "short": text("一", "One"), "weight": 100,
                "matter": "ethos", "items": items.clone(),
            }],
        })
    };
    let document =
        json!({ "checklists": [checklist(2), checklist(10)], "kinds": [], "roles": [], "thresholds": thresholds });
    Catalog::from_json(&document.to_string()).expect("a catalog")
}

fn noise(limit: &str, level: &str, from: &str, to: Option<&str>) -> Json {
    let mut rule = json!({
        "code": "NOISE", "title": ["噪声", "Noise"], "op": "at_most", "unit": ["分贝", "dB"], "level": level,
        "effective_from": from, "basis": ["示例", "Example"], "limit": limit,
    });
    if let Some(to) = to {
        rule["effective_to"] = json!(to);
    }
    rule
}

fn answers(pairs: &[(&str, &str)]) -> Answers {
    pairs
        .iter()
        .map(|(path, value)| ((*path).to_owned(), Value::from(*value)))
        .collect()
}

#[test]
fn a_score_of_89_95_rounds_up_into_the_better_band() {
    let catalog = catalog_of(&[1000, 799, 201], json!([noise("60", "red", "2020-01-01", None)]));
    let result = assess(
        catalog.latest("noise").expect("it"),
        &answers(&[("X1.1", "yes"), ("X1.2", "yes"), ("X1.3", "no")]),
    );
    assert_eq!(result.score.expect("answered").to_string(), "90.0");
    assert_eq!(result.band, Some(0));
    let catalog = catalog_of(&[1000, 798, 202], json!([noise("60", "red", "2020-01-01", None)]));
    let result = assess(
        catalog.latest("noise").expect("it"),
        &answers(&[("X1.1", "yes"), ("X1.2", "yes"), ("X1.3", "no")]),
    );
    assert_eq!(result.score.expect("answered").to_string(), "89.9");
    assert_eq!(result.band, Some(1));
}

#[test]
fn a_limit_that_changes_is_chosen_by_the_day_of_the_visit() {
    let catalog = catalog_of(
        &[1],
        json!([
            noise("60", "warn", "2020-01-01", Some("2022-12-31")),
            noise("50", "red", "2024-06-01", None),
            noise("55", "red", "2024-01-01", None),
        ]),
    );
    let verdict = |on: &str, measured: &str| {
        let result = assess(
            catalog.latest("noise").expect("it"),
            &answers(&[("on", on), ("X1.1/n", measured)]),
        );
        let item = result.items[0].clone();
        (
            item.verdict,
            item.threshold.map(|threshold| (threshold.limit, threshold.ok)),
        )
    };
    let limit = |text: &str, ok: bool| Some((text.to_owned(), ok));
    assert_eq!(
        verdict("2019-12-31", "99"),
        (Verdict::Unanswered, None),
        "before the first rule"
    );
    assert_eq!(
        verdict("2022-12-31", "61"),
        (Verdict::Unanswered, limit("60", false)),
        "advice"
    );
    assert_eq!(
        verdict("2023-01-01", "99"),
        (Verdict::Unanswered, None),
        "a year without a rule"
    );
    assert_eq!(verdict("2024-05-31", "55"), (Verdict::Pass, limit("55", true)));
    assert_eq!(verdict("2024-06-01", "55"), (Verdict::Fail, limit("50", false)));
}

#[test]
fn a_record_keeps_its_version_and_a_new_one_gets_the_newest() {
    let catalog = catalog_of(&[1], json!([noise("60", "red", "2020-01-01", None)]));
    assert_eq!(catalog.checklist("noise", 2).map(|c| c.version), Some(2));
    assert_eq!(catalog.latest("noise").map(|c| c.version), Some(10));
    assert!(catalog.checklist("noise", 3).is_none() && catalog.latest("quiet").is_none());
}

#[test]
fn the_example_of_the_manual_loads_and_judges() {
    let manual = include_str!("../../docs/catalog.md");
    let example = manual
        .split("```toml")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("an example");
    let checklist: Json = toml::from_str(example).expect("TOML");
    let document = json!({ "checklists": [checklist], "kinds": [], "roles": [], "thresholds": [] });
    let catalog = Catalog::from_json(&document.to_string()).expect("a catalog");
    let mut answers = answers(&[("RR1.1/n", "299"), ("RR1.2", "yes")]);
    let result = assess(catalog.latest("reading-room").expect("it"), &answers);
    assert_eq!((result.failed, result.applicable), (vec!["RR1.1".to_owned()], 1));
    answers.insert("fact/boarders".into(), Value::Int(30));
    let result = assess(catalog.latest("reading-room").expect("it"), &answers);
    assert_eq!(result.score.expect("answered").to_string(), "25.0");
}
