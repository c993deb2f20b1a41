//! What a field comes to when several people wrote it without knowing of each other (`domain.md` §7): what counts for now,
//! whether people must settle it, and who may. Depends on what was said only, never on its order, so that every device
//! shows the same.

use crate::{
    checklist::{Checklist, ItemKind},
    kind::{FieldKind, Keep, Kind, KindField, Policy},
    paragraphs::join,
    provisional,
    value::Value,
};

/// What one person wrote in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The value.
    pub value: Value,
    /// The person's id.
    pub author: String,
    /// Their clock in ms since 1970, as claimed: it chooses what is shown first, never what is kept.
    pub at: i64,
}

/// How a field stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody contradicts: one value, or several people's same one. Null when nobody wrote.
    Agreed(Value),
    /// They differ, and the field's policy says what that comes to; the others stay in the history.
    Joined(Value),
    /// They differ and people must settle it; until then this one counts.
    Open(Value),
}

impl Standing {
    /// The value that counts now.
    pub fn counts(&self) -> &Value {
        match self {
            Standing::Agreed(value) | Standing::Joined(value) | Standing::Open(value) => value,
        }
    }
    /// Whether people must settle it.
    pub fn is_open(&self) -> bool {
        matches!(self, Standing::Open(_))
    }
}

impl Kind {
    /// How a field of a record of this kind stands. `checklist` is a response's, `owner` whoever made the record.
    pub fn standing(&self, checklist: Option<&Checklist>, path: &str, owner: &str, said: &[Said]) -> Standing {
        let values: Vec<Value> = distinct(said);
        match (values.as_slice(), self.field(path)) {
            ([], _) => Standing::Agreed(Value::Null),
            ([one], _) => Standing::Agreed(one.clone()),
            // A field that a newer catalog knows: its last word shows, all are kept.
            (_, None) => Standing::Joined(latest(said)),
            (values, Some(field)) => self.differing(field, checklist, path, owner, said, values),
        }
    }

    fn differing(
        &self,
        field: &KindField,
        checklist: Option<&Checklist>,
        path: &str,
        owner: &str,
        said: &[Said],
        values: &[Value],
    ) -> Standing {
        match policy_of(field, checklist, path) {
            Policy::Fixed => Standing::Joined(first(said)),
            Policy::Owner => Standing::Joined(of_owner(said, owner)),
            Policy::PerObserver | Policy::Server | Policy::LastWriter => Standing::Joined(match field.keep {
                Some(Keep::Earliest) => first_moment(values),
                Some(Keep::Latest) => last_moment(values),
                None => latest(said),
            }),
            Policy::Union | Policy::Append => Standing::Joined(union(said, values)),
            Policy::Upward => Standing::Joined(highest(field, values)),
            Policy::State => Standing::Joined(furthest(field, values)),
            Policy::Text3 => text(said, values),
            Policy::Manual => manual(checklist, path, values),
        }
    }

    /// Whether somebody with these roles may settle a difference here. `leads` says that they lead the visit it belongs to;
    /// members do not decide between their own word and another's (`domain.md` §5).
    pub fn may_settle(&self, roles: &[&str], leads: bool) -> bool {
        let has = |allowed: &[String]| allowed.iter().any(|role| roles.contains(&role.as_str()));
        has(&self.rights.settle)
            || (has(&self.rights.write) && (leads || self.field("visit").is_none() && !self.is_led()))
    }

    /// Whether records of this kind name the person who leads the work.
    fn is_led(&self) -> bool {
        self.field("lead").is_some()
    }

    /// Whether writing `to` over these values lowers what only rises by itself.
    pub fn lowers(&self, path: &str, over: &[Value], to: &Value) -> bool {
        let Some(field) = self.field(path).filter(|field| field.policy == Policy::Upward) else {
            return false;
        };
        over.iter().any(|value| height(field, to) < height(field, value))
    }
}

/// A response has one row for all its answers; what an item is decides how contradictions of it are met.
fn policy_of(field: &KindField, checklist: Option<&Checklist>, path: &str) -> Policy {
    let item = checklist.and_then(|checklist| checklist.item(path));
    match item.map(|item| (&item.kind, item.is_judged())) {
        Some((ItemKind::Many { .. }, _)) => Policy::Union,
        Some((ItemKind::Text, _)) => Policy::Text3,
        // Descriptive, nothing hangs on it.
        Some((ItemKind::One { .. }, false)) => Policy::LastWriter,
        _ => field.policy,
    }
}

