//! From what is on the phone to what the catalog judges: the same value shapes, conflicts narrowed to one value.

use catalog::{Answers, Checklist};
use sync_protocol::{FieldView, RecordView, Value};

use crate::difference::said;

/// The wire's value as the catalog's.
pub fn to_catalog(value: &Value) -> catalog::Value {
    match value {
        Value::Null => catalog::Value::Null,
        Value::Bool(truth) => catalog::Value::Bool(*truth),
        Value::Int(number) => catalog::Value::Int(*number),
        Value::Text(text) => catalog::Value::Text(text.clone()),
        Value::List(items) => catalog::Value::List(items.iter().map(to_catalog).collect()),
    }
}

/// The one value to judge by: where people differ, what the field's policy lets count until somebody settles it.
pub fn provisional(checklist: &Checklist, path: &str, field: &FieldView) -> Option<catalog::Value> {
    match field.siblings.as_slice() {
        [] => None,
        [one] => Some(to_catalog(&one.value)),
        several => {
            let said: Vec<_> = several.iter().map(said).collect();
            let kind = catalog::catalog().kind("response")?;
            Some(kind.standing(Some(checklist), path, "", &said).counts().clone())
        }
    }
}

/// Every field of a response, ready to be judged.
pub fn answers_of(checklist: &Checklist, response: &RecordView) -> Answers {
    response
        .fields()
        .filter(|(path, _)| !path.starts_with('@'))
        .filter_map(|(path, field)| Some((path.to_owned(), provisional(checklist, path, field)?)))
        .collect()
}
