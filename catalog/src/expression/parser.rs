//! From the text of an expression to its tree. It knows the grammar and no meaning.

use super::{Arithmetic, Call, Comparison, ExprError, MAX_DEPTH, Node};
use crate::value::Value;

/// What can be called; none of these can be the name of a fact or an item.
pub const FUNCTIONS: [&str; 8] = [
    "answered", "number", "mean", "limit", "median", "on_task", "score", "rated",
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Int(i64),
    Sign(&'static str),
}

/// Longer signs first, so that `>=` is not read as `>`.
const SIGNS: [&str; 15] = [
    "==", "!=", ">=", "<=", ">", "<", "(", ")", "[", "]", ",", "+", "*", "/", "-",
];

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
    let negative = first == '-' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
    if let Some(sign) = SIGNS.iter().find(|sign| !negative && rest.starts_with(**sign)) {
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

/// Reads the whole text.
pub fn parse(source: &str) -> Result<Node, ExprError> {
    let mut parser = Parser {
        tokens: tokens(source)?,
        next: 0,
        depth: 0,
        end: source.len(),
    };
    let root = parser.any_of()?;
    match parser.tokens.get(parser.next) {
        None => Ok(root),
        Some((at, token)) => Err(ExprError {
            at: *at,
            what: format!("unexpected {token:?}"),
        }),
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
        let left = self.sum()?;
        let Some(how) = self.take_comparison() else {
            return Ok(left);
        };
        Ok(Node::Compare(Box::new(left), how, Box::new(self.sum()?)))
    }

    fn sum(&mut self) -> Result<Node, ExprError> {
        let mut node = self.product()?;
        let mut links = 0;
        while let Some(how) = self.take_arithmetic([("+", Arithmetic::Plus), ("-", Arithmetic::Minus)]) {
            node = Node::Calculate(Box::new(node), how, Box::new(self.product()?));
            links = self.count_link(links)?;
        }
        Ok(node)
    }

    fn product(&mut self) -> Result<Node, ExprError> {
        let mut node = self.operand()?;
        let mut links = 0;
        while let Some(how) = self.take_arithmetic([("*", Arithmetic::Times), ("/", Arithmetic::Over)]) {
            node = Node::Calculate(Box::new(node), how, Box::new(self.operand()?));
            links = self.count_link(links)?;
        }
        Ok(node)
    }

    fn take_arithmetic(&mut self, known: [(&str, Arithmetic); 2]) -> Option<Arithmetic> {
        known
            .into_iter()
            .find(|(sign, _)| self.take_sign(sign))
            .map(|(_, how)| how)
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
            Token::Word(word) if self.is_call() && FUNCTIONS.contains(&word.as_str()) => self.call(&word),
            Token::Word(word) if is_name(&word) => {
                self.next += 1;
                Ok(Node::Name(word))
            }
            other => Err(self.error(format!("unexpected {other:?}"))),
        }
    }

    fn is_call(&self) -> bool {
        matches!(self.tokens.get(self.next + 1), Some((_, Token::Sign("("))))
    }

    fn call(&mut self, function: &str) -> Result<Node, ExprError> {
        let at = self.next;
        self.next += 1;
        self.expect("(")?;
        let mut names = Vec::new();
        while !self.take_sign(")") {
            if !names.is_empty() {
                self.expect(",")?;
            }
            let Some((_, Token::Word(name))) = self.tokens.get(self.next).cloned() else {
                return Err(self.error(format!("{function}() needs a name")));
            };
            if names.len() == MAX_DEPTH {
                return Err(self.error(format!("more than {MAX_DEPTH} names")));
            }
            self.next += 1;
            names.push(name);
        }
        let call = match (function, names.as_slice()) {
            ("answered", [name]) => Call::Answered(name.clone()),
            ("number", [item, suffix]) => Call::Number(item.clone(), suffix.clone()),
            ("mean", [_, ..]) => Call::Mean(names),
            ("limit", [code]) => Call::Limit(code.clone()),
            ("median", [item]) => Call::Median(item.clone()),
            ("on_task", [item]) => Call::OnTask(item.clone()),
            ("score", []) => Call::Score(None),
            ("score", [section]) => Call::Score(Some(section.clone())),
            ("rated", []) => Call::Rated,
            _ => {
                return Err(ExprError {
                    at: self.tokens.get(at).map_or(self.end, |(at, _)| *at),
                    what: format!("{function}() does not take {} names", names.len()),
                });
            }
        };
        Ok(Node::Call(call))
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
    !["and", "or", "not", "in", "not_in"].contains(&word) && !FUNCTIONS.contains(&word)
}
