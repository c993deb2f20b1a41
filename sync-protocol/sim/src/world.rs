//! One district in one thread: phones, a network, an office and what befalls them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use sync_protocol::office::{self, Logged, Received, Scope, Verdict};
use sync_protocol::planted::{Bug, planted};
use sync_protocol::{
    Author, BucketId, Checkpoint, DigestReply, DigestRequest, Edit, End, FieldPath, Frame, GroupId, GroupKind,
    HaveReply, HaveRequest, Hello, Limits, Node, Outcome, OutcomeKind, PROTOCOL, Phase, Place, PullRequest, PushReply,
    RecordId, RecordsPage, Replica, SEAL_FIELD, ScopeChange, StageError, Stored, Value, seal_value,
};

use crate::Report;
use crate::chance::Chance;
use crate::memory::{Database, Memory, Tables};
use crate::oracle::Oracle;
use crate::phone::{Asked, Phone, Sitting, Storage};
use crate::rules::{Admitted, Rules};

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub steps: usize,
    pub persons: usize,
    pub phones: usize,
    /// Which faults may happen.
    pub faults: Vec<Fault>,
    /// Fails one call of the office to its database.
    pub fail_database_call: Option<u64>,
    /// Fails one write of a phone to its disk, for a while.
    pub fail_disk_write: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Lose,
    Repeat,
    Cut,
    Timeout,
    Crash,
    DiskFull,
    DiskRollback,
    Clone,
    Restore,
    SilentRestore,
    OfficeCrash,
    Scope,
    SignedOut,
    DatabaseCall,
    Clock,
    Tamper,
    /// People move records between buckets.
    Move,
    /// People sign what they see of a record.
    Seal,
}

impl Fault {
    pub const ALL: [Self; 17] = [
        Self::Lose,
        Self::Repeat,
        Self::Cut,
        Self::Timeout,
        Self::Crash,
        Self::DiskFull,
        Self::DiskRollback,
        Self::Clone,
        Self::Restore,
        Self::SilentRestore,
        Self::OfficeCrash,
        Self::Scope,
        Self::SignedOut,
        Self::DatabaseCall,
        Self::Clock,
        Self::Tamper,
        Self::Move,
    ];
}

impl Plan {
    /// Each seed has its own mixture: a fault that is always on hides what needs its absence.
    pub fn of_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let faults = Fault::ALL.into_iter().filter(|_| chance.percent(45));
        // Drawn apart, so that older seeds keep their course.
        let seals = Chance::new(!seed).percent(45);
        let faults = faults.chain(seals.then_some(Fault::Seal)).collect();
        let persons = 2 + chance.below(2);
        Self {
            seed,
            steps: 120 + chance.below(240),
            persons,
            phones: persons + chance.below(2),
            faults,
            fail_database_call: None,
            fail_disk_write: None,
        }
    }
}

const PATHS: [&str; 4] = ["f0", "f1", "note", "state"];
/// What one answer carries before it says `more`, and what one page holds.
const PAGES: usize = 3;
const PAGE_RECORDS: usize = 2;
const OFFERED_AT_ONCE: usize = 4;

enum Message {
    Push {
        phone: usize,
        call: u64,
        body: String,
    },
    Pull {
        phone: usize,
        call: u64,
        asked: PullRequest,
    },
    Have {
        phone: usize,
        call: u64,
        asked: HaveRequest,
    },
    Pushed {
        phone: usize,
        call: u64,
        reply: PushReply,
    },
    Pulled {
        phone: usize,
        call: u64,
        frames: Vec<Frame>,
    },
    Had {
        phone: usize,
        call: u64,
        reply: HaveReply,
    },
    Digest {
        phone: usize,
        call: u64,
        asked: DigestRequest,
    },
    Digested {
        phone: usize,
        call: u64,
        reply: DigestReply,
    },
    SignInAgain {
        phone: usize,
        call: u64,
    },
}

/// What the office says of each group, or nothing when a call failed.
type Verdicts = Option<Vec<(GroupId, Verdict)>>;

/// A push or an admission that the office is at work on.
struct Task {
    answer: Option<(usize, u64)>,
    work: Pin<Box<dyn Future<Output = Verdicts>>>,
}

struct World {
    plan: Plan,
    chance: Chance,
    trace: blake3::Hasher,
    loud: bool,
    tick: i64,
    nonce: u64,
    epoch: u64,
    database: Rc<RefCell<Database>>,
    copies: Vec<Tables>,
    tasks: Vec<Task>,
    phones: Vec<Phone>,
    grants: Vec<BTreeSet<BucketId>>,
    buckets: Vec<BucketId>,
    records: Vec<(RecordId, BucketId)>,
    mail: Vec<Message>,
    oracle: Oracle,
    writes: u64,
    /// Restores that no new epoch told of.
    silent_restores: usize,
}

fn uuid(kind: u8, number: usize) -> String {
    format!("{kind:08x}-0000-7000-8000-{number:012x}")
}

