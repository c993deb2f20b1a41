//! What ought to be true, kept apart from the code under test: it knows each action that was ever taken and what stood on the
//! screen then, and computes by the definition what the office must hold.

use std::collections::{BTreeMap, BTreeSet};

use sync_protocol::office::{Chain, Logged};
use sync_protocol::{
    BucketId, Dot, FieldPath, Group, GroupId, GroupKind, Phase, RecordId, SEAL_FIELD, SavedGroup, Sum, Value,
    sealed_dots,
};

use crate::memory::Tables;
use crate::phone::Phone;

/// An action somebody took.
struct Made {
    group: Group,
    durable: bool,
    /// The only disk that held it was rolled back; whether the office had it then, and has been restored since.
    fragile: Option<(bool, bool)>,
}

#[derive(Default)]
pub struct Oracle {
    made: BTreeMap<GroupId, Made>,
    replaced: BTreeSet<Dot>,
    /// Records that somebody ever asked to move.
    moved: BTreeSet<RecordId>,
    pub violations: Vec<String>,
}

impl Oracle {
    pub fn groups(&self) -> usize {
        self.made.len()
    }

    pub fn broken(&mut self, promise: &str, what: impl Into<String>) {
        self.violations.push(format!("{promise}: {}", what.into()));
    }

    /// Somebody acted: `intended` writes, on what `seen` says they had had on their screen.
    pub fn acted(
        &mut self,
        id: GroupId,
        line: &str,
        intended: Option<usize>,
        seen: &BTreeMap<(RecordId, FieldPath), BTreeSet<Value>>,
    ) {
        let group = Group::from_line(line.as_bytes()).expect("a phone's own line");
        if intended.is_some_and(|intended| intended != group.ops.len()) {
            self.broken(
                "P7",
                format!("an action of {intended:?} writes became {}", group.ops.len()),
            );
        }
        for op in &group.ops {
            let had = seen.get(&(op.record().clone(), op.path().clone()));
            // The state keeps a seal's code, not its list.
            let is_seal = op.path().as_str() == SEAL_FIELD;
            self.replaced.extend(op.base().iter().filter(|_| is_seal));
            for dot in op.base().iter().filter(|_| !is_seal) {
                let value = self
                    .made
                    .get(&dot.group)
                    .map(|made| made.group.ops[usize::from(dot.op)].value());
                let on_screen = value.is_some_and(|value| had.is_some_and(|had| had.contains(value)));
                if !on_screen {
                    self.broken(
                        "P2",
                        format!(
                            "{} claims to have seen {value:?}, which was never shown there",
                            op.path()
                        ),
                    );
                }
                self.replaced.insert(*dot);
            }
        }
        if group.kind == GroupKind::Move {
            self.moved.extend(group.ops.iter().map(|op| op.record().clone()));
        }
        let made = Made {
            group,
            durable: false,
            fragile: None,
        };
        self.made.insert(id, made);
    }

    pub fn is_durable(&mut self, id: &GroupId) {
        if let Some(made) = self.made.get_mut(id) {
            made.durable = true;
        }
    }

    /// A disk goes back to an older state: what only it held may be gone, through no fault of the program.
    pub fn rolled_back(&mut self, lost: impl Iterator<Item = GroupId>, tables: &Tables) {
        for id in lost {
            let at_office = tables.log.contains_key(&id);
            if let Some(made) = self.made.get_mut(&id) {
                made.fragile.get_or_insert((at_office, false));
            }
        }
    }

    pub fn office_restored(&mut self) {
        for (_, restored) in self.made.values_mut().filter_map(|made| made.fragile.as_mut()) {
            *restored = true;
        }
    }

    /// P6 on one phone: what was written here shows until somebody who could see it replaced it.
    pub fn read_your_writes(&mut self, phone: &Phone, covered_too: bool) {
        let carried = |saved: &&SavedGroup| {
            let made = self.made.get(&saved.id);
            let mark = made.and_then(|made| phone.replica.buckets().get(&made.group.bucket));
            // A bucket that was given back is empty until its first checkpoint.
            mark.is_some_and(|mark| mark.sum != Sum::default())
        };
        let covered = phone.it.disk.journal.values().filter(|_| covered_too).filter(carried);
        let own = phone.replica.outbox().map(|(saved, _)| saved).chain(covered);
        let mut missing = Vec::new();
        for saved in own.filter(|saved| !matches!(saved.phase, Phase::Refused { .. })) {
            let Some(made) = self.made.get(&saved.id) else { continue };
            for (at, op) in made.group.ops.iter().enumerate() {
                let view = phone.replica.field(op.record(), op.path());
                let said = view.siblings.iter().chain(&view.late);
                let shows =
                    said.clone().any(|sibling| sibling.value == *op.value()) || op.path().as_str() == SEAL_FIELD;
                if !shows
                    && !self.replaced.contains(&Group::dot(saved.id, at))
                    && !drafted(phone, op.record(), op.path())
                    && !self.is_away(phone, op.record())
                {
                    missing.push(format!("{:?} written here does not show in {}", op.value(), op.path()));
                }
            }
        }
        for what in missing {
            self.broken("P6", what);
        }
    }

