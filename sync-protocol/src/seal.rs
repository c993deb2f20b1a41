//! Seals: what somebody signed of a record stays as they saw it, whatever arrives and in whatever order (P10).
//!
//! The field `@seal` of a record holds the dots its signer had on the screen. A write that no live seal covers is *late*: it is
//! kept beside the sealed value, with what its author had seen, and never in its place. Both are functions of the *set* of
//! writes and seals, so that an office that is refilled after a restore comes to the same again. Decides; reads no log.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::planted::{Bug, planted};
use crate::{Dot, FieldPath, FieldState, GroupId, RecordState, Sum, Value, Write, record::field_sum};

/// The field of a record that holds its seal.
pub const SEAL_FIELD: &str = "@seal";

/// A write that came to a sealed record without being covered by its seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    #[serde(flatten)]
    pub write: Write,
    /// The sealed writes that its author had seen, and would have replaced.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Dot>,
}

/// What the live seals of a record cover.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Covered(pub BTreeSet<Dot>);

/// The value of a seal: the dots that its signer saw, in order.
pub fn seal_value(dots: impl IntoIterator<Item = Dot>) -> Value {
    let dots: BTreeSet<Dot> = dots.into_iter().collect();
    Value::List(dots.iter().map(|dot| Value::Text(dot.to_string())).collect())
}

/// The dots that a seal's value names; nothing of what is no seal.
pub fn sealed_dots(value: &Value) -> BTreeSet<Dot> {
    let Value::List(dots) = value else {
        return BTreeSet::new();
    };
    dots.iter().filter_map(|dot| dot.text()?.parse().ok()).collect()
}

/// What the state keeps of a seal: the list itself stays in the log, where whoever needs it finds it.
pub(crate) fn kept_value(value: Value) -> Value {
    match &value {
        Value::List(_) => Value::Text(verification_code(sealed_dots(&value))),
        _ => value,
    }
}

/// The code that names a set of writes: the first 6 bytes of BLAKE3 over the dots in order, as `7F3A-91C2-E04B`.
pub fn verification_code(dots: impl IntoIterator<Item = Dot>) -> String {
    let dots: BTreeSet<Dot> = dots.into_iter().collect();
    let mut hasher = blake3::Hasher::new();
    for dot in dots {
        hasher.update(dot.to_string().as_bytes()).update(b"\n");
    }
    let hash = hasher.finalize();
    let pairs = hash.as_bytes()[..6].chunks(2);
    let words: Vec<String> = pairs.map(|pair| format!("{:02X}{:02X}", pair[0], pair[1])).collect();
    words.join("-")
}

impl RecordState {
    /// Whether somebody's signature stands on this record.
    pub fn is_sealed(&self) -> bool {
        self.seals().next().is_some()
    }

    /// The writes that set the seals that stand.
    pub fn seals(&self) -> impl Iterator<Item = &Write> {
        let field = self.fields.get(SEAL_FIELD);
        let live = field.into_iter().flat_map(|field| &field.live);
        live.filter(|write| write.value != Value::Null)
    }

    /// Merges one write into a sealed record: into the field when the seal covers it, beside it when not.
    pub fn apply_under_seal(
        &mut self,
        path: &FieldPath,
        write: Write,
        base: &[Dot],
        seq: i64,
        covered: &Covered,
        known: impl Fn(&GroupId) -> bool,
    ) -> Sum {
        let id = self.id.clone();
        let field = self.fields.entry(path.clone()).or_default();
        let before = field_sum(&id, path, field);
        field.apply_under_seal(write, base, covered, known);
        field.seq = seq;
        field_sum(&id, path, field).minus(before)
    }

