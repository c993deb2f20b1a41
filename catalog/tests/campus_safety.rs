//! Stories about the campus safety checklist: what is asked of which school, and what the answers come to. The figures
//! are those of `domain.md` §8.2.

use catalog::{
    Answers, Assessment, Checklist, ItemKind, Lang, Missing, Severity, Value, Verdict, assess, catalog, worse,
};

fn checklist() -> &'static Checklist {
    catalog().latest("campus-safety").expect("the built-in checklist")
}

/// Without boarders, laboratory and bus; with a control room and its own kitchen; no works, no lifts.
fn day_school() -> Answers {
    answers(&[
        ("on", "2026-11-22".into()),
        ("fact/students", Value::Int(860)),
        ("fact/boarders", Value::Int(0)),
        ("fact/bands", Value::List(vec!["P12".into(), "P36".into()])),
        ("fact/meal_mode", "self".into()),
        ("fact/has_lab", false.into()),
        ("fact/has_bus", false.into()),
        ("fact/has_control_room", true.into()),
        ("fact/has_works", false.into()),
        ("fact/has_special_equipment", false.into()),
    ])
}

/// A school where everything is asked.
fn full_school() -> Answers {
    let mut school = day_school();
    school.insert("fact/boarders".into(), Value::Int(400));
    for fact in ["has_lab", "has_bus", "has_works", "has_special_equipment"] {
        school.insert(format!("fact/{fact}"), true.into());
    }
    school
}

fn answers(pairs: &[(&str, Value)]) -> Answers {
    pairs
        .iter()
        .map(|(path, value)| ((*path).to_owned(), value.clone()))
        .collect()
}

fn with(mut answers: Answers, pairs: &[(&str, Value)]) -> Answers {
    answers.extend(pairs.iter().map(|(path, value)| ((*path).to_owned(), value.clone())));
    answers
}

fn without(mut answers: Answers, path: &str) -> Answers {
    answers.remove(path);
    answers
}

/// Every yes/no item "yes", shown or not.
fn all_yes(mut school: Answers) -> Answers {
    for item in checklist()
        .sections
        .iter()
        .flat_map(|section| &section.items)
        .filter(|item| item.is_scored())
    {
        school.insert(item.code.clone(), "yes".into());
    }
    school
}

fn judged(answers: &Answers) -> Assessment {
    assess(checklist(), answers)
}

fn score(assessment: &Assessment) -> String {
    assessment
        .score
        .map_or_else(|| "none".into(), |score| score.to_string())
}

fn band(assessment: &Assessment) -> &'static str {
    assessment.band.map_or("none", |index| &checklist().bands[index].code)
}

fn verdict(answers: &Answers, code: &str) -> Verdict {
    judged(answers).item(code).expect("an item").verdict
}

fn asked(answers: &Answers) -> Vec<String> {
    judged(answers)
        .items
        .into_iter()
        .filter(|item| item.visible && item.weight > 0)
        .map(|item| item.code)
        .collect()
}

// ---------------------------------------------------------------- the worked checks

#[test]
fn only_the_emergency_lights_fail_and_the_school_gets_98_4_and_an_a() {
    let result = judged(&with(all_yes(day_school()), &[("SF3.4", "no".into())]));
    let fire = result.section("SF3").expect("SF3");
    assert_eq!(fire.earned.parts(), (21, 1));
    assert_eq!(fire.possible.parts(), (23, 1));
    assert_eq!((score(&result).as_str(), band(&result)), ("98.4", "A"));
    assert_eq!(result.failed, ["SF3.4"]);
    assert!(result.caps.is_empty() && result.rated && result.complete);
}

#[test]
fn a_blocked_escape_route_caps_the_band_at_d_and_leaves_the_score_at_96_0() {
    let result = judged(&with(all_yes(day_school()), &[("SF3.1", "no".into())]));
    assert_eq!(
        result.section("SF3").and_then(|fire| fire.score).map(|s| s.to_string()),
        Some("78.3".into())
    );
    assert_eq!((score(&result).as_str(), band(&result)), ("96.0", "D"));
    assert_eq!(result.caps.len(), 1);
    assert_eq!((result.caps[0].item.as_str(), result.caps[0].band), ("SF3.1", 3));
}

#[test]
fn a_major_fail_caps_the_band_at_c() {
    let result = judged(&with(all_yes(day_school()), &[("SF3.3", "no".into())]));
    assert_eq!((score(&result).as_str(), band(&result)), ("98.4", "C"));
}

