//! Drawing classes at random so that anybody can check it later: seed and candidates decide the result, nothing else does.

/// What was drawn from what, and how to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// Chosen by the device before it showed anything: 16 hex digits.
    pub seed: String,
    /// BLAKE3 of the candidates, each followed by a line feed, in the order given: 64 hex digits.
    pub candidates_hash: String,
    /// The drawn candidates, in the order of the draw.
    pub drawn: Vec<String>,
}

/// Draws up to `count` of the candidates. Each candidate's lot is BLAKE3 of the seed, a line feed and the candidate; the lowest
/// lots win. So the order of the candidates has no influence, and the proof needs no program of ours: `printf 'seed\n三(2)班' | b3sum`.
pub fn draw(seed: &str, candidates: &[String], count: usize) -> Draw {
    let lot = |candidate: &String| blake3::hash(format!("{seed}\n{candidate}").as_bytes());
    let mut lots: Vec<([u8; 32], &String)> = candidates
        .iter()
        .map(|candidate| (*lot(candidate).as_bytes(), candidate))
        .collect();
    lots.sort();
    lots.dedup();
    Draw {
        seed: seed.to_owned(),
        candidates_hash: hash_of(candidates),
        drawn: lots
            .into_iter()
            .take(count)
            .map(|(_, candidate)| candidate.clone())
            .collect(),
    }
}

fn hash_of(candidates: &[String]) -> String {
    let mut all = String::new();
    for candidate in candidates {
        all.push_str(candidate);
        all.push('\n');
    }
    blake3::hash(all.as_bytes()).to_hex().to_string()
}

impl Draw {
    /// Whether these candidates really give this draw.
    pub fn holds(&self, candidates: &[String]) -> bool {
        draw(&self.seed, candidates, self.drawn.len()) == *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn classes() -> Vec<String> {
        (1..=12).map(|class| format!("三({class})班")).collect()
    }

    #[test]
    fn the_same_seed_and_classes_give_the_same_draw_for_ever() {
        let drawn = draw("00000000000000ff", &classes(), 4);
        assert_eq!(drawn.drawn, ["三(4)班", "三(8)班", "三(3)班", "三(10)班"]);
        assert!(drawn.holds(&classes()));
    }

    #[test]
    fn a_class_or_a_result_changed_afterwards_is_noticed() {
        let drawn = draw("00000000000000ff", &classes(), 4);
        assert!(!drawn.holds(&classes()[1..]));
        let mut forged = drawn.clone();
        forged.drawn.reverse();
        assert!(!forged.holds(&classes()));
        let mut forged = drawn;
        forged.seed = "0000000000000100".into();
        assert!(!forged.holds(&classes()));
    }

    #[test]
    fn every_class_is_drawn_about_as_often_as_any_other() {
        let mut times = std::collections::BTreeMap::<String, u32>::new();
        for seed in 0..3000 {
            for class in draw(&format!("{seed:016x}"), &classes(), 4).drawn {
                *times.entry(class).or_default() += 1;
            }
        }
        // 3,000 draws of 4 out of 12: 1,000 each, with a standard deviation of 26.
        assert!(times.values().all(|n| (870..=1130).contains(n)), "{times:?}");
        assert_eq!(times.len(), 12);
    }

    proptest! {
        #[test]
        fn the_order_of_the_classes_has_no_influence(seed in "[0-9a-f]{16}", turn in 0usize..12, count in 0usize..15) {
            let mut turned = classes();
            turned.rotate_left(turn);
            let (one, other) = (draw(&seed, &classes(), count), draw(&seed, &turned, count));
            prop_assert_eq!(one.drawn.len(), count.min(12));
            prop_assert_eq!(one.drawn, other.drawn);
        }
    }
}
