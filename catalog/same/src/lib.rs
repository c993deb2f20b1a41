//! Judges random responses to every checklist and sums up all that came of it in one number. Compiled for the browser and for
//! the server, the numbers have to be the same: then phone and office can never disagree about a score.

use catalog::{Answers, Checklist, ItemKind, Value, assess, catalog};

/// The first eight bytes of the BLAKE3 sum over `count` judged responses that follow from `seed`.
#[unsafe(no_mangle)]
pub extern "C" fn sum_of_judgements(seed: u64, count: u32) -> u64 {
    let mut dice = Dice(seed);
    let mut sum = blake3::Hasher::new();
    for nth in 0..count {
        let checklists = &catalog().checklists;
        let checklist = &checklists[nth as usize % checklists.len()];
        let judged = assess(checklist, &response(checklist, &mut dice));
        sum.update(format!("{judged:?}").as_bytes());
    }
    let bytes = sum.finalize();
    u64::from_le_bytes(bytes.as_bytes()[..8].try_into().expect("eight of 32 bytes"))
}

/// Mostly what a person would answer, now and then nonsense.
fn response(checklist: &Checklist, dice: &mut Dice) -> Answers {
    let mut answers = Answers::from([("on".to_owned(), "2026-11-22".into())]);
    for fact in &checklist.facts {
        let value = match dice.below(4) {
            0 => Value::Bool(dice.below(2) == 0),
            1 => Value::List(
                ["P12", "P36", "J", "S"]
                    .into_iter()
                    .filter(|_| dice.below(2) == 0)
                    .map(Value::from)
                    .collect(),
            ),
            2 => Value::Int(i64::try_from(dice.below(3000)).unwrap_or(0)),
            _ => dice.pick(&["none", "self", "delivered"]).into(),
        };
        answers.insert(format!("fact/{}", fact.name), value);
    }
    answers.insert(
        "fact/bands".into(),
        Value::List(vec![dice.pick(&["P12", "P36"]).into(), dice.pick(&["J", "S"]).into()]),
    );
    for item in checklist.sections.iter().flat_map(|section| &section.items) {
        if dice.below(10) == 0 {
            continue;
        }
        let answer: Option<Value> = match &item.kind {
            ItemKind::YesNo => Some(dice.pick(&["yes", "yes", "yes", "no", "na", "maybe"]).into()),
            ItemKind::Scale { .. } => Some(dice.pick(&["4", "3", "2", "1", "na", "5"]).into()),
            ItemKind::One { options } | ItemKind::Many { options, .. } => options
                .get(dice.below(options.len() + 1))
                .map(|option| option.code.as_str().into()),
            _ => None,
        };
        answers.extend(answer.map(|answer| (item.code.clone(), answer)));
        for input in &item.inputs {
            let number = match dice.below(6) {
                0 => "1.10".into(),
                1 => format!("{:02}:{:02}", dice.below(25), dice.below(61)).into(),
                2 => format!("2026-{:02}-{:02}", 1 + dice.below(12), 1 + dice.below(31)).into(),
                3 => format!("{}.{}", dice.below(130), dice.below(1000)).into(),
                _ => Value::Int(i64::try_from(dice.below(130)).unwrap_or(0)),
            };
            answers.insert(format!("{}/{}", item.code, input.suffix), number);
        }
        for nth in 0..dice.below(5) {
            let mut parts: Vec<Value> = vec![dice.pick(&["P12", "P36", "J", "S"]).into(), "班".into()];
            for _ in 0..dice.below(14) {
                parts.push(match dice.below(4) {
                    0 => dice.pick(&["yes", "no", "8.5", "9.25"]).into(),
                    _ => Value::Int(i64::try_from(dice.below(120)).unwrap_or(0)),
                });
            }
            answers.insert(format!("{}/sample/{nth}", item.code), Value::List(parts));
        }
        for minute in [10, 20, 30] {
            let seen = [30, dice.below(35), minute + dice.below(5)].map(|n| Value::Int(i64::try_from(n).unwrap_or(0)));
            let mut parts: Vec<Value> = vec![dice.pick(&["yes", "no", "missed"]).into()];
            parts.extend(seen);
            answers.insert(format!("{}/snap/{minute}", item.code), Value::List(parts));
        }
    }
    answers
}

/// Splitmix64: the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        // Through u64, so that a 32-bit machine rolls the same.
        (self.roll() % limit.max(1) as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_responses_are_worth_comparing() {
        let mut dice = Dice(1);
        let mut rated = 0;
        for checklist in &catalog().checklists {
            for _ in 0..200 {
                let judged = assess(checklist, &response(checklist, &mut dice));
                rated += u32::from(judged.rated && !judged.failed.is_empty());
            }
        }
        assert!(rated > 100, "{rated} of 600 are rated and find something");
        assert_ne!(sum_of_judgements(1, 30), sum_of_judgements(2, 30));
        assert_eq!(sum_of_judgements(1, 30), sum_of_judgements(1, 30));
    }
}
