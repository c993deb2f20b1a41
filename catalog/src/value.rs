//! The values a field can have: the JSON shapes of the wire, with no floats.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fraction::Fraction;

/// A field's value. Decimals travel as text ("1.10"). The order is only there to choose deterministically.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing, or taken back.
    #[default]
    Null,
    /// Yes or no of a fact.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text, a code, a date, or a decimal number.
    Text(String),
    /// Several codes.
    List(Vec<Value>),
}

/// Field path to value, conflicts already narrowed to one value by [`crate::worse`].
pub type Answers = BTreeMap<String, Value>;

impl Value {
    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when it is one or a text that spells one.
    pub fn as_number(&self) -> Option<Fraction> {
        match self {
            Value::Int(n) => Some(Fraction::whole(*n)),
            Value::Text(text) => Fraction::parse_decimal(text),
            _ => None,
        }
    }

    /// Whether there is nothing to read in it: null, blank text, or an empty list.
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) => text.trim().is_empty(),
            Value::List(values) => values.is_empty(),
            Value::Bool(_) | Value::Int(_) => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Value::Int(n)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}
