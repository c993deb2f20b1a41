//! What makes a visit count as the monthly one a school must get (`domain.md` B16, §6.1 last paragraph), rule by rule, so
//! that people see which one failed. It judges what it is told and never whether a clock may be believed (§7.3).

use crate::date::Day;

/// What is known of a visit. Times are milliseconds since 1970, as the phones' clocks claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VisitFacts {
    /// Whether it is of the regular kind.
    pub regular: bool,
    /// When each observer came.
    pub check_in_ms: Vec<i64>,
    /// When each observer left.
    pub check_out_ms: Vec<i64>,
    /// How many responses were finalised.
    pub finalised_responses: u32,
    /// Whether the school was given its feedback.
    pub feedback_given: bool,
    /// When it was submitted on the phone: late sync is not late submission (§6.1).
    pub submitted_ms: Option<i64>,
}

/// What a district asks of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidityRules {
    /// The shortest time on site, in minutes. Districts that want a full working day (F10) set 360.
    pub min_minutes: i64,
    /// Working days from check-out in which it must be submitted.
    pub max_workdays: u32,
}

impl Default for ValidityRules {
    /// As §6.1 has it: two hours, three working days.
    fn default() -> Self {
        ValidityRules {
            min_minutes: 120,
            max_workdays: 3,
        }
    }
}

/// What is asked of a valid visit, in the order of §6.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// It is a regular visit.
    Regular,
    /// Somebody was on site long enough.
    OnSite,
    /// At least one response was finalised.
    Finalised,
    /// Feedback was given.
    Feedback,
    /// It was submitted soon enough after check-out.
    InTime,
}

/// One rule and how the visit stands to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// The rule.
    pub rule: Rule,
    /// Whether it is kept.
    pub ok: bool,
    /// Minutes on site, finalised responses, or working days taken; 1 for yes and 0 for no of the others. What cannot be
    /// counted yet is 0.
    pub value: i64,
    /// What `value` must reach; for [`Rule::InTime`], what it must not exceed.
    pub limit: i64,
}

/// Every rule of a valid regular visit (B16), kept or not. `utc_offset_min` says where the local day begins.
///
/// Observers check in and out by themselves: the earliest in and the latest out count (§7.2). Working days are Monday to
/// Friday; holidays and the weekends worked for them are not known here.
pub fn validity(facts: &VisitFacts, rules: &ValidityRules, utc_offset_min: i32) -> Vec<Check> {
    let (came, left) = (facts.check_in_ms.iter().min(), facts.check_out_ms.iter().max());
    let minutes = came.zip(left).map(|(came, left)| minutes_between(*came, *left));
    let workdays = left.zip(facts.submitted_ms).map(|(left, submitted)| {
        let day = |ms| Day::at(ms, utc_offset_min);
        day(submitted).workdays_since(day(*left)).max(0)
    });
    let max_workdays = i64::from(rules.max_workdays);
    let in_time = workdays.is_some_and(|days| days <= max_workdays);
    vec![
        at_least(Rule::Regular, Some(facts.regular.into()), 1),
        at_least(Rule::OnSite, minutes, rules.min_minutes),
        at_least(Rule::Finalised, Some(facts.finalised_responses.into()), 1),
        at_least(Rule::Feedback, Some(facts.feedback_given.into()), 1),
        Check {
            rule: Rule::InTime,
            ok: in_time,
            value: workdays.unwrap_or(0),
            limit: max_workdays,
        },
    ]
}

/// Whether the visit counts: every rule is kept.
pub fn is_valid(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.ok)
}

fn at_least(rule: Rule, value: Option<i64>, limit: i64) -> Check {
    Check {
        rule,
        ok: value.is_some_and(|value| value >= limit),
        value: value.unwrap_or(0),
        limit,
    }
}

