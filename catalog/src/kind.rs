//! Kinds of records: their fields, who may do what with them, and how their state moves. It says what is allowed to whom
//! by role; whose school it is, only the server knows.

use std::fmt;

use serde::Deserialize;

use crate::{
    checklist::Choice,
    date::{self, Day},
    text::Text,
    value::Value,
};

/// What a role is called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Such as "zone_lead".
    pub code: String,
    /// Its name.
    pub title: Text,
}

/// The definition of one kind of record.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Such as "visit".
    pub code: String,
    /// Its name.
    pub title: Text,
    /// The family of buckets its records live in: "school", "district" and so on.
    pub bucket: String,
    /// Its fields. A path may have `*` for one part of it, as in "members/*".
    pub fields: Vec<KindField>,
    /// How its state moves, when it has states.
    pub workflow: Option<Workflow>,
    /// States in which nothing but the state can be changed.
    #[serde(default)]
    pub sealed: Vec<String>,
    /// Who may do what, by role.
    pub rights: Rights,
}

/// A field of a kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindField {
    /// Such as "visit_date" or "members/*".
    pub path: String,
    /// Its name.
    pub label: Text,
    /// What it can hold.
    pub kind: FieldKind,
    /// What happens when two people write it without knowing of each other.
    pub policy: Policy,
    /// Whether it cannot be empty.
    #[serde(default)]
    pub required: bool,
    /// Which of several moments stands for all: the first to come in, the last to go out.
    #[serde(default)]
    pub keep: Option<Keep>,
    /// It lives on after the record is sealed, as what becomes of a finding does.
    #[serde(default)]
    pub living: bool,
    /// Who alone may write it once the record is there; whoever may write the record, when nobody is named.
    #[serde(default)]
    pub by: Vec<String>,
    /// Who may lower what otherwise only rises.
    #[serde(default)]
    pub lowered_by: Vec<String>,
    /// The codes it can hold, for `one` and `many`; for a state they are the workflow's.
    #[serde(default)]
    pub options: Vec<Choice>,
}

/// What a field can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Free text, at most [`MAX_TEXT`] characters.
    Text,
    /// A whole number, not negative.
    Count,
    /// True or false.
    YesNo,
    /// "YYYY-MM-DD"
    Date,
    /// RFC 3339 with the offset.
    Moment,
    /// A UUID.
    Id,
    /// One of the options.
    One,
    /// A list of the options.
    Many,
    /// Anything; the checklist knows better.
    Any,
}

/// The most characters a text can have.
pub const MAX_TEXT: usize = 20_000;

/// Merge policies of `domain.md` §7.1: what counts while people have not settled a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Written once, when the record is made.
    Fixed,
    /// Only the owner's writes count.
    Owner,
    /// One value per observer, side by side.
    PerObserver,
    /// Only the server writes it.
    Server,
    /// The last one shows; the others stay in the history.
    LastWriter,
    /// Both are kept and marked; people settle it.
    Manual,
    /// What anybody added is in.
    Union,
    /// Only added to.
    Append,
    /// It rises by itself and is lowered by command.
    Upward,
    /// Text merged by paragraphs; what overlaps is settled by people.
    Text3,
    /// A state, moved by commands.
    State,
}

/// Which of several moments stands for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The first.
    Earliest,
    /// The last.
    Latest,
}

/// How a state moves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The field that holds the state.
    pub field: String,
    /// All states.
    pub states: Vec<Choice>,
    /// All moves.
    pub transitions: Vec<Transition>,
}

/// One move between states.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// Nothing for a new record.
    pub from: Option<String>,
    /// Where it goes.
    pub to: String,
    /// Who may do it; nobody when the server does it by itself.
    pub roles: Vec<String>,
    /// Whether it may wait in an outbox.
    #[serde(default)]
    pub offline: bool,
    /// Fields that must not be empty by then.
    #[serde(default)]
    pub needs: Vec<String>,
}

/// Who may do what, by role.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// Who may make a record.
    pub create: Vec<String>,
    /// Who may change one.
    pub write: Vec<String>,
    /// Who may read one.
    pub read: Vec<String>,
    /// Who decides between others' words without writing any themselves, and always with a reason.
    #[serde(default)]
    pub settle: Vec<String>,
}

impl Rights {
    pub(crate) fn roles(&self) -> impl Iterator<Item = &String> {
        let all = self.create.iter().chain(&self.write).chain(&self.read);
        all.chain(&self.settle)
    }
}

/// Something one does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Make one.
    Create,
    /// Change one.
    Write,
    /// Read one.
    Read,
    /// Decide between others' words in one.
    Settle,
}

/// Why a state does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// There is no such state, or the kind has none.
    NoSuchState,
    /// One cannot get there from the present state.
    NotFromHere,
    /// One can, but not these roles.
    NotYours,
}

/// Why a value does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadValue {
    /// The field cannot be empty.
    Required,
    /// A value of another type.
    WrongType,
    /// Not one of the options.
    NotAnOption,
    /// A text or list that is too long.
    TooLong,
    /// Not a date, a moment or an id, or a negative count.
    Malformed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoSuchState => "there is no such state",
            Refusal::NotFromHere => "not from the present state",
            Refusal::NotYours => "not by this role",
        })
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadValue::Required => "cannot be empty",
            BadValue::WrongType => "wrong type",
            BadValue::NotAnOption => "not one of the options",
            BadValue::TooLong => "too long",
            BadValue::Malformed => "malformed",
        })
    }
}

