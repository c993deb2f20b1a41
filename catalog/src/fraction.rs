//! Exact numbers: scores and limits are compared and rounded without floating point.

use std::{cmp::Ordering, fmt};

/// A reduced fraction with a positive denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fraction {
    num: i128,
    den: i128,
}

/// More digits than anything that is measured in a school, and few enough that comparing never overflows.
const MAX_DIGITS: usize = 15;

impl Fraction {
    /// Nothing.
    pub const ZERO: Fraction = Fraction { num: 0, den: 1 };

    /// A whole number.
    pub fn whole(n: i64) -> Fraction {
        Fraction { num: n.into(), den: 1 }
    }

    /// `num / den`; nothing when `den` is 0 or the sign cannot be moved up.
    pub fn of(num: i128, den: i128) -> Option<Fraction> {
        if den == 0 {
            return None;
        }
        let divisor = gcd(num, den)?;
        let (num, den) = (num.checked_div(divisor)?, den.checked_div(divisor)?);
        if den < 0 {
            Some(Fraction {
                num: num.checked_neg()?,
                den: den.checked_neg()?,
            })
        } else {
            Some(Fraction { num, den })
        }
    }

    /// Reads "12", "-3" or "1.10", with blanks around it allowed; nothing else is a number.
    pub fn parse_decimal(text: &str) -> Option<Fraction> {
        let text = text.trim();
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || whole.len() + decimals.len() > MAX_DIGITS {
            return None;
        }
        let value: i128 = format!("{whole}{decimals}").parse().ok()?;
        Fraction::of(
            if negative { -value } else { value },
            10_i128.pow(u32::try_from(decimals.len()).ok()?),
        )
    }

    /// Whether there is nothing after the point.
    pub fn is_whole(self) -> bool {
        self.den == 1
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.num < 0
    }

    /// The sum, unless it is too large to be exact.
    pub fn plus(self, other: Fraction) -> Option<Fraction> {
        let left = self.num.checked_mul(other.den)?;
        let right = other.num.checked_mul(self.den)?;
        Fraction::of(left.checked_add(right)?, self.den.checked_mul(other.den)?)
    }

    /// The product, unless it is too large to be exact.
    pub fn times(self, other: Fraction) -> Option<Fraction> {
        Fraction::of(self.num.checked_mul(other.num)?, self.den.checked_mul(other.den)?)
    }

    /// The quotient, unless `other` is 0 or it is too large to be exact.
    pub fn over(self, other: Fraction) -> Option<Fraction> {
        self.times(Fraction::of(other.den, other.num)?)
    }

    /// Numerator and denominator, reduced.
    pub fn parts(self) -> (i128, i128) {
        (self.num, self.den)
    }
}

/// Always positive; nothing when it is too large to have a sign.
fn gcd(a: i128, b: i128) -> Option<i128> {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i128::try_from(a).ok().filter(|divisor| *divisor != 0)
}

impl Ord for Fraction {
    /// Compares whole parts, then the reciprocals of the rests: exact, and unlike cross-multiplying it cannot overflow.
    fn cmp(&self, other: &Fraction) -> Ordering {
        let wholes = self.num.div_euclid(self.den).cmp(&other.num.div_euclid(other.den));
        let (rest, other_rest) = (self.num.rem_euclid(self.den), other.num.rem_euclid(other.den));
        wholes.then_with(|| match (rest, other_rest) {
            (0, _) | (_, 0) => rest.cmp(&other_rest),
            _ => Fraction {
                num: other.den,
                den: other_rest,
            }
            .cmp(&Fraction {
                num: self.den,
                den: rest,
            }),
        })
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Fraction) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A score in tenths of a point: `Tenths(984)` shows as "98.4".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenths(pub i64);

impl Tenths {
    /// Rounds half up to one decimal; nothing when the number is too large.
    pub fn half_up(exact: Fraction) -> Option<Tenths> {
        let (num, den) = exact.parts();
        let doubled = num.checked_mul(20)?.checked_add(den)?;
        i64::try_from(doubled.div_euclid(den.checked_mul(2)?)).ok().map(Tenths)
    }
}

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{}", self.0.unsigned_abs() / 10, self.0.unsigned_abs() % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tenths(num: i128, den: i128) -> String {
        Tenths::half_up(Fraction::of(num, den).expect("a fraction"))
            .expect("small")
            .to_string()
    }

    #[test]
    fn a_half_goes_up_and_just_under_a_half_goes_down() {
        assert_eq!(tenths(8995, 100), "90.0");
        assert_eq!(tenths(8994, 100), "89.9");
        assert_eq!(tenths(89_949_999, 1_000_000), "89.9");
        assert_eq!(tenths(1, 3), "0.3");
        assert_eq!(tenths(0, 7), "0.0");
        assert_eq!(tenths(-1, 4), "-0.2", "half up means towards plus");
    }

    #[test]
    fn decimals_are_read_exactly_and_anything_else_is_not_a_number() {
        assert_eq!(Fraction::parse_decimal(" 1.10 "), Fraction::of(11, 10));
        assert_eq!(Fraction::parse_decimal("-3"), Some(Fraction::whole(-3)));
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1e3",
            "1,5",
            "1.2.3",
            "--1",
            "９",
            "NaN",
            "1234567890123456",
        ] {
            assert_eq!(Fraction::parse_decimal(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_too_large_to_be_exact_is_nothing_rather_than_wrong() {
        let huge = Fraction::of(i128::MAX, 1).expect("a fraction");
        assert_eq!(huge.plus(huge), None);
        assert_eq!(Fraction::of(1, 0), None);
        assert_eq!(Fraction::of(0, 0), None);
        assert_eq!(Fraction::of(i128::MIN, i128::MIN), None);
        assert_eq!(Tenths::half_up(huge), None);
    }

    proptest! {
        #[test]
        fn comparing_agrees_with_cross_multiplying(a in -9999i128..9999, b in 1i128..9999, c in -9999i128..9999, d in 1i128..9999) {
            let (left, right) = (Fraction::of(a, b).expect("one"), Fraction::of(c, d).expect("two"));
            prop_assert_eq!(left.cmp(&right), (a * d).cmp(&(c * b)));
        }
    }
}