#[test]
fn a_cap_that_does_not_bite_is_not_named() {
    let mut all_no = all_yes(day_school());
    all_no
        .values_mut()
        .filter(|value| **value == "yes".into())
        .for_each(|value| *value = "no".into());
    let result = judged(&all_no);
    assert_eq!((score(&result).as_str(), band(&result)), ("0.0", "D"));
    assert!(result.caps.is_empty());
}

#[test]
fn the_band_is_read_from_the_rounded_score() {
    let limits: Vec<i64> = checklist().bands.iter().map(|band| band.from_tenths).collect();
    assert_eq!(limits, [900, 750, 600, 0]);
}

// ---------------------------------------------------------------- what is asked

#[test]
fn there_are_79_items_and_a_full_school_is_asked_all_of_them() {
    assert_eq!(asked(&full_school()).len(), 79);
    assert_eq!(judged(&full_school()).applicable, 79);
}

#[test]
fn the_day_school_is_asked_60_items() {
    // 79 without the dormitory (6), the laboratory (5), the bus (6), works and special equipment (2).
    assert_eq!(asked(&day_school()).len(), 60);
}

#[test]
fn each_fact_shows_its_own_items_and_says_why() {
    let cases: [(&str, Value, &[&str]); 6] = [
        ("fact/has_control_room", true.into(), &["SF3.6"]),
        ("fact/has_works", true.into(), &["SF5.6"]),
        ("fact/has_special_equipment", true.into(), &["SF5.7"]),
        (
            "fact/has_lab",
            true.into(),
            &["SF8.1", "SF8.2", "SF8.3", "SF8.4", "SF8.5"],
        ),
        (
            "fact/boarders",
            Value::Int(1),
            &["SF6.1", "SF6.2", "SF6.3", "SF6.4", "SF6.5", "SF6.6"],
        ),
        (
            "fact/has_bus",
            true.into(),
            &["SF7.4", "SF7.5", "SF7.6", "SF7.7", "SF7.8", "SF7.9"],
        ),
    ];
    let base = without(day_school(), "fact/has_control_room");
    let before = asked(&base);
    for (fact, value, expected) in cases {
        let after = asked(&with(base.clone(), &[(fact, value)]));
        let new: Vec<&String> = after.iter().filter(|code| !before.contains(code)).collect();
        assert_eq!(new, expected, "{fact}");
        assert_eq!(after.len(), before.len() + expected.len(), "{fact}");
        for code in expected {
            let item = checklist().item(code).expect("an item");
            let section = checklist().section_of(code).expect("a section");
            assert!(item.why_shown.is_some() || section.why_shown.is_some(), "{code}");
        }
    }
}

#[test]
fn every_combination_of_facts_is_asked_exactly_its_items() {
    // (fact, items it adds to the 46 that every school is asked)
    let added = [
        ("has_control_room", 1),
        ("has_works", 1),
        ("has_special_equipment", 1),
        ("has_lab", 5),
        ("has_bus", 6),
        ("boarders", 6),
        ("meals", 13),
    ];
    for combination in 0..1_u32 << added.len() {
        let has = |bit: usize| combination & (1 << bit) != 0;
        let mut school = with(
            day_school(),
            &[("fact/boarders", Value::Int(if has(5) { 12 } else { 0 }))],
        );
        school.insert(
            "fact/meal_mode".into(),
            if has(6) { "delivered" } else { "none" }.into(),
        );
        for (bit, (fact, _)) in added.iter().enumerate().take(5) {
            school.insert(format!("fact/{fact}"), has(bit).into());
        }
        let expected = 46
            + added
                .iter()
                .enumerate()
                .map(|(bit, (_, items))| if has(bit) { *items } else { 0 })
                .sum::<usize>();
        assert_eq!(asked(&school).len(), expected, "{combination:07b}");
    }
}

#[test]
fn without_meals_only_the_water_is_left_of_the_canteen() {
    let school = with(day_school(), &[("fact/meal_mode", "none".into())]);
    let asked = asked(&school);
    assert_eq!(
        asked.iter().filter(|code| code.starts_with("SF4.")).collect::<Vec<_>>(),
        ["SF4.9"]
    );
    assert!(!asked.contains(&"SF3.8".to_owned()), "no kitchen, no gas alarm");
    for mode in ["self", "contracted", "delivered"] {
        let school = with(day_school(), &[("fact/meal_mode", mode.into())]);
        assert_eq!(judged(&school).section("SF4").expect("SF4").applicable, 13, "{mode}");
    }
}

