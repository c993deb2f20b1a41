//! Stories about the lesson observation checklist. The figures are those of `domain.md` §8.1.

use catalog::{Answers, Assessment, Checklist, ItemKind, Missing, Severity, Value, Verdict, assess, catalog, worse};

fn checklist() -> &'static Checklist {
    catalog().latest("lesson-observation").expect("the built-in checklist")
}

fn with(mut answers: Answers, pairs: &[(&str, Value)]) -> Answers {
    answers.extend(pairs.iter().map(|(path, value)| ((*path).to_owned(), value.clone())));
    answers
}

fn snap(activity: &str, present: i64, off: i64, minute: i64) -> Value {
    Value::List(vec![activity.into(), present.into(), off.into(), minute.into()])
}

/// A mathematics lesson of grade 5, seen for 40 minutes, every level "3", nine of ten pupils on task, no red line.
fn sound_lesson() -> Answers {
    let mut answers = Answers::from([
        ("on".to_owned(), "2026-11-22".into()),
        ("LO-A1".to_owned(), "maths".into()),
        ("LO-A2".to_owned(), "5".into()),
        ("LO-A6".to_owned(), "new".into()),
        ("LO-A8/n".to_owned(), Value::Int(40)),
        ("LO-A9/n".to_owned(), Value::Int(40)),
        ("LO-A9/n2".to_owned(), Value::Int(40)),
        ("LO-B1/snap/10".to_owned(), snap("yes", 40, 4, 10)),
        ("LO-B1/snap/20".to_owned(), snap("yes", 40, 4, 21)),
        ("LO-B1/snap/30".to_owned(), snap("yes", 40, 4, 29)),
        ("LO-N2".to_owned(), "小组讨论人人有任务。".into()),
        ("LO-N3".to_owned(), "无".into()),
    ]);
    for item in checklist().sections.iter().flat_map(|section| &section.items) {
        match &item.kind {
            ItemKind::Scale { .. } => answers.insert(item.code.clone(), "3".into()),
            ItemKind::YesNo if item.inverse => answers.insert(item.code.clone(), "no".into()),
            ItemKind::YesNo => answers.insert(item.code.clone(), "yes".into()),
            ItemKind::One { options } if !answers.contains_key(&item.code) || item.code == "LO-A6" => {
                answers.insert(item.code.clone(), options[0].code.as_str().into())
            }
            _ => None,
        };
    }
    answers
}

fn judged(answers: &Answers) -> Assessment {
    assess(checklist(), answers)
}

fn score(assessment: &Assessment) -> String {
    assessment.score.expect("a score").to_string()
}

fn band(assessment: &Assessment) -> &str {
    &checklist().bands[assessment.band.expect("rated")].code
}

fn flags(assessment: &Assessment) -> Vec<&str> {
    assessment
        .flags
        .iter()
        .map(|at| checklist().flags[*at].code.as_str())
        .collect()
}

#[test]
fn the_worked_check_comes_to_81_5_good() {
    let result = judged(&sound_lesson());
    assert_eq!(
        result
            .section("LO-B")
            .and_then(|section| section.score)
            .expect("B")
            .to_string(),
        "95.0"
    );
    assert_eq!((score(&result).as_str(), band(&result)), ("81.5", "good"));
    assert!(result.flags.is_empty(), "{:?}", flags(&result));
    let open: Vec<_> = result
        .items
        .iter()
        .filter(|item| item.visible && (item.verdict == Verdict::Unanswered || !item.missing.is_empty()))
        .map(|item| (&item.code, &item.missing))
        .collect();
    assert!(result.complete, "{open:?}");
}

#[test]
fn an_item_that_does_not_apply_leaves_its_section_where_it_was() {
    let result = judged(&with(
        sound_lesson(),
        &[("LO-D5", "na".into()), ("LO-D5/na", "全班同一任务".into())],
    ));
    assert_eq!((score(&result).as_str(), band(&result)), ("81.5", "good"));
}