    /// Whether a record that somebody moved is in a bucket that has not come to this phone.
    fn is_away(&self, phone: &Phone, record: &RecordId) -> bool {
        self.moved.contains(record) && !phone.replica.has_from_office(record)
    }

    // ---- at the end --------------------------------------------------------------------------------------------------------

    pub fn nothing_is_lost(&mut self, phones: &[Phone], tables: &Tables) {
        let mut violations = Vec::new();
        for (id, made) in &self.made {
            let at_office = tables.log.contains_key(id);
            let told = phones.iter().any(|phone| {
                let saved = phone.it.disk.outbox.get(id);
                saved.is_some_and(|saved| matches!(saved.phase, Phase::Refused { .. }))
            });
            let excused = match made.fragile {
                None => false,
                Some((had, restored)) => !had || restored,
            };
            if made.durable && !at_office && !told && !excused {
                violations.push(format!(
                    "P7: {id} was on a phone and is nowhere now: {:?}",
                    made.group.ops
                ));
            }
            if at_office && !made.durable {
                violations.push(format!("P9: the office has {id}, which its phone does not remember"));
            }
        }
        self.violations.extend(violations);
    }

    /// P1–P4 and the chain: the office's state is the definition's over what its log says was applied, numbered 1..k.
    pub fn office_is_the_definition(&mut self, tables: &Tables) {
        let mut by_bucket: BTreeMap<&BucketId, BTreeMap<i64, GroupId>> = BTreeMap::new();
        let mut live: BTreeMap<(RecordId, FieldPath), BTreeSet<Dot>> = BTreeMap::new();
        let mut replaced: BTreeSet<Dot> = BTreeSet::new();
        for (id, row) in &tables.log {
            let Logged::Applied { bucket, seq } = &row.logged else {
                continue;
            };
            if by_bucket.entry(bucket).or_default().insert(*seq, *id).is_some() {
                self.violations
                    .push(format!("P3: two changes of {bucket} are number {seq}"));
            }
            let Ok(group) = Group::from_line(&row.received) else {
                continue;
            };
            for (at, op) in group.ops.iter().enumerate() {
                let field = live.entry((op.record().clone(), op.path().clone())).or_default();
                field.insert(group.write(*id, at).dot);
                replaced.extend(group.replaces(at));
            }
            if let Some((to, seq)) = &row.moved
                && by_bucket.entry(to).or_default().insert(*seq, *id).is_some()
            {
                self.violations
                    .push(format!("P3: two changes of {to} are number {seq}"));
            }
        }
        let signed = signed(tables, &replaced);
        let written = live.clone();
        live.values_mut()
            .for_each(|dots| dots.retain(|dot| !replaced.contains(dot)));
        for (_, record) in tables.records.values() {
            for (path, field) in &record.fields {
                let place = (record.id.clone(), path.clone());
                let mut must = live.remove(&place).unwrap_or_default();
                let is: BTreeSet<Dot> = field.live.iter().map(|write| write.dot).collect();
                let all = written.get(&place).cloned().unwrap_or_default();
                let covered = signed
                    .get(&record.id)
                    .filter(|_| !path.as_str().starts_with('@') && path.as_str() != "state");
                if let Some(covered) = covered {
                    let late: BTreeSet<Dot> = field.late.iter().map(|late| late.write.dot).collect();
                    let (sealed, unsigned): (BTreeSet<Dot>, _) = all.into_iter().partition(|dot| covered.contains(dot));
                    let missing = must.iter().find(|dot| !sealed.contains(*dot) && !late.contains(*dot));
                    if missing.is_some() || !late.is_subset(&unsigned) {
                        self.violations.push(format!(
                            "P10: beside the sealed {path} stand {late:?}, not {must:?} but for {sealed:?}"
                        ));
                    }
                    must = sealed;
                }
                if must != is {
                    self.violations
                        .push(format!("P1: {path} holds {is:?}, the definition says {must:?}"));
                }
            }
        }
        if let Some((place, dots)) = live.into_iter().find(|(_, dots)| !dots.is_empty()) {
            self.violations.push(format!("P1: {place:?} is missing {dots:?}"));
        }
        for (bucket, mark) in &tables.buckets {
            let numbers = by_bucket.remove(bucket).unwrap_or_default();
            if !numbers.keys().copied().eq(1..=mark.head) {
                self.violations.push(format!(
                    "P4: {bucket} is at {} with changes {:?}",
                    mark.head,
                    numbers.keys()
                ));
            }
            let chain = numbers
                .iter()
                .fold(Chain::default(), |chain, (seq, id)| chain.link(*id, *seq));
            let here = tables.records.values().filter(|(home, _)| home == bucket);
            let sum = here.fold(Sum::default(), |sum, (_, record)| sum.plus(record.sum()));
            if sum != mark.sum {
                self.violations
                    .push(format!("P5: the office's sum of {bucket} is not that of its records"));
            }
            if chain != mark.chain {
                self.violations
                    .push(format!("audit: the chain of {bucket} does not end as its log does"));
            }
        }
    }