impl std::error::Error for BadValue {}

impl Kind {
    /// The definition of a field: an exact path before one with `*`.
    pub fn field(&self, path: &str) -> Option<&KindField> {
        let exact = self.fields.iter().find(|field| field.path == path);
        exact.or_else(|| self.fields.iter().find(|field| matches(&field.path, path)))
    }

    /// Whether one of these roles may do this with records of the kind, where they have a grant at all.
    pub fn may(&self, roles: &[&str], action: Action) -> bool {
        let allowed = match action {
            Action::Create => &self.rights.create,
            Action::Write => &self.rights.write,
            Action::Read => &self.rights.read,
            Action::Settle => &self.rights.settle,
        };
        shares(allowed, roles)
    }

    /// The fields that must not be empty when the state moves like this.
    pub fn needs(&self, from: Option<&str>, to: &str) -> &[String] {
        let moves = self.workflow.iter().flat_map(|flow| &flow.transitions);
        let mut fits = moves.filter(|t| t.to == to && t.from.as_deref() == from);
        fits.next().map_or(&[], |t| &t.needs)
    }

    /// Whether a field lives on after the record is sealed: its state does, and what is told of it.
    pub fn outlives_seal(&self, path: &str) -> bool {
        let moves = self.workflow.as_ref().is_some_and(|flow| flow.field == path);
        moves || self.field(path).is_some_and(|field| field.living)
    }

    /// Whether a record in this state takes a change of this field.
    pub fn is_open(&self, state: Option<&str>, path: &str) -> bool {
        self.outlives_seal(path) || !state.is_some_and(|state| self.sealed.iter().any(|sealed| sealed == state))
    }

    /// Whether these roles may move the state. Staying in a state is allowed to those who may enter it: two phones that
    /// made the same move offline do not contradict each other.
    ///
    /// # Errors
    /// Why not.
    pub fn transition(&self, from: Option<&str>, to: &str, roles: &[&str]) -> Result<(), Refusal> {
        let flow = self.workflow.as_ref().ok_or(Refusal::NoSuchState)?;
        if !flow.states.iter().any(|state| state.code == to) {
            return Err(Refusal::NoSuchState);
        }
        let stays = from == Some(to);
        let mut moves = flow
            .transitions
            .iter()
            .filter(|t| t.to == to && (stays || t.from.as_deref() == from))
            .peekable();
        if moves.peek().is_none() {
            return Err(Refusal::NotFromHere);
        }
        if moves.any(|t| shares(&t.roles, roles)) {
            Ok(())
        } else {
            Err(Refusal::NotYours)
        }
    }

    /// Whether a field can hold the value. A path the kind does not know is carried, not judged: it may be newer.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, path: &str, value: &Value) -> Result<(), BadValue> {
        match self.field(path) {
            None => Ok(()),
            Some(field) if field.required && value.is_blank() => Err(BadValue::Required),
            Some(_) if *value == Value::Null => Ok(()),
            Some(field) => field.fits(value),
        }
    }
}

impl KindField {
    fn fits(&self, value: &Value) -> Result<(), BadValue> {
        let text = || value.as_text().ok_or(BadValue::WrongType);
        let well_formed = |good: bool| if good { Ok(()) } else { Err(BadValue::Malformed) };
        match self.kind {
            FieldKind::Any => within_size(value),
            FieldKind::Text => text().and_then(|_| within_size(value)),
            FieldKind::YesNo => matches!(value, Value::Bool(_)).then_some(()).ok_or(BadValue::WrongType),
            FieldKind::Count => match value {
                Value::Int(n) => well_formed(*n >= 0),
                _ => Err(BadValue::WrongType),
            },
            FieldKind::Date => well_formed(Day::parse(text()?).is_some()),
            FieldKind::Moment => well_formed(date::is_moment(text()?)),
            FieldKind::Id => well_formed(is_uuid(text()?)),
            FieldKind::One => self.is_option(text()?),
            FieldKind::Many => match value {
                Value::List(codes) => codes
                    .iter()
                    .try_for_each(|code| self.is_option(code.as_text().ok_or(BadValue::WrongType)?)),
                _ => Err(BadValue::WrongType),
            },
        }
    }

    fn is_option(&self, code: &str) -> Result<(), BadValue> {
        self.options
            .iter()
            .any(|option| option.code == code)
            .then_some(())
            .ok_or(BadValue::NotAnOption)
    }
}

fn within_size(value: &Value) -> Result<(), BadValue> {
    match value {
        Value::Text(text) if text.chars().count() > MAX_TEXT => Err(BadValue::TooLong),
        Value::List(values) if values.len() > 1000 => Err(BadValue::TooLong),
        Value::List(values) => values.iter().try_for_each(within_size),
        _ => Ok(()),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some("*"), Some(part)) if !part.is_empty() => {}
            (Some(word), Some(part)) if word == part => {}
            _ => return false,
        }
    }
}

fn shares(allowed: &[String], roles: &[&str]) -> bool {
    allowed.iter().any(|role| roles.contains(&role.as_str()))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}