#[test]
fn what_the_supervisor_finds_on_site_counts_more_than_the_school_record() {
    let school = with(full_school(), &[("SF4.0", "none".into()), ("SF7.0", "no".into())]);
    let asked = asked(&school);
    assert_eq!(asked.iter().filter(|code| code.starts_with("SF4.")).count(), 1);
    assert_eq!(
        asked.iter().filter(|code| code.starts_with("SF7.")).collect::<Vec<_>>(),
        ["SF7.1", "SF7.2", "SF7.3"]
    );
    assert!(
        !asked.contains(&"SF3.8".to_owned()),
        "the gas alarm follows the answer, though it is asked later"
    );
}

#[test]
fn an_unknown_school_is_asked_what_every_school_is_asked_and_how_it_feeds_its_pupils() {
    let result = judged(&Answers::new());
    assert_eq!(result.section("SF4").expect("SF4").applicable, 1);
    assert!(!result.section("SF6").expect("SF6").visible && !result.section("SF8").expect("SF8").visible);
    let everything_else = judged(&all_yes(answers(&[("on", "2026-11-22".into())])));
    assert!(!everything_else.complete, "SF4.0 and SF7.0 are still open");
    assert_eq!(
        everything_else.item("SF4.0").expect("SF4.0").verdict,
        Verdict::Unanswered
    );
}

#[test]
fn hidden_answers_are_kept_but_do_not_count_and_come_back_when_shown_again() {
    let canteen_fails = with(all_yes(day_school()), &[("SF4.10", "no".into())]);
    assert_eq!(band(&judged(&canteen_fails)), "D");
    let closed = with(canteen_fails.clone(), &[("SF4.0", "none".into())]);
    assert_eq!(
        (score(&judged(&closed)).as_str(), band(&judged(&closed))),
        ("100.0", "A")
    );
    let opened = with(closed, &[("SF4.0", "self".into())]);
    assert_eq!(judged(&opened).failed, judged(&canteen_fails).failed);
}

// ---------------------------------------------------------------- partial answers, not applicable, rated

#[test]
fn nothing_answered_has_no_score_and_is_not_rated() {
    let result = judged(&day_school());
    assert_eq!((result.score, result.band, result.provisional_band), (None, None, None));
    assert!(!result.rated && !result.complete && result.failed.is_empty());
    assert_eq!((result.answered, result.applicable), (0, 60));
}

#[test]
fn the_first_answers_give_a_provisional_score_over_what_is_answered() {
    let one = judged(&with(day_school(), &[("SF3.2", "yes".into()), ("SF3.4", "no".into())]));
    assert_eq!(score(&one), "60.0", "3 of 3 + 2 points");
    assert_eq!((one.band, one.provisional_band), (None, Some(2)));
    let two = judged(&with(
        day_school(),
        &[("SF3.2", "yes".into()), ("SF3.4", "no".into()), ("SF9.1", "yes".into())],
    ));
    assert_eq!(score(&two), "68.0", "(16 × 60 + 4 × 100) / 20");
    assert!(!two.rated);
    assert_eq!((two.answered, two.section("SF3").expect("SF3").answered), (3, 2));
}

#[test]
fn an_item_that_does_not_apply_leaves_numerator_and_denominator() {
    let school = with(all_yes(day_school()), &[("SF3.4", "no".into()), ("SF3.1", "na".into())]);
    let result = judged(&school);
    assert_eq!(result.section("SF3").expect("SF3").possible.parts(), (18, 1));
    assert_eq!(result.item("SF3.1").expect("SF3.1").missing, [Missing::NaReason]);
    assert!(!result.complete);
    let reasoned = judged(&with(school, &[("SF3.1/na", "演练中，未能查看".into())]));
    assert!(reasoned.complete && reasoned.item("SF3.1").expect("SF3.1").missing.is_empty());
}

#[test]
fn a_section_that_does_not_apply_at_all_drops_out() {
    let mut school = with(all_yes(day_school()), &[("SF3.4", "no".into())]);
    for number in 1..=4 {
        school.insert(format!("SF9.{number}"), "na".into());
    }
    // (68 × 100 + 16 × 91.304) / 84
    assert_eq!(score(&judged(&school)), "98.3");
    assert_eq!(judged(&school).section("SF9").expect("SF9").score, None);
}

