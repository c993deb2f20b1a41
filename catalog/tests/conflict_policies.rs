//! Every row of the table of `domain.md` §7.2 by its name: what two people's writes come to in the catalog's hands. What the
//! office refuses besides is in `tests/it/policies.rs`.

use catalog::{
    Action, Checklist, Kind, Policy, Said, Sighting, Standing, Value, catalog, may_be_same, provisional_number,
};

fn kind(code: &str) -> &'static Kind {
    catalog().kind(code).unwrap_or_else(|| panic!("the kind {code}"))
}

fn checklist(code: &str) -> &'static Checklist {
    let found = catalog().checklists.iter().find(|checklist| checklist.code == code);
    found.unwrap_or_else(|| panic!("the checklist {code}"))
}

/// What Zhang wrote at 10:12 and Li at 10:40.
fn both(zhang: impl Into<Value>, li: impl Into<Value>) -> [Said; 2] {
    let said = |author: &str, at, value| Said {
        author: author.into(),
        at,
        value,
    };
    [said("zhang", 612, zhang.into()), said("li", 640, li.into())]
}

fn stands(code: &str, path: &str, said: &[Said]) -> Standing {
    let one = kind(code).standing(None, path, "zhang", said);
    let mut turned = said.to_vec();
    turned.reverse();
    assert_eq!(
        one,
        kind(code).standing(None, path, "zhang", &turned),
        "the order says nothing"
    );
    one
}

fn answer(of: &str, path: &str, said: &[Said]) -> Standing {
    kind("response").standing(Some(checklist(of)), path, "zhang", said)
}

fn list(codes: &[&str]) -> Value {
    Value::List(codes.iter().map(|code| (*code).into()).collect())
}

fn policy(code: &str, path: &str) -> Policy {
    kind(code).field(path).unwrap_or_else(|| panic!("{code} {path}")).policy
}

#[test]
fn row_visit_school_and_template_version_never_change_once_they_are_there() {
    for (code, path) in [("visit", "school"), ("response", "template"), ("response", "visit")] {
        assert_eq!(policy(code, path), Policy::Fixed, "{path}");
    }
    // Two phones that make one record offline, and disagree: the first word stands.
    assert_eq!(
        stands("response", "template", &both("a", "b")),
        Standing::Joined("a".into())
    );
    // A version is only ever raised.
    assert_eq!(stands("response", "version", &both(3, 4)), Standing::Joined(4.into()));
}

#[test]
fn row_visit_members_and_claimed_sections_are_all_in_and_overlap_is_no_conflict() {
    let claims = both(true, true);
    assert_eq!(
        stands("response", "S3/claim/li", &claims),
        Standing::Agreed(true.into())
    );
    // One gives a section back while the other phone still says it is taken.
    assert_eq!(
        stands("response", "S3/claim/li", &both(true, false)),
        Standing::Joined(true.into())
    );
    assert_eq!(policy("visit", "members/li"), Policy::Union);
}

#[test]
fn row_check_in_and_out_are_each_ones_own_with_the_earliest_in_and_the_latest_out() {
    let (early, late) = ("2026-11-18T07:52:00+08:00", "2026-11-18T08:05:00+08:00");
    assert_eq!(
        stands("visit", "check_in/zhang", &both(late, early)),
        Standing::Joined(early.into())
    );
    assert_eq!(
        stands("visit", "check_out/zhang", &both(late, early)),
        Standing::Joined(late.into())
    );
}

#[test]
fn row_planned_date_is_the_offices_and_a_supervisors_change_is_a_request() {
    let date = kind("visit").field("visit_date").unwrap();
    assert_eq!(
        (date.policy, date.by.as_slice()),
        (Policy::Server, &["zone_lead".to_owned(), "coordinator".to_owned()][..])
    );
    assert!(
        kind("visit")
            .field("asked/visit_date")
            .is_some_and(|asked| asked.by.is_empty())
    );
}

#[test]
fn row_lesson_scores_are_each_observers_own_and_the_lower_level_counts_in_a_shared_sheet() {
    let levels = answer(
        "lesson-observation",
        "LO-C1",
        &both(Value::Text("4".into()), Value::Text("2".into())),
    );
    assert_eq!(levels, Standing::Open("2".into()));
}

