//! Whether an expression makes sense before anybody answers: names that exist, numbers compared with numbers, codes that
//! an item can have. It finds mistakes of the author; evaluation never needs it.

use super::{Call, Comparison, Expr, Node};
use crate::value::Value;

/// What a name can stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// Any text; a date is one.
    Text,
    /// One of these codes.
    Code(Vec<String>),
    /// A list of these codes; of any when there are none.
    Codes(Vec<String>),
}

/// Where an expression stands: results of the whole form are known to flags only, never to what decides the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A condition of an item or section.
    Condition,
    /// A flag, or the condition under which a form is not rated.
    Result,
}

/// The types of the names of one checklist.
pub trait Types {
    /// A fact's or an item's; nothing when there is none of that name.
    fn name(&self, name: &str) -> Option<Type>;
    /// Whether the item has an input of this suffix.
    fn has_input(&self, item: &str, suffix: &str) -> bool;
    /// Whether the item is answered by classes with numbers.
    fn has_median(&self, item: &str) -> bool;
    /// Whether the item is answered at moments of a lesson.
    fn has_moments(&self, item: &str) -> bool;
    /// Whether there is a threshold of this code.
    fn has_limit(&self, code: &str) -> bool;
    /// Whether there is a section of this code.
    fn has_section(&self, code: &str) -> bool;
}

impl Expr {
    /// Checks that the expression is a condition about things that exist.
    ///
    /// # Errors
    /// What does not fit, in words for its author.
    pub fn check(&self, types: &dyn Types, place: Place) -> Result<(), String> {
        match self.root.type_of(types, place)? {
            Type::Bool => Ok(()),
            _ => Err("is not true or false".into()),
        }
    }
}

impl Node {
    fn type_of(&self, types: &dyn Types, place: Place) -> Result<Type, String> {
        let truth = |node: &Node| match node.type_of(types, place)? {
            Type::Bool => Ok(()),
            _ => Err("joins something that is not true or false".to_owned()),
        };
        match self {
            Node::Literal(value) => Ok(type_of_value(value)),
            Node::Name(name) => types
                .name(name)
                .ok_or_else(|| format!("asks about an unknown {name:?}: add it or correct the name")),
            Node::Call(call) => call.type_of(types, place),
            Node::Not(inner) => truth(inner).map(|()| Type::Bool),
            Node::And(left, right) | Node::Or(left, right) => {
                truth(left)?;
                truth(right).map(|()| Type::Bool)
            }
            Node::Compare(left, how, right) => comparable(
                &left.type_of(types, place)?,
                left,
                *how,
                &right.type_of(types, place)?,
                right,
            )
            .map(|()| Type::Bool),
            Node::Calculate(left, _, right) => {
                for side in [left, right] {
                    if !is_number(&side.type_of(types, place)?) {
                        return Err("calculates with something that is not a number".into());
                    }
                }
                Ok(Type::Number)
            }
        }
    }
}

impl Call {
    fn type_of(&self, types: &dyn Types, place: Place) -> Result<Type, String> {
        let of_results = matches!(self, Call::Score(_) | Call::Rated | Call::Median(_) | Call::OnTask(_));
        if of_results && place == Place::Condition {
            return Err("asks for a result, which a condition of the form cannot know".into());
        }
        if let Some(name) = self.names().into_iter().find(|name| types.name(name).is_none()) {
            return Err(format!("asks about an unknown {name:?}: add it or correct the name"));
        }
        match self {
            Call::Answered(_) | Call::Rated => Ok(Type::Bool),
            Call::Number(item, suffix) if !types.has_input(item, suffix) => {
                Err(format!("asks {item} for a number {suffix:?} that it does not have"))
            }
            Call::Median(item) if !types.has_median(item) => {
                Err(format!("asks for the median of {item}, which has none"))
            }
            Call::OnTask(item) if !types.has_moments(item) => {
                Err(format!("asks who was on task in {item}, which has no moments"))
            }
            Call::Limit(code) if !types.has_limit(code) => Err(format!("asks for an unknown limit {code:?}")),
            Call::Score(Some(section)) if !types.has_section(section) => {
                Err(format!("asks for the score of an unknown section {section:?}"))
            }
            Call::Mean(items)
                if items
                    .iter()
                    .any(|item| types.name(item).is_some_and(|t| !is_number(&t))) =>
            {
                Err("takes the mean of something that is not a number".into())
            }
            _ => Ok(Type::Number),
        }
    }
}

fn type_of_value(value: &Value) -> Type {
    match value {
        Value::Null | Value::Text(_) => Type::Text,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Number,
        Value::List(_) => Type::Codes(Vec::new()),
    }
}

/// Codes that are numbers, as those of a scale, count as numbers.
fn is_number(kind: &Type) -> bool {
    match kind {
        Type::Number => true,
        Type::Code(codes) => codes.iter().any(|code| code.bytes().all(|b| b.is_ascii_digit())),
        Type::Bool | Type::Text | Type::Codes(_) => false,
    }
}

fn comparable(left: &Type, left_node: &Node, how: Comparison, right: &Type, right_node: &Node) -> Result<(), String> {
    let is_list = |kind: &Type| matches!(kind, Type::Codes(_));
    match how {
        Comparison::In | Comparison::NotIn if !is_list(right) => Err("looks for something in what is no list".into()),
        Comparison::In | Comparison::NotIn if is_list(left) => Err("looks for a list in a list".into()),
        Comparison::In | Comparison::NotIn | Comparison::Equal | Comparison::Unequal => {
            known_codes(left, right_node)?;
            known_codes(right, left_node)?;
            let fits = matches!(how, Comparison::In | Comparison::NotIn) || alike(left, right);
            fits.then_some(())
                .ok_or_else(|| "compares things of different kinds".into())
        }
        _ if is_number(left) && is_number(right) => Ok(()),
        _ if *left == Type::Text && *right == Type::Text => Ok(()),
        _ => Err("asks which is greater of things that have no size".into()),
    }
}

fn alike(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::Text | Type::Code(_), Type::Text | Type::Code(_)) => true,
        (Type::Codes(_), Type::Codes(_)) | (Type::Bool, Type::Bool) => true,
        _ => is_number(left) && is_number(right),
    }
}

/// A code that cannot be answered makes a comparison that never holds, which nobody means to write.
fn known_codes(kind: &Type, other: &Node) -> Result<(), String> {
    let (Type::Code(codes) | Type::Codes(codes), Node::Literal(value)) = (kind, other) else {
        return Ok(());
    };
    let wanted: Vec<&str> = match value {
        Value::List(values) => values.iter().filter_map(Value::as_text).collect(),
        single => single.as_text().into_iter().collect(),
    };
    match wanted
        .into_iter()
        .find(|code| !codes.is_empty() && !codes.iter().any(|known| known == code))
    {
        Some(code) => Err(format!("compares with {code:?}, which cannot be answered")),
        None => Ok(()),
    }
}
