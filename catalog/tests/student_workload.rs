//! Stories about the workload checklist. The figures are those of `domain.md` §8.3.

use catalog::{Answers, Assessment, Checklist, ItemKind, Lang, Missing, Severity, Value, Verdict, assess, catalog};

fn checklist() -> &'static Checklist {
    catalog().latest("student-workload").expect("the built-in checklist")
}

fn with(mut answers: Answers, pairs: &[(&str, Value)]) -> Answers {
    answers.extend(pairs.iter().map(|(path, value)| ((*path).to_owned(), value.clone())));
    answers
}

fn bands(bands: &[&str]) -> Value {
    Value::List(bands.iter().map(|band| Value::from(*band)).collect())
}

/// A school with these bands on a day when every limit is in force.
fn school(of: &[&str]) -> Answers {
    Answers::from([
        ("on".to_owned(), "2026-11-22".into()),
        ("fact/bands".to_owned(), bands(of)),
    ])
}

/// A class of which ten pupils all said the same.
fn class(band: &str, name: &str, said: &str) -> Value {
    let mut parts: Vec<Value> = vec![band.into(), name.into()];
    parts.extend(std::iter::repeat_n(Value::from(said), 10));
    Value::List(parts)
}

fn homework(answers: Answers, band: &str, medians: &[&str]) -> Answers {
    let classes = medians.iter().enumerate();
    let fields = classes.map(|(nth, said)| {
        (
            format!("W3.1/sample/{band}{nth}"),
            class(band, &format!("{nth} 班"), said),
        )
    });
    answers.into_iter().chain(fields).collect()
}

fn judged(answers: &Answers) -> Assessment {
    assess(checklist(), answers)
}

fn points(assessment: &Assessment, code: &str) -> String {
    let points = assessment.item(code).expect("the item").points.expect("points");
    let (num, den) = points.parts();
    format!("{num}/{den}")
}

/// Everything within its limits.
fn sound_school(of: &[&str]) -> Answers {
    let mut answers = school(of);
    for item in checklist().sections.iter().flat_map(|section| &section.items) {
        match &item.kind {
            ItemKind::YesNo => answers.insert(item.code.clone(), "yes".into()),
            ItemKind::Text => answers.insert(item.code.clone(), "结论".into()),
            _ => None,
        };
    }
    for band in of {
        let start = if matches!(*band, "J" | "S") { "08:00" } else { "08:20" };
        let exams = match *band {
            "P12" => 0,
            "P36" => 1,
            _ => 2,
        };
        let numbers = [
            ("W1.1/n", Value::from(start)),
            ("W2.2/n", Value::Int(4)),
            ("W3.8/n", "90".into()),
            ("W4.1/n", Value::Int(exams)),
            ("W6.1/n", Value::Int(120)),
        ];
        answers.extend(numbers.map(|(path, value)| (format!("{path}/{band}"), value)));
        for nth in ["a", "b"] {
            answers.insert(
                format!("W2.1/sample/{band}{nth}"),
                Value::List(vec![(*band).into(), nth.into(), "yes".into()]),
            );
            answers.insert(format!("W5.1/sample/{band}{nth}"), class(band, nth, "10"));
            let minutes = if *band == "P12" { "0" } else { "60" };
            answers.insert(format!("W3.1/sample/{band}{nth}"), class(band, nth, minutes));
        }
    }
    with(
        answers,
        &[
            ("W2.3/n", Value::Int(0)),
            ("W6.2/n", Value::Int(15)),
            ("W7.2/n", "30".into()),
            ("W7.3/n", Value::Int(2)),
            ("W8.1/n", Value::Int(5)),
            ("W8.1/n2", Value::Int(120)),
        ],
    )
}

#[test]
fn the_worked_check_comes_to_6_25_of_10_and_one_finding() {
    let result = judged(&homework(school(&["P36"]), "P36", &["45", "58", "70", "75"]));
    let item = result.item("W3.1").expect("it");
    assert_eq!(item.earned.parts(), (25, 4), "6.25 of 10");
    assert_eq!(item.possible.parts(), (10, 1));
    let of_classes: Vec<_> = item
        .samples
        .iter()
        .map(|sample| sample.points.expect("points").parts().0)
        .collect();
    assert_eq!(of_classes, [100, 100, 50, 0]);
    assert_eq!(item.samples.iter().filter(|sample| sample.ok == Some(false)).count(), 2);
    assert_eq!((item.verdict, item.severity), (Verdict::Fail, Some(Severity::L2)));
    assert_eq!(result.failed, ["W3.1"]);
}

