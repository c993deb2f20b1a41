//! Dated limits (`domain.md` §3.2): which rule was in force on a day, and what it asks of this school.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    date::Day,
    fraction::{Fraction, Tenths},
    text::Text,
    value::Answers,
};

/// Which side of a limit is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// The measured number must reach the limit.
    AtLeast,
    /// The measured number must not pass the limit.
    AtMost,
}

impl Op {
    /// "≥" or "≤".
    pub fn sign(self) -> &'static str {
        match self {
            Op::AtLeast => "≥",
            Op::AtMost => "≤",
        }
    }

    /// Whether the measured number keeps the limit.
    pub fn holds(self, measured: Fraction, limit: Fraction) -> bool {
        match self {
            Op::AtLeast => measured >= limit,
            Op::AtMost => measured <= limit,
        }
    }
}

/// What a breach means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A breach; it makes the answer "no".
    Red,
    /// Advice: it colours the number and decides nothing, because nobody has checked it as an official rule.
    Warn,
}

/// A limit as it is computed with and as it is shown ("1.10").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// To compare with.
    pub exact: Fraction,
    /// To show.
    pub text: String,
}

impl Number {
    /// Reads a decimal number and keeps how it was written.
    pub fn parse(text: &str) -> Option<Number> {
        Some(Number {
            exact: Fraction::parse_decimal(text)?,
            text: text.trim().to_owned(),
        })
    }

    /// Reads a time of day, "08:20", as the minutes since midnight.
    pub fn parse_time(text: &str) -> Option<Number> {
        let text = text.trim();
        let (hours, minutes) = text.split_once(':')?;
        let read = |part: &str| (part.len() == 2).then(|| part.parse::<u8>().ok())?;
        let (hours, minutes) = (read(hours)?, read(minutes)?);
        (hours < 24 && minutes < 60).then(|| Number {
            exact: Fraction::whole(i64::from(hours) * 60 + i64::from(minutes)),
            text: text.to_owned(),
        })
    }

    /// A number that was computed; shown with one decimal unless it is whole.
    pub fn computed(exact: Fraction) -> Number {
        let (num, den) = exact.parts();
        let text = match (den, Tenths::half_up(exact)) {
            (1, _) => num.to_string(),
            (_, Some(tenths)) => tenths.to_string(),
            (_, None) => format!("{num}/{den}"),
        };
        Number { exact, text }
    }

    /// A whole number.
    pub fn whole(n: i64) -> Number {
        Number {
            exact: Fraction::whole(n),
            text: n.to_string(),
        }
    }
}

/// One version of a limit.
#[derive(Debug, Clone)]
pub struct ThresholdRule {
    /// Such as "GUARDS"; several rules of one code follow each other in time.
    pub code: String,
    /// What is limited.
    pub title: Text,
    /// Which side is good.
    pub op: Op,
    /// Unit of the limit.
    pub unit: Text,
    /// Breach or advice.
    pub level: Level,
    /// The district it was set by; a district's own rule goes before the one for all.
    pub district: Option<String>,
    /// First day it is in force.
    pub effective_from: Day,
    /// Last day it is in force, when there is one.
    pub effective_to: Option<Day>,
    /// Where it comes from.
    pub basis: Text,
    /// The limit itself.
    pub limits: Limits,
}

/// How the limit depends on the school.
#[derive(Debug, Clone)]
pub enum Limits {
    /// The same for all.
    All(Number),
    /// By school band (`K`, `P12`, `P36`, `J`, `S`); a band that is not named has no limit.
    ByBand(BTreeMap<String, Number>),
    /// By the size of a fact, in steps.
    Steps(Vec<Step>),
}

/// From this size of the fact on, the limit is `limit`, and `more` for each full `every` above.
#[derive(Debug, Clone)]
pub struct Step {
    /// The fact that is counted.
    pub fact: String,
    /// The smallest number the step is for.
    pub from: i64,
    /// The limit at `from`.
    pub limit: i64,
    /// How many more of the fact raise the limit; 0 when it stays.
    pub every: i64,
    /// By how much it is raised each time.
    pub more: i64,
}

/// The rule of this code that was in force on a day: the district's own before the one for all, then the latest begun of
/// those that cover the day.
pub fn in_force<'a>(
    rules: &'a [ThresholdRule],
    code: &str,
    on: Day,
    district: Option<&str>,
) -> Option<&'a ThresholdRule> {
    rules
        .iter()
        .filter(|rule| rule.code == code && rule.effective_from <= on && rule.effective_to.is_none_or(|end| on <= end))
        .filter(|rule| rule.district.is_none() || rule.district.as_deref() == district)
        .max_by_key(|rule| (rule.district.is_some(), rule.effective_from))
}

impl ThresholdRule {
    /// What the rule asks of a school with these bands that these answers are about; nothing when it sets no limit for it or
    /// the facts are not known.
    pub fn limit(&self, answers: &Answers, bands: &[&str]) -> Option<Number> {
        match &self.limits {
            Limits::All(number) => Some(number.clone()),
            Limits::ByBand(limits) => self.strictest(limits, bands),
            Limits::Steps(steps) => steepest(steps, answers).map(Number::whole),
        }
    }

    fn strictest(&self, limits: &BTreeMap<String, Number>, bands: &[&str]) -> Option<Number> {
        let present = bands.iter().filter_map(|band| limits.get(*band));
        match self.op {
            Op::AtLeast => present.max_by_key(|n| n.exact).cloned(),
            Op::AtMost => present.min_by_key(|n| n.exact).cloned(),
        }
    }
}

/// The highest of what the facts ask for. Without the first fact nothing is asked; another one that is missing counts
/// as none of it.
fn steepest(steps: &[Step], answers: &Answers) -> Option<i64> {
    let first = &steps.first()?.fact;
    count(answers, first)?;
    let mut highest = None;
    for step in steps {
        let size = count(answers, &step.fact).unwrap_or(0);
        if size >= step.from {
            highest = highest.max(Some(step.at(size)));
        }
    }
    highest
}

impl Step {
    fn at(&self, size: i64) -> i64 {
        let raised = (size - self.from).checked_div(self.every).unwrap_or(0);
        self.limit.saturating_add(raised.saturating_mul(self.more))
    }
}

fn count(answers: &Answers, fact: &str) -> Option<i64> {
    let number = answers.get(&format!("fact/{fact}"))?.as_number()?;
    let (count, den) = number.parts();
    (den == 1 && count >= 0).then(|| i64::try_from(count).ok())?
}
