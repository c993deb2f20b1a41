//! The little language of conditions and flags: total, typed, without side effects, parsed once when the definitions load.
//!
//! ```text
//! has_lab and not (boarders > 0)        SF4.0 in ["self", "contracted"]        answered(SF1.2)
//! ```
//! A name is a fact of the school or the code of an item. A name without a value is null, arithmetic with null is null, and
//! every comparison with null is false. Only `true` is true: a text or a number standing alone is not.

mod parser;
mod reach;
mod types;

use std::{cmp::Ordering, fmt};

use crate::{fraction::Fraction, value::Value};
pub use types::{Place, Type, Types};

const MAX_LENGTH: usize = 1000;
const MAX_DEPTH: usize = 32;

/// A parsed condition.
#[derive(Debug, Clone)]
pub struct Expr {
    source: String,
    root: Node,
}

/// Why a condition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    /// Offset in bytes where reading stopped.
    pub at: usize,
    /// What was expected or is not allowed.
    pub what: String,
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}: {}", self.at, self.what)
    }
}

impl std::error::Error for ExprError {}

#[derive(Debug, Clone)]
enum Node {
    Literal(Value),
    Name(String),
    Call(Call),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(Box<Node>, Comparison, Box<Node>),
    Calculate(Box<Node>, Arithmetic, Box<Node>),
}

/// What is read from the form besides answers.
#[derive(Debug, Clone)]
enum Call {
    Answered(String),
    Number(String, String),
    Mean(Vec<String>),
    Limit(String),
    Median(String),
    OnTask(String),
    Score(Option<String>),
    Rated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    Plus,
    Minus,
    Times,
    Over,
}

/// What the names and functions of an expression stand for. What is not known is null or nothing.
pub trait Meanings {
    /// A fact of the school or the answer of an item.
    fn value(&self, name: &str) -> Value;
    /// A number beside the answer of an item, by its suffix.
    fn number(&self, _item: &str, _suffix: &str) -> Option<Fraction> {
        None
    }
    /// What the threshold of this code asks of the school on the day of the visit.
    fn limit(&self, _code: &str) -> Option<Fraction> {
        None
    }
    /// The median of what the classes of a sampled item said.
    fn median(&self, _item: &str) -> Option<Fraction> {
        None
    }
    /// Percent of pupils on task, the mean of the snapshots of an item.
    fn on_task(&self, _item: &str) -> Option<Fraction> {
        None
    }
    /// The exact score, of the whole form or of a section.
    fn score(&self, _section: Option<&str>) -> Option<Fraction> {
        None
    }
    /// Whether enough was seen for a rating.
    fn rated(&self) -> bool {
        false
    }
}

impl<F: Fn(&str) -> Value> Meanings for F {
    fn value(&self, name: &str) -> Value {
        self(name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    In,
    NotIn,
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Expr {
    /// Reads a condition.
    ///
    /// # Errors
    /// Where and why it cannot be read; also when it is longer or deeper than anybody needs.
    pub fn parse(source: &str) -> Result<Expr, ExprError> {
        if source.len() > MAX_LENGTH {
            return Err(ExprError {
                at: MAX_LENGTH,
                what: format!("longer than {MAX_LENGTH} bytes"),
            });
        }
        Ok(Expr {
            root: parser::parse(source)?,
            source: source.to_owned(),
        })
    }

    /// Whether the condition holds, given what each name stands for.
    pub fn holds(&self, meanings: &dyn Meanings) -> bool {
        self.root.is_true(meanings)
    }

    /// The facts and items it asks about.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.visit(&mut |node| match node {
            Node::Name(name) => names.push(name.as_str()),
            Node::Call(call) => names.extend(call.names()),
            _ => {}
        });
        names
    }

    /// The thresholds it asks for.
    pub fn limits(&self) -> Vec<&str> {
        let mut limits = Vec::new();
        self.root.visit(&mut |node| {
            if let Node::Call(Call::Limit(code)) = node {
                limits.push(code.as_str());
            }
        });
        limits
    }

