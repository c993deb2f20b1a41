//! Reads what stands in a URL, strictly: unknown and repeated parameters are refused, a foreign-looking id is simply not found.

use actix_web::HttpRequest;
use actix_web::web::Query;
use chrono::{Months, NaiveDate};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::{Code, Refused};

/// The parameters after `?`; `T` should derive `deny_unknown_fields`.
pub fn read<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Refused> {
    parse(request.query_string())
}

/// The same from the text after `?`.
pub fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Refused> {
    if query.contains("%00") {
        return Err(Refused(Code::TextNul));
    }
    let query = Query::<T>::from_query(query).map_err(|_| Refused(Code::QueryMalformed))?;
    Ok(query.into_inner())
}

/// An id in the path. What is no id names nothing, so it is not found like any unknown one.
pub fn path_id(request: &HttpRequest, name: &str) -> Result<Uuid, Refused> {
    request
        .match_info()
        .get(name)
        .and_then(|text| Uuid::parse_str(text).ok())
        .ok_or(Refused(Code::NotFound))
}

/// A calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(NaiveDate);

impl Month {
    /// Reads `YYYY-MM` of this century.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let malformed = Refused(Code::QueryMalformed);
        let digits = text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 { byte == b'-' } else { byte.is_ascii_digit() });
        if text.len() != 7 || !digits || !text.starts_with("20") {
            return Err(malformed);
        }
        let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").map_err(|_| malformed)?;
        Ok(Month(first))
    }

    /// The first day.
    pub fn first_day(self) -> NaiveDate {
        self.0
    }

    /// The month `months` later.
    pub fn plus(self, months: u32) -> Self {
        Month(self.0.checked_add_months(Months::new(months)).unwrap_or(self.0))
    }

    /// The month `months` earlier.
    pub fn minus(self, months: u32) -> Self {
        Month(self.0.checked_sub_months(Months::new(months)).unwrap_or(self.0))
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_one_spelling() {
        let month = Month::parse("2026-01").unwrap();
        assert_eq!(
            (month.minus(1).to_string(), month.plus(12).to_string()),
            ("2025-12".into(), "2027-01".into())
        );
        for wrong in [
            "",
            "2026",
            "2026-1",
            "2026-13",
            "2026-00",
            "26-01",
            "1999-01",
            "2026-01-01",
            "２０２６-01",
            "2026+01",
        ] {
            assert!(Month::parse(wrong).is_err(), "{wrong}");
        }
    }
}
