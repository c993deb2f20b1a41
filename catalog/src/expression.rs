//! The little language of `show_if`: total, without side effects, parsed once when the definitions load.
//!
//! ```text
//! has_lab and not (boarders > 0)        SF4.0 in ["self", "contracted"]        answered(SF1.2)
//! ```
//! A name is a fact of the school or the code of an item. A name without a value is null, and every comparison with null
//! is false. Only `true` is true: a text or a number standing alone is not.

use std::{cmp::Ordering, fmt};

use crate::value::Value;

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
    Answered(String),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(Box<Node>, Comparison, Box<Node>),
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
        let mut parser = Parser {
            tokens: tokens(source)?,
            next: 0,
            depth: 0,
            end: source.len(),
        };
        let root = parser.any_of()?;
        match parser.tokens.get(parser.next) {
            None => Ok(Expr {
                source: source.to_owned(),
                root,
            }),
            Some((at, token)) => Err(ExprError {
                at: *at,
                what: format!("unexpected {token:?}"),
            }),
        }
    }

    /// Whether the condition holds, given what each name stands for.
    pub fn holds(&self, value_of: &dyn Fn(&str) -> Value) -> bool {
        self.root.value(value_of) == Value::Bool(true)
    }

    /// The facts and items it asks about.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.collect_names(&mut names);
        names
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl Node {
    fn value(&self, value_of: &dyn Fn(&str) -> Value) -> Value {
        let is_true = |node: &Node| node.value(value_of) == Value::Bool(true);
        match self {
            Node::Literal(value) => value.clone(),
            Node::Name(name) => value_of(name),
            Node::Answered(name) => Value::Bool(!value_of(name).is_blank()),
            Node::Not(inner) => Value::Bool(!is_true(inner)),
            Node::And(left, right) => Value::Bool(is_true(left) && is_true(right)),
            Node::Or(left, right) => Value::Bool(is_true(left) || is_true(right)),
            Node::Compare(left, how, right) => Value::Bool(how.holds(&left.value(value_of), &right.value(value_of))),
        }
    }

    fn collect_names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Node::Literal(_) => {}
            Node::Name(name) | Node::Answered(name) => names.push(name),
            Node::Not(inner) => inner.collect_names(names),
            Node::And(left, right) | Node::Or(left, right) | Node::Compare(left, _, right) => {
                left.collect_names(names);
                right.collect_names(names);
            }
        }
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        if *left == Value::Null || *right == Value::Null {
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
fn same(left: &Value, right: &Value) -> bool {
    left == right || matches!((left.as_number(), right.as_number()), (Some(a), Some(b)) if a == b)
}

fn contains(list: &Value, wanted: &Value) -> bool {
    matches!(list, Value::List(values) if values.iter().any(|value| same(value, wanted)))
}

/// Numbers by size, texts (so also dates) by their letters; anything else has no order.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left.as_number(), right.as_number()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (None, None) => Some(left.as_text()?.cmp(right.as_text()?)),
        _ => None,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Int(i64),
    Sign(&'static str),
}

/// Longer signs first, so that `>=` is not read as `>`.
const SIGNS: [&str; 11] = ["==", "!=", ">=", "<=", ">", "<", "(", ")", "[", "]", ","];

fn tokens(source: &str) -> Result<Vec<(usize, Token)>, ExprError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = token(&source[at..], first).map_err(|what| ExprError { at, what })?;
        found.push((at, token));
        at += length;
    }
    Ok(found)
}

fn token(rest: &str, first: char) -> Result<(Token, usize), String> {
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((Token::Sign(sign), sign.len()));
    }
    if matches!(first, '"' | '\'') {
        let text = rest[1..].split(first).next().unwrap_or_default();
        let closed = rest[1 + text.len()..].starts_with(first);
        return if closed {
            Ok((Token::Text(text.to_owned()), text.len() + 2))
        } else {
            Err("text without its end".into())
        };
    }
    let length = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .unwrap_or(rest.len());
    let word = &rest[..length];
    if first.is_ascii_alphabetic() {
        return Ok((Token::Word(word.to_owned()), length));
    }
    match word.parse() {
        Ok(number) => Ok((Token::Int(number), length)),
        Err(_) => Err(format!(
            "cannot read {:?}",
            if word.is_empty() {
                first.to_string()
            } else {
                word.to_owned()
            }
        )),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    end: usize,
}

