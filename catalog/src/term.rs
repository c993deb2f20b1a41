//! Terms for which somebody is appointed: how they stand on a day, and the next one to propose (domain.md B12, F12). What they give is the
//! server's to say.

use crate::date::Day;

/// Within so many days of its end a term is to be renewed.
pub const RENEW_WITHIN_DAYS: i64 = 30;
/// Three terms of three years: more is not usual (F12).
const USUAL_AT_MOST_DAYS: i64 = 9 * 365;

/// From a first day to a last one, or on. One that ends before it begins was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    pub from: Day,
    pub to: Option<Day>,
}

impl Term {
    fn was_taken_back(self) -> bool {
        self.to.is_some_and(|to| to < self.from)
    }

    fn covers(self, day: Day) -> bool {
        self.from <= day && self.to.is_none_or(|to| to >= day)
    }
}

/// How somebody's terms stand on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appointed {
    /// Without an end.
    Open,
    /// So many days longer; terms that follow each other without a gap are one.
    For(i64),
    /// Not yet, but from that day on.
    From(Day),
    /// No more.
    Over,
    Never,
}

impl Appointed {
    pub fn of(terms: &[Term], today: Day) -> Self {
        let held: Vec<Term> = terms.iter().copied().filter(|term| !term.was_taken_back()).collect();
        let mut last = today.plus(-1);
        while let Some(next) = held.iter().find(|term| term.covers(last.plus(1))) {
            match next.to {
                None => return Appointed::Open,
                Some(to) => last = to,
            }
        }
        let ahead = held.iter().map(|term| term.from).filter(|from| *from > today).min();
        match (last >= today, ahead, held.is_empty()) {
            (true, ..) => Appointed::For(last.days_since(today)),
            (false, Some(from), _) => Appointed::From(from),
            (false, None, false) => Appointed::Over,
            (false, None, true) => Appointed::Never,
        }
    }

    /// Whether it is over, or was never.
    pub fn is_missing(self) -> bool {
        matches!(self, Appointed::Over | Appointed::Never)
    }

    /// Whether it ends within [`RENEW_WITHIN_DAYS`].
    pub fn ends_soon(self) -> bool {
        matches!(self, Appointed::For(days) if days <= RENEW_WITHIN_DAYS)
    }
}

/// The year after the last term; from today on when that one would be over by now. Nothing while one is open.
pub fn next_year(terms: &[Term], today: Day) -> Option<Term> {
    let mut last = None;
    for term in terms.iter().filter(|term| !term.was_taken_back()) {
        last = last.max(Some(term.to?));
    }
    let year = |from: Day| Term {
        from,
        to: Some(from.last_of_its_year()),
    };
    let next = last.map(|last| year(last.plus(1)));
    Some(
        next.filter(|next| next.to >= Some(today))
            .unwrap_or_else(|| year(today)),
    )
}

/// Whether terms come to more than is usual. An open one counts up to today.
pub fn is_unusually_long(terms: &[Term], today: Day) -> bool {
    let days = |term: &Term| term.to.unwrap_or(today).plus(1).days_since(term.from).max(0);
    terms.iter().map(days).sum::<i64>() >= USUAL_AT_MOST_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    fn term(from: &str, to: &str) -> Term {
        Term {
            from: day(from),
            to: Day::parse(to),
        }
    }

    #[test]
    fn terms_that_follow_each_other_are_one_and_a_gap_is_none() {
        let year = term("2025-12-01", "2026-11-30");
        let next = term("2026-12-01", "2027-11-30");
        let later = term("2026-12-15", "");
        let back = term("2026-11-01", "2026-10-31");
        for (terms, today, told) in [
            (&[][..], "2026-11-28", Appointed::Never),
            (&[back], "2026-11-28", Appointed::Never),
            (&[year], "2026-11-28", Appointed::For(2)),
            (&[year], "2026-11-30", Appointed::For(0)),
            (&[year], "2026-12-01", Appointed::Over),
            (&[next, year], "2026-11-28", Appointed::For(367)),
            (&[later, year], "2026-11-28", Appointed::For(2)),
            (&[later, year], "2026-12-02", Appointed::From(day("2026-12-15"))),
            (&[later, year], "2026-12-15", Appointed::Open),
        ] {
            assert_eq!(Appointed::of(terms, day(today)), told, "{terms:?} {today}");
        }
        assert!(Appointed::For(30).ends_soon() && !Appointed::For(31).ends_soon());
    }

    #[test]
    fn the_next_year_begins_when_the_last_term_has_ended_and_covers_today() {
        let today = day("2026-11-28");
        for (terms, told) in [
            (&[][..], Some(term("2026-11-28", "2027-11-27"))),
            (
                &[term("2025-12-01", "2026-11-30")],
                Some(term("2026-12-01", "2027-11-30")),
            ),
            (
                &[term("2025-09-01", "2026-08-31")],
                Some(term("2026-09-01", "2027-08-31")),
            ),
            (
                &[term("2020-09-01", "2021-08-31")],
                Some(term("2026-11-28", "2027-11-27")),
            ),
            (
                &[term("2026-12-01", "2026-11-30")],
                Some(term("2026-11-28", "2027-11-27")),
            ),
            (&[term("2020-01-01", "")], None),
        ] {
            assert_eq!(next_year(terms, today), told, "{terms:?}");
        }
    }

    #[test]
    fn nine_years_together_are_noticed_and_what_was_taken_back_is_not_counted() {
        let today = day("2026-11-28");
        let eight = term("2019-01-01", "2026-12-31");
        let back = term("2027-01-01", "2026-12-31");
        let ninth = term("2027-01-01", "2027-12-31");
        assert!(!is_unusually_long(&[eight, back], today));
        assert!(is_unusually_long(&[eight, ninth], today));
        assert!(is_unusually_long(&[term("2017-11-01", "")], today));
        assert!(!is_unusually_long(&[term("2018-11-01", "")], today));
    }
}
