//! Two observers of one lesson: where they differ so much that they should talk about it (`domain.md` §8.1).

use crate::{assess::Assessment, value::Answers};

/// Levels apart that are worth a talk.
const LEVELS: i64 = 2;
/// Tenths of a point apart, of the whole score.
const TENTHS: i64 = 150;

/// What two observers of the same lesson should calibrate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calibration {
    /// Items on which they are at least two levels apart, with the level of each.
    pub items: Vec<(String, i64, i64)>,
    /// How many tenths of a point their scores are apart, when that is 15 points or more.
    pub score: Option<i64>,
}

impl Calibration {
    /// Whether there is nothing to talk about.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.score.is_none()
    }
}

/// Compares two responses to the same checklist. Items that either left out, or called not applicable, are not compared.
pub fn calibrate(one: (&Answers, &Assessment), other: (&Answers, &Assessment)) -> Calibration {
    let level = |answers: &Answers, code: &str| {
        answers
            .get(code)?
            .as_text()?
            .parse::<i64>()
            .ok()
            .filter(|n| (1..=4).contains(n))
    };
    let scales = one.1.items.iter().filter(|state| state.visible && state.weight > 0);
    let items = scales.filter_map(|state| {
        let (a, b) = (level(one.0, &state.code)?, level(other.0, &state.code)?);
        (a.abs_diff(b) >= LEVELS.unsigned_abs()).then(|| (state.code.clone(), a, b))
    });
    let apart = one.1.score.zip(other.1.score).map(|(a, b)| (a.0 - b.0).abs());
    Calibration {
        items: items.collect(),
        score: apart.filter(|tenths| *tenths >= TENTHS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ItemKind, Value, assess, catalog};

    fn lesson(level: &str, but: &[(&str, &str)]) -> (Answers, Assessment) {
        let checklist = catalog().latest("lesson-observation").expect("built in");
        let mut answers = Answers::new();
        for item in checklist.sections.iter().flat_map(|section| &section.items) {
            if matches!(item.kind, ItemKind::Scale { .. }) {
                answers.insert(item.code.clone(), Value::from(level));
            }
        }
        answers.extend(
            but.iter()
                .map(|(code, level)| ((*code).to_owned(), Value::from(*level))),
        );
        let judged = assess(checklist, &answers);
        (answers, judged)
    }

    fn compared(one: &(Answers, Assessment), other: &(Answers, Assessment)) -> Calibration {
        calibrate((&one.0, &one.1), (&other.0, &other.1))
    }

    #[test]
    fn two_levels_on_an_item_or_fifteen_points_in_all_are_worth_a_talk() {
        let sound = lesson("3", &[]);
        assert!(compared(&sound, &lesson("3", &[])).is_empty());
        assert!(compared(&sound, &lesson("3", &[("LO-C1", "2")])).is_empty());
        let apart = compared(&sound, &lesson("3", &[("LO-C1", "1"), ("LO-D5", "na")]));
        assert_eq!(apart.items, [("LO-C1".to_owned(), 3, 1)]);
        assert_eq!(apart.score, None);
        // All "3" is 80, all "2" is 60: twenty points, one level each.
        let strict = compared(&sound, &lesson("2", &[]));
        assert_eq!((strict.items.len(), strict.score), (0, Some(200)));
    }
}
