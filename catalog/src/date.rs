//! Calendar dates and moments as text, read by hand so that a phone need not carry a calendar library.

use std::fmt;

/// A calendar day, counted from 1970-01-01. It has no time zone: it is the day people wrote down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// 1970-01-01.
    pub const EPOCH: Day = Day(0);

    /// Reads "2026-11-22"; nothing when it is not a day of the calendar.
    pub fn parse(text: &str) -> Option<Day> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
        let known = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        known.then(|| Day(days_from_civil(year, month, day)))
    }

    /// The local day of a moment, given in milliseconds since 1970, where clocks are this many minutes ahead of UTC.
    pub fn at(ms: i64, utc_offset_min: i32) -> Day {
        let local_ms = ms.saturating_add(i64::from(utc_offset_min) * 60_000);
        Day(local_ms.div_euclid(86_400_000))
    }

    /// The day so many days later.
    pub fn plus(self, days: i64) -> Day {
        Day(self.0 + days)
    }

    /// The last day of the year that begins on this one: 2027-11-27 for 2026-11-28.
    pub fn last_of_its_year(self) -> Day {
        let (year, month, day) = self.civil();
        Day(days_from_civil(year + 1, month, day) - 1)
    }

    /// How many days this one is after `earlier`; negative when it is before.
    pub fn days_since(self, earlier: Day) -> i64 {
        self.0 - earlier.0
    }

    /// The same of Mondays to Fridays alone: from a Friday to the Wednesday after it are three. Holidays are not known.
    pub fn workdays_since(self, earlier: Day) -> i64 {
        self.workdays() - earlier.workdays()
    }

    /// Mondays to Fridays up to this day with it, from Monday 1969-12-29 on.
    fn workdays(self) -> i64 {
        let days = self.0 + 4;
        days.div_euclid(7) * 5 + days.rem_euclid(7).min(5)
    }
}

impl Day {
    /// Year, month and day of the month.
    fn civil(self) -> (i64, i64, i64) {
        // Years of 366 days make a guess that is too early after 1970 and too late before: it is walked to the right one.
        let mut year = 1970 + self.0.div_euclid(366);
        while days_from_civil(year, 1, 1) > self.0 {
            year -= 1;
        }
        while days_from_civil(year + 1, 1, 1) <= self.0 {
            year += 1;
        }
        let mut rest = self.0 - days_from_civil(year, 1, 1);
        let mut month = 1;
        while rest >= days_in_month(year, month) {
            rest -= days_in_month(year, month);
            month += 1;
        }
        (year, month, rest + 1)
    }
}

impl fmt::Display for Day {
    /// As it is written: "2026-11-22".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Whether the text is an RFC 3339 moment with its offset, such as "2026-11-22T09:30:00+08:00".
pub fn is_moment(text: &str) -> bool {
    let (Some(day), Some(rest)) = (text.get(..10), text.get(10..)) else {
        return false;
    };
    let Some(time) = rest.strip_prefix(['T', 't']) else {
        return false;
    };
    let (Some(clock), Some(tail)) = (time.get(..8), time.get(8..)) else {
        return false;
    };
    let offset = tail.strip_prefix('.').map_or(Some(tail), |fraction| {
        let end = fraction.find(|c: char| !c.is_ascii_digit())?;
        (end > 0).then(|| &fraction[end..])
    });
    Day::parse(day).is_some() && is_clock(clock) && offset.is_some_and(is_offset)
}

fn is_clock(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes[2] == b':'
        && bytes[5] == b':'
        && digits(&bytes[..2]).is_some_and(|h| h < 24)
        && digits(&bytes[3..5]).is_some_and(|m| m < 60)
        && digits(&bytes[6..]).is_some_and(|s| s <= 60)
}

fn is_offset(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, b"Z" | b"z")
        || (bytes.len() == 6
            && matches!(bytes[0], b'+' | b'-')
            && bytes[3] == b':'
            && digits(&bytes[1..3]).is_some_and(|h| h < 24)
            && digits(&bytes[4..]).is_some_and(|m| m < 60))
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes
        .iter()
        .try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts years from March, so that a leap day is the last day of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    #[test]
    fn days_are_counted_across_months_leap_years_and_the_epoch() {
        assert_eq!(day("1970-01-01"), Day(0));
        assert_eq!(day("1969-12-31"), Day(-1));
        assert_eq!(day("2000-03-01").days_since(day("2000-02-28")), 2);
        assert_eq!(day("2026-11-22").days_since(day("2026-10-22")), 31);
        assert_eq!(day("2026-01-01").days_since(day("2025-01-01")), 365);
        assert_eq!(day("2026-11-22"), Day(20_779));
    }

    #[test]
    fn a_year_ends_the_day_before_it_begins_anew() {
        for (first, last) in [
            ("2026-11-28", "2027-11-27"),
            ("2026-01-01", "2026-12-31"),
            ("2027-03-01", "2028-02-29"),
            ("2028-02-29", "2029-02-28"),
        ] {
            assert_eq!(day(first).last_of_its_year(), day(last), "{first}");
        }
        assert_eq!(day("2026-12-31").plus(1), day("2027-01-01"));
    }

    #[test]
    fn working_days_leave_weekends_out() {
        // 2026-11-20 is a Friday.
        for (later, workdays) in [
            ("2026-11-19", -1),
            ("2026-11-20", 0),
            ("2026-11-21", 0),
            ("2026-11-22", 0),
            ("2026-11-23", 1),
            ("2026-11-25", 3),
            ("2026-11-27", 5),
            ("2026-11-30", 6),
        ] {
            assert_eq!(day(later).workdays_since(day("2026-11-20")), workdays, "{later}");
        }
        assert_eq!(day("2026-11-23").workdays_since(day("2026-11-21")), 1);
        assert_eq!(day("1970-01-05").workdays_since(day("1969-12-26")), 6);
    }

    #[test]
    fn a_moment_belongs_to_the_day_on_the_wall() {
        let before_midnight_utc = 86_400_000 - 1;
        assert_eq!(Day::at(before_midnight_utc, 0), Day(0));
        assert_eq!(Day::at(before_midnight_utc, 8 * 60), Day(1));
        assert_eq!(Day::at(0, -60), Day(-1));
    }

    #[test]
    fn a_day_is_written_as_it_is_read() {
        for text in [
            "1970-01-01",
            "1969-12-31",
            "2000-02-29",
            "2025-12-31",
            "2026-11-22",
            "2400-03-01",
            "0001-01-01",
        ] {
            assert_eq!(day(text).to_string(), text);
        }
        for days in (-719_000..2_900_000).step_by(997) {
            let written = Day(days).to_string();
            if written.len() == 10 {
                assert_eq!(Day::parse(&written), Some(Day(days)), "{written}");
            }
        }
    }

    #[test]
    fn what_is_not_a_day_of_the_calendar_is_refused() {
        for text in [
            "",
            "2026-2-3",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "2026/04/30",
            "二〇二六-01-01",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_needs_its_offset() {
        for text in [
            "2026-11-22T09:30:00+08:00",
            "2026-11-22T09:30:00Z",
            "2026-11-22T09:30:00.123-05:30",
        ] {
            assert!(is_moment(text), "{text}");
        }
        for text in [
            "2026-11-22T09:30:00",
            "2026-11-22 09:30:00Z",
            "2026-11-22T25:30:00Z",
            "2026-11-22T09:30:00.Z",
            "今天",
        ] {
            assert!(!is_moment(text), "{text}");
        }
    }
}