/// Full minutes; none when the clocks have them leave before they came.
fn minutes_between(came_ms: i64, left_ms: i64) -> i64 {
    left_ms.saturating_sub(came_ms).max(0) / 60_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHINA: i32 = 8 * 60;

    /// A moment by the clock on the wall in China.
    fn at(day: &str, hour: i64, minute: i64) -> i64 {
        let days = Day::parse(day).expect("a day").days_since(Day::EPOCH);
        (days * 1_440 + hour * 60 + minute - i64::from(CHINA)) * 60_000
    }

    /// On Friday 2026-11-20 from nine to eleven, submitted the same day.
    fn valid_visit() -> VisitFacts {
        VisitFacts {
            regular: true,
            check_in_ms: vec![at("2026-11-20", 9, 0)],
            check_out_ms: vec![at("2026-11-20", 11, 0)],
            finalised_responses: 1,
            feedback_given: true,
            submitted_ms: Some(at("2026-11-20", 16, 0)),
        }
    }

    fn judged(facts: &VisitFacts) -> Vec<Check> {
        validity(facts, &ValidityRules::default(), CHINA)
    }

    fn check(facts: &VisitFacts, rule: Rule, ok: bool, value: i64) {
        let checks = judged(facts);
        let found = checks.iter().find(|check| check.rule == rule).expect("every rule");
        assert_eq!((found.ok, found.value), (ok, value), "{rule:?} of {facts:?}");
        assert_eq!(is_valid(&checks), ok, "{facts:?}");
    }

    #[test]
    fn a_visit_that_keeps_every_rule_is_valid() {
        let checks = judged(&valid_visit());
        let told: Vec<_> = checks.iter().map(|c| (c.rule, c.ok, c.value, c.limit)).collect();
        assert_eq!(
            told,
            [
                (Rule::Regular, true, 1, 1),
                (Rule::OnSite, true, 120, 120),
                (Rule::Finalised, true, 1, 1),
                (Rule::Feedback, true, 1, 1),
                (Rule::InTime, true, 0, 3)
            ]
        );
        assert!(is_valid(&checks));
    }

    #[test]
    fn a_moment_less_than_two_hours_is_too_short() {
        let mut visit = valid_visit();
        check(&visit, Rule::OnSite, true, 120);
        visit.check_out_ms[0] -= 1;
        check(&visit, Rule::OnSite, false, 119);
    }

    #[test]
    fn a_district_that_wants_a_full_day_sets_its_own_minutes() {
        let rules = ValidityRules {
            min_minutes: 360,
            ..ValidityRules::default()
        };
        assert!(!is_valid(&validity(&valid_visit(), &rules, CHINA)));
    }

    #[test]
    fn the_earliest_in_and_the_latest_out_of_two_observers_count() {
        let visit = VisitFacts {
            check_in_ms: vec![at("2026-11-20", 10, 0), at("2026-11-20", 9, 0)],
            check_out_ms: vec![at("2026-11-20", 11, 30), at("2026-11-20", 10, 30)],
            ..valid_visit()
        };
        check(&visit, Rule::OnSite, true, 150);
    }

    #[test]
    fn a_visit_nobody_checked_out_of_has_no_time_on_site_and_no_term() {
        let visit = VisitFacts {
            check_out_ms: vec![],
            ..valid_visit()
        };
        check(&visit, Rule::OnSite, false, 0);
        check(&visit, Rule::InTime, false, 0);
        let lenient = ValidityRules {
            min_minutes: 0,
            max_workdays: 99,
        };
        assert!(!is_valid(&validity(&visit, &lenient, CHINA)));
    }

    #[test]
    fn a_check_out_before_the_check_in_is_no_time_on_site() {
        let visit = VisitFacts {
            check_in_ms: vec![at("2026-11-20", 12, 0)],
            ..valid_visit()
        };
        check(&visit, Rule::OnSite, false, 0);
    }

    #[test]
    fn left_on_friday_wednesday_is_in_time_and_thursday_is_not() {
        let submitted = |day: &str, hour, minute| VisitFacts {
            submitted_ms: Some(at(day, hour, minute)),
            ..valid_visit()
        };
        check(&submitted("2026-11-22", 12, 0), Rule::InTime, true, 0);
        check(&submitted("2026-11-25", 23, 59), Rule::InTime, true, 3);
        check(&submitted("2026-11-26", 0, 0), Rule::InTime, false, 4);
        check(&submitted("2026-11-19", 12, 0), Rule::InTime, true, 0);
    }

    #[test]
    fn what_is_not_submitted_is_not_in_time() {
        let visit = VisitFacts {
            submitted_ms: None,
            ..valid_visit()
        };
        check(&visit, Rule::InTime, false, 0);
    }

    #[test]
    fn another_kind_of_visit_or_one_without_result_or_feedback_does_not_count() {
        let (mut other, mut empty, mut silent) = (valid_visit(), valid_visit(), valid_visit());
        other.regular = false;
        empty.finalised_responses = 0;
        silent.feedback_given = false;
        check(&other, Rule::Regular, false, 0);
        check(&empty, Rule::Finalised, false, 0);
        check(&silent, Rule::Feedback, false, 0);
    }

    #[test]
    fn a_clock_gone_mad_is_judged_and_not_fallen_over() {
        let visit = VisitFacts {
            check_in_ms: vec![i64::MIN],
            check_out_ms: vec![i64::MAX],
            submitted_ms: Some(i64::MIN),
            ..valid_visit()
        };
        for offset in [i32::MIN, CHINA, i32::MAX] {
            assert_eq!(validity(&visit, &ValidityRules::default(), offset).len(), 5);
        }
    }
}