#[test]
fn row_safety_answers_that_differ_wait_for_the_lead_and_the_worse_one_counts_until_then() {
    assert_eq!(
        answer("campus-safety", "SF3.4", &both("yes", "no")),
        Standing::Open("no".into())
    );
    assert_eq!(
        answer("campus-safety", "SF3.4", &both("no", "no")),
        Standing::Agreed("no".into())
    );
    let response = kind("response");
    assert!(response.may_settle(&["supervisor"], true), "the lead");
    assert!(!response.may_settle(&["supervisor"], false), "a member");
    assert!(response.may_settle(&["zone_lead"], false) && response.may_settle(&["coordinator"], false));
    assert!(!response.may_settle(&["school"], true) && !response.may_settle(&["expert"], true));
}

#[test]
fn row_numbers_of_different_classes_are_samples_beside_each_other() {
    // Each class is a field of its own, so there is nothing to settle between two of them.
    for path in ["L1.1/sample/0190a2b4-7c3d-7e11-8f00-0123456789ab", "L1.1/snap/10"] {
        assert!(kind("response").field(path).is_some(), "{path}");
    }
}

#[test]
fn row_a_single_number_is_filled_by_whoever_has_it_and_settled_when_two_differ() {
    assert_eq!(
        answer("campus-safety", "SF1.1/n", &both(Value::Null, 3)),
        Standing::Joined(3.into())
    );
    assert!(answer("campus-safety", "SF1.1/n", &both(2, 3)).is_open());
    assert!(answer("campus-safety", "fact/students", &both(1286, 1302)).is_open());
}

#[test]
fn row_notes_are_joined_by_paragraphs_and_what_overlaps_is_shown_with_both() {
    let joined = answer(
        "campus-safety",
        "SF3.4/note",
        &both("三楼应急灯不亮", "三楼应急灯不亮\n电工已到场"),
    );
    assert_eq!(joined, Standing::Joined("三楼应急灯不亮\n电工已到场".into()));
    assert!(answer("campus-safety", "SF3.4/note", &both("三楼应急灯不亮", "二楼应急灯不亮")).is_open());
    assert!(stands("feedback_note", "text", &both("加强夜间巡查", "补齐留样记录")).is_open());
}

#[test]
fn row_choices_of_several_are_united() {
    assert_eq!(
        stands(
            "visit",
            "methods",
            &both(list(&["observe"]), list(&["talk", "observe"]))
        ),
        Standing::Joined(list(&["observe", "talk"]))
    );
}

#[test]
fn row_a_descriptive_choice_shows_the_last_word_and_keeps_the_others() {
    let subjects = answer("lesson-observation", "LO-A1", &both("maths", "chinese"));
    assert_eq!(subjects, Standing::Joined("chinese".into()));
    assert_eq!(
        stands("feedback_note", "note_kind", &both("highlight", "norm")),
        Standing::Joined("norm".into())
    );
}

#[test]
fn row_photos_are_named_by_their_bytes_and_taking_one_away_loses_against_linking_it() {
    assert_eq!(policy("response", "SF3.4/photo/9f2c"), Policy::Union);
    assert_eq!(
        stands("response", "SF3.4/photo/9f2c", &both("门口", Value::Null)),
        Standing::Joined("门口".into())
    );
}

#[test]
fn row_two_signatures_are_both_kept_until_people_say_which_holds() {
    let first = Value::List(vec!["7F3A-91C2-E04B".into(), 1.into()]);
    let second = Value::List(vec!["0B11-4C2E-77A0".into(), 1.into()]);
    assert!(stands("visit", "seal", &both(first, second)).is_open());
}

#[test]
fn row_severity_rises_by_itself_and_is_lowered_by_the_zone_or_the_office_alone() {
    assert_eq!(
        stands("finding", "severity", &both("L2", "L3")),
        Standing::Joined("L3".into())
    );
    let finding = kind("finding");
    assert!(finding.lowers("severity", &["L3".into()], &"L2".into()));
    assert!(
        !finding.lowers("severity", &["L2".into()], &"L3".into())
            && !finding.lowers("title", &["b".into()], &"a".into())
    );
    assert_eq!(
        finding.field("severity").unwrap().lowered_by,
        ["zone_lead", "coordinator"]
    );
}

#[test]
fn row_a_findings_title_and_fact_are_joined_like_notes() {
    assert_eq!(
        stands("finding", "fact", &both("门锁着", "门锁着，已告知")),
        Standing::Joined("门锁着，已告知".into())
    );
    assert!(stands("finding", "title", &both("疏散门上锁", "应急灯不亮")).is_open());
}

#[test]
fn row_a_findings_due_day_and_owner_are_the_offices_and_an_extension_is_a_request() {
    for path in ["due", "owner"] {
        assert_eq!(policy("finding", path), Policy::Server);
        assert!(
            !kind("finding")
                .field(path)
                .unwrap()
                .by
                .contains(&"supervisor".to_owned())
        );
        assert!(kind("finding").field(&format!("asked/{path}")).is_some());
    }
}

