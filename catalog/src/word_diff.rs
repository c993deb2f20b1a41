//! Two versions of a text beside each other, word by word, for people to read. It only cuts; it decides nothing.

use std::ops::Range;

use crate::lcs::{Run, runs};

/// A stretch of the two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Both have it.
    Same(&'a str),
    /// Only the left text has it.
    Left(&'a str),
    /// Only the right text has it.
    Right(&'a str),
}

/// The pieces in the order of reading, the left one first where the two differ. None is empty.
///
/// What is too long to compare on a phone keeps its common beginning and end, with all between as different.
pub fn word_diff<'a>(left: &'a str, right: &'a str) -> Vec<Piece<'a>> {
    let (left, right) = (Tokens::of(left), Tokens::of(right));
    let mut pieces = Vec::new();
    for run in runs(&left.tokens(), &right.tokens()) {
        match run {
            Run::Same(l, _) => pieces.push(Piece::Same(left.slice(l))),
            Run::Apart(l, r) => {
                pieces.extend((!l.is_empty()).then(|| Piece::Left(left.slice(l))));
                pieces.extend((!r.is_empty()).then(|| Piece::Right(right.slice(r))));
            }
        }
    }
    pieces
}

/// A text and where its tokens begin, with the end of the text as the last.
struct Tokens<'a> {
    text: &'a str,
    bounds: Vec<usize>,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Tokens<'a> {
        let mut bounds = Vec::new();
        let mut before: Option<(char, Sort)> = None;
        for (at, c) in text.char_indices() {
            let sort = Sort::of(c);
            let goes_on = before.is_some_and(|(last, of_last)| {
                last == JOINER || sort == Sort::Mark || (sort == of_last && sort != Sort::Alone)
            });
            if !goes_on {
                bounds.push(at);
            }
            // A word goes on after its accent.
            let stands_on = before.filter(|_| sort == Sort::Mark).map(|(_, of_last)| of_last);
            before = Some((c, stands_on.unwrap_or(sort)));
        }
        bounds.push(text.len());
        Tokens { text, bounds }
    }

    fn tokens(&self) -> Vec<&'a str> {
        self.bounds
            .windows(2)
            .map(|ends| &self.text[ends[0]..ends[1]])
            .collect()
    }

    fn slice(&self, tokens: Range<usize>) -> &'a str {
        &self.text[self.bounds[tokens.start]..self.bounds[tokens.end]]
    }
}

/// Makes one picture of the two it stands between, as in the emoji of a family.
const JOINER: char = '\u{200D}';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Letters and digits of scripts that write words.
    Word,
    Space,
    /// The two letters of a flag.
    Flag,
    /// Belongs to the character before it: cut off it would change or be unreadable.
    Mark,
    /// By itself: a Chinese character, a punctuation mark, a picture.
    Alone,
}

impl Sort {
    fn of(c: char) -> Sort {
        match c {
            JOINER
            | '\u{0300}'..='\u{036F}'
            | '\u{1AB0}'..='\u{1AFF}'
            | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}'
            | '\u{3099}'..='\u{309A}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FE20}'..='\u{FE2F}'
            | '\u{1F3FB}'..='\u{1F3FF}'
            | '\u{E0020}'..='\u{E007F}'
            | '\u{E0100}'..='\u{E01EF}' => Sort::Mark,
            '\u{1F1E6}'..='\u{1F1FF}' => Sort::Flag,
            // Han, its radicals and marks of repetition, kana, bopomofo.
            '\u{2E80}'..='\u{2FDF}'
            | '\u{3005}'..='\u{3007}'
            | '\u{3021}'..='\u{312F}'
            | '\u{31A0}'..='\u{31FF}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3FFFF}' => Sort::Alone,
            _ if c.is_whitespace() => Sort::Space,
            _ if c.is_alphanumeric() => Sort::Word,
            _ => Sort::Alone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Piece::{Left, Right, Same},
        *,
    };
    use proptest::prelude::*;

    #[test]
    fn chinese_is_compared_character_by_character() {
        assert_eq!(
            word_diff("三楼东门锁着。", "三楼西门锁着，已告知。"),
            [
                Same("三楼"),
                Left("东"),
                Right("西"),
                Same("门锁着"),
                Right("，已告知"),
                Same("。")
            ]
        );
    }

    #[test]
    fn english_is_compared_word_by_word() {
        assert_eq!(
            word_diff("The east gate  is locked.", "The west gate  was locked!"),
            [
                Same("The "),
                Left("east"),
                Right("west"),
                Same(" gate  "),
                Left("is"),
                Right("was"),
                Same(" locked"),
                Left("."),
                Right("!")
            ]
        );
        assert_eq!(
            word_diff("缺灭火器12只", "缺灭火器13只"),
            [Same("缺灭火器"), Left("12"), Right("13"), Same("只")]
        );
    }

    #[test]
    fn an_accent_or_a_skin_tone_is_not_cut_off_what_it_stands_on() {
        assert_eq!(
            word_diff("cafe\u{301}s", "cafes"),
            [Left("cafe\u{301}s"), Right("cafes")]
        );
        assert_eq!(word_diff("好👍🏽", "好👍🏿"), [Same("好"), Left("👍🏽"), Right("👍🏿")]);
        assert_eq!(word_diff("👨‍👩‍👧", "👨‍👩‍👦"), [Left("👨‍👩‍👧"), Right("👨‍👩‍👦")]);
        assert_eq!(word_diff("🇨🇳", "🇨🇭"), [Left("🇨🇳"), Right("🇨🇭")]);
        assert_eq!(word_diff("葛\u{E0100}", "葛"), [Left("葛\u{E0100}"), Right("葛")]);
    }

    #[test]
    fn an_empty_side_is_all_the_others() {
        assert_eq!(word_diff("", ""), []);
        assert_eq!(word_diff("门锁着", ""), [Left("门锁着")]);
        assert_eq!(word_diff("", "gate locked"), [Right("gate locked")]);
        assert_eq!(word_diff("门锁着", "门锁着"), [Same("门锁着")]);
    }

    #[test]
    fn what_is_too_long_to_compare_keeps_its_beginning_and_end() {
        let (left, right) = ("甲乙".repeat(1_500), "乙丙".repeat(1_500));
        assert_eq!(
            word_diff(&format!("始{left}终"), &format!("始{right}终")),
            [Same("始"), Left(&left), Right(&right), Same("终")]
        );
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[门锁着，。ab1 \u{301}\u{200D}👍🏽\n]{0,24}", any::<String>()]
    }

    proptest! {
        #[test]
        fn the_pieces_put_together_are_the_two_texts(left in any_text(), right in any_text()) {
            let pieces = word_diff(&left, &right);
            let of_left = pieces.iter().filter_map(|piece| match piece {
                Same(text) | Left(text) => Some(*text),
                Right(_) => None,
            });
            prop_assert_eq!(of_left.collect::<String>(), left.clone());
            let of_right = pieces.iter().filter_map(|piece| match piece {
                Same(text) | Right(text) => Some(*text),
                Left(_) => None,
            });
            prop_assert_eq!(of_right.collect::<String>(), right.clone());
            for pair in pieces.windows(2) {
                prop_assert_ne!(std::mem::discriminant(&pair[0]), std::mem::discriminant(&pair[1]));
            }
            prop_assert!(pieces.iter().all(|(Same(text) | Left(text) | Right(text))| !text.is_empty()));
        }
    }
}