pub fn run(plan: &Plan, loud: bool) -> Report {
    let mut world = World::new(plan.clone(), loud);
    for step in 0..plan.steps {
        world.tick = step as i64;
        world.step();
        if !world.oracle.violations.is_empty() {
            break;
        }
    }
    if world.oracle.violations.is_empty() {
        world.come_to_rest();
    }
    Report {
        seed: plan.seed,
        trace: world.trace.finalize().to_hex()[..16].to_owned(),
        steps: plan.steps,
        groups: world.oracle.groups(),
        violations: world.oracle.violations,
    }
}

impl World {
    fn new(plan: Plan, loud: bool) -> Self {
        let buckets: Vec<BucketId> = (0..2)
            .map(|n| format!("school/{}", uuid(1, n)).parse().expect("a bucket id"))
            .collect();
        let record = |n: usize| (uuid(2, n).parse().expect("a record id"), buckets[n % 2].clone());
        let records = (0..6).map(record).collect();
        let sitting = |n: usize| Sitting {
            me: Author {
                person: uuid(3, n % plan.persons).parse().expect("a person id"),
                device: uuid(4, n).parse().expect("a device id"),
            },
            person: n % plan.persons,
            disk: Storage::default(),
            backup: None,
            seen: BTreeMap::new(),
            clock: 0,
            full: false,
            signed_out: false,
        };
        let mut database = Database::default();
        database.calls_until_failure = plan.fail_database_call;
        Self {
            chance: Chance::new(plan.seed.wrapping_mul(31) + 7),
            trace: blake3::Hasher::new(),
            loud,
            tick: 0,
            nonce: 0,
            epoch: 1,
            database: Rc::new(RefCell::new(database)),
            copies: vec![Tables::default()],
            tasks: Vec::new(),
            phones: (0..plan.phones).map(|n| Phone::start(sitting(n))).collect(),
            grants: vec![buckets.iter().cloned().collect(); plan.persons],
            buckets,
            records,
            mail: Vec::new(),
            oracle: Oracle::default(),
            writes: 0,
            silent_restores: 0,
            plan,
        }
    }

    fn note(&mut self, what: fmt::Arguments<'_>) {
        let line = format!("{:4} {what}\n", self.tick);
        self.trace.update(line.as_bytes());
        if self.loud {
            eprint!("{line}");
        }
    }

    fn now(&self, phone: usize) -> i64 {
        1_700_000_000_000 + self.tick * 1000 + self.phones[phone].it.clock
    }

    fn step(&mut self) {
        let phone = self.chance.below(self.phones.len());
        match self.chance.below(100) {
            0..30 => self.act(phone),
            30..55 => self.sync(phone),
            55..78 => self.deliver(),
            78..94 => self.work(),
            _ => self.befall(phone),
        }
        self.check(phone);
    }

    // ---- people ------------------------------------------------------------------------------------------------------------

    fn act(&mut self, at: usize) {
        let (record, _) = self.chance.pick(&self.records).expect("there are records");
        let bucket = self.bucket_of(at, &record);
        if self.has(Fault::Seal) && self.chance.percent(5) {
            self.seal(at, &record, &bucket);
            return;
        }
        match self.chance.below(if self.has(Fault::Move) { 11 } else { 10 }) {
            10 => self.relocate(at, &record),
            0..3 => {
                self.phones[at].look(&record, &PATHS);
                self.note(format_args!("phone {at} opens {record}"));
            }
            3..7 => self.edit(at),
            7 => self.take_photos(at, &record, &bucket),
            8 => self.type_text(at),
            _ => {
                let (now, mut nonce) = (self.now(at), self.nonce);
                let stored = self.phones[at].replica.settle(now, || {
                    nonce += 1;
                    nonce
                });
                self.nonce = nonce;
                self.keep(at, stored, None);
                self.note(format_args!("phone {at} settles"));
            }
        }
    }

    /// A value nobody ever wrote before, so that it tells which write it is.
    fn value(&mut self, prefix: &str) -> Value {
        self.writes += 1;
        Value::Text(format!("{prefix}#{}", self.writes))
    }

    fn edit(&mut self, at: usize) {
        let Some(screen) = self.phones[at].screen.clone() else {
            return;
        };
        let bucket = self.bucket_of(at, &screen.record);
        let mut paths: Vec<&'static str> = (0..1 + self.chance.below(2))
            .filter_map(|_| self.chance.pick(&PATHS))
            .collect();
        paths.sort_unstable();
        paths.dedup();
        let command = paths.contains(&"state");
        let poison = self.chance.percent(4);
        let mut edits = Vec::new();
        for path in &paths {
            let view = &screen.fields[path];
            let value = match *path {
                "state" => {
                    let next = match view.text().bytes().next() {
                        None => "1",
                        Some(b'2') => "3",
                        _ => "2",
                    };
                    self.value(next)
                }
                _ => self.value("v"),
            };
            edits.push(Edit::new(&screen.record, path, value, view.shown()));
        }
        if poison {
            let shown = self.phones[at]
                .replica
                .field(&screen.record, &"poison".parse().expect("a field path"));
            for sibling in &shown.siblings {
                let key = (screen.record.clone(), "poison".parse().expect("a field path"));
                self.phones[at]
                    .it
                    .seen
                    .entry(key)
                    .or_default()
                    .insert(sibling.value.clone());
            }
            edits.push(Edit::new(&screen.record, "poison", self.value("p"), shown.shown()));
        }
        let kind = if command { GroupKind::Command } else { GroupKind::Edit };
        let (intended, now) = (edits.len(), self.now(at));
        let nonce = self.next_nonce();
        let stored = self.phones[at].replica.change(&bucket, kind, edits, now, nonce);
        self.keep(at, stored, Some(intended));
        self.phones[at].look(&screen.record, &paths);
        self.note(format_args!("phone {at} writes {paths:?} of {}", screen.record));
    }