#[test]
fn a_class_beyond_half_as_much_again_makes_the_finding_graver() {
    let grade = |minutes: &str| {
        judged(&homework(school(&["P36"]), "P36", &["45", minutes]))
            .item("W3.1")
            .expect("it")
            .severity
    };
    assert_eq!(grade("60"), None);
    assert_eq!(grade("90"), Some(Severity::L2));
    assert_eq!(grade("91"), Some(Severity::L3));
}

#[test]
fn a_school_within_every_limit_is_green_and_complete() {
    for of in [
        &["P12"][..],
        &["P36"],
        &["J"],
        &["S"],
        &["P12", "P36"],
        &["P12", "P36", "J", "S"],
    ] {
        let result = judged(&sound_school(of));
        let open: Vec<_> = result
            .items
            .iter()
            .filter(|item| item.visible && (item.verdict == Verdict::Unanswered || !item.missing.is_empty()))
            .map(|item| (&item.code, &item.missing))
            .collect();
        assert!(result.complete, "{of:?}: {open:?}");
        assert!(result.failed.is_empty(), "{of:?}: {:?}", result.failed);
        assert_eq!(result.score.expect("a score").to_string(), "100.0", "{of:?}");
        assert_eq!(result.band, Some(0));
    }
}

#[test]
fn bands_are_scored_each_and_then_averaged() {
    let mixed = homework(
        homework(school(&["P36", "J"]), "P36", &["60", "60"]),
        "J",
        &["120", "200"],
    );
    // 120 is more than 20 % beyond 90: nothing; so grades 7 to 9 come to 0, and both bands to 50.
    assert_eq!(points(&judged(&mixed), "W3.1"), "50/1");
    let three = homework(
        homework(school(&["P36", "J"]), "P36", &["60", "60", "60"]),
        "J",
        &["120"],
    );
    assert_eq!(
        points(&judged(&three), "W3.1"),
        "50/1",
        "the number of classes does not weigh"
    );
}

#[test]
fn written_homework_in_grades_1_and_2_is_a_breach_from_the_first_minute() {
    let result = judged(&homework(school(&["P12"]), "P12", &["0", "5"]));
    assert_eq!(points(&result, "W3.1"), "50/1");
    assert_eq!(result.item("W3.1").expect("it").verdict, Verdict::Fail);
}

#[test]
fn a_first_lesson_up_to_ten_minutes_early_costs_half_its_points() {
    for (time, expected, verdict) in [
        ("08:20", "100/1", Verdict::Pass),
        ("08:19", "50/1", Verdict::Fail),
        ("08:10", "50/1", Verdict::Fail),
        ("08:09", "0/1", Verdict::Fail),
    ] {
        let result = judged(&with(school(&["P36"]), &[("W1.1/n/P36", time.into())]));
        assert_eq!(points(&result, "W1.1"), expected, "{time}");
        assert_eq!(result.item("W1.1").expect("it").verdict, verdict, "{time}");
    }
    let nonsense = judged(&with(school(&["P36"]), &[("W1.1/n/P36", "25:00".into())]));
    assert_eq!(nonsense.item("W1.1").expect("it").verdict, Verdict::Unanswered);
}

#[test]
fn one_band_without_its_number_is_told_and_the_other_counts_so_far() {
    let result = judged(&with(school(&["P36", "J"]), &[("W1.1/n/J", "07:30".into())]));
    let item = result.item("W1.1").expect("it");
    assert_eq!(
        (item.verdict, item.missing.as_slice()),
        (Verdict::Fail, &[Missing::Rest][..])
    );
}

#[test]
fn advice_takes_half_the_points_and_makes_no_finding() {
    let exercise = |minutes: i64| judged(&with(school(&["P36"]), &[("W6.1/n/P36", Value::Int(minutes))]));
    for (minutes, expected, verdict) in [
        (120, "100/1", Verdict::Pass),
        (60, "50/1", Verdict::Pass),
        (59, "50/1", Verdict::Fail),
        (47, "0/1", Verdict::Fail),
    ] {
        let result = exercise(minutes);
        assert_eq!(points(&result, "W6.1"), expected, "{minutes} minutes");
        assert_eq!(result.item("W6.1").expect("it").verdict, verdict, "{minutes} minutes");
    }
    let breaks = judged(&with(school(&["P36"]), &[("W6.2/n", Value::Int(10))]));
    assert_eq!((points(&breaks, "W6.2").as_str(), breaks.failed.len()), ("50/1", 0));
}

