//! Stories about the kinds of records: who may do what, how states move, what fields can hold.

use catalog::{Action, BadValue, Kind, Policy, Refusal, Value, catalog};

fn kind(code: &str) -> &'static Kind {
    catalog().kind(code).unwrap_or_else(|| panic!("the kind {code}"))
}

#[test]
fn every_kind_is_there() {
    let codes: Vec<&str> = catalog().kinds.iter().map(|kind| kind.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "school",
            "person",
            "visit",
            "response",
            "finding",
            "feedback_note",
            "template",
            "threshold",
            "escalation_slip",
            "complaint",
            "survey_response",
            "duty_log"
        ]
    );
    assert_eq!(catalog().roles.len(), 9);
    assert_eq!(kind("person").bucket, "district");
    assert_eq!(
        catalog().role("zone_lead").map(|role| role.title.zh.as_str()),
        Some("责任区主任")
    );
}

#[test]
fn a_visit_goes_from_the_gate_to_the_office_and_back() {
    let visit = kind("visit");
    let supervisor = |from, to| visit.transition(from, to, &["supervisor"]);
    assert_eq!(supervisor(None, "planned"), Ok(()));
    assert_eq!(supervisor(None, "checked_in"), Ok(()));
    assert_eq!(supervisor(Some("planned"), "checked_in"), Ok(()));
    assert_eq!(supervisor(Some("checked_in"), "in_progress"), Ok(()));
    assert_eq!(supervisor(Some("in_progress"), "feedback_given"), Ok(()));
    assert_eq!(supervisor(Some("feedback_given"), "submitted"), Ok(()));
    assert_eq!(visit.transition(Some("submitted"), "returned", &["zone_lead"]), Ok(()));
    assert_eq!(
        visit.transition(Some("submitted"), "reviewed", &["coordinator"]),
        Ok(())
    );
    assert_eq!(supervisor(Some("returned"), "submitted"), Ok(()));
}

#[test]
fn a_move_that_is_not_allowed_says_why() {
    let visit = kind("visit");
    assert_eq!(
        visit.transition(Some("submitted"), "returned", &["supervisor"]),
        Err(Refusal::NotYours)
    );
    assert_eq!(
        visit.transition(Some("planned"), "missed", &["coordinator"]),
        Err(Refusal::NotYours)
    );
    assert_eq!(
        visit.transition(Some("in_progress"), "submitted", &["supervisor"]),
        Err(Refusal::NotFromHere)
    );
    assert_eq!(
        visit.transition(Some("submitted"), "in_progress", &["supervisor"]),
        Err(Refusal::NotFromHere)
    );
    assert_eq!(
        visit.transition(None, "submitted", &["supervisor"]),
        Err(Refusal::NotFromHere)
    );
    assert_eq!(
        visit.transition(Some("burnt"), "submitted", &["supervisor"]),
        Err(Refusal::NotFromHere)
    );
    assert_eq!(
        visit.transition(None, "burnt", &["supervisor"]),
        Err(Refusal::NoSuchState)
    );
    assert_eq!(
        kind("school").transition(None, "planned", &["coordinator"]),
        Err(Refusal::NoSuchState)
    );
    assert_eq!(visit.transition(None, "checked_in", &[]), Err(Refusal::NotYours));
}

#[test]
fn two_phones_that_made_the_same_move_do_not_contradict_each_other() {
    let visit = kind("visit");
    assert_eq!(
        visit.transition(Some("in_progress"), "in_progress", &["supervisor"]),
        Ok(())
    );
    assert_eq!(
        visit.transition(Some("reviewed"), "reviewed", &["supervisor"]),
        Err(Refusal::NotYours)
    );
}

#[test]
fn one_of_several_roles_is_enough() {
    let finding = kind("finding");
    assert_eq!(
        finding.transition(Some("draft"), "confirmed", &["expert", "supervisor"]),
        Ok(())
    );
    assert_eq!(
        finding.transition(Some("rectifying"), "evidence_submitted", &["school"]),
        Ok(())
    );
    assert_eq!(
        finding.transition(None, "confirmed", &["supervisor"]),
        Ok(()),
        "an answer makes a finding without a state"
    );
    assert_eq!(
        finding.transition(Some("draft"), "confirmed", &["school"]),
        Err(Refusal::NotYours)
    );
}

#[test]
fn rights_follow_the_table_of_roles() {
    assert!(kind("visit").may(&["supervisor"], Action::Create));
    assert!(kind("visit").may(&["zone_lead"], Action::Write));
    assert!(kind("response").may(&["coordinator"], Action::Read));
    assert!(!kind("response").may(&["coordinator"], Action::Write));
    assert!(!kind("response").may(&["department"], Action::Read));
    assert!(!kind("school").may(&["supervisor"], Action::Write));
    assert!(
        !kind("visit").may(&["admin"], Action::Read),
        "administrators have no right to content"
    );
    assert!(kind("person").may(&["admin"], Action::Create));
    assert!(!kind("visit").may(&[], Action::Read));
}