    /// Whether it asks for any threshold.
    pub fn asks_limits(&self) -> bool {
        !self.limits().is_empty()
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// What a value is while it is computed with.
#[derive(Debug, Clone)]
enum Computed {
    Value(Value),
    Number(Fraction),
}

impl Computed {
    fn of_number(number: Option<Fraction>) -> Computed {
        number.map_or(Computed::Value(Value::Null), Computed::Number)
    }

    fn number(&self) -> Option<Fraction> {
        match self {
            Computed::Value(value) => value.as_number(),
            Computed::Number(number) => Some(*number),
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Computed::Value(value) => value.as_text(),
            Computed::Number(_) => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Computed::Value(Value::Null))
    }
}

impl Node {
    fn is_true(&self, meanings: &dyn Meanings) -> bool {
        matches!(self.value(meanings), Computed::Value(Value::Bool(true)))
    }

    fn value(&self, meanings: &dyn Meanings) -> Computed {
        let truth = |holds: bool| Computed::Value(Value::Bool(holds));
        match self {
            Node::Literal(value) => Computed::Value(value.clone()),
            Node::Name(name) => Computed::Value(meanings.value(name)),
            Node::Call(call) => call.value(meanings),
            Node::Not(inner) => truth(!inner.is_true(meanings)),
            Node::And(left, right) => truth(left.is_true(meanings) && right.is_true(meanings)),
            Node::Or(left, right) => truth(left.is_true(meanings) || right.is_true(meanings)),
            Node::Compare(left, how, right) => truth(how.holds(&left.value(meanings), &right.value(meanings))),
            Node::Calculate(left, how, right) => {
                let numbers = left.value(meanings).number().zip(right.value(meanings).number());
                Computed::of_number(numbers.and_then(|(left, right)| how.of(left, right)))
            }
        }
    }

    /// This node and all below it, from left to right.
    fn visit<'a>(&'a self, see: &mut dyn FnMut(&'a Node)) {
        see(self);
        match self {
            Node::Literal(_) | Node::Name(_) | Node::Call(_) => {}
            Node::Not(inner) => inner.visit(see),
            Node::And(left, right)
            | Node::Or(left, right)
            | Node::Compare(left, _, right)
            | Node::Calculate(left, _, right) => {
                left.visit(see);
                right.visit(see);
            }
        }
    }
}

impl Call {
    fn value(&self, meanings: &dyn Meanings) -> Computed {
        match self {
            Call::Answered(name) => Computed::Value(Value::Bool(!meanings.value(name).is_blank())),
            Call::Rated => Computed::Value(Value::Bool(meanings.rated())),
            Call::Number(item, suffix) => Computed::of_number(meanings.number(item, suffix)),
            Call::Mean(items) => Computed::of_number(mean(items, meanings)),
            Call::Limit(code) => Computed::of_number(meanings.limit(code)),
            Call::Median(item) => Computed::of_number(meanings.median(item)),
            Call::OnTask(item) => Computed::of_number(meanings.on_task(item)),
            Call::Score(section) => Computed::of_number(meanings.score(section.as_deref())),
        }
    }

    /// The facts and items it reads; a limit and a section are neither.
    fn names(&self) -> Vec<&str> {
        match self {
            Call::Answered(name) | Call::Number(name, _) | Call::Median(name) | Call::OnTask(name) => vec![name],
            Call::Mean(items) => items.iter().map(String::as_str).collect(),
            Call::Limit(_) | Call::Score(_) | Call::Rated => Vec::new(),
        }
    }
}

/// Nothing when one of them is no number: half a mean would mislead.
fn mean(items: &[String], meanings: &dyn Meanings) -> Option<Fraction> {
    let mut sum = Fraction::ZERO;
    for item in items {
        sum = sum.plus(meanings.value(item).as_number()?)?;
    }
    sum.over(Fraction::whole(i64::try_from(items.len()).ok()?))
}

impl Arithmetic {
    /// Nothing when it is too large to be exact, or divided by zero.
    fn of(self, left: Fraction, right: Fraction) -> Option<Fraction> {
        match self {
            Arithmetic::Plus => left.plus(right),
            Arithmetic::Minus => left.plus(right.times(Fraction::whole(-1))?),
            Arithmetic::Times => left.times(right),
            Arithmetic::Over => left.over(right),
        }
    }
}

impl Comparison {
    fn holds(self, left: &Computed, right: &Computed) -> bool {
        if left.is_null() || right.is_null() {
            return false;
        }
        let ordered = |wanted: fn(Ordering) -> bool| order(left, right).is_some_and(wanted);
        match self {
            Comparison::Equal => same(left, right),
            Comparison::Unequal => !same(left, right),
            Comparison::In => contains(right, left),
            Comparison::NotIn => !contains(right, left),
            Comparison::Above => ordered(Ordering::is_gt),
            Comparison::AtLeast => ordered(Ordering::is_ge),
            Comparison::Below => ordered(Ordering::is_lt),
            Comparison::AtMost => ordered(Ordering::is_le),
        }
    }
}

/// Numbers are the same when they count the same, however they are written.
fn same(left: &Computed, right: &Computed) -> bool {
    if let (Some(a), Some(b)) = (left.number(), right.number()) {
        return a == b;
    }
    matches!((left, right), (Computed::Value(a), Computed::Value(b)) if a == b)
}

fn contains(list: &Computed, wanted: &Computed) -> bool {
    let Computed::Value(Value::List(values)) = list else {
        return false;
    };
    values.iter().any(|value| same(&Computed::Value(value.clone()), wanted))
}

/// Numbers by size, texts (so also dates) by their letters; anything else has no order.
fn order(left: &Computed, right: &Computed) -> Option<Ordering> {
    match (left.number(), right.number()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (None, None) => Some(left.text()?.cmp(right.text()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn school(name: &str) -> Value {
        match name {
            "has_lab" => true.into(),
            "has_bus" => false.into(),
            "boarders" => Value::Int(120),
            "SF4.0" => "self".into(),
            "SF11.1" => "2026-10-01".into(),
            "SF5.2" => "1.10".into(),
            "bands" => Value::List(vec!["P12".into(), "J".into()]),
            _ => Value::Null,
        }
    }

    fn holds(source: &str) -> bool {
        Expr::parse(source)
            .unwrap_or_else(|e| panic!("{source}: {e}"))
            .holds(&school)
    }

    #[test]
    fn conditions_read_as_they_are_spoken() {
        for source in [
            "has_lab",
            "not has_bus",
            "not not has_lab",
            "boarders > 0 and boarders <= 120",
            "has_bus or has_lab and boarders >= 120",
            "SF4.0 == 'self'",
            "SF4.0 != \"none\"",
            "SF4.0 in [\"self\", \"contracted\"]",
            "SF4.0 not_in ['none']",
            "'J' in bands",
            "SF5.2 == '1.1'",
            "SF5.2 < 2",
            "SF11.1 > '2026-09-30'",
            "answered(SF4.0) and not answered(SF9.9)",
            "(has_bus or has_lab) and true",
            "has_lab == true",
        ] {
            assert!(holds(source), "{source}");
        }
        for source in [
            "has_bus",
            "boarders < 120",
            "SF4.0",
            "boarders",
            "'x' in []",
            "SF4.0 > 3",
            "false",
        ] {
            assert!(!holds(source), "{source}");
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert!(holds("has_lab or has_lab and has_bus"));
        assert!(!holds("(has_lab or has_lab) and has_bus"));
    }

    #[test]
    fn every_comparison_with_something_missing_is_false() {
        for how in ["==", "!=", "<", "<=", ">", ">="] {
            assert!(!holds(&format!("nothing {how} 1")), "{how}");
            assert!(!holds(&format!("1 {how} nothing")), "{how}");
        }
        assert!(!holds("nothing in ['a']") && !holds("nothing not_in ['a']") && !holds("nothing"));
        assert!(holds("not nothing"));
    }

    #[test]
    fn a_condition_that_cannot_be_read_says_where() {
        for (source, at) in [
            ("", 0),
            ("has_lab and", 11),
            ("has_lab has_bus", 8),
            ("a == 'x", 5),
            ("a = 1", 2),
            ("(a", 2),
            ("a in [1 2]", 8),
            ("a in [[1]]", 6),
            ("answered(1)", 9),
            ("a == 1.5", 5),
            ("有 == 1", 0),
            ("a == in", 5),
        ] {
            assert_eq!(Expr::parse(source).expect_err(source).at, at, "{source}");
        }
    }

    #[test]
    fn nobody_can_exhaust_the_stack_with_a_deep_or_long_condition() {
        assert!(Expr::parse(&format!("{}a{}", "(".repeat(40), ")".repeat(40))).is_err());
        assert!(Expr::parse(&vec!["a"; 100].join(" and ")).is_err());
        assert!(Expr::parse(&"a".repeat(1001)).is_err());
        assert!(Expr::parse(&format!("{}a", "not ".repeat(200))).is_ok());
    }

    proptest! {
        #[test]
        fn reading_any_text_never_panics(source in "[a-zSF0-9 ._()\\[\\]=!<>,'\"-]{0,60}|\\PC{0,40}") {
            if let Ok(expr) = Expr::parse(&source) {
                expr.holds(&school);
            }
        }
    }
}