impl Parser {
    fn any_of(&mut self) -> Result<Node, ExprError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("deeper than {MAX_DEPTH}")));
        }
        let mut node = self.all_of()?;
        let mut links = 0;
        while self.take_word("or") {
            node = Node::Or(Box::new(node), Box::new(self.all_of()?));
            links = self.count_link(links)?;
        }
        self.depth -= 1;
        Ok(node)
    }

    fn all_of(&mut self) -> Result<Node, ExprError> {
        let mut node = self.negation()?;
        let mut links = 0;
        while self.take_word("and") {
            node = Node::And(Box::new(node), Box::new(self.negation()?));
            links = self.count_link(links)?;
        }
        Ok(node)
    }

    /// A chain of `and` or `or` becomes a tree as deep as it is long, so its length counts as depth.
    fn count_link(&self, links: usize) -> Result<usize, ExprError> {
        if links < MAX_DEPTH {
            Ok(links + 1)
        } else {
            Err(self.error(format!("more than {MAX_DEPTH} links")))
        }
    }

    fn negation(&mut self) -> Result<Node, ExprError> {
        let mut negated = false;
        while self.take_word("not") {
            negated = !negated;
        }
        let node = self.comparison()?;
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    fn comparison(&mut self) -> Result<Node, ExprError> {
        let left = self.operand()?;
        let Some(how) = self.take_comparison() else {
            return Ok(left);
        };
        Ok(Node::Compare(Box::new(left), how, Box::new(self.operand()?)))
    }

    fn take_comparison(&mut self) -> Option<Comparison> {
        let how = match &self.tokens.get(self.next)?.1 {
            Token::Sign("==") => Comparison::Equal,
            Token::Sign("!=") => Comparison::Unequal,
            Token::Sign(">") => Comparison::Above,
            Token::Sign(">=") => Comparison::AtLeast,
            Token::Sign("<") => Comparison::Below,
            Token::Sign("<=") => Comparison::AtMost,
            Token::Word(word) if word == "in" => Comparison::In,
            Token::Word(word) if word == "not_in" => Comparison::NotIn,
            _ => return None,
        };
        self.next += 1;
        Some(how)
    }

    fn operand(&mut self) -> Result<Node, ExprError> {
        let Some((_, token)) = self.tokens.get(self.next).cloned() else {
            return Err(self.error("a name, a value or ( is missing".into()));
        };
        match token {
            Token::Text(_) | Token::Int(_) | Token::Sign("[") => self.literal().map(Node::Literal),
            Token::Word(word) if word == "true" || word == "false" => self.literal().map(Node::Literal),
            Token::Sign("(") => {
                self.next += 1;
                let inner = self.any_of()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Word(word) if word == "answered" => self.answered(),
            Token::Word(word) if is_name(&word) => {
                self.next += 1;
                Ok(Node::Name(word))
            }
            other => Err(self.error(format!("unexpected {other:?}"))),
        }
    }

    fn answered(&mut self) -> Result<Node, ExprError> {
        self.next += 1;
        self.expect("(")?;
        let Some((_, Token::Word(name))) = self.tokens.get(self.next).cloned() else {
            return Err(self.error("answered() needs a name".into()));
        };
        self.next += 1;
        self.expect(")")?;
        Ok(Node::Answered(name))
    }

    fn literal(&mut self) -> Result<Value, ExprError> {
        let token = self.tokens.get(self.next).map(|(_, token)| token.clone());
        self.next += 1;
        match token {
            Some(Token::Text(text)) => Ok(Value::Text(text)),
            Some(Token::Int(n)) => Ok(Value::Int(n)),
            Some(Token::Word(word)) if word == "true" || word == "false" => Ok(Value::Bool(word == "true")),
            Some(Token::Sign("[")) => self.list(),
            _ => {
                self.next -= 1;
                Err(self.error("a value is missing".into()))
            }
        }
    }

    /// Lists hold texts and whole numbers only, so nothing here can nest.
    fn list(&mut self) -> Result<Value, ExprError> {
        let mut values = Vec::new();
        while !self.take_sign("]") {
            if !values.is_empty() {
                self.expect(",")?;
            }
            if self
                .tokens
                .get(self.next)
                .is_some_and(|(_, token)| *token == Token::Sign("["))
            {
                return Err(self.error("a list within a list".into()));
            }
            values.push(self.literal()?);
        }
        Ok(Value::List(values))
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((_, Token::Word(word))) if word == wanted);
        self.next += usize::from(found);
        found
    }

    fn take_sign(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((_, Token::Sign(sign))) if *sign == wanted);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), ExprError> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            Err(self.error(format!("{sign} is missing")))
        }
    }

    fn error(&self, what: String) -> ExprError {
        ExprError {
            at: self.tokens.get(self.next).map_or(self.end, |(at, _)| *at),
            what,
        }
    }
}

fn is_name(word: &str) -> bool {
    !["and", "or", "not", "in", "not_in", "answered"].contains(&word)
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