#[test]
fn more_than_40_percent_unseen_is_not_rated_and_exactly_40_percent_is() {
    // A full school has 100 points of weight; SF2 + SF3 + SF1 are 40 of them.
    let mut school = all_yes(full_school());
    school.retain(|path, _| !["SF1.", "SF2.", "SF3."].iter().any(|section| path.starts_with(section)));
    let at_the_limit = judged(&school);
    assert!(at_the_limit.rated);
    assert_eq!((score(&at_the_limit).as_str(), band(&at_the_limit)), ("100.0", "A"));
    let over = judged(&with(school, &[("SF9.4", "na".into()), ("SF9.4/na", "无".into())]));
    assert!(!over.rated);
    assert_eq!((over.band, over.provisional_band), (None, Some(0)));
}

#[test]
fn what_skip_logic_hides_does_not_count_as_unseen() {
    assert!(judged(&all_yes(day_school())).rated, "12 points of weight are hidden");
    let mut school = all_yes(with(day_school(), &[("SF4.0", "none".into())]));
    // Of 88 points 35.2 may be unseen: SF1, SF2 and SF11 are 28, SF10 makes it 34, SF9 38.
    school.retain(|path, _| {
        !["SF1.", "SF2.", "SF11.", "SF10."]
            .iter()
            .any(|section| path.starts_with(section))
    });
    assert!(judged(&school).rated);
    school.retain(|path, _| !path.starts_with("SF9."));
    assert!(!judged(&school).rated);
}

#[test]
fn a_grave_fail_wants_a_note_the_place_and_who_was_told() {
    let school = with(
        all_yes(day_school()),
        &[("SF3.1", "no".into()), ("SF3.1/note", "  ".into())],
    );
    let result = judged(&school);
    assert_eq!(
        result.item("SF3.1").expect("SF3.1").missing,
        [Missing::Note, Missing::Place, Missing::Told]
    );
    assert!(!result.complete);
    let told = with(
        school,
        &[
            ("SF3.1/note", "门被锁".into()),
            ("SF3.1/place", "教学楼东侧".into()),
            ("SF3.1/told", "校长".into()),
        ],
    );
    assert!(judged(&told).complete);
    assert!(
        judged(&with(all_yes(day_school()), &[("SF3.4", "no".into())])).complete,
        "an ordinary fail wants nothing"
    );
}

// ---------------------------------------------------------------- numbers

#[test]
fn a_number_alone_judges_the_item() {
    let enough = with(day_school(), &[("SF2.1/n", Value::Int(2))]);
    let state = judged(&enough).item("SF2.1").expect("SF2.1").clone();
    assert_eq!((state.verdict, state.auto), (Verdict::Pass, true));
    let limit = state.threshold.expect("judged");
    assert_eq!(
        (limit.op.sign(), limit.limit.as_str(), limit.unit.get(Lang::En)),
        ("≥", "2", "guards")
    );
    assert!(limit.ok && !limit.advice);
    let too_few = judged(&with(day_school(), &[("SF2.1/n", Value::Int(1))]));
    assert_eq!(too_few.failed, ["SF2.1"]);
    assert!(too_few.item("SF2.1").expect("SF2.1").auto);
}

#[test]
fn the_worse_of_person_and_number_counts() {
    let said = |answer: &str, guards: i64| {
        let school = with(
            day_school(),
            &[("SF2.1", answer.into()), ("SF2.1/n", Value::Int(guards))],
        );
        let state = judged(&school).item("SF2.1").expect("SF2.1").clone();
        (state.verdict, state.auto)
    };
    assert_eq!(said("yes", 2), (Verdict::Pass, false));
    assert_eq!(said("yes", 1), (Verdict::Fail, true));
    assert_eq!(said("no", 2), (Verdict::Fail, false));
    assert_eq!(said("na", 1), (Verdict::Na, false));
}

#[test]
fn a_yes_without_the_number_that_is_the_judgement_is_a_yes_with_a_hint() {
    let result = judged(&all_yes(day_school()));
    for code in ["SF2.1", "SF9.2", "SF11.1", "SF11.2"] {
        let state = result.item(code).expect("an item");
        assert_eq!(
            (state.verdict, state.missing.as_slice()),
            (Verdict::Pass, &[Missing::Number][..]),
            "{code}"
        );
    }
    let hints = result.items.iter().filter(|item| !item.missing.is_empty()).count();
    assert_eq!(hints, 4, "no other item asks for its number");
    assert!(result.complete);
    let counted = judged(&with(all_yes(day_school()), &[("SF2.1/n", Value::Int(3))]));
    assert!(counted.item("SF2.1").expect("SF2.1").missing.is_empty());
}

