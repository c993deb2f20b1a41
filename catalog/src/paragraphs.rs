//! What several people wrote in one text box without knowing of each other, joined paragraph by paragraph. What cannot
//! be joined without dropping somebody's words is never joined: people settle it (`domain.md` §7.1 `TEXT3`, §7.2).

use std::collections::BTreeSet;

use crate::lcs::{Run, runs};

/// All the texts as one, whatever their order; nothing when they overlap and people must settle it.
///
/// What they began from is not known, so a paragraph is never taken away: paragraphs in common stay once, and between
/// two of them stands what one side has there. When both have something there they overlap, unless one only went on
/// writing: then the longer stands. They overlap too when a paragraph of both stands in another order.
pub fn join(texts: &[&str]) -> Option<String> {
    let distinct: BTreeSet<&str> = texts.iter().copied().collect();
    let mut sorted = distinct.into_iter();
    let first = sorted.next().unwrap_or_default().to_owned();
    sorted.try_fold(first, |joined, text| join_two(&joined, text))
}

/// All the texts under one another, to be tidied by hand. A paragraph that not all have is led by who has it: "王：…".
///
/// Each paragraph is said once, near the paragraphs it stood between; blank texts are nobody's opinion and left out.
pub fn keep_both(texts: &[(String, &str)]) -> String {
    let mut texts: Vec<(&str, &str)> = texts.iter().map(|(who, text)| (who.as_str(), *text)).collect();
    texts.retain(|(_, text)| !text.trim().is_empty());
    texts.sort_unstable();
    let distinct: BTreeSet<&str> = texts.iter().map(|(_, text)| *text).collect();
    if distinct.len() < 2 {
        return distinct.into_iter().collect();
    }
    let rows: Vec<Vec<&str>> = texts.iter().map(|(_, text)| split(text)).collect();
    let said: Vec<BTreeSet<&str>> = rows.iter().map(|row| row.iter().copied().collect()).collect();
    let led = |paragraph: &str| {
        if said.iter().all(|said| said.contains(paragraph)) {
            return paragraph.to_owned();
        }
        let by = texts.iter().zip(&said).filter(|(_, said)| said.contains(paragraph));
        let mut names: Vec<&str> = by.map(|((who, _), _)| *who).collect();
        names.dedup();
        format!("{}：{paragraph}", names.join("、"))
    };
    let lines: Vec<String> = interleave(&rows).into_iter().map(led).collect();
    lines.join("\n")
}

fn join_two(left: &str, right: &str) -> Option<String> {
    let (left, right) = (split(left), split(right));
    let mut joined: Vec<String> = Vec::new();
    let (mut only_left, mut only_right) = (BTreeSet::<&str>::new(), BTreeSet::<&str>::new());
    for run in runs(&left, &right) {
        match run {
            Run::Same(l, _) => joined.push(left[l].join("\n")),
            Run::Apart(l, r) => {
                joined.push(settle(&left[l.clone()].join("\n"), &right[r.clone()].join("\n"))?);
                only_left.extend(&left[l]);
                only_right.extend(&right[r]);
            }
        }
    }
    // Moved by one of them: kept at both places it would stand twice, and which place is right is not ours to say.
    only_left.is_disjoint(&only_right).then(|| joined.join("\n"))
}

fn split(text: &str) -> Vec<&str> {
    text.split('\n').map(str::trim).filter(|p| !p.is_empty()).collect()
}

/// What stands where the two sides differ.
fn settle(left: &str, right: &str) -> Option<String> {
    if right.is_empty() || goes_on_from(right, left) {
        Some(left.to_owned())
    } else if left.is_empty() || goes_on_from(left, right) {
        Some(right.to_owned())
    } else {
        None
    }
}

/// Whether `longer` is `shorter` with more written after it, or paragraphs before it.
///
/// To contain it is not enough: "有隐患" is in "没有隐患", and "安全" is how "安全隐患" begins. What was written must have
/// begun a paragraph and have come to its end.
fn goes_on_from(shorter: &str, longer: &str) -> bool {
    longer.match_indices(shorter).any(|(at, _)| {
        let begins = at == 0 || longer[..at].ends_with('\n');
        begins && is_an_end(&longer[at + shorter.len()..])
    })
}