#[test]
fn a_band_without_a_limit_is_not_scored() {
    let result = judged(&homework(school(&["S"]), "S", &["200", "240"]));
    let item = result.item("W3.1").expect("it");
    assert_eq!((item.verdict, item.possible.parts()), (Verdict::Unscored, (0, 1)));
    assert!(item.missing.is_empty());
    let exams = judged(&with(school(&["S"]), &[("W4.1/n/S", Value::Int(4))]));
    assert_eq!(exams.item("W4.1").expect("it").verdict, Verdict::Unscored);
}

#[test]
fn displaced_lessons_count_100_50_and_nothing() {
    for (lessons, expected, verdict) in [
        (0, "100/1", Verdict::Pass),
        (1, "50/1", Verdict::Fail),
        (2, "0/1", Verdict::Fail),
    ] {
        let result = judged(&with(school(&["P36"]), &[("W2.3/n", Value::Int(lessons))]));
        assert_eq!(points(&result, "W2.3"), expected);
        assert_eq!(result.item("W2.3").expect("it").verdict, verdict);
    }
}

#[test]
fn random_classes_count_by_the_share_that_kept_the_timetable() {
    let visited = |said: &str| Value::List(vec!["P36".into(), "四（1）".into(), said.into()]);
    let result = judged(&with(
        school(&["P36"]),
        &[
            ("W2.1/sample/a", visited("yes")),
            ("W2.1/sample/b", visited("yes")),
            ("W2.1/sample/c", visited("no")),
        ],
    ));
    assert_eq!(points(&result, "W2.1"), "200/3");
    assert_eq!(result.item("W2.1").expect("it").severity, Some(Severity::L2));
}

#[test]
fn too_few_classes_or_pupils_are_told() {
    let one_class = judged(&homework(school(&["P36"]), "P36", &["45"]));
    assert_eq!(one_class.item("W3.1").expect("it").missing, [Missing::Rest]);
    let few = Value::List(vec!["P36".into(), "b".into(), Value::Int(30), Value::Int(40)]);
    let few_pupils = with(homework(school(&["P36"]), "P36", &["45"]), &[("W3.1/sample/b", few)]);
    let result = judged(&few_pupils);
    assert_eq!(result.item("W3.1").expect("it").missing, [Missing::Rest]);
    let shown = &result.item("W3.1").expect("it").samples;
    assert!(
        shown
            .iter()
            .any(|sample| sample.count == 2 && sample.value.is_some_and(|median| median.0 == 350))
    );
}

#[test]
fn the_first_red_line_leaves_orange_and_the_second_red() {
    let cross = |codes: &[&str]| {
        let mut answers = sound_school(&["P12", "P36"]);
        for code in codes {
            answers.insert((*code).to_owned(), "no".into());
        }
        let result = judged(&answers);
        checklist().bands[result.band.expect("rated")]
            .label
            .get(Lang::En)
            .to_owned()
    };
    assert_eq!(cross(&[]), "Green");
    assert_eq!(cross(&["W1.2"]), "Green");
    assert_eq!(cross(&["W3.2"]), "Orange");
    assert_eq!(cross(&["W1.4", "W3.2"]), "Red");
    assert_eq!(cross(&["W1.4", "W3.2", "W4.2", "W8.4"]), "Red");
}

#[test]
fn what_only_concerns_grades_1_and_2_is_not_asked_elsewhere() {
    for (of, asked) in [(&["P12"][..], true), (&["P36", "J"], false)] {
        let result = judged(&school(of));
        assert_eq!(result.item("W3.2").expect("it").visible, asked);
        assert_eq!(result.item("W4.2").expect("it").visible, asked);
    }
}

#[test]
fn a_limit_is_the_one_in_force_on_the_day_of_the_visit() {
    let on = |day: &str| {
        judged(&with(
            school(&["P36"]),
            &[("on", day.into()), ("W6.1/n/P36", Value::Int(70))],
        ))
    };
    assert_eq!(points(&on("2026-11-22"), "W6.1"), "50/1", "the two-hour goal advises");
    assert_eq!(points(&on("2024-11-22"), "W6.1"), "100/1", "before the goal was set");
}

#[test]
fn a_part_of_the_checklist_can_be_looked_at_alone() {
    let scope = Value::List(vec!["W3".into()]);
    let result = judged(&with(
        sound_school(&["P36"]),
        &[("scope", scope), ("W1.2", "no".into())],
    ));
    assert!(result.partial && result.rated);
    assert!(!result.section("W1").expect("it").visible && result.section("W3").expect("it").visible);
    assert!(
        result.section("W10").is_none_or(|section| section.visible),
        "what has no points belongs to every scope"
    );
    assert_eq!(
        (result.score.expect("a score").to_string().as_str(), result.failed.len()),
        ("100.0", 0)
    );
    assert!(!judged(&sound_school(&["P36"])).partial);
}