    fn take_photos(&mut self, at: usize, record: &RecordId, bucket: &BucketId) {
        let photo = |world: &mut Self| {
            let value = world.value("photo");
            let path = format!("photos/{}", world.writes);
            let shown = world.phones[at]
                .replica
                .field(record, &path.parse().expect("a field path"))
                .shown();
            Edit::new(record, &path, value, shown)
        };
        let edits = vec![photo(self), photo(self)];
        let (now, nonce) = (self.now(at), self.next_nonce());
        let stored = self.phones[at]
            .replica
            .change(bucket, GroupKind::Edit, edits, now, nonce);
        self.keep(at, stored, Some(2));
        self.note(format_args!("phone {at} takes two photos"));
    }

    fn type_text(&mut self, at: usize) {
        let Some(screen) = self.phones[at].screen.clone() else {
            return;
        };
        let (bucket, value, now) = (self.bucket_of(at, &screen.record), self.value("t"), self.now(at));
        let edit = Edit::new(&screen.record, "note", value, screen.fields["note"].shown());
        let stored = self.phones[at].replica.type_text(&bucket, edit, now);
        self.keep(at, stored, None);
        self.phones[at].look(&screen.record, &["note"]);
        self.note(format_args!("phone {at} types"));
    }

    /// Somebody signs what they see of a record.
    fn seal(&mut self, at: usize, record: &RecordId, bucket: &BucketId) {
        self.phones[at].look(record, &PATHS);
        let Some(view) = self.phones[at].replica.view(record) else {
            return;
        };
        let edit = Edit::new(
            record,
            SEAL_FIELD,
            seal_value(view.signed(&[])),
            view.field(SEAL_FIELD).shown(),
        );
        let (now, nonce) = (self.now(at), self.next_nonce());
        let stored = self.phones[at]
            .replica
            .change(bucket, GroupKind::Edit, vec![edit], now, nonce);
        self.keep(at, stored, Some(1));
        self.note(format_args!("phone {at} seals {record}"));
    }

    /// Where this phone believes a record to be: where it was made, unless it has heard that it moved.
    fn bucket_of(&self, at: usize, record: &RecordId) -> BucketId {
        let made = || {
            self.records
                .iter()
                .find(|(id, _)| id == record)
                .map(|(_, home)| home.clone())
        };
        let here = self.phones[at].replica.bucket_of(record);
        here.or_else(made).expect("a record of this world")
    }

    /// Somebody finds that a record belongs elsewhere.
    fn relocate(&mut self, at: usize, record: &RecordId) {
        let from = self.bucket_of(at, record);
        let to = self
            .buckets
            .iter()
            .find(|bucket| **bucket != from)
            .expect("two buckets")
            .clone();
        let path: FieldPath = "@bucket".parse().expect("a reserved field path");
        let shown = self.phones[at].replica.field(record, &path);
        let seen = self.phones[at].it.seen.entry((record.clone(), path)).or_default();
        seen.extend(shown.siblings.iter().map(|sibling| sibling.value.clone()));
        let (now, nonce) = (self.now(at), self.next_nonce());
        let records = vec![(record.clone(), shown.shown())];
        let stored = self.phones[at].replica.relocate((&from, &to), records, now, nonce);
        self.keep(at, stored, Some(1));
        self.note(format_args!("phone {at} moves {record} to {to}"));
    }

    fn next_nonce(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce
    }

    /// Takes down what a person's action made, and writes it.
    fn keep(&mut self, at: usize, stored: Vec<Stored>, intended: Option<usize>) {
        for change in &stored {
            if let Stored::PutGroup(saved) = change
                && saved.phase == Phase::Frozen
            {
                self.oracle
                    .acted(saved.id, &saved.line, intended, &self.phones[at].it.seen);
            }
        }
        self.phones[at].queue.extend(stored);
        self.flush(at);
    }

