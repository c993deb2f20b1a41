//! Whether two people may have written down the same thing: a hint to show them both, never a reason to merge
//! (`domain.md` §7.2, duplicate manual findings).

use std::collections::BTreeMap;

/// From here on two places read like one, of 100.
const SAME_PLACE: u32 = 60;
/// From here on two titles or two facts read like one, of 100.
const SAME_WORDS: u32 = 70;

/// What a finding says, as far as it tells whether it was seen before. What is not known is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting<'a> {
    /// The code of the checklist item it was found at.
    pub item: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Where it is.
    pub place: &'a str,
    /// What was seen.
    pub fact: &'a str,
}

/// Whether two findings may be one broken extinguisher seen twice, for people to look and link.
///
/// One item at places that read alike, or one of them not told; or words that read alike, at places that do.
pub fn may_be_same(a: &Sighting, b: &Sighting) -> bool {
    let same_item = !a.item.is_empty() && a.item == b.item;
    let place_untold = [a, b].iter().any(|sighting| bare(sighting.place).is_empty());
    if same_item && place_untold {
        return true;
    }
    let same_words = || similarity(a.title, b.title) >= SAME_WORDS || similarity(a.fact, b.fact) >= SAME_WORDS;
    similarity(a.place, b.place) >= SAME_PLACE && (same_item || same_words())
}

/// How alike two texts read, from 0 to 100: the Dice coefficient of their pairs of neighbouring characters.
///
/// Case, width, blanks and punctuation do not count. A text with nothing else in it is like no other.
pub fn similarity(a: &str, b: &str) -> u32 {
    let (a, b) = (bare(a), bare(b));
    if a.is_empty() || b.is_empty() {
        return 0;
    }
    if a == b {
        return 100;
    }
    let all = (a.len() - 1) + (b.len() - 1);
    let (a, b) = (pairs(&a), pairs(&b));
    let shared: usize = a.iter().map(|(pair, n)| *n.min(b.get(pair).unwrap_or(&0))).sum();
    // `all` is not 0: of two texts of one character each, the equal are answered above, and the others share nothing.
    u32::try_from(200 * shared / all.max(1)).unwrap_or(100)
}

/// The letters and digits alone. "Ａ栋３层" of a Chinese keyboard and "a栋3层" are the same.
fn bare(text: &str) -> Vec<char> {
    let narrow = text.chars().map(|c| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    });
    narrow
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn pairs(text: &[char]) -> BTreeMap<&[char], usize> {
    let mut counted = BTreeMap::new();
    for pair in text.windows(2) {
        *counted.entry(pair).or_default() += 1;
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_that_read_alike_are_near_a_hundred_and_others_near_nothing() {
        for (a, b, expected) in [
            ("灭火器压力不足", "灭火器压力不足", 100),
            ("灭火器压力不足", "灭火器压力不够", 83),
            ("教学楼三层东侧", "教学楼三层", 80),
            ("night", "nacht", 25),
            ("灭火器压力不足", "食堂后门堵塞", 0),
        ] {
            assert_eq!(similarity(a, b), expected, "{a} / {b}");
        }
    }

    #[test]
    fn case_width_blanks_and_punctuation_do_not_count() {
        assert_eq!(similarity("Ａ栋 ３层，东侧。", "a栋3层东侧"), 100);
        assert_eq!(similarity("East-Gate", "east gate"), 100);
    }

    #[test]
    fn an_empty_text_is_like_no_other() {
        assert_eq!(similarity("", ""), 0);
        assert_eq!(similarity("食堂", ""), 0);
        assert_eq!(similarity("——", "——"), 0);
    }

    #[test]
    fn one_character_is_the_same_or_not() {
        assert_eq!(similarity("门", "门。"), 100);
        assert_eq!(similarity("门", "窗"), 0);
        assert_eq!(similarity("门", "门口"), 0);
    }

    fn seen<'a>(item: &'a str, title: &'a str, place: &'a str, fact: &'a str) -> Sighting<'a> {
        Sighting {
            item,
            title,
            place,
            fact,
        }
    }

    fn check(a: Sighting, b: Sighting, expected: bool) {
        assert_eq!(may_be_same(&a, &b), expected, "{a:?} / {b:?}");
        assert_eq!(may_be_same(&b, &a), expected, "{b:?} / {a:?}");
    }

    #[test]
    fn one_extinguisher_seen_twice_is_hinted_at() {
        let one = seen("SF2.1", "灭火器失压", "教学楼三层东侧", "指针在红区");
        check(one, seen("SF2.1", "器材过期", "教学楼三层东", ""), true);
        check(one, seen("SF2.1", "器材过期", "", ""), true);
        check(one, seen("SF2.1", "器材过期", "—", ""), true);
    }

    #[test]
    fn the_same_item_at_another_place_is_another_finding() {
        let one = seen("SF2.1", "灭火器失压", "教学楼三层东侧", "");
        check(one, seen("SF2.1", "灭火器失压", "食堂后厨", ""), false);
    }

    #[test]
    fn without_the_same_item_the_words_and_the_place_must_both_be_alike() {
        let one = seen("", "灭火器失压", "教学楼三层东侧", "指针在红区");
        check(one, seen("SF2.1", "灭火器失压", "教学楼三层东", ""), true);
        check(one, seen("SF2.1", "器材", "教学楼三层东", "指针在红区内"), true);
        check(one, seen("", "灭火器失压", "", ""), false);
        check(one, seen("SF2.1", "灭火器失压", "食堂后厨", ""), false);
        check(one, seen("SF2.1", "门锁着", "教学楼三层东侧", ""), false);
        check(seen("", "", "教学楼", ""), seen("", "", "教学楼", ""), false);
    }

    proptest! {
        #[test]
        fn likeness_goes_both_ways_and_stays_within_a_hundred(a in any_text(), b in any_text()) {
            let alike = similarity(&a, &b);
            prop_assert_eq!(alike, similarity(&b, &a));
            prop_assert!(alike <= 100);
            prop_assert_eq!(similarity(&a, &a), if bare(&a).is_empty() { 0 } else { 100 });
        }
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[门锁着，aAＡ ]{0,8}", any::<String>()]
    }
}