#[test]
fn row_states_of_findings_and_rectifications_are_moved_by_commands() {
    assert_eq!(policy("finding", "state"), Policy::State);
    // Both had the right to their move and neither saw the other's: the one further along shows.
    assert_eq!(
        stands("finding", "state", &both("verified", "reopened")),
        Standing::Joined("reopened".into())
    );
}

#[test]
fn row_two_phones_that_run_the_same_rule_make_one_finding() {
    // One id of response and item, so the writes meet in one record; equal words are no conflict.
    assert_eq!(
        stands("finding", "item", &both("SF3.4", "SF3.4")),
        Standing::Agreed("SF3.4".into())
    );
}

#[test]
fn row_two_findings_of_one_thing_are_hinted_at_and_joined_by_people_alone() {
    let seen = |title, place| Sighting {
        item: "",
        title,
        place,
        fact: "",
    };
    let one = seen("三楼东侧灭火器失效", "三楼东侧楼梯口");
    assert!(may_be_same(&one, &seen("三楼东侧灭火器已失效", "三楼东侧楼梯口")));
    assert!(!may_be_same(&one, &seen("食堂留样不足", "食堂")));
    assert_eq!(policy("finding", "same_as"), Policy::LastWriter);
}

#[test]
fn row_two_visits_of_one_day_keep_their_answers_apart_until_somebody_links_them() {
    assert_eq!(policy("visit", "same_as"), Policy::LastWriter);
    assert!(
        kind("visit")
            .workflow
            .as_ref()
            .unwrap()
            .states
            .iter()
            .all(|state| state.code != "merged")
    );
}

#[test]
fn row_a_slip_or_complaint_that_was_handed_in_takes_notes_only() {
    for (code, path, state) in [
        ("escalation_slip", "facts", "submitted"),
        ("complaint", "text", "registered"),
    ] {
        assert!(!kind(code).is_open(Some(state), path), "{code} {path}");
        assert!(kind(code).is_open(Some(state), "note/li"), "{code} note");
    }
    assert!(kind("escalation_slip").is_open(Some("draft"), "facts"));
}

#[test]
fn row_a_complaints_status_moves_online_alone() {
    let flow = kind("complaint").workflow.as_ref().unwrap();
    let offline: Vec<_> = flow
        .transitions
        .iter()
        .filter(|step| step.offline)
        .map(|step| step.to.as_str())
        .collect();
    assert_eq!(offline, ["received"]);
}

#[test]
fn row_two_coordinators_edits_of_a_template_meet_section_by_section() {
    assert!(stands("template", "section/S1", &both("{\"a\":1}", "{\"a\":2}")).is_open());
    assert!(kind("template").may_settle(&["coordinator"], false));
}

#[test]
fn row_school_data_is_the_offices_and_a_supervisors_word_is_a_request() {
    let school = kind("school");
    assert!(!school.may(&["supervisor"], Action::Write));
    assert!(
        school
            .field("asked/students")
            .unwrap()
            .by
            .contains(&"supervisor".to_owned())
    );
}

#[test]
fn row_what_one_person_writes_of_themselves_counts_in_their_own_words() {
    assert_eq!(
        stands("duty_log", "text", &both("读书笔记", "别人的话")),
        Standing::Joined("读书笔记".into())
    );
}

#[test]
fn row_of_two_answers_to_one_survey_token_the_first_is_taken() {
    assert_eq!(
        stands("survey_response", "answer/1", &both("A", "C")),
        Standing::Joined("A".into())
    );
}

#[test]
fn row_a_record_that_is_removed_says_what_its_remover_had_seen_and_a_sealed_one_never_is() {
    for code in ["visit", "response", "finding", "feedback_note"] {
        assert!(
            kind(code).field("removed").is_some() && !kind(code).outlives_seal("removed"),
            "{code}"
        );
    }
}

#[test]
fn row_a_printed_number_is_provisional_until_the_office_gives_one_and_both_stay() {
    assert_eq!(
        provisional_number("0190a2b4-7c3d-7e11-8f00-0123456789ab", 2),
        "暂-89AB-2"
    );
    assert_eq!(policy("escalation_slip", "number/official"), Policy::Server);
    let (one, other) = ("number/provisional/1f3a", "number/provisional/89ab");
    assert!(kind("escalation_slip").field(one).is_some() && kind("escalation_slip").field(other).is_some());
}
