//! Whatever is answered, judging it ends in an assessment; and finding one more thing wrong never helps a school.

use catalog::{Answers, Checklist, Judging, Value, Verdict, assess, catalog, worse};
use proptest::{collection, prelude::*, sample::select};

fn checklist() -> &'static Checklist {
    catalog().latest("campus-safety").expect("the built-in checklist")
}

fn scored_codes() -> Vec<String> {
    let items = checklist().sections.iter().flat_map(|section| &section.items);
    items
        .filter(|item| item.is_scored())
        .map(|item| item.code.clone())
        .collect()
}

fn paths() -> Vec<String> {
    let mut paths = vec![
        "on".to_owned(),
        "SF4.0".into(),
        "SF7.0".into(),
        "SF3/looked".into(),
        "".into(),
        "/".into(),
    ];
    paths.extend(checklist().facts.iter().map(|fact| format!("fact/{}", fact.name)));
    for code in scored_codes() {
        paths.extend(
            ["", "/n", "/n2", "/date", "/note", "/na", "/place", "/told"].map(|suffix| format!("{code}{suffix}")),
        );
    }
    paths
}

fn any_value() -> impl Strategy<Value = Value> {
    const SENSIBLE: &[&str] = &[
        "yes",
        "no",
        "na",
        "self",
        "none",
        "2026-11-22",
        "2026-11-01",
        "3",
        "1.10",
        "P12",
        "K",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (0i64..2000).prop_map(Value::Int),
        select(SENSIBLE).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| collection::vec(inner, 0..4).prop_map(Value::List))
}

fn any_answers() -> impl Strategy<Value = Answers> {
    let plain = collection::btree_map(
        select(scored_codes()),
        select(vec!["yes", "no", "na"]).prop_map(Value::from),
        0..80,
    );
    let wild = collection::btree_map(select(paths()), any_value(), 0..60);
    (plain, wild).prop_map(|(mut plain, wild)| {
        plain.extend(wild);
        plain
    })
}

/// Answers to any of the checklists: lists as classes and moments have them, times, levels, and whatever else can be sent.
fn any_answers_to(checklist: &'static Checklist) -> impl Strategy<Value = Answers> {
    const PARTS: &[&str] = &[
        "",
        "/n",
        "/n2",
        "/date",
        "/note",
        "/na",
        "/n/P12",
        "/n/P36",
        "/n/J",
        "/n/S",
        "/n/K",
        "/sample/a",
        "/sample/b",
        "/sample/c",
        "/snap/10",
        "/snap/20",
        "/snap/30",
    ];
    let items = checklist.sections.iter().flat_map(|section| &section.items);
    let codes: Vec<&str> = items.map(|item| item.code.as_str()).collect();
    let text = prop_oneof![
        select(vec![
            "yes",
            "no",
            "na",
            "1",
            "2",
            "3",
            "4",
            "missed",
            "P12",
            "P36",
            "J",
            "S",
            "5",
            "08:15",
            "8:15",
            "24:00",
            "2026-11-22"
        ])
        .prop_map(Value::from),
        (-3i64..130).prop_map(Value::Int),
    ];
    let list = collection::vec(text.clone(), 0..8).prop_map(Value::List);
    let bands = collection::vec(
        select(vec!["K", "P12", "P36", "J", "S", "X"]).prop_map(Value::from),
        0..4,
    );
    let fields = collection::btree_map(
        (select(codes), select(PARTS)).prop_map(|(code, part)| format!("{code}{part}")),
        prop_oneof![3 => text, 2 => list, 1 => any_value()],
        0..150,
    );
    (fields, bands, any::<bool>()).prop_map(|(mut fields, bands, dated)| {
        fields.insert("fact/bands".into(), Value::List(bands));
        if dated {
            fields.insert("on".into(), "2026-11-22".into());
        }
        fields
    })
}

fn any_response() -> impl Strategy<Value = (&'static Checklist, Answers)> {
    let checklists: Vec<&'static Checklist> = catalog().checklists.iter().collect();
    select(checklists).prop_flat_map(|checklist| (Just(checklist), any_answers_to(checklist)))
}