#[test]
fn the_four_levels_are_worth_100_80_60_and_40() {
    for (level, points) in [("4", "100.0"), ("3", "80.0"), ("2", "60.0"), ("1", "40.0")] {
        let all = ["LO-G1", "LO-G2", "LO-G3"].map(|code| (code, Value::from(level)));
        let result = judged(&with(sound_lesson(), &all));
        let section = result.section("LO-G").and_then(|section| section.score);
        assert_eq!(section.expect("G").to_string(), points);
    }
}

#[test]
fn the_best_and_the_worst_level_want_ten_characters_of_evidence() {
    for level in ["4", "1"] {
        let bare = with(
            sound_lesson(),
            &[("LO-C1", level.into()), ("LO-C1/note", "很好".into())],
        );
        assert_eq!(judged(&bare).item("LO-C1").expect("it").missing, [Missing::Note]);
        let told = with(bare, &[("LO-C1/note", "学生能说出目标，板书写明。".into())]);
        assert!(judged(&told).item("LO-C1").expect("it").missing.is_empty());
    }
}

#[test]
fn a_lesson_seen_for_less_than_20_minutes_is_not_rated() {
    let result = judged(&with(sound_lesson(), &[("LO-A8/n", Value::Int(19))]));
    assert!(result.barred && !result.rated && result.band.is_none());
    assert_eq!(score(&result), "81.5");
}

#[test]
fn a_snapshot_outside_its_window_does_not_count() {
    for (minute, counts) in [(8, false), (9, true), (13, true), (14, false)] {
        let result = judged(&with(sound_lesson(), &[("LO-B1/snap/10", snap("no", 40, 40, minute))]));
        let item = result.item("LO-B1").expect("it");
        assert_eq!(item.samples.len(), if counts { 3 } else { 2 }, "minute {minute}");
        assert_eq!(item.missing.contains(&Missing::Rest), !counts);
    }
}

#[test]
fn one_snapshot_and_two_missed_with_reasons_make_the_section_not_applicable() {
    let missed = |why: &str| Value::List(vec!["missed".into(), why.into()]);
    let result = judged(&with(
        sound_lesson(),
        &[
            ("LO-B1/snap/20", missed("处理突发事件")),
            ("LO-B1/snap/30", missed("提前下课")),
        ],
    ));
    let item = result.item("LO-B1").expect("it");
    assert_eq!((item.verdict, item.missing.as_slice()), (Verdict::Na, &[][..]));
    assert_eq!(score(&result), "80.0");
    let unexplained = judged(&with(sound_lesson(), &[("LO-B1/snap/20", missed(" "))]));
    assert_eq!(unexplained.item("LO-B1").expect("it").missing, [Missing::Rest]);
}

#[test]
fn a_red_line_caps_the_band_makes_a_finding_and_leaves_the_score() {
    let result = judged(&with(
        sound_lesson(),
        &[("LO-X1", "yes".into()), ("LO-X1/note", "第 12 分钟当众辱骂".into())],
    ));
    assert_eq!((score(&result).as_str(), band(&result)), ("81.5", "poor"));
    assert_eq!(result.failed, ["LO-X1"]);
    assert_eq!(result.item("LO-X1").expect("it").severity, Some(Severity::L3));
    assert_eq!(result.caps[0].item, "LO-X1");
}

#[test]
fn an_evident_danger_is_a_finding_that_wants_a_note_and_caps_nothing() {
    let result = judged(&with(sound_lesson(), &[("LO-X3", "yes".into())]));
    assert_eq!(
        (band(&result), result.failed.as_slice()),
        ("good", &["LO-X3".to_owned()][..])
    );
    assert_eq!(result.item("LO-X3").expect("it").missing, [Missing::Note]);
}