#[test]
fn the_number_of_guards_follows_pupils_and_boarders() {
    let needed = |students: i64, boarders: i64| {
        let school = with(
            day_school(),
            &[
                ("fact/students", Value::Int(students)),
                ("fact/boarders", Value::Int(boarders)),
            ],
        );
        judged(&school).item("SF2.1").expect("SF2.1").limits[0].limit.clone()
    };
    for (students, boarders, guards) in [
        (0, 0, "1"),
        (99, 0, "1"),
        (100, 0, "2"),
        (999, 0, "2"),
        (1000, 0, "3"),
        (1499, 0, "3"),
        (1500, 0, "4"),
        (3000, 0, "7"),
        (80, 80, "2"),
        (399, 399, "2"),
        (400, 400, "3"),
        (1000, 1000, "5"),
        (3000, 50, "7"),
    ] {
        assert_eq!(
            needed(students, boarders),
            guards,
            "{students} pupils, {boarders} boarders"
        );
    }
}

#[test]
fn a_limit_is_shown_before_there_is_a_number_and_unknown_without_the_facts() {
    let state = judged(&day_school()).item("SF2.1").expect("SF2.1").clone();
    assert_eq!((state.limits[0].ok, state.threshold), (None, None));
    assert!(state.limits[0].basis.get(Lang::ZhCn).contains("GB/T 29315"));
    let unknown = without(with(day_school(), &[("SF2.1/n", Value::Int(0))]), "fact/students");
    assert_eq!(verdict(&unknown, "SF2.1"), Verdict::Unanswered);
    let no_boarders_known = without(with(day_school(), &[("SF2.1/n", Value::Int(2))]), "fact/boarders");
    assert_eq!(verdict(&no_boarders_known, "SF2.1"), Verdict::Pass);
}

#[test]
fn numbers_at_and_just_beyond_their_limits() {
    let full = |pairs: &[(&str, Value)], code: &str| verdict(&with(full_school(), pairs), code);
    assert_eq!(full(&[("SF2.9/n", Value::Int(5))], "SF2.9"), Verdict::Pass);
    assert_eq!(full(&[("SF2.9/n", Value::Int(4))], "SF2.9"), Verdict::Fail);
    assert_eq!(full(&[("SF3.2/n", Value::Int(0))], "SF3.2"), Verdict::Pass);
    assert_eq!(full(&[("SF3.2/n", Value::Int(1))], "SF3.2"), Verdict::Fail);
    assert_eq!(full(&[("SF6.2/n", Value::Int(2))], "SF6.2"), Verdict::Pass);
    assert_eq!(full(&[("SF6.2/n", Value::Int(1))], "SF6.2"), Verdict::Fail);
    assert_eq!(full(&[("SF9.2/n", "95".into())], "SF9.2"), Verdict::Pass);
    assert_eq!(full(&[("SF9.2/n", "94.99".into())], "SF9.2"), Verdict::Fail);
    assert_eq!(full(&[("SF11.2/n", "3.0".into())], "SF11.2"), Verdict::Pass);
    assert_eq!(full(&[("SF11.2/n", "3.1".into())], "SF11.2"), Verdict::Fail);
    assert_eq!(
        full(&[("SF7.7/n", Value::Int(36)), ("SF7.7/n2", Value::Int(36))], "SF7.7"),
        Verdict::Pass
    );
    assert_eq!(
        full(&[("SF7.7/n", Value::Int(37)), ("SF7.7/n2", Value::Int(36))], "SF7.7"),
        Verdict::Fail
    );
    assert_eq!(
        full(&[("SF7.7/n", Value::Int(37))], "SF7.7"),
        Verdict::Unanswered,
        "seats are not known yet"
    );
}

#[test]
fn a_food_sample_needs_both_its_weight_and_its_time() {
    let sample = |grams: &str, hours: &str| {
        verdict(
            &with(day_school(), &[("SF4.6/n", grams.into()), ("SF4.6/n2", hours.into())]),
            "SF4.6",
        )
    };
    assert_eq!(sample("125", "48"), Verdict::Pass);
    assert_eq!(sample("124.9", "48"), Verdict::Fail);
    assert_eq!(sample("125", "47.5"), Verdict::Fail);
    assert_eq!(sample("125", ""), Verdict::Unanswered);
    assert_eq!(sample("100", ""), Verdict::Fail, "one broken limit is enough");
}