    /// P1, P8, P11 for one phone that has come to rest.
    pub fn phone_is_the_office(&mut self, at: usize, phone: &Phone, grants: &BTreeSet<BucketId>, tables: &Tables) {
        let mut violations = Vec::new();
        if phone.unsettled() > 0 {
            violations.push(format!(
                "P11: phone {at} still has {} groups on their way",
                phone.unsettled()
            ));
        }
        for saved in phone.it.disk.records.values() {
            if !grants.contains(&saved.bucket) {
                violations.push(format!("P8: phone {at} still holds a record of {}", saved.bucket));
            }
            let home = tables.records.get(&saved.state.id).map(|(home, _)| home);
            if saved.leaving || home != Some(&saved.bucket) {
                violations.push(format!(
                    "P1: phone {at} still shows {} in {}",
                    saved.state.id, saved.bucket
                ));
            }
        }
        for (id, (bucket, record)) in tables.records.iter().filter(|(_, (bucket, _))| grants.contains(bucket)) {
            let here = phone.it.disk.records.get(id.as_str()).map(|saved| &saved.state);
            if here.map(live_dots) != Some(live_dots(record)) {
                violations.push(format!(
                    "P1: phone {at} has another {id} of {bucket} than the office: {} / {}",
                    brief(here),
                    brief(Some(record))
                ));
            }
        }
        self.violations.extend(violations);
    }
}

/// What the standing seals of each record cover, by the definition.
fn signed(tables: &Tables, replaced: &BTreeSet<Dot>) -> BTreeMap<RecordId, BTreeSet<Dot>> {
    let mut signed: BTreeMap<RecordId, BTreeSet<Dot>> = BTreeMap::new();
    for (id, row) in &tables.log {
        let (Logged::Applied { .. }, Ok(group)) = (&row.logged, Group::from_line(&row.received)) else {
            continue;
        };
        for (at, op) in group
            .ops
            .iter()
            .enumerate()
            .filter(|(_, op)| op.path().as_str() == SEAL_FIELD)
        {
            if !replaced.contains(&Group::dot(*id, at)) {
                let covered = signed.entry(op.record().clone()).or_default();
                covered.extend(sealed_dots(op.value()));
                let own = group
                    .ops
                    .iter()
                    .enumerate()
                    .filter(|(_, other)| other.record() == op.record());
                covered.extend(own.map(|(at, _)| Group::dot(*id, at)));
            }
        }
    }
    signed
}

fn drafted(phone: &Phone, record: &RecordId, path: &FieldPath) -> bool {
    phone
        .replica
        .drafts()
        .any(|draft| draft.record == *record && draft.path == *path)
}

fn brief(record: Option<&sync_protocol::RecordState>) -> String {
    let field = |(path, field): (&FieldPath, &sync_protocol::FieldState)| {
        let values: Vec<&str> = field.live.iter().filter_map(|write| write.value.text()).collect();
        format!("{path}@{}={}", field.seq, values.join("|"))
    };
    record.map_or_else(
        || "nothing".into(),
        |record| record.fields.iter().map(field).collect::<Vec<_>>().join(" "),
    )
}

/// What of a record must be the same everywhere. Numbers and ghosts are the office's own: a phone merges nothing, and a server
/// that was restored behind everybody's back may number the same changes anew.
fn live_dots(record: &sync_protocol::RecordState) -> BTreeMap<FieldPath, BTreeSet<Dot>> {
    let dots = |field: &sync_protocol::FieldState| field.writes().map(|write| write.dot).collect();
    let fields = record.fields.iter().map(|(path, field)| (path.clone(), dots(field)));
    fields
        .filter(|(_, dots): &(FieldPath, BTreeSet<Dot>)| !dots.is_empty())
        .collect()
}