    /// Parts every field anew after a seal came or went. `sealable` says which fields a seal is about, `lost` brings covered
    /// writes that somebody replaced before the seal arrived.
    pub fn part(
        &mut self,
        covered: Option<&Covered>,
        seq: i64,
        lost: &[(FieldPath, Write)],
        sealable: impl Fn(&RecordState, &FieldPath) -> bool,
    ) -> Sum {
        let mut sum = Sum::default();
        let touched = self.fields.keys().chain(lost.iter().map(|(path, _)| path));
        let paths: BTreeSet<FieldPath> = touched
            .filter(|path| !path.as_str().starts_with('@') && sealable(self, path))
            .cloned()
            .collect();
        for path in paths {
            let field = self.fields.entry(path.clone()).or_default();
            let before = field.clone();
            let lost = lost.iter().filter(|(of, _)| *of == path).map(|(_, write)| write);
            field.part(covered, lost);
            if *field != before {
                field.seq = seq;
            }
            sum = sum
                .plus(field_sum(&self.id, &path, field))
                .minus(field_sum(&self.id, &path, &before));
        }
        sum
    }
}

impl FieldState {
    fn apply_under_seal(&mut self, write: Write, base: &[Dot], covered: &Covered, known: impl Fn(&GroupId) -> bool) {
        let is_covered = covered.0.contains(&write.dot);
        if is_covered || planted(Bug::SealIgnored) {
            // Signed: it stays whatever an unsigned write meant to replace. Its ghost has nothing to wait for any more.
            self.ghosts.retain(|ghost| *ghost != write.dot);
            self.apply(write, &[], known);
            return;
        }
        let mut seen: BTreeSet<Dot> = base.iter().filter(|dot| covered.0.contains(dot)).copied().collect();
        for dot in base {
            let at = self.late.iter().position(|late| late.write.dot == *dot);
            let replaced = at.map(|at| self.late.remove(at));
            let may_come = match &replaced {
                Some(late) => late.write.witnessed,
                None => !known(&dot.group) && !self.live.iter().any(|sibling| sibling.dot == *dot),
            };
            // Whoever replaces a late write has seen what that had seen.
            seen.extend(replaced.into_iter().flat_map(|late| late.seen));
            if may_come && !covered.0.contains(dot) && !self.ghosts.contains(dot) {
                self.ghosts.push(*dot);
                self.ghosts.sort_unstable();
            }
        }
        if let Some(at) = self.ghosts.iter().position(|ghost| *ghost == write.dot) {
            if !write.witnessed {
                self.ghosts.remove(at);
            }
            return;
        }
        match self.late.binary_search_by(|late| late.write.dot.cmp(&write.dot)) {
            Ok(at) => self.late[at].write.witnessed &= write.witnessed,
            Err(at) => {
                let seen = seen.into_iter().collect();
                self.late.insert(at, Late { write, seen });
            }
        }
    }

    fn part<'a>(&mut self, covered: Option<&Covered>, lost: impl Iterator<Item = &'a Write>) {
        let late = std::mem::take(&mut self.late);
        let pool = std::mem::take(&mut self.live);
        let replaced: BTreeSet<Dot> = late.iter().flat_map(|late| late.seen.iter().copied()).collect();
        let signed = |dot: &Dot| covered.is_some_and(|covered| covered.0.contains(dot));
        let mut sealed: Vec<Write> = Vec::new();
        for write in pool
            .into_iter()
            .filter(|write| signed(&write.dot) || !replaced.contains(&write.dot))
        {
            match covered {
                Some(_) if !signed(&write.dot) => self.late.push(Late {
                    write,
                    seen: Vec::new(),
                }),
                _ => sealed.push(write),
            }
        }
        for late in late {
            match covered {
                Some(_) if !signed(&late.write.dot) => self.late.push(late),
                _ => sealed.push(late.write),
            }
        }
        for write in lost.filter(|write| signed(&write.dot)) {
            if !sealed.iter().any(|sibling| sibling.dot == write.dot) {
                sealed.push(write.clone());
            }
        }
        self.ghosts
            .retain(|ghost| !sealed.iter().any(|write| write.dot == *ghost));
        sealed.sort_by_key(|write| write.dot);
        self.late.sort_by_key(|late| late.write.dot);
        self.live = sealed;
    }
}