#[test]
fn hazards_that_are_not_fixed_need_a_plan_with_a_date() {
    let hazards = |found: i64, fixed: i64, plan: &str| {
        let school = with(
            day_school(),
            &[
                ("SF1.2/n", Value::Int(found)),
                ("SF1.2/n2", Value::Int(fixed)),
                ("SF1.2/date", plan.into()),
            ],
        );
        verdict(&school, "SF1.2")
    };
    assert_eq!(hazards(3, 3, ""), Verdict::Pass);
    assert_eq!(hazards(0, 0, ""), Verdict::Pass);
    assert_eq!(hazards(3, 2, ""), Verdict::Fail);
    assert_eq!(hazards(3, 2, "2026-12-01"), Verdict::Pass);
    assert_eq!(
        hazards(3, 2, "2026-11-21"),
        Verdict::Fail,
        "a plan for yesterday has already failed"
    );
    assert_eq!(hazards(3, 2, "soon"), Verdict::Fail);
}

#[test]
fn advice_colours_the_number_and_decides_nothing() {
    for (code, low, high) in [("SF2.6", "29", "30"), ("SF5.2", "1.09", "1.10")] {
        for (number, ok) in [(low, false), (high, true)] {
            let alone = judged(&with(day_school(), &[(&format!("{code}/n"), number.into())]));
            let state = alone.item(code).expect("an item");
            assert_eq!(
                (state.verdict, state.auto),
                (Verdict::Unanswered, false),
                "{code} {number}"
            );
            let threshold = state.threshold.clone().expect("judged");
            assert_eq!((threshold.ok, threshold.advice), (ok, true), "{code} {number}");
            let agreed = with(
                day_school(),
                &[(&format!("{code}/n"), number.into()), (code, "yes".into())],
            );
            assert_eq!(verdict(&agreed, code), Verdict::Pass, "{code} {number}");
        }
    }
}

#[test]
fn a_malformed_number_is_no_number() {
    for bad in [
        Value::Int(-1),
        "-0.5".into(),
        "many".into(),
        "1e9".into(),
        "2.5".into(),
        true.into(),
        Value::List(vec![Value::Int(2)]),
        Value::Null,
    ] {
        let school = with(day_school(), &[("SF2.1/n", bad.clone())]);
        assert_eq!(verdict(&school, "SF2.1"), Verdict::Unanswered, "{bad:?}");
    }
    assert_eq!(
        verdict(&with(day_school(), &[("SF9.2/n", "101".into())]), "SF9.2"),
        Verdict::Unanswered
    );
    assert_eq!(
        verdict(&with(day_school(), &[("SF2.1", "maybe".into())]), "SF2.1"),
        Verdict::Unanswered
    );
    assert_eq!(
        verdict(&with(day_school(), &[("SF2.1", true.into())]), "SF2.1"),
        Verdict::Unanswered
    );
}

// ---------------------------------------------------------------- dates and school bands

#[test]
fn a_drill_is_judged_by_the_days_until_the_visit() {
    let drill = |date: &str| verdict(&with(day_school(), &[("SF11.1/date", date.into())]), "SF11.1");
    assert_eq!(drill("2026-11-22"), Verdict::Pass);
    assert_eq!(drill("2026-10-22"), Verdict::Pass, "31 days");
    assert_eq!(drill("2026-10-21"), Verdict::Fail, "32 days");
    assert_eq!(
        drill("2026-11-23"),
        Verdict::Unanswered,
        "a drill after the visit cannot be true"
    );
    assert_eq!(drill("2026-02-30"), Verdict::Unanswered);
}