fn distinct(said: &[Said]) -> Vec<Value> {
    let mut values: Vec<Value> = said.iter().map(|one| one.value.clone()).collect();
    values.sort();
    values.dedup();
    values
}

fn latest(said: &[Said]) -> Value {
    let last = said.iter().max_by(|a, b| (a.at, &a.value).cmp(&(b.at, &b.value)));
    last.map(|one| one.value.clone()).unwrap_or_default()
}

fn first(said: &[Said]) -> Value {
    let there = said.iter().filter(|one| !one.value.is_blank());
    let first = there.min_by(|a, b| (a.at, &a.value).cmp(&(b.at, &b.value)));
    first.map(|one| one.value.clone()).unwrap_or_default()
}

fn of_owner(said: &[Said], owner: &str) -> Value {
    let own: Vec<Said> = said.iter().filter(|one| one.author == owner).cloned().collect();
    latest(if own.is_empty() { said } else { &own })
}

// Moments are written with the offset of the place, which is one and the same in a district: they sort as text.
fn first_moment(values: &[Value]) -> Value {
    values
        .iter()
        .find(|value| !value.is_blank())
        .cloned()
        .unwrap_or_default()
}

fn last_moment(values: &[Value]) -> Value {
    values
        .iter()
        .rfind(|value| !value.is_blank())
        .cloned()
        .unwrap_or_default()
}

/// What anybody added is in: lists are united, and taking away loses against adding.
fn union(said: &[Said], values: &[Value]) -> Value {
    let there: Vec<Said> = said.iter().filter(|one| !is_taken_away(&one.value)).cloned().collect();
    if values.iter().any(|value| matches!(value, Value::List(_))) {
        return provisional::union(values);
    }
    latest(if there.is_empty() { said } else { &there })
}

fn is_taken_away(value: &Value) -> bool {
    value.is_blank() || *value == Value::Bool(false)
}

fn height(field: &KindField, value: &Value) -> Option<i64> {
    match (field.kind, value) {
        (_, Value::Int(number)) => Some(*number),
        (FieldKind::One, value) => {
            let code = value.as_text()?;
            let place = field.options.iter().position(|option| option.code == code)?;
            i64::try_from(place).ok()
        }
        _ => None,
    }
}

fn highest(field: &KindField, values: &[Value]) -> Value {
    let top = values.iter().max_by_key(|value| (height(field, value), *value));
    top.cloned().unwrap_or_default()
}

// The states stand in the order of the work.
fn furthest(field: &KindField, values: &[Value]) -> Value {
    highest(field, values)
}

fn text(said: &[Said], values: &[Value]) -> Standing {
    let texts: Vec<&str> = values
        .iter()
        .filter_map(Value::as_text)
        .filter(|text| !text.trim().is_empty())
        .collect();
    match (texts.as_slice(), join(&texts)) {
        ([], _) => Standing::Joined(latest(said)),
        (_, Some(joined)) => Standing::Joined(Value::Text(joined)),
        // The longer says more.
        (_, None) => Standing::Open(
            texts
                .iter()
                .max_by_key(|text| (text.chars().count(), **text))
                .map(|text| Value::Text((*text).to_owned()))
                .unwrap_or_default(),
        ),
    }
}

/// One who cleared a box does not contradict one who filled it.
fn manual(checklist: Option<&Checklist>, path: &str, values: &[Value]) -> Standing {
    let there: Vec<&Value> = values.iter().filter(|value| !value.is_blank()).collect();
    match there.as_slice() {
        [] => Standing::Joined(Value::Null),
        [one] => Standing::Joined((*one).clone()),
        _ => Standing::Open(match checklist {
            Some(checklist) => provisional::worse(checklist, path, values),
            None => provisional::fuller(values),
        }),
    }
}

/// The number of a document that is printed before the office has given it one: "暂-1F3A-2" (`domain.md` §7.2).
pub fn provisional_number(device: &str, nth: u32) -> String {
    let tail: String = device.chars().filter(char::is_ascii_alphanumeric).collect();
    let from = tail.len().saturating_sub(4);
    format!("暂-{}-{nth}", tail[from..].to_uppercase())
}
