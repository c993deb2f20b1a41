//! Two sequences laid beside each other: the runs they share and the runs between. It does not know what they are of.

use std::ops::Range;

/// Comparisons that are still quick on a phone; beyond them only the common beginning and end are looked for.
const MOST_COMPARISONS: usize = 4_000_000;

/// A stretch of both sequences, as index ranges into the left and the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// Both have the same here; never empty.
    Same(Range<usize>, Range<usize>),
    /// They differ here; one of the two may be empty, never both.
    Apart(Range<usize>, Range<usize>),
}

/// The runs of both from beginning to end, no two neighbours of the same sort.
pub fn runs<T: Eq>(left: &[T], right: &[T]) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut l, mut r) = (0, 0);
    let mut pairs = common(left, right).into_iter().peekable();
    while l < left.len() || r < right.len() {
        let begin = (l, r);
        while pairs.next_if_eq(&(l, r)).is_some() {
            (l, r) = (l + 1, r + 1);
        }
        if l > begin.0 {
            runs.push(Run::Same(begin.0..l, begin.1..r));
            continue;
        }
        (l, r) = *pairs.peek().unwrap_or(&(left.len(), right.len()));
        runs.push(Run::Apart(begin.0..l, begin.1..r));
    }
    runs
}

/// The places of a longest common subsequence.
fn common<T: Eq>(left: &[T], right: &[T]) -> Vec<(usize, usize)> {
    let shorter = left.len().min(right.len());
    let head = (0..shorter).take_while(|i| left[*i] == right[*i]).count();
    let tail = (1..=shorter - head)
        .take_while(|i| left[left.len() - i] == right[right.len() - i])
        .count();
    let (left_end, right_end) = (left.len() - tail, right.len() - tail);
    let mut pairs: Vec<_> = (0..head).map(|i| (i, i)).collect();
    let middle = common_by_table(&left[head..left_end], &right[head..right_end]);
    pairs.extend(middle.into_iter().map(|(l, r)| (head + l, head + r)));
    pairs.extend((0..tail).map(|i| (left_end + i, right_end + i)));
    pairs
}

/// The same by dynamic programming; nothing when the table would be too large.
fn common_by_table<T: Eq>(left: &[T], right: &[T]) -> Vec<(usize, usize)> {
    if left.len().saturating_mul(right.len()) > MOST_COMPARISONS {
        return Vec::new();
    }
    // What is common from (l, r) on. No longer than the shorter side, which is at most 2,000 here: two bytes will do.
    let width = right.len() + 1;
    let mut rest = vec![0_u16; (left.len() + 1) * width];
    for l in (0..left.len()).rev() {
        for r in (0..right.len()).rev() {
            rest[l * width + r] = if left[l] == right[r] {
                rest[(l + 1) * width + r + 1] + 1
            } else {
                rest[(l + 1) * width + r].max(rest[l * width + r + 1])
            };
        }
    }
    let mut pairs = Vec::new();
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        if left[l] == right[r] {
            pairs.push((l, r));
            (l, r) = (l + 1, r + 1);
        } else if rest[(l + 1) * width + r] >= rest[l * width + r + 1] {
            l += 1;
        } else {
            r += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_have_is_found_around_what_they_have_not() {
        let run = |left: &str, right: &str| runs(left.as_bytes(), right.as_bytes());
        assert_eq!(run("", ""), []);
        assert_eq!(run("ab", "ab"), [Run::Same(0..2, 0..2)]);
        assert_eq!(run("ab", ""), [Run::Apart(0..2, 0..0)]);
        assert_eq!(
            run("xaybz", "aubzw"),
            [
                Run::Apart(0..1, 0..0),
                Run::Same(1..2, 0..1),
                Run::Apart(2..3, 1..2),
                Run::Same(3..5, 2..4),
                Run::Apart(5..5, 4..5)
            ]
        );
        assert_eq!(run("aa", "a"), [Run::Same(0..1, 0..1), Run::Apart(1..2, 1..1)]);
    }

    #[test]
    fn what_is_too_large_to_compare_keeps_its_common_beginning_and_end() {
        let sequence = |middle: std::ops::Range<u32>| [vec![1, 2], middle.collect(), vec![3]].concat();
        let (left, right) = (sequence(10..3_010), sequence(11..3_011));
        assert_eq!(
            runs(&left, &right),
            [
                Run::Same(0..2, 0..2),
                Run::Apart(2..3_002, 2..3_002),
                Run::Same(3_002..3_003, 3_002..3_003)
            ]
        );
    }
}