#[test]
fn a_kindergarten_drills_quarterly_and_the_strictest_band_of_a_mixed_school_counts() {
    let limit = |bands: &[&str], code: &str| {
        let bands = Value::List(bands.iter().map(|band| (*band).into()).collect());
        let state = judged(&with(day_school(), &[("fact/bands", bands)]))
            .item(code)
            .expect("an item")
            .clone();
        state.limits.first().map(|limit| limit.limit.clone())
    };
    assert_eq!(limit(&["K"], "SF11.1").as_deref(), Some("92"));
    assert_eq!(limit(&["K", "P12"], "SF11.1").as_deref(), Some("31"));
    assert_eq!(limit(&["P12", "P36"], "SF11.2").as_deref(), Some("3"));
    assert_eq!(limit(&["P36", "J"], "SF11.2").as_deref(), Some("2"));
    assert_eq!(limit(&["K"], "SF11.2"), None, "no evacuation limit for kindergartens");
    assert_eq!(limit(&["K", "J"], "SF11.2").as_deref(), Some("2"));
    assert_eq!(limit(&[], "SF11.1"), None);
    assert_eq!(limit(&["X"], "SF11.1"), None);
}

#[test]
fn a_visit_is_judged_by_the_rule_that_was_in_force_that_day() {
    let sample = |on: &str| {
        let school = with(
            day_school(),
            &[("on", on.into()), ("SF4.6/n", "100".into()), ("SF4.6/n2", "24".into())],
        );
        verdict(&school, "SF4.6")
    };
    assert_eq!(sample("2025-01-01"), Verdict::Fail);
    assert_eq!(sample("2024-12-31"), Verdict::Unanswered, "there was no such rule yet");
    assert_eq!(sample("some day"), Verdict::Unanswered, "no date, no dated rule");
}

// ---------------------------------------------------------------- conflicts

#[test]
fn of_two_answers_the_worse_one_counts_until_it_is_settled() {
    let worse = |path: &str, a: Value, b: Value| {
        let one = worse(checklist(), path, &[a.clone(), b.clone()]);
        assert_eq!(
            one,
            worse(checklist(), path, &[b, a]),
            "{path}: the order of the siblings must not matter"
        );
        one
    };
    assert_eq!(worse("SF3.1", "yes".into(), "no".into()), "no".into());
    assert_eq!(worse("SF3.1", "yes".into(), "na".into()), "na".into());
    assert_eq!(worse("SF3.1", "na".into(), "no".into()), "no".into());
    assert_eq!(worse("SF3.1", "yes".into(), "zzz".into()), "yes".into());
    assert_eq!(worse("SF3.1", Value::Null, "yes".into()), "yes".into());
    assert_eq!(worse("SF2.1/n", Value::Int(3), Value::Int(2)), Value::Int(2));
    assert_eq!(worse("SF3.2/n", Value::Int(0), Value::Int(4)), Value::Int(4));
    assert_eq!(worse("SF5.2/n", "1.10".into(), "1.05".into()), "1.05".into());
    assert_eq!(
        worse("SF1.2/n", Value::Int(5), Value::Int(3)),
        Value::Int(5),
        "more hazards found"
    );
    assert_eq!(
        worse("SF1.2/n2", Value::Int(5), Value::Int(3)),
        Value::Int(3),
        "fewer of them fixed"
    );
    assert_eq!(
        worse("SF7.7/n2", Value::Int(36), Value::Int(45)),
        Value::Int(36),
        "fewer seats"
    );
    assert_eq!(
        worse("SF11.1/date", "2026-11-01".into(), "2026-10-01".into()),
        "2026-10-01".into()
    );
    assert_eq!(worse("SF4.0", "none".into(), "self".into()), "self".into());
    assert_eq!(worse("SF7.0", "yes".into(), "no".into()), "yes".into());
    assert_eq!(
        worse("fact/students", Value::Int(990), Value::Int(1010)),
        Value::Int(1010)
    );
    assert_eq!(worse("fact/has_lab", false.into(), true.into()), true.into());
    assert_eq!(worse("SF3.1/note", "锁".into(), "东门上锁".into()), "东门上锁".into());
    let both = Value::List(vec!["J".into(), "P36".into()]);
    assert_eq!(
        worse(
            "fact/bands",
            Value::List(vec!["P36".into()]),
            Value::List(vec!["J".into()])
        ),
        both
    );
}

#[test]
fn one_value_is_that_value_and_none_is_null() {
    assert_eq!(worse(checklist(), "SF3.1", &["yes".into()]), "yes".into());
    assert_eq!(worse(checklist(), "SF3.1", &[]), Value::Null);
    assert_eq!(worse(checklist(), "nothing/here", &[]), Value::Null);
}

// ---------------------------------------------------------------- the definition