fn history() -> impl Strategy<Value = (&'static Checklist, Vec<Answers>)> {
    let checklists: Vec<&'static Checklist> = catalog().checklists.iter().collect();
    select(checklists).prop_flat_map(|checklist| (Just(checklist), collection::vec(any_answers_to(checklist), 2..5)))
}

proptest! {
    #[test]
    fn judging_again_what_changed_comes_to_the_same_as_judging_everything((checklist, steps) in history(), pick in collection::vec(any::<bool>(), 40)) {
        let mut answers = steps[0].clone();
        let mut judging = Judging::new(checklist, answers.clone());
        for step in &steps[1..] {
            // Some of the next step's answers come, some of the present ones go.
            for ((path, value), taken) in step.iter().zip(pick.iter().cycle()) {
                if *taken {
                    answers.insert(path.clone(), value.clone());
                } else {
                    answers.remove(path);
                }
                if path.len() % 3 == 0 {
                    judging.follow(&answers);
                    prop_assert_eq!(judging.assessment(), &assess(checklist, &answers));
                }
            }
            judging.follow(&answers);
            prop_assert_eq!(judging.assessment(), &assess(checklist, &answers));
        }
    }

    #[test]
    fn any_answers_to_any_checklist_give_an_assessment_that_agrees_with_itself((checklist, answers) in any_response()) {
        let result = assess(checklist, &answers);
        if let Some(score) = result.score {
            prop_assert!((0..=1000).contains(&score.0));
        }
        prop_assert_eq!(result.score.is_some(), result.provisional_band.is_some());
        prop_assert_eq!(result.band.is_some(), result.rated);
        prop_assert!(result.answered <= result.applicable);
        prop_assert!(!result.complete || result.answered == result.applicable);
        for item in &result.items {
            let judged = matches!(item.verdict, Verdict::Pass | Verdict::Fail);
            prop_assert_eq!(item.points.is_some(), judged, "{}", item.code);
            prop_assert!(item.earned <= item.possible && !item.earned.is_negative());
            prop_assert_eq!(item.severity.is_some(), item.verdict == Verdict::Fail, "{}", item.code);
        }
        prop_assert_eq!(&result, &assess(checklist, &answers));
    }

    #[test]
    fn any_answers_give_an_assessment_that_agrees_with_itself(answers in any_answers()) {
        let result = assess(checklist(), &answers);
        if let Some(score) = result.score {
            prop_assert!((0..=1000).contains(&score.0));
        }
        prop_assert_eq!(result.score.is_some(), result.provisional_band.is_some());
        prop_assert_eq!(result.band.is_some(), result.rated);
        prop_assert!(result.answered <= result.applicable);
        prop_assert!(!result.complete || result.answered == result.applicable);
        prop_assert_eq!(&result, &assess(checklist(), &answers));
    }

    #[test]
    fn one_more_no_never_raises_the_score_or_the_band(answers in any_answers(), code in select(scored_codes())) {
        let before = assess(checklist(), &answers);
        let mut worse = answers;
        worse.insert(code, "no".into());
        let after = assess(checklist(), &worse);
        if let (Some(score), Some(band)) = (before.score, before.provisional_band) {
            prop_assert!(after.score.is_some_and(|lower| lower <= score));
            prop_assert!(after.provisional_band.is_some_and(|lower| lower >= band));
        }
        if let Some(band) = before.band {
            prop_assert!(after.band.is_some_and(|lower| lower >= band));
        }
    }

    #[test]
    fn the_order_of_contradicting_values_does_not_matter(
        path in select(paths()), values in collection::vec(any_value(), 0..5), turn in 0usize..5
    ) {
        let mut turned = values.clone();
        turned.rotate_left(turn % values.len().max(1));
        prop_assert_eq!(worse(checklist(), &path, &values), worse(checklist(), &path, &turned));
    }
}