    fn flush(&mut self, at: usize) {
        if let Some(left) = &mut self.plan.fail_disk_write {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.plan.fail_disk_write = None;
                return;
            }
        }
        let phone = &mut self.phones[at];
        if phone.flush() {
            let ids: Vec<GroupId> = phone.it.disk.outbox.keys().copied().collect();
            ids.iter().for_each(|id| self.oracle.is_durable(id));
        }
    }

    // ---- phones ------------------------------------------------------------------------------------------------------------

    /// One step of the driver: a call, if none is under way.
    fn sync(&mut self, at: usize) {
        if self.phones[at].call.is_some() {
            return;
        }
        self.flush(at);
        let refill = self.phones[at].replica.must_refill();
        let first = self.chance.below(10);
        if refill {
            self.offer(at);
            return;
        }
        if self.digest(at) {
            return;
        }
        let asked = match first {
            0..5 => self.push(at),
            9 => self.ask_about_quarantine(at),
            _ => false,
        };
        if !asked {
            self.pull(at);
        }
    }

    fn call(&mut self, at: usize, asked: Asked) -> u64 {
        let call = self.next_nonce();
        self.phones[at].call = Some((call, asked));
        call
    }

    fn push(&mut self, at: usize) -> bool {
        let now = self.now(at);
        let phone = &self.phones[at];
        // Only what is on the disk goes out.
        let Some(batch) = phone.queue.is_empty().then(|| phone.replica.next_push(now)).flatten() else {
            return false;
        };
        let call = self.call(at, Asked::Push);
        self.note(format_args!("phone {at} pushes {}", batch.groups.len()));
        self.mail.push(Message::Push {
            phone: at,
            call,
            body: batch.body,
        });
        true
    }

    fn pull(&mut self, at: usize) {
        let asked = self.phones[at].replica.next_pull(1 << 20);
        let call = self.call(at, Asked::Pull);
        self.note(format_args!(
            "phone {at} pulls from {:?}",
            asked.want.values().collect::<Vec<_>>()
        ));
        self.mail.push(Message::Pull { phone: at, call, asked });
    }

    fn offer(&mut self, at: usize) {
        let phone = &mut self.phones[at];
        if !phone.queue.is_empty() {
            return;
        }
        let journal: Vec<GroupId> = phone.it.disk.journal.keys().copied().collect();
        let all = phone.replica.to_offer(&journal).into_iter();
        let ids: Vec<GroupId> = all
            .filter(|id| !phone.offered.contains(id))
            .take(OFFERED_AT_ONCE)
            .collect();
        if ids.is_empty() {
            let stored = phone.replica.refilled();
            phone.offered.clear();
            self.keep(at, stored, None);
            self.note(format_args!("phone {at} has offered its journal"));
            return;
        }
        self.have(at, ids);
    }

    /// One step in the search for what differs in a bucket whose checksum does not match.
    fn digest(&mut self, at: usize) -> bool {
        let Some(asked) = self.phones[at].replica.next_digest() else {
            return false;
        };
        let call = self.call(at, Asked::Digest);
        self.note(format_args!(
            "phone {at} compares {} at {:?}",
            asked.bucket, asked.places
        ));
        self.mail.push(Message::Digest { phone: at, call, asked });
        true
    }

    fn digested(&mut self, at: usize, call: u64, reply: &DigestReply) {
        if self.expected(at, call).is_none() {
            return;
        }
        let restores = self.phones[at].replica.restores();
        let stored = self.phones[at].replica.handle_digest(reply);
        self.after(at, restores, stored);
        self.note(format_args!("phone {at} compared"));
    }

    fn answer_digest(&mut self, phone: usize, call: u64, asked: &DigestRequest) {
        let database = self.database.borrow();
        let here = database
            .tables
            .records
            .values()
            .filter(|(home, _)| *home == asked.bucket);
        let sums: Vec<_> = here.map(|(_, record)| (&record.id, record.sum())).collect();
        let node = |place: &Place| (place.clone(), Node::of(place, sums.iter().copied()));
        let reply = DigestReply {
            epoch: self.epoch_name(),
            bucket: asked.bucket.clone(),
            nodes: asked.places.iter().map(node).collect(),
        };
        drop(database);
        self.mail.push(Message::Digested { phone, call, reply });
    }

    fn ask_about_quarantine(&mut self, at: usize) -> bool {
        let ids = self.phones[at].replica.in_quarantine();
        let any = !ids.is_empty();
        if any {
            self.have(at, ids);
        }
        any
    }

    fn have(&mut self, at: usize, ids: Vec<GroupId>) {
        let asked = Replica::offer(&ids);
        let call = self.call(at, Asked::Have(ids));
        self.note(format_args!("phone {at} offers {}", asked.groups.len()));
        self.mail.push(Message::Have { phone: at, call, asked });
    }

    /// Whether this is the answer the phone waits for; whatever else comes was given up.
    fn expected(&mut self, at: usize, call: u64) -> Option<Asked> {
        match self.phones[at].call.take() {
            Some((waiting, asked)) if waiting == call => Some(asked),
            other => {
                self.phones[at].call = other;
                None
            }
        }
    }

    fn pushed(&mut self, at: usize, call: u64, reply: &PushReply) {
        if self.expected(at, call).is_none() {
            return;
        }
        let restores = self.phones[at].replica.restores();
        let stored = self.phones[at].replica.handle_push_reply(reply);
        self.after(at, restores, stored);
        self.note(format_args!("phone {at} hears of {} groups", reply.outcomes.len()));
    }

    fn had(&mut self, at: usize, call: u64, reply: &HaveReply) {
        let Some(Asked::Have(offered)) = self.expected(at, call) else {
            return;
        };
        let phone = &mut self.phones[at];
        let restores = phone.replica.restores();
        let journal = offered.iter().filter_map(|id| phone.it.disk.journal.get(id).cloned());
        let journal = journal.collect();
        let stored = phone.replica.handle_have(reply, journal);
        phone.offered.extend(offered);
        self.after(at, restores, stored);
        self.note(format_args!("phone {at} hears that {} are needed", reply.need.len()));
    }

    fn pulled(&mut self, at: usize, call: u64, frames: Vec<Frame>) {
        if self.expected(at, call).is_none() {
            return;
        }
        let restores = self.phones[at].replica.restores();
        let crash_at = self.has(Fault::Crash).then(|| self.chance.below(40));
        for (number, frame) in frames.into_iter().enumerate() {
            if Some(number) == crash_at {
                self.crash(at);
                return;
            }
            let whole = match &frame {
                Frame::Checkpoint(checkpoint) => Some(checkpoint.bucket.clone()),
                _ => None,
            };
            match self.phones[at].replica.handle_frame(frame) {
                Ok(stored) => {
                    let now = self.phones[at].replica.restores();
                    self.after(at, now, stored);
                    if let Some(bucket) = whole.filter(|_| self.phones[at].queue.is_empty()) {
                        self.phones[at].it.disk.tampered.remove(&bucket);
                    }
                }
                Err(StageError::Mismatch(bucket)) => {
                    self.note(format_args!("phone {at}: {bucket} does not match"));
                    if self.silent_restores == 0 && !self.phones[at].it.disk.tampered.contains(&bucket) {
                        let what = format!("phone {at} found a checkpoint of {bucket} that does not match");
                        self.oracle.broken("P4", what);
                    }
                    // Until it is fetched again it is known to differ.
                    self.phones[at].it.disk.tampered.insert(bucket);
                }
                Err(StageError::RefillFirst) => break,
                Err(error) => self.note(format_args!("phone {at}: {error:?}")),
            }
        }
        if self.phones[at].replica.restores() != restores {
            self.phones[at].offered.clear();
        }
        self.note(format_args!("phone {at} took an answer"));
    }

    fn after(&mut self, at: usize, restores: u64, stored: Vec<Stored>) {
        if self.phones[at].replica.restores() != restores {
            self.phones[at].offered.clear();
        }
        self.phones[at].queue.extend(stored);
        self.flush(at);
    }

    fn crash(&mut self, at: usize) {
        self.phones[at].crash();
        self.note(format_args!("phone {at} crashes"));
    }

    // ---- the network and the office ----------------------------------------------------------------------------------------

    fn deliver(&mut self) {
        if self.mail.is_empty() {
            return;
        }
        let at = self.chance.below(self.mail.len());
        let mut message = self.mail.swap_remove(at);
        if self.has(Fault::Lose) && self.chance.percent(15) {
            self.note(format_args!("a message is lost"));
            return;
        }
        if self.has(Fault::Repeat)
            && self.chance.percent(15)
            && let Message::Push { phone, call, body } = &message
        {
            let (phone, call, body) = (*phone, *call, body.clone());
            self.mail.push(Message::Push { phone, call, body });
        }
        if self.has(Fault::Cut)
            && self.chance.percent(20)
            && let Message::Pulled { frames, .. } = &mut message
        {
            let kept = self.chance.below(frames.len());
            frames.truncate(kept);
        }
        self.receive(message);
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Push { phone, call, .. }
            | Message::Pull { phone, call, .. }
            | Message::Have { phone, call, .. }
            | Message::Digest { phone, call, .. }
                if self.phones[phone].it.signed_out =>
            {
                self.mail.push(Message::SignInAgain { phone, call });
            }
            Message::Push { phone, call, body } => self.take_push(phone, call, &body),
            Message::Pull { phone, call, asked } => self.answer_pull(phone, call, &asked),
            Message::Have { phone, call, asked } => self.answer_have(phone, call, &asked),
            Message::Pushed { phone, call, reply } => self.pushed(phone, call, &reply),
            Message::Pulled { phone, call, frames } => self.pulled(phone, call, frames),
            Message::Had { phone, call, reply } => self.had(phone, call, &reply),
            Message::Digest { phone, call, asked } => self.answer_digest(phone, call, &asked),
            Message::Digested { phone, call, reply } => self.digested(phone, call, &reply),
            Message::SignInAgain { phone, call } => {
                if self.expected(phone, call).is_some() && planted(Bug::WipeOn401) {
                    self.phones[phone].it.disk = Storage::default();
                    self.phones[phone].crash();
                }
            }
        }
    }

    fn take_push(&mut self, phone: usize, call: u64, body: &str) {
        let received: Vec<Received> = body
            .lines()
            .skip(1)
            .map(|line| Received::read(line.as_bytes()))
            .collect();
        let sitting = &self.phones[phone].it;
        let rules = Rules {
            sender: sitting.me.person.clone(),
            grants: self.grants[sitting.person].clone(),
        };
        let mut memory = Memory::connect(&self.database);
        let work = async move {
            let verdicts = office::push(&mut memory, &rules, &received).await.ok()?;
            Some(received.iter().map(|one| one.id).zip(verdicts).collect())
        };
        self.tasks.push(Task {
            answer: Some((phone, call)),
            work: Box::pin(work),
        });
    }

    fn admit(&mut self, id: GroupId, bytes: Vec<u8>) {
        let mut memory = Memory::connect(&self.database);
        let received = Received::read(&bytes);
        let work = async move {
            let verdict = office::admit(&mut memory, &Admitted, &received).await.ok()?;
            Some(vec![(id, verdict)])
        };
        self.tasks.push(Task {
            answer: None,
            work: Box::pin(work),
        });
    }

    /// Lets one of the office's transactions go one step on.
    fn work(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        let at = self.chance.below(self.tasks.len());
        for _ in 0..1 + self.chance.below(6) {
            if self.go_on(at) {
                return;
            }
        }
    }

    fn go_on(&mut self, at: usize) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(done) = self.tasks[at].work.as_mut().poll(&mut context) else {
            return false;
        };
        let task = self.tasks.swap_remove(at);
        self.note(format_args!("the office is done: {done:?}"));
        if let (Some((phone, call)), Some(verdicts)) = (task.answer, done) {
            let outcomes = verdicts.into_iter().map(outcome).collect();
            let reply = PushReply {
                epoch: self.epoch_name(),
                now: 0,
                outcomes,
            };
            self.mail.push(Message::Pushed { phone, call, reply });
        }
        true
    }

    fn epoch_name(&self) -> String {
        format!("e{}", self.epoch)
    }

    fn answer_pull(&mut self, phone: usize, call: u64, asked: &PullRequest) {
        let grants = self.grants[self.phones[phone].it.person].clone();
        let limits = Limits {
            push_groups: 64,
            push_bytes: 1 << 20,
            group_bytes: 1 << 18,
            group_ops: 512,
        };
        let mut frames = vec![Frame::Hello(Hello {
            protocol: PROTOCOL,
            epoch: self.epoch_name(),
            now: 0,
            limits,
            backup_horizon_days: 35,
        })];
        let database = self.database.borrow();
        let tables = &database.tables;
        let lacks = |id: &&GroupId| !matches!(tables.log.get(*id).map(|row| &row.logged), Some(Logged::Applied { .. }));
        let lost: Vec<GroupId> = asked.acked.iter().filter(lacks).copied().collect();
        if !lost.is_empty() {
            frames.push(Frame::Lost(lost));
        }
        let Scope { add, remove } = Scope::of(asked, grants.iter().cloned(), |bucket| grants.contains(bucket));
        if !add.is_empty() || !remove.is_empty() {
            frames.push(Frame::Scope(ScopeChange {
                add: add.clone(),
                remove,
            }));
        }
        let same_epoch = asked.epoch.as_ref().is_none_or(|epoch| *epoch == self.epoch_name());
        let want = asked.want.keys().filter(|bucket| grants.contains(*bucket)).cloned();
        let (mut pages, mut more) = (0, false);
        for bucket in want.chain(add) {
            let head = tables.buckets.get(&bucket).map_or(0, |mark| mark.head);
            let Some(start) = office::start(asked, &bucket, head, same_epoch) else {
                continue;
            };
            if pages >= PAGES {
                more = true;
                break;
            }
            pages += 1;
            let whole = office::whole(asked, &bucket, start);
            let Some(page) = tables.page(&bucket, start, whole, PAGE_RECORDS) else {
                // Nothing was ever written there.
                continue;
            };
            frames.push(Frame::Records(RecordsPage {
                bucket: bucket.clone(),
                since: start.since,
                from: start.from,
                to: page.to,
                records: page.records,
                whole: whole.to_vec(),
                gone: page.gone,
            }));
            match page.last {
                true => frames.push(Frame::Checkpoint(Checkpoint {
                    bucket,
                    head: page.mark.head,
                    sum: page.mark.sum,
                })),
                false => more = true,
            }
        }
        frames.push(Frame::End(End { more }));
        drop(database);
        self.mail.push(Message::Pulled { phone, call, frames });
    }

    fn answer_have(&mut self, phone: usize, call: u64, asked: &HaveRequest) {
        let database = self.database.borrow();
        let known = |id: &GroupId| {
            let row = database.tables.log.get(id)?;
            Some(outcome((*id, row.logged.again())))
        };
        let reply = HaveReply {
            epoch: self.epoch_name(),
            now: 0,
            known: asked.groups.iter().filter_map(known).collect(),
            need: asked
                .groups
                .iter()
                .filter(|id| !database.tables.log.contains_key(*id))
                .copied()
                .collect(),
        };
        drop(database);
        self.mail.push(Message::Had { phone, call, reply });
    }

    // ---- faults ------------------------------------------------------------------------------------------------------------

    fn has(&self, fault: Fault) -> bool {
        self.plan.faults.contains(&fault)
    }

    fn befall(&mut self, at: usize) {
        let Some(fault) = self.chance.pick(&self.plan.faults) else {
            return;
        };
        self.note(format_args!("{fault:?} befalls phone {at}"));
        match fault {
            Fault::Lose | Fault::Repeat | Fault::Cut | Fault::Move | Fault::Seal => {}
            Fault::Timeout => self.phones[at].call = None,
            Fault::Crash => self.crash(at),
            Fault::DiskFull => self.phones[at].it.full = !self.phones[at].it.full,
            Fault::DiskRollback => self.roll_back(at),
            Fault::Clone if self.phones.len() < 6 => {
                let copy = self.phones[at].it.clone();
                self.phones.push(Phone::start(copy));
            }
            Fault::Clone => {}
            Fault::Restore | Fault::SilentRestore => self.restore(fault),
            Fault::OfficeCrash => self.tasks.clear(),
            Fault::Scope => {
                let person = self.phones[at].it.person;
                let bucket = self.chance.pick(&self.buckets).expect("there are buckets");
                if !self.grants[person].remove(&bucket) {
                    self.grants[person].insert(bucket);
                }
            }
            Fault::SignedOut => self.phones[at].it.signed_out = !self.phones[at].it.signed_out,
            Fault::DatabaseCall => {
                let after = self.chance.draw() % 12;
                self.database.borrow_mut().calls_until_failure = Some(after);
            }
            Fault::Clock => {
                let years = self.chance.below(40) as i64 - 20;
                self.phones[at].it.clock = years * 31_557_600_000;
            }
            Fault::Tamper => self.tamper(at),
        }
    }

    fn roll_back(&mut self, at: usize) {
        let Some(backup) = self.phones[at].it.backup.take() else {
            self.phones[at].it.backup = Some(self.phones[at].it.disk.clone());
            return;
        };
        let disk = std::mem::replace(&mut self.phones[at].it.disk, backup);
        let kept = |id: &GroupId| self.phones.iter().any(|phone| phone.it.disk.holds(id));
        let lost: Vec<GroupId> = disk
            .outbox
            .keys()
            .chain(disk.journal.keys())
            .filter(|id| !kept(id))
            .copied()
            .collect();
        self.oracle
            .rolled_back(lost.into_iter(), &self.database.borrow().tables);
        self.crash(at);
    }

    fn restore(&mut self, fault: Fault) {
        if self.chance.percent(50) {
            let copy = self.database.borrow().tables.clone();
            self.copies.push(copy);
            return;
        }
        let copy = self.chance.pick(&self.copies).expect("there always is the first");
        self.tasks.clear();
        self.database.borrow_mut().tables = copy;
        self.oracle.office_restored();
        match fault {
            Fault::Restore => self.epoch += 1,
            _ => self.silent_restores += 1,
        }
    }

    fn tamper(&mut self, at: usize) {
        let phone = &mut self.phones[at];
        let records: Vec<String> = phone.it.disk.records.keys().cloned().collect();
        let Some(saved) = self
            .chance
            .pick(&records)
            .and_then(|id| phone.it.disk.records.get_mut(&id))
        else {
            return;
        };
        if saved
            .state
            .fields
            .pop_first()
            .is_some_and(|(_, field)| !field.live.is_empty())
        {
            let bucket = saved.bucket.clone();
            phone.it.disk.tampered.insert(bucket);
            self.crash(at);
        }
    }

    // ---- checks on the way -------------------------------------------------------------------------------------------------

    fn check(&mut self, at: usize) {
        let World {
            phones,
            oracle,
            database,
            silent_restores,
            ..
        } = self;
        let phone = &phones[at];
        let tampered = &phone.it.disk.tampered;
        let buckets = phone.replica.buckets().iter();
        for (bucket, mark) in buckets.filter(|(bucket, _)| !tampered.contains(*bucket)) {
            if phone.replica.counted_sum(bucket) != mark.sum {
                let what = format!("phone {at} shows another {bucket} than its checkpoint");
                oracle.broken("P5", what);
            }
            let row = (bucket.clone(), mark.cursor, mark.sum.a, mark.sum.b);
            if mark.cursor > 0 && !database.borrow().history.contains(&row) {
                let what = format!("phone {at} holds a {bucket} that never was: {row:?}");
                oracle.broken("P4", what);
            }
        }
        if tampered.is_empty() {
            // A restore that nothing tells of, between a phone's offer and its pull, leaves a gap that the daily check closes.
            oracle.read_your_writes(phone, *silent_restores == 0);
        }
    }

    // ---- the end -----------------------------------------------------------------------------------------------------------

    /// The network is fair, nothing fails, people finish: everything must come to rest.
    fn come_to_rest(&mut self) {
        self.note(format_args!("calm"));
        self.plan.faults.clear();
        self.plan.fail_disk_write = None;
        self.database.borrow_mut().calls_until_failure = None;
        self.grants[0] = self.buckets.iter().cloned().collect();
        while !self.mail.is_empty() {
            self.deliver();
        }
        for at in 0..self.phones.len() {
            let phone = &mut self.phones[at];
            (phone.it.full, phone.it.signed_out, phone.call) = (false, false, None);
            phone.replica.check_journal();
            phone.offered.clear();
            let (now, mut nonce) = (self.now(at), self.nonce);
            let stored = self.phones[at].replica.settle(now, || {
                nonce += 1;
                nonce
            });
            self.nonce = nonce;
            self.keep(at, stored, None);
        }
        self.everybody_syncs();
        self.admit_everything();
        self.everybody_syncs();
        self.settle_conflicts();
        self.everybody_syncs();
        if self.silent_restores > 0 {
            // What differs behind an equal number is found at the next change: this was it, and now people see the truth.
            self.settle_conflicts();
            self.everybody_syncs();
        }
        self.judge();
    }

    fn everybody_syncs(&mut self) {
        for _ in 0..3 {
            for at in 0..self.phones.len() {
                self.sync_fully(at);
            }
        }
    }

    fn sync_fully(&mut self, at: usize) {
        for _ in 0..60 {
            self.flush(at);
            self.phones[at].call = None;
            if self.phones[at].replica.must_refill() {
                self.offer(at);
                self.settle_mail();
                continue;
            }
            if self.push(at) || self.digest(at) {
                self.settle_mail();
                continue;
            }
            if self.ask_about_quarantine(at) {
                self.settle_mail();
            }
            self.pull(at);
            let more = self.settle_mail();
            if !more && !self.phones[at].replica.must_refill() && self.phones[at].unsettled() == 0 {
                return;
            }
        }
    }

    /// Delivers everything and finishes every task; whether an answer said that there is more.
    fn settle_mail(&mut self) -> bool {
        let mut more = false;
        loop {
            if let Some(message) = self.mail.pop() {
                if let Message::Pulled { frames, .. } = &message {
                    more |= matches!(frames.last(), Some(Frame::End(end)) if end.more);
                }
                self.receive(message);
            } else if !self.tasks.is_empty() {
                let mut turns = 0;
                while !self.tasks.is_empty() && turns < 100_000 {
                    self.go_on(turns % self.tasks.len());
                    turns += 1;
                }
                if !self.tasks.is_empty() {
                    self.oracle
                        .broken("P11", "the office's transactions wait for each other");
                    self.tasks.clear();
                }
            } else {
                return more;
            }
        }
    }

    fn admit_everything(&mut self) {
        let kept: Vec<(GroupId, Vec<u8>)> = {
            let database = self.database.borrow();
            let kept = database.tables.log.iter();
            kept.filter(|(_, row)| matches!(row.logged, Logged::Quarantined { .. }))
                .map(|(id, row)| (*id, row.received.clone()))
                .collect()
        };
        for (id, bytes) in kept {
            self.admit(id, bytes);
            self.settle_mail();
        }
    }

    /// Somebody looks at every field where people differ and decides; each then has one value.
    fn settle_conflicts(&mut self) {
        let Some(at) = (0..self.phones.len()).find(|at| self.phones[*at].it.person == 0) else {
            return;
        };
        for (record, _) in self.records.clone() {
            let bucket = self.bucket_of(at, &record);
            self.phones[at].look(&record, &PATHS);
            for path in ["f0", "f1", "note"] {
                let screen = self.phones[at].screen.clone().expect("just looked");
                let value = self.value("settled");
                let edit = Edit::new(&record, path, value, screen.fields[path].shown());
                let (now, nonce) = (self.now(at), self.next_nonce());
                let stored = self.phones[at]
                    .replica
                    .change(&bucket, GroupKind::Edit, vec![edit], now, nonce);
                self.keep(at, stored, Some(1));
            }
        }
    }

    fn judge(&mut self) {
        let World {
            oracle,
            phones,
            database,
            grants,
            ..
        } = self;
        let tables = &database.borrow().tables;
        oracle.office_is_the_definition(tables);
        oracle.nothing_is_lost(phones, tables);
        for (at, phone) in phones.iter().enumerate() {
            oracle.phone_is_the_office(at, phone, &grants[phone.it.person], tables);
        }
        for (_, record) in tables.records.values().filter(|(_, record)| !record.is_sealed()) {
            for (path, field) in &record.fields {
                if ["f0", "f1", "note"].contains(&path.as_str()) && field.live.len() != 1 {
                    oracle.broken(
                        "P2",
                        format!(
                            "{path} has {} values after somebody who saw all decided",
                            field.live.len()
                        ),
                    );
                }
            }
        }
    }
}

fn outcome((group, verdict): (GroupId, Verdict)) -> Outcome {
    let kind: OutcomeKind = verdict.outcome(|_, _| String::new());
    Outcome { group, kind }
}