#[test]
fn the_checklist_is_complete_and_bilingual() {
    let checklist = checklist();
    assert_eq!(
        checklist.sections.iter().map(|section| section.weight).sum::<u32>(),
        100
    );
    let per_section: Vec<(u32, usize)> = checklist
        .sections
        .iter()
        .map(|section| {
            (
                section.weight,
                section.items.iter().filter(|item| item.is_scored()).count(),
            )
        })
        .collect();
    let expected = [
        (8, 3),
        (16, 10),
        (16, 10),
        (16, 13),
        (10, 8),
        (6, 6),
        (8, 9),
        (6, 5),
        (4, 4),
        (6, 6),
        (4, 5),
        (0, 0),
    ];
    assert_eq!(per_section, expected);
    for section in &checklist.sections {
        assert!(
            section.short.zh.chars().count() <= 4,
            "{}: too long for a chip",
            section.code
        );
        assert!(
            section.short.en.chars().count() <= 9,
            "{}: too long for a chip",
            section.code
        );
        for item in &section.items {
            for lang in [Lang::ZhCn, Lang::En] {
                assert!(
                    !item.title.get(lang).is_empty() && !item.basis.get(lang).is_empty(),
                    "{}",
                    item.code
                );
            }
            let depends = item.show_if.is_some();
            assert_eq!(depends, item.why_shown.is_some(), "{}: says why it is shown", item.code);
        }
    }
}

#[test]
fn the_points_and_severities_are_those_of_the_specification() {
    let points = |code: &str| {
        let items = &checklist().section(code).expect("a section").items;
        items
            .iter()
            .filter(|item| item.is_scored())
            .map(|item| item.weight)
            .collect::<Vec<_>>()
    };
    assert_eq!(points("SF1"), [3, 3, 2]);
    assert_eq!(points("SF2"), [4, 2, 2, 3, 3, 3, 2, 2, 2, 1]);
    assert_eq!(points("SF3"), [5, 3, 2, 2, 3, 2, 2, 2, 1, 1]);
    assert_eq!(points("SF4"), [2, 3, 2, 2, 2, 3, 2, 2, 2, 3, 1, 1, 1]);
    assert_eq!(points("SF5"), [4, 3, 2, 3, 2, 3, 2, 1]);
    assert_eq!(points("SF6"), [3, 2, 4, 2, 1, 2]);
    assert_eq!(points("SF7"), [3, 1, 2, 3, 3, 3, 4, 2, 1]);
    assert_eq!(points("SF8"), [4, 3, 2, 1, 2]);
    assert_eq!(points("SF9"), [2, 1, 2, 1]);
    assert_eq!(points("SF10"), [2, 2, 2, 1, 2, 2]);
    assert_eq!(points("SF11"), [3, 1, 1, 1, 1]);
    let graded = |severity: Severity| {
        let items = checklist().sections.iter().flat_map(|section| &section.items);
        items
            .filter(|item| item.severity == Some(severity))
            .map(|item| item.code.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        graded(Severity::L4),
        ["SF3.1", "SF4.10", "SF5.1", "SF6.3", "SF7.7", "SF8.1"]
    );
    assert_eq!(
        graded(Severity::L1),
        ["SF4.11", "SF4.13", "SF5.8", "SF7.2", "SF11.2", "SF11.3", "SF11.4"]
    );
    assert_eq!(graded(Severity::L2).len(), 33);
    assert_eq!(graded(Severity::L3).len(), 33);
}

#[test]
fn the_last_section_is_not_scored_and_blocks_nothing() {
    let result = judged(&all_yes(day_school()));
    for item in result.items.iter().filter(|item| item.code.starts_with("SF12.")) {
        assert_eq!((item.visible, item.verdict), (true, Verdict::Unscored), "{}", item.code);
    }
    let fixed = checklist().item("SF12.1").map(|item| &item.kind);
    assert!(matches!(fixed, Some(ItemKind::Many { from_failed: true, .. })));
}

#[test]
fn severities_have_words_and_requirements_in_both_languages() {
    assert_eq!(Severity::L4.label(Lang::ZhCn), "重大隐患");
    assert_eq!(
        Severity::L4.requirement(Lang::ZhCn),
        "立即停用；1 个工作日报方案，3 个工作日整改"
    );
    assert_eq!(
        Severity::ALL.map(|s| s.label(Lang::En)),
        ["Minor", "Ordinary", "Major", "Critical"]
    );
    assert!(Severity::ALL.iter().all(|s| Severity::from_code(s.code()) == Some(*s)));
    assert_eq!(Severity::from_code("L5"), None);
}
