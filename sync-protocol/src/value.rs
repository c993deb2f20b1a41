//! What a field holds: text, truth, whole number, nothing, or a list of these. No floats; decimals travel as text.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field's value. Whole numbers stay within ±(2^53 − 1) so that every reader agrees on them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Value>),
}

const MAX_INT: i64 = (1 << 53) - 1;
/// A list holds plain values, and a list of lists is the deepest there is.
const MAX_DEPTH: u8 = 2;
const MAX_ITEMS: usize = 1_000;

impl Value {
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
    pub fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }
    fn depth(&self) -> u8 {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => out.serialize_unit(),
            Self::Bool(truth) => out.serialize_bool(*truth),
            Self::Int(number) => out.serialize_i64(*number),
            Self::Text(text) => out.serialize_str(text),
            Self::List(items) => items.serialize(out),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let value = input.deserialize_any(Reader)?;
        if value.depth() > MAX_DEPTH {
            Err(D::Error::custom("value.too_deep"))
        } else {
            Ok(value)
        }
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("text, truth, a whole number, null or a list of these")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        if number.abs() <= MAX_INT {
            Ok(Value::Int(number))
        } else {
            Err(E::custom("value.number"))
        }
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        self.visit_i64(i64::try_from(number).map_err(|_| E::custom("value.number"))?)
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("value.float"))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        // Postgres cannot hold NUL in text: refuse it here rather than lose a whole push there.
        if text.contains('\0') {
            Err(E::custom("text.nul"))
        } else {
            Ok(Value::Text(text.to_owned()))
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == MAX_ITEMS {
                return Err(A::Error::custom("value.too_long"));
            }
            list.push(item);
        }
        Ok(Value::List(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_survive_a_round_trip() {
        for json in ["null", "true", "-3", "9007199254740991", "\"98.4\"", "[\"P12\",[1,2]]"] {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
    }

    #[test]
    fn what_readers_could_disagree_on_is_refused() {
        for json in [
            "1.5",
            "1e3",
            "9007199254740992",
            "18446744073709551615",
            "\"a\\u0000b\"",
            "{}",
            "[[[1]]]",
            "\"\\ud800\"",
        ] {
            assert!(serde_json::from_str::<Value>(json).is_err(), "{json}");
        }
    }
}
