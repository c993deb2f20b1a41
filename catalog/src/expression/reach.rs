//! Whether conditions can hold at all: tried with every combination of the answers that can be counted. What cannot be counted,
//! such as a number, may be anything; so it never calls a condition hopeless that is not.

use std::collections::BTreeMap;

use super::{Call, Comparison, Computed, Expr, Node, Type, Types};
use crate::value::Value;

/// More combinations than this are not tried: the condition is taken to be able to hold.
const MOST_COMBINATIONS: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    No,
    Maybe,
    Yes,
}

impl Truth {
    fn of(holds: bool) -> Truth {
        if holds { Truth::Yes } else { Truth::No }
    }
}

impl Expr {
    /// Whether some answers make all of these hold together. False only when none can.
    pub fn can_all_hold(conditions: &[&Expr], types: &dyn Types) -> bool {
        let names = conditions.iter().flat_map(|condition| condition.names());
        let mut domains: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for name in names {
            if let Some(values) = types.name(name).and_then(countable) {
                domains.insert(name, values);
            }
        }
        let combinations = domains
            .values()
            .try_fold(1_usize, |product, values| product.checked_mul(values.len()));
        let Some(combinations) = combinations.filter(|n| *n <= MOST_COMBINATIONS) else {
            return true;
        };
        (0..combinations).any(|nth| {
            let chosen = combination(&domains, nth);
            conditions
                .iter()
                .all(|condition| condition.root.truth(&chosen) != Truth::No)
        })
    }
}

/// All values of a type with its "nothing"; nothing at all when they cannot be counted.
fn countable(kind: Type) -> Option<Vec<Value>> {
    match kind {
        Type::Bool => Some(vec![Value::Null, true.into(), false.into()]),
        Type::Code(codes) => {
            let answers = codes.into_iter().map(Value::Text);
            Some(std::iter::once(Value::Null).chain(answers).collect())
        }
        Type::Number | Type::Text | Type::Codes(_) => None,
    }
}

fn combination<'a>(domains: &'a BTreeMap<&str, Vec<Value>>, mut nth: usize) -> BTreeMap<&'a str, &'a Value> {
    let mut chosen = BTreeMap::new();
    for (name, values) in domains {
        chosen.insert(*name, &values[nth % values.len()]);
        nth /= values.len();
    }
    chosen
}

impl Node {
    fn truth(&self, chosen: &BTreeMap<&str, &Value>) -> Truth {
        match self {
            Node::Literal(value) => Truth::of(*value == Value::Bool(true)),
            Node::Name(name) => chosen
                .get(name.as_str())
                .map_or(Truth::Maybe, |value| Truth::of(**value == Value::Bool(true))),
            Node::Call(Call::Answered(name)) => chosen
                .get(name.as_str())
                .map_or(Truth::Maybe, |value| Truth::of(!value.is_blank())),
            Node::Call(_) | Node::Calculate(..) => Truth::Maybe,
            Node::Not(inner) => match inner.truth(chosen) {
                Truth::No => Truth::Yes,
                Truth::Maybe => Truth::Maybe,
                Truth::Yes => Truth::No,
            },
            Node::And(left, right) => match (left.truth(chosen), right.truth(chosen)) {
                (Truth::No, _) | (_, Truth::No) => Truth::No,
                (Truth::Yes, Truth::Yes) => Truth::Yes,
                _ => Truth::Maybe,
            },
            Node::Or(left, right) => match (left.truth(chosen), right.truth(chosen)) {
                (Truth::Yes, _) | (_, Truth::Yes) => Truth::Yes,
                (Truth::No, Truth::No) => Truth::No,
                _ => Truth::Maybe,
            },
            Node::Compare(left, how, right) => compare(left, *how, right, chosen),
        }
    }

    /// Its value, when that is known.
    fn known(&self, chosen: &BTreeMap<&str, &Value>) -> Option<Computed> {
        match self {
            Node::Literal(value) => Some(Computed::Value(value.clone())),
            Node::Name(name) => chosen.get(name.as_str()).map(|value| Computed::Value((*value).clone())),
            _ => None,
        }
    }
}

fn compare(left: &Node, how: Comparison, right: &Node, chosen: &BTreeMap<&str, &Value>) -> Truth {
    match (left.known(chosen), right.known(chosen)) {
        (Some(left), Some(right)) => Truth::of(how.holds(&left, &right)),
        (Some(known), None) | (None, Some(known)) if known.is_null() => Truth::No,
        _ => Truth::Maybe,
    }
}
