//! Which of several contradicting values counts until people have settled it: the worse one, "safety first"
//! (`domain.md` §7.2). It depends on the values only, never on their order, so that every device shows the same.

use std::cmp::Reverse;

use crate::{
    checklist::{Against, Check, Checklist, FactKind, InputKind, Item, ItemKind},
    date::Day,
    fraction::Fraction,
    threshold::{Number, Op},
    value::Value,
};

/// The value of a response field that counts for now. Malformed values count only when there is nothing else; no values
/// at all give null.
pub fn worse(checklist: &Checklist, path: &str, values: &[Value]) -> Value {
    let badness = badness_of(checklist, path);
    if let Badness::Union = badness {
        return union(values);
    }
    values
        .iter()
        .max_by(|a, b| badness.rank(a).cmp(&badness.rank(b)).then_with(|| a.cmp(b)))
        .cloned()
        .unwrap_or_default()
}

/// The value that says more, where nothing is known of which is worse.
pub(crate) fn fuller(values: &[Value]) -> Value {
    let fullest = values
        .iter()
        .max_by(|a, b| words(a).cmp(&words(b)).then_with(|| a.cmp(b)));
    fullest.cloned().unwrap_or_default()
}

/// What makes a value of a field worse than another.
enum Badness<'a> {
    /// "no", then "na", then "yes"; the other way round where "yes" is the bad answer.
    Verdict { inverse: bool },
    /// The later option: definitions put the one that asks least first.
    Option(Vec<&'a str>),
    /// The higher number.
    High,
    /// The lower number.
    Low,
    /// The earlier date.
    Early,
    /// The later date.
    Late,
    /// All of them together.
    Union,
    /// The longer text: it says more.
    Words,
}

fn badness_of<'a>(checklist: &'a Checklist, path: &str) -> Badness<'a> {
    if let Some(name) = path.strip_prefix("fact/") {
        return badness_of_fact(checklist, name);
    }
    let (code, suffix) = path.split_once('/').unwrap_or((path, ""));
    match (checklist.item(code), suffix) {
        (Some(item), "") => badness_of_answer(item),
        (Some(item), suffix) => badness_of_input(checklist, item, suffix),
        (None, _) => Badness::Words,
    }
}

/// More pupils, more boarders, more equipment: more is asked for.
fn badness_of_fact<'a>(checklist: &'a Checklist, name: &str) -> Badness<'a> {
    match checklist.fact(name).map(|fact| &fact.kind) {
        Some(FactKind::One { options }) => Badness::Option(options.iter().map(|option| option.code.as_str()).collect()),
        Some(FactKind::Bands) => Badness::Union,
        Some(FactKind::YesNo | FactKind::Number) => Badness::High,
        None => Badness::Words,
    }
}

fn badness_of_answer(item: &Item) -> Badness<'_> {
    match &item.kind {
        ItemKind::YesNo => Badness::Verdict { inverse: item.inverse },
        ItemKind::Scale { .. } => Badness::Option(vec!["na", "4", "3", "2", "1"]),
        ItemKind::Measured | ItemKind::Samples(_) | ItemKind::Snap(_) => Badness::Option(vec!["na"]),
        ItemKind::One { options } => Badness::Option(options.iter().map(|option| option.code.as_str()).collect()),
        ItemKind::Many { .. } | ItemKind::Photo => Badness::Union,
        ItemKind::Text | ItemKind::Notes | ItemKind::Sign | ItemKind::Info => Badness::Words,
    }
}

fn badness_of_input<'a>(checklist: &Checklist, item: &Item, suffix: &str) -> Badness<'a> {
    let Some(input) = item.input(suffix) else {
        return Badness::Words;
    };
    let higher_is_worse = item
        .rule
        .iter()
        .flat_map(|rule| &rule.checks)
        .find_map(|check| side(checklist, check, suffix));
    match (input.kind, higher_is_worse) {
        (InputKind::Date, Some(true)) => Badness::Early,
        (InputKind::Date, _) => Badness::Late,
        (_, Some(true)) => Badness::High,
        (_, _) => Badness::Low,
    }
}

/// Whether a higher number in this input is worse, as far as this check can tell. A date is a number of days ago.
fn side(checklist: &Checklist, check: &Check, suffix: &str) -> Option<bool> {
    let op = match &check.against {
        Against::Fixed { op, .. } | Against::Input { op, .. } => *op,
        Against::Threshold { code } => checklist.thresholds.iter().find(|rule| rule.code == *code)?.op,
    };
    match &check.against {
        Against::Input { other, .. } if other == suffix => Some(op == Op::AtLeast),
        _ => (check.input == suffix).then_some(op == Op::AtMost),
    }
}

/// The higher, the worse; a malformed value is below all others and an empty one below that.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Empty,
    Malformed,
    Place(usize),
    High(Fraction),
    Low(Reverse<Fraction>),
}

impl Badness<'_> {
    fn rank(&self, value: &Value) -> Rank {
        if value.is_blank() {
            return Rank::Empty;
        }
        let known = match self {
            Badness::Verdict { inverse: false } => place(&["yes", "na", "no"], value),
            Badness::Verdict { inverse: true } => place(&["no", "na", "yes"], value),
            Badness::Option(codes) => place(codes, value),
            Badness::High => number(value).map(Rank::High),
            Badness::Low => number(value).map(|n| Rank::Low(Reverse(n))),
            Badness::Early => days(value).map(|n| Rank::Low(Reverse(n))),
            Badness::Late => days(value).map(Rank::High),
            Badness::Union => None,
            Badness::Words => words(value),
        };
        known.unwrap_or(Rank::Malformed)
    }
}

fn place(codes: &[&str], value: &Value) -> Option<Rank> {
    codes
        .iter()
        .position(|code| value.as_text() == Some(code))
        .map(Rank::Place)
}

/// A list, such as what a class said, by how much is in it.
fn words(value: &Value) -> Option<Rank> {
    match value {
        Value::Text(text) => Some(Rank::Place(text.chars().count())),
        Value::List(parts) => Some(Rank::Place(parts.len())),
        Value::Null | Value::Bool(_) | Value::Int(_) => None,
    }
}

fn number(value: &Value) -> Option<Fraction> {
    match value {
        Value::Bool(yes) => Some(Fraction::whole(i64::from(*yes))),
        Value::Text(text) if text.contains(':') => Number::parse_time(text).map(|time| time.exact),
        _ => value.as_number(),
    }
}

fn days(value: &Value) -> Option<Fraction> {
    Some(Fraction::whole(Day::parse(value.as_text()?)?.days_since(Day::EPOCH)))
}

/// All of them together.
pub(crate) fn union(values: &[Value]) -> Value {
    let mut all: Vec<Value> = values
        .iter()
        .flat_map(|value| match value {
            Value::List(list) => list.clone(),
            Value::Null => Vec::new(),
            single => vec![single.clone()],
        })
        .collect();
    all.sort();
    all.dedup();
    if all.is_empty() && values.iter().all(|value| *value == Value::Null) {
        Value::Null
    } else {
        Value::List(all)
    }
}
