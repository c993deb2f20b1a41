//! How a difference was settled: by what reason, and whose words were heard. It is the value of the field `settled/<path>`
//! beside the settled one, so that whoever was not followed is told on their phone, and a decision can be taken back.

use crate::value::Value;

/// One person's word in a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The person's id.
    pub author: String,
    /// Their clock in ms since 1970, as claimed.
    pub at: i64,
    /// The write's name.
    pub dot: String,
    /// What they had written.
    pub value: Value,
}

/// A difference that somebody settled, or opened again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// Taken back: what was heard is open again.
    pub reopened: bool,
    /// Why, in the decider's words.
    pub reason: String,
    /// Everybody's word, the chosen one among them.
    pub heard: Vec<Heard>,
}

impl Decision {
    /// The value of the field `settled/<path>`. Words are JSON, for they may be lists themselves.
    pub fn to_value(&self) -> Value {
        let state = if self.reopened { "reopened" } else { "settled" };
        let mut parts = vec![Value::from(state), Value::Text(self.reason.clone())];
        parts.extend(self.heard.iter().map(|heard| {
            let word = serde_json::to_string(&heard.value).unwrap_or_default();
            Value::List(vec![
                Value::Text(heard.author.clone()),
                Value::Int(heard.at),
                Value::Text(heard.dot.clone()),
                Value::Text(word),
            ])
        }));
        Value::List(parts)
    }

    /// Reads it back; nothing of what is no decision.
    pub fn from_value(value: &Value) -> Option<Decision> {
        let Value::List(parts) = value else { return None };
        let [state, reason, heard @ ..] = parts.as_slice() else {
            return None;
        };
        let heard = heard.iter().map(|one| match one {
            Value::List(parts) => match parts.as_slice() {
                [Value::Text(author), Value::Int(at), Value::Text(dot), Value::Text(word)] => Some(Heard {
                    author: author.clone(),
                    at: *at,
                    dot: dot.clone(),
                    value: serde_json::from_str(word).ok()?,
                }),
                _ => None,
            },
            _ => None,
        });
        Some(Decision {
            reopened: state.as_text()? == "reopened",
            reason: reason.as_text()?.to_owned(),
            heard: heard.collect::<Option<_>>()?,
        })
    }

    /// Whether this write was before its decider's eyes.
    pub fn has_heard(&self, dot: &str) -> bool {
        self.heard.iter().any(|heard| heard.dot == dot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_reads_back_as_it_was_written() {
        let heard = |author: &str, value| Heard {
            author: author.into(),
            at: 612,
            dot: format!("{author}.0"),
            value,
        };
        let decision = Decision {
            reopened: false,
            reason: "时间不同".into(),
            heard: vec![
                heard("zhang", "no".into()),
                heard("li", Value::List(vec![Value::List(vec![3.into()])])),
            ],
        };
        let value = decision.to_value();
        assert_eq!(Decision::from_value(&value), Some(decision));
        assert_eq!(Decision::from_value(&Value::from("settled")), None);
        assert_eq!(Decision::from_value(&Value::List(vec![1.into(), 2.into()])), None);
    }
}