#[test]
fn what_was_taught_instead_is_asked_only_when_the_timetable_was_not_kept() {
    let kept = judged(&sound_lesson());
    assert!(!kept.item("LO-A11").expect("it").visible);
    let changed = judged(&with(sound_lesson(), &[("LO-A10", "no".into())]));
    assert!(changed.item("LO-A11").expect("it").visible);
    assert_eq!(changed.item("LO-A10").expect("it").severity, Some(Severity::L2));
    assert_eq!(score(&changed), "81.5");
}

#[test]
fn flags_speak_where_the_lesson_as_a_whole_shows_something() {
    let off_task = [10, 20, 30].map(|minute| (format!("LO-B1/snap/{minute}"), snap("yes", 40, 13, minute)));
    let mut answers = sound_lesson();
    answers.extend(off_task);
    assert_eq!(flags(&judged(&answers)), ["LO-FLAG.2"]);
    let weak = with(sound_lesson(), &[("LO-E1", "2".into()), ("LO-E2", "2".into())]);
    assert_eq!(flags(&judged(&weak)), ["LO-FLAG.3"]);
    let one_weak = with(sound_lesson(), &[("LO-E1", "2".into()), ("LO-E2", "3".into())]);
    assert!(flags(&judged(&one_weak)).is_empty());
    for (size, said) in [(45, vec![]), (46, vec!["LO-FLAG.4"]), (56, vec!["LO-FLAG.5"])] {
        let class = with(
            sound_lesson(),
            &[("LO-A9/n", Value::Int(size)), ("LO-A9/n2", Value::Int(size))],
        );
        assert_eq!(flags(&judged(&class)), said, "{size} pupils");
    }
    for (minutes, said) in [(12, vec![]), (13, vec!["LO-FLAG.6"])] {
        let screens = with(sound_lesson(), &[("LO-H3/n", Value::Int(minutes))]);
        assert_eq!(flags(&judged(&screens)), said, "{minutes} of 40 minutes");
    }
}

#[test]
fn a_score_below_60_suggests_a_case_for_experts() {
    let mut poor = sound_lesson();
    for item in checklist().sections.iter().flat_map(|section| &section.items) {
        if matches!(item.kind, ItemKind::Scale { .. }) {
            poor.insert(item.code.clone(), "1".into());
        }
    }
    let result = judged(&poor);
    assert_eq!(score(&result), "45.5");
    assert!(flags(&result).contains(&"LO-FLAG.1"));
    assert!(checklist().flags[0].consult);
    poor.insert("LO-A8/n".into(), Value::Int(10));
    assert!(
        !flags(&judged(&poor)).contains(&"LO-FLAG.1"),
        "what is not rated suggests nothing"
    );
}

#[test]
fn the_limit_for_a_class_is_that_of_the_observed_grade() {
    let of_grade = |grade: &str| {
        with(
            sound_lesson(),
            &[
                ("LO-A2", grade.into()),
                ("LO-A9/n", Value::Int(48)),
                ("LO-A9/n2", Value::Int(48)),
            ],
        )
    };
    assert_eq!(flags(&judged(&of_grade("6"))), ["LO-FLAG.4"]);
    assert!(flags(&judged(&of_grade("7"))).is_empty(), "50 in grades 7 to 9");
}

#[test]
fn too_many_absent_pupils_want_a_note() {
    let absent = with(sound_lesson(), &[("LO-A9/n2", Value::Int(35))]);
    assert_eq!(judged(&absent).item("LO-A9").expect("it").missing, [Missing::Note]);
    let nearly_all = with(sound_lesson(), &[("LO-A9/n2", Value::Int(36))]);
    assert!(judged(&nearly_all).item("LO-A9").expect("it").missing.is_empty());
}

#[test]
fn of_two_observers_the_lower_level_and_the_crossed_red_line_count_for_now() {
    let worse = |path: &str, values: &[&str]| {
        let values: Vec<Value> = values.iter().map(|value| Value::from(*value)).collect();
        worse(checklist(), path, &values)
    };
    assert_eq!(worse("LO-C1", &["3", "2", "4"]), Value::from("2"));
    assert_eq!(worse("LO-X1", &["no", "yes"]), Value::from("yes"));
}