#[test]
fn fields_are_found_by_name_and_by_pattern() {
    let policy = |code: &str, path: &str| kind(code).field(path).map(|field| field.policy);
    assert_eq!(policy("visit", "members/0190-aa"), Some(Policy::Union));
    assert_eq!(policy("visit", "members"), None);
    assert_eq!(policy("visit", "members/a/b"), None);
    assert_eq!(policy("visit", "members/"), None);
    assert_eq!(policy("response", "version"), Some(Policy::Upward));
    assert_eq!(policy("response", "template"), Some(Policy::Fixed));
    assert_eq!(policy("response", "W1.1/n/P36"), Some(Policy::Manual));
    assert_eq!(policy("response", "SF3.4"), Some(Policy::Manual));
    assert_eq!(policy("response", "SF3.4/note"), Some(Policy::Text3));
    assert_eq!(policy("response", "fact/students"), Some(Policy::Manual));
    assert_eq!(policy("finding", "severity"), Some(Policy::Upward));
}

#[test]
fn values_that_do_not_fit_are_named() {
    let check = |code: &str, path: &str, value: Value| kind(code).check(path, &value);
    assert_eq!(check("visit", "visit_date", "2026-11-22".into()), Ok(()));
    assert_eq!(
        check("visit", "visit_date", "22.11.2026".into()),
        Err(BadValue::Malformed)
    );
    assert_eq!(check("visit", "visit_date", Value::Null), Err(BadValue::Required));
    assert_eq!(check("visit", "submitted_at", Value::Null), Ok(()));
    assert_eq!(
        check("visit", "submitted_at", "2026-11-22T16:05:00+08:00".into()),
        Ok(())
    );
    assert_eq!(
        check("visit", "submitted_at", "2026-11-22T16:05:00".into()),
        Err(BadValue::Malformed)
    );
    assert_eq!(
        check("visit", "school", "0190f2c4-7d1a-7000-8000-0000000000ab".into()),
        Ok(())
    );
    assert_eq!(check("visit", "school", "school 5".into()), Err(BadValue::Malformed));
    assert_eq!(check("visit", "state", "submitted".into()), Ok(()));
    assert_eq!(check("visit", "state", "burnt".into()), Err(BadValue::NotAnOption));
    assert_eq!(check("visit", "card_shown", "yes".into()), Err(BadValue::WrongType));
    assert_eq!(check("school", "students", Value::Int(-1)), Err(BadValue::Malformed));
    assert_eq!(
        check("school", "bands", Value::List(vec!["K".into(), "P12".into()])),
        Ok(())
    );
    assert_eq!(
        check("school", "bands", Value::List(vec!["Q".into()])),
        Err(BadValue::NotAnOption)
    );
    assert_eq!(check("school", "bands", "K".into()), Err(BadValue::WrongType));
    assert_eq!(
        check("finding", "fact", Value::Text("长".repeat(20_001))),
        Err(BadValue::TooLong)
    );
    assert_eq!(check("finding", "severity", "L5".into()), Err(BadValue::NotAnOption));
}

#[test]
fn a_field_from_a_newer_version_is_carried_not_judged() {
    assert_eq!(kind("visit").check("weather/today", &Value::Int(-40)), Ok(()));
    assert_eq!(kind("response").check("SF99.1", &"yes".into()), Ok(()));
}

#[test]
fn a_published_template_is_sealed_and_a_draft_is_not() {
    let template = kind("template");
    for (state, open) in [
        (None, true),
        (Some("draft"), true),
        (Some("consult"), true),
        (Some("published"), false),
        (Some("retired"), false),
    ] {
        assert_eq!(template.is_open(state, "head"), open, "{state:?}");
        assert!(template.is_open(state, "state"), "a state may always move");
    }
    assert_eq!(
        template.transition(Some("published"), "draft", &["coordinator"]),
        Err(Refusal::NotFromHere)
    );
    assert_eq!(
        template.transition(Some("draft"), "published", &["supervisor"]),
        Err(Refusal::NotYours)
    );
}

#[test]
fn a_finding_needs_a_reason_to_be_dismissed() {
    let finding = kind("finding");
    assert_eq!(finding.needs(None, "void"), ["dismissed_reason"]);
    assert_eq!(finding.needs(Some("draft"), "void"), ["dismissed_reason"]);
    assert!(finding.needs(Some("draft"), "confirmed").is_empty());
}