/// Whether a word or number is over where this follows: "3" is not over in "3.5".
fn is_an_end(rest: &str) -> bool {
    let mut following = rest.chars();
    match (following.next(), following.next()) {
        (Some(mark), Some(next)) if mark.is_ascii_punctuation() => !next.is_alphanumeric(),
        (Some(next), _) => !next.is_alphanumeric(),
        (None, _) => true,
    }
}

/// Every distinct paragraph once. One that is new goes before the next one that is known, so that it stays in its gap.
fn interleave<'a>(rows: &[Vec<&'a str>]) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for row in rows {
        let mut at = all.len();
        for paragraph in row.iter().rev() {
            match all.iter().position(|known| known == paragraph) {
                Some(known) => at = known,
                None => all.insert(at, paragraph),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*, sample::select};

    fn check(texts: &[&str], expected: Option<&str>) {
        assert_eq!(join(texts).as_deref(), expected, "{texts:?}");
        let turned: Vec<&str> = texts.iter().rev().copied().collect();
        assert_eq!(join(&turned).as_deref(), expected, "{turned:?}");
    }

    fn both(texts: &[(&str, &'static str)]) -> String {
        let owned: Vec<(String, &str)> = texts.iter().map(|(who, text)| ((*who).to_owned(), *text)).collect();
        keep_both(&owned)
    }

    #[test]
    fn two_added_paragraphs_are_both_kept() {
        check(
            &["先看食堂\n门锁着", "门锁着\n再看宿舍"],
            Some("先看食堂\n门锁着\n再看宿舍"),
        );
        check(&["甲\n乙\n丙", "甲\n一\n乙"], Some("甲\n一\n乙\n丙"));
        check(
            &["甲\n乙\n丙", "〇\n甲\n乙\n丙", "甲\n乙\n一\n丙"],
            Some("〇\n甲\n乙\n一\n丙"),
        );
    }

    #[test]
    fn one_text_stays_as_it_was_written() {
        check(&[" 甲\n\n乙 \n", " 甲\n\n乙 \n"], Some(" 甲\n\n乙 \n"));
        check(&[], Some(""));
        check(&["", "甲"], Some("甲"));
    }

    #[test]
    fn blank_lines_and_margins_are_no_difference() {
        check(&["甲\r\n\r\n乙", "  甲\n乙  \n"], Some("甲\n乙"));
    }

    #[test]
    fn two_who_wrote_at_the_same_place_must_settle_it() {
        check(&["门锁着", "窗开着"], None);
        check(&["甲\n乙", "甲\n丙"], None);
        check(&["甲\n乙", "甲", "甲\n丙"], None);
    }

    #[test]
    fn the_longer_stands_when_one_only_went_on_writing() {
        check(&["门锁着", "门锁着，已告知"], Some("门锁着，已告知"));
        check(
            &["甲\n门锁着\n乙", "甲\n门锁着。\n钥匙在门卫\n乙"],
            Some("甲\n门锁着。\n钥匙在门卫\n乙"),
        );
        check(&["门锁着", "到得早\n门锁着，已告知"], Some("到得早\n门锁着，已告知"));
        check(&["Locked.", "Locked. Told the guard."], Some("Locked. Told the guard."));
    }

    #[test]
    fn words_that_turn_around_what_they_contain_are_not_going_on() {
        check(&["有隐患", "没有隐患"], None);
        check(&["合格", "不合格"], None);
        check(&["安全", "安全隐患"], None);
        check(&["无", "无证上岗"], None);
        check(&["safe", "not safe"], None);
        check(&["缺灭火器3", "缺灭火器3.5"], None);
    }

    #[test]
    fn a_paragraph_that_was_moved_is_not_kept_twice() {
        check(&["甲\n乙", "乙\n甲"], None);
    }

    #[test]
    fn a_paragraph_that_one_person_repeats_stays_repeated() {
        check(&["待查", "待查\n宿舍\n待查"], Some("待查\n宿舍\n待查"));
    }

    #[test]
    fn keeping_both_says_who_wrote_what_they_do_not_share() {
        assert_eq!(
            both(&[("王", "甲\n门锁着\n丙"), ("李", "甲\n门开着\n钥匙在\n丙")]),
            "甲\n李：门开着\n李：钥匙在\n王：门锁着\n丙"
        );
        assert_eq!(both(&[("王", "门锁着"), ("李", "窗开着")]), "李：窗开着\n王：门锁着");
        assert_eq!(both(&[("王", "甲\n乙"), ("李", "乙\n甲")]), "乙\n甲");
    }

    #[test]
    fn keeping_both_names_all_who_agree() {
        assert_eq!(
            both(&[("王", "锁着"), ("李", "开着"), ("张", "锁着"), ("王", "锁着\n夜里")]),
            "张、王：锁着\n李：开着\n王：夜里"
        );
    }

    #[test]
    fn keeping_both_of_one_text_is_that_text() {
        assert_eq!(
            both(&[("王", "甲\n\n乙"), ("李", "甲\n\n乙"), ("张", " \n")]),
            "甲\n\n乙"
        );
        assert_eq!(both(&[]), "");
    }

    fn any_text() -> impl Strategy<Value = String> {
        let paragraph = select(vec!["甲", "甲，乙", "乙", "丙", "丙。丁", "", " 戊 "]);
        vec(paragraph, 0..5).prop_map(|paragraphs| paragraphs.join("\n"))
    }

    /// Texts that began from one, each with a paragraph left out and one put in: mostly they can be joined.
    fn texts_of_one_origin() -> impl Strategy<Value = Vec<String>> {
        let edit = (0..5_usize, 0..5_usize, select(vec!["己", "庚", "辛，壬", "辛"]));
        vec(edit, 1..4).prop_map(|edits| {
            let edited = edits.into_iter().map(|(without, at, with)| {
                let mut paragraphs = vec!["甲", "乙", "丙", "丁", "戊"];
                paragraphs.remove(without);
                paragraphs.insert(at, with);
                paragraphs.join("\n")
            });
            edited.collect()
        })
    }

    fn any_texts() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
        let texts = prop_oneof![vec(any_text(), 0..4), texts_of_one_origin()];
        texts.prop_flat_map(|texts| (Just(texts.clone()), Just(texts).prop_shuffle()))
    }

    fn refs(texts: &[String]) -> Vec<&str> {
        texts.iter().map(String::as_str).collect()
    }

    /// A name that goes with the text, wherever it is shuffled to.
    fn named(texts: &[String]) -> Vec<(String, &str)> {
        texts
            .iter()
            .map(|text| (text.chars().count().to_string(), text.as_str()))
            .collect()
    }

    proptest! {
        #[test]
        fn whatever_the_order_the_texts_are_joined_the_same((texts, shuffled) in any_texts()) {
            prop_assert_eq!(join(&refs(&texts)), join(&refs(&shuffled)));
        }

        #[test]
        fn no_paragraph_is_lost_in_joining((texts, _) in any_texts()) {
            let Some(joined) = join(&refs(&texts)) else { return Ok(()) };
            for paragraph in texts.iter().flat_map(|text| split(text)) {
                prop_assert!(split(&joined).iter().any(|kept| kept.starts_with(paragraph)), "{paragraph} in {joined}");
            }
        }

        #[test]
        fn no_paragraph_is_lost_in_keeping_both((texts, shuffled) in any_texts()) {
            let kept = keep_both(&named(&texts));
            prop_assert_eq!(&kept, &keep_both(&named(&shuffled)));
            for paragraph in texts.iter().flat_map(|text| split(text)) {
                prop_assert!(split(&kept).iter().any(|line| line.ends_with(paragraph)), "{paragraph} in {kept}");
            }
        }
    }
}
