//! What the pages hold: who is signed in, the replica with its durable writes, and what the network is doing.
//!
//! A change is in memory and on screen at once and in one strict IndexedDB transaction right behind. Reading a field inside a
//! reactive scope follows that field only, so a tap repaints one item and not the form.

mod exchange;
mod joint;
mod safe;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sync_protocol::safe::SafeKey;
use sync_protocol::{
    Author, BucketId, DigestReply, DigestRequest, Edit, FieldPath, FieldView, Frame, Group, GroupId, GroupKind,
    HaveReply, Malformed, Phase as GroupPhase, PullRequest, PushBatch, PushReply, RecordId, RecordView, Replica, Saved,
    SavedGroup, StageError, Stored, Value,
};
use uuid::Uuid;
use wasm_bindgen_futures::spawn_local;

use crate::clock;
pub use crate::http::ApiError;
use crate::http::{self, Call};
pub use crate::local_store::{Beginning, Fate};
use crate::local_store::{DeviceStore, Imported, Mended, PersonStore, Superseded};
use crate::service_worker;
use crate::sync_driver::{self, Waker};
pub use exchange::{Choice, ImportError, ImportedItem};
pub use joint::{Arrival, Colleague};
pub use safe::{Safe, Withdrawn};

/// Where the app stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking into the local storage.
    Starting,
    SignedOut,
    /// Somebody's safe is shut; its owner opens it with their password.
    Locked,
    /// A newer version of the program has the storage: this page must be loaded anew.
    Outdated,
    /// Somebody is signed in; the network plays no part in this.
    Ready,
}

/// Who is signed in, as the office said at the last sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: String,
    pub name: String,
    pub roles: Vec<String>,
    pub zone: Option<String>,
    pub district_id: String,
    pub district_name: String,
}

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct About {
    pub version: String,
    pub demo: bool,
    pub district: Option<SessionDistrict>,
    pub sign_ins: Vec<SignIn>,
}

/// A sign-in of the demo district, shown in demo mode only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignIn {
    pub login: String,
    pub password: String,
    pub name: String,
    pub roles: Vec<String>,
}

/// How somebody proves that it is them, beside the password.
#[derive(Debug, Clone)]
pub enum Factor {
    /// Six digits or a recovery code.
    Code(String),
    /// A passkey's answer, with the question that it answers.
    Passkey(serde_json::Value),
}

/// Work of somebody who signed out here before it was sent. It lies in their own database and waits for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftWork {
    pub person: String,
    pub name: String,
    pub pieces: usize,
}

/// What waits on this phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncCounts {
    /// Groups the office does not have yet.
    pub pending: usize,
    /// Groups the office turned down, or that cannot be read back.
    pub attention: usize,
    /// Text being typed.
    pub drafts: usize,
}

impl SyncCounts {
    /// What would not be at the office if this phone were lost now.
    pub fn unsent(self) -> usize {
        self.pending + self.drafts
    }
}

/// Where a group is, in words people are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxState {
    OnPhone,
    OnServer,
    /// The office keeps it until a coordinator decides; its code.
    Kept(String),
    /// The office's code.
    NeedsAttention(String),
}

/// One action of this person.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxItem {
    pub group: String,
    pub at_ms: f64,
    pub bucket: String,
    pub ops: Vec<(RecordId, String, Value)>,
    pub state: OutboxState,
}

/// How many acknowledged actions the list still shows.
const RECENT: usize = 40;
/// How often a phone asks whether the office still has what it acknowledged, although nothing points to a loss.
const JOURNAL_CHECK_MS: f64 = 24.0 * 3_600_000.0;

struct Inner {
    device_store: RefCell<Option<DeviceStore>>,
    device: RefCell<Option<String>>,
    store: RefCell<Option<PersonStore>>,
    replica: RefCell<Option<Replica>>,
    /// Changes on their way to the disk, in order.
    unwritten: RefCell<Vec<Stored>>,
    writing: Cell<bool>,
    /// A push found changes that were not on the disk yet: it goes on when they are.
    push_waits: Cell<bool>,
    /// Counts every local change, so that a reload can tell whether it read an old state.
    generation: Cell<u64>,
    token: RefCell<Option<(String, f64)>>,
    alive: RefCell<Rc<Cell<bool>>>,
    waker: RefCell<Option<Waker>>,
    recent: RefCell<Vec<OutboxItem>>,
    imports: RefCell<Vec<Imported>>,
    /// How often this replica was mended when it was last looked at.
    mended_seen: Cell<u64>,
    tabs: RefCell<Option<web_sys::BroadcastChannel>>,
    /// The key of the open safe.
    key: RefCell<Option<SafeKey>>,
    /// Who is on their way in, before their safe is open.
    signing_in: RefCell<Option<Person>>,
    wrong_tries: Cell<u32>,
    /// How much the office was told to be only here.
    told_pending: Cell<Option<usize>>,
    withdrawing: Cell<bool>,
    looking_after: Cell<bool>,
    // what the pages follow
    phase: ArcRwSignal<Phase>,
    person: ArcRwSignal<Option<Person>>,
    safes: ArcRwSignal<Vec<Safe>>,
    door: ArcRwSignal<Option<Person>>,
    lapsed: ArcRwSignal<bool>,
    withdrawn: ArcRwSignal<Option<Withdrawn>>,
    online: ArcRwSignal<bool>,
    last_sync: ArcRwSignal<Option<f64>>,
    pulled: ArcRwSignal<bool>,
    sign_in_again: ArcRwSignal<bool>,
    too_old: ArcRwSignal<bool>,
    factor_demanded: ArcRwSignal<bool>,
    left: ArcRwSignal<Vec<LeftWork>>,
    mended: ArcRwSignal<Mended>,
    beginning: ArcRwSignal<Beginning>,
    storage_failed: ArcRwSignal<Option<String>>,
    pokes: ArcRwSignal<u64>,
    place: ArcRwSignal<Option<String>>,
    arrivals: ArcRwSignal<HashMap<(RecordId, String), Arrival>>,
    read_decisions: ArcRwSignal<Vec<String>>,
    outbox_moved: ArcTrigger,
    imports_moved: ArcTrigger,
    sets_moved: ArcTrigger,
    record_moved: RefCell<HashMap<RecordId, ArcTrigger>>,
    field_moved: RefCell<HashMap<RecordId, HashMap<FieldPath, Followed>>>,
}

thread_local! {
    static INNER: Rc<Inner> = Rc::new(Inner {
        device_store: RefCell::default(),
        device: RefCell::default(),
        store: RefCell::default(),
        replica: RefCell::default(),
        unwritten: RefCell::default(),
        writing: Cell::default(),
        push_waits: Cell::default(),
        generation: Cell::default(),
        token: RefCell::default(),
        alive: RefCell::default(),
        waker: RefCell::default(),
        recent: RefCell::default(),
        imports: RefCell::default(),
        mended_seen: Cell::default(),
        tabs: RefCell::default(),
        key: RefCell::default(),
        signing_in: RefCell::default(),
        wrong_tries: Cell::default(),
        told_pending: Cell::default(),
        withdrawing: Cell::default(),
        looking_after: Cell::default(),
        phase: ArcRwSignal::new(Phase::Starting),
        person: ArcRwSignal::new(None),
        safes: ArcRwSignal::new(vec![]),
        door: ArcRwSignal::new(None),
        lapsed: ArcRwSignal::new(false),
        withdrawn: ArcRwSignal::new(None),
        online: ArcRwSignal::new(true),
        last_sync: ArcRwSignal::new(None),
        pulled: ArcRwSignal::new(false),
        sign_in_again: ArcRwSignal::new(false),
        too_old: ArcRwSignal::new(false),
        factor_demanded: ArcRwSignal::new(false),
        left: ArcRwSignal::new(vec![]),
        mended: ArcRwSignal::new(Mended::default()),
        beginning: ArcRwSignal::new(Beginning::Known),
        storage_failed: ArcRwSignal::new(None),
        pokes: ArcRwSignal::new(0),
        place: ArcRwSignal::new(None),
        arrivals: ArcRwSignal::new(HashMap::new()),
        read_decisions: ArcRwSignal::new(vec![]),
        outbox_moved: ArcTrigger::new(),
        imports_moved: ArcTrigger::new(),
        sets_moved: ArcTrigger::new(),
        record_moved: RefCell::default(),
        field_moved: RefCell::default(),
    });
}

fn inner() -> Rc<Inner> {
    INNER.with(Rc::clone)
}

/// The one session of this page; copying it copies nothing.
#[derive(Debug, Clone, Copy)]
pub struct Session;

pub fn use_session() -> Session {
    Session
}

/// A fresh record id, in order of time.
pub fn new_record_id() -> RecordId {
    Uuid::now_v7().to_string().parse().expect("a UUID is a record id")
}

/// The id that every phone gives the finding of an item of a response, so that two phones that find the same make one record.
pub fn finding_id(response: &RecordId, item: &str) -> RecordId {
    let namespace = Uuid::parse_str(response.as_str()).expect("a record id is a UUID");
    Uuid::new_v5(&namespace, item.as_bytes())
        .to_string()
        .parse()
        .expect("a UUID is a record id")
}

#[derive(Deserialize)]
struct SessionReply {
    access: String,
    expires_in_s: f64,
    person: SessionPerson,
    district: SessionDistrict,
}
#[derive(Deserialize)]
struct SessionPerson {
    id: String,
    name: String,
    roles: Vec<String>,
    zone: Option<String>,
}
/// A district and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SessionDistrict {
    pub id: String,
    pub name: String,
}

impl SessionReply {
    fn person(&self) -> Person {
        Person {
            id: self.person.id.clone(),
            name: self.person.name.clone(),
            roles: self.person.roles.clone(),
            zone: self.person.zone.clone(),
            district_id: self.district.id.clone(),
            district_name: self.district.name.clone(),
        }
    }
}

// ---- who ------------------------------------------------------------------------------------------------------------------

impl Session {
    /// Opens what is stored and goes on where this phone was left. Called once, before the first page shows.
    pub async fn start(self) {
        let here = inner();
        let signed_in: Option<Person> = match DeviceStore::open().await {
            Ok((store, superseded)) => {
                let closing = store.clone();
                self.give_way_later(superseded, None, || closing.close());
                let device = match store.get::<String>("device").await {
                    Ok(Some(device)) => device,
                    _ => {
                        let fresh = Uuid::new_v4().to_string();
                        self.note_failure(store.set("device", &fresh).await);
                        fresh
                    }
                };
                let person = store.get("signed_in").await.unwrap_or_default();
                here.left
                    .set(store.get("left").await.unwrap_or_default().unwrap_or_default());
                here.safes
                    .set(store.get("safes").await.unwrap_or_default().unwrap_or_default());
                *here.device.borrow_mut() = Some(device);
                *here.device_store.borrow_mut() = Some(store);
                person
            }
            Err(error) if error.is_newer_here() => {
                here.phase.set(Phase::Outdated);
                return;
            }
            Err(error) => {
                here.storage_failed.set(Some(error.0));
                *here.device.borrow_mut() = Some(Uuid::new_v4().to_string());
                None
            }
        };
        self.hear_other_tabs();
        self.hear_the_page();
        self.come_back(signed_in).await;
    }

    pub fn phase(self) -> Phase {
        inner().phase.get()
    }

    pub fn person(self) -> Option<Person> {
        inner().person.get()
    }

    pub async fn about(self) -> Result<About, ApiError> {
        self.seen(http::json(Call::get("/api/v1/about")).await)
    }

    /// Signs in at the office; without a network the safe of this account is opened, if there is one here.
    ///
    /// `session.code_needed` where the account has a second factor: asked again with that.
    pub async fn sign_in(self, login: String, password: String, factor: Option<Factor>) -> Result<(), ApiError> {
        match self.sign_in_online(login.clone(), password.clone(), factor).await {
            Err(error) if error.is_network() => match self.safe_of(&login) {
                Some(safe) if inner().person.get_untracked().is_none() => {
                    self.unlock(safe.person, password, None).await
                }
                _ => Err(error),
            },
            answer => answer,
        }
    }

    async fn sign_in_online(self, login: String, password: String, factor: Option<Factor>) -> Result<(), ApiError> {
        let here = inner();
        let device = here.device.borrow().clone().unwrap_or_default();
        let mut asked =
            serde_json::json!({ "login": login, "password": password, "device": device, "device_name": device_name() });
        match factor {
            Some(Factor::Code(code)) => asked["code"] = code.into(),
            Some(Factor::Passkey(answer)) => asked["passkey"] = answer,
            None => {}
        }
        let reply: SessionReply =
            self.seen(http::json(Call::post("/api/v1/session", "application/json", asked.to_string())).await)?;
        let person = reply.person();
        let present = here.person.get_untracked();
        let stays = present.as_ref().is_some_and(|present| is_same(present, &person));
        if present.is_some() && !stays {
            self.leave().await?;
            self.forget_key();
        }
        self.keep_token(&reply);
        here.sign_in_again.set(false);
        *here.signing_in.borrow_mut() = Some(person.clone());
        let key = self.safe_key(&person, &login, &password).await;
        *here.signing_in.borrow_mut() = None;
        let key = key?;
        self.note_signed_in(&person).await;
        if stays {
            // They never left: what is in memory is what is theirs.
            here.person.set(Some(person));
            self.wake();
        } else {
            self.enter(person, key).await;
        }
        Ok(())
    }

    async fn note_signed_in(self, person: &Person) {
        let store = inner().device_store.borrow().clone();
        if let Some(store) = store {
            self.note_failure(store.set("signed_in", person).await);
        }
    }

    /// Chooses a password by a link; the login it is for.
    pub async fn enrol(self, code: &str, password: &str) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Chosen {
            login: String,
        }
        let asked = serde_json::json!({ "code": code, "password": password }).to_string();
        let chosen: Chosen = self.seen(http::json(Call::post("/api/v1/enrolment", "application/json", asked)).await)?;
        Ok(chosen.login)
    }

    /// Leaves this phone to others. Unsent work stays sealed in this person's safe, and goes to the office from there.
    /// `storage.full` while something could not be stored: it would be lost.
    pub async fn sign_out(self) -> Result<(), ApiError> {
        self.leave().await?;
        // Without a network the office learns it from the next sign-in; nobody waits for that here.
        spawn_local(async {
            let _ = http::text(Call::delete("/api/v1/session")).await;
        });
        let store = inner().device_store.borrow().clone();
        if let Some(store) = store {
            self.note_failure(store.remove("signed_in").await);
        }
        self.forget_key();
        self.show_door(None);
        spawn_local(self.look_after_shut_safes());
        Ok(())
    }

    /// Ends one person's stay. From here on nothing that was asked or queued for them reaches the next.
    async fn leave(self) -> Result<(), ApiError> {
        let here = inner();
        self.settle();
        self.written().await;
        if here.writing.get() || !here.unwritten.borrow().is_empty() {
            return Err(ApiError::new(507, "storage.full"));
        }
        here.alive.borrow().set(false);
        let pieces = untrack(|| self.counts()).unsent();
        let person = here.person.get_untracked();
        *here.replica.borrow_mut() = None;
        if let Some(store) = here.store.borrow_mut().take() {
            store.close();
        }
        *here.key.borrow_mut() = None;
        *here.token.borrow_mut() = None;
        here.imports.borrow_mut().clear();
        here.generation.set(here.generation.get() + 1);
        here.recent.borrow_mut().clear();
        here.person.set(None);
        here.place.set(None);
        here.arrivals.set(HashMap::new());
        here.read_decisions.set(vec![]);
        here.pulled.set(false);
        here.told_pending.set(None);
        here.last_sync.set(None);
        here.too_old.set(false);
        here.factor_demanded.set(false);
        here.sign_in_again.set(false);
        here.phase.set(Phase::SignedOut);
        self.tell_all();
        if let Some(Person { id, name, .. }) = person {
            self.note_left(&id, (pieces > 0).then_some((name, pieces))).await;
        }
        Ok(())
    }

    /// Remembers for whoever opens this phone next that somebody's work waits here, or that it no longer does.
    async fn note_left(self, person: &str, waits: Option<(String, usize)>) {
        let here = inner();
        let mut left = here.left.get_untracked();
        left.retain(|work| work.person != person);
        left.extend(waits.map(|(name, pieces)| LeftWork {
            person: person.to_owned(),
            name,
            pieces,
        }));
        if left == here.left.get_untracked() {
            return;
        }
        here.left.set(left.clone());
        let store = here.device_store.borrow().clone();
        if let Some(store) = store {
            self.note_failure(store.set("left", &left).await);
        }
    }

    /// Whose work waits on this phone for their next sign-in.
    pub fn left_work(self) -> Vec<LeftWork> {
        inner().left.get()
    }

    /// Whether the office ended the sign-in: work goes on, sending waits for the password.
    pub fn must_sign_in_again(self) -> bool {
        inner().sign_in_again.get()
    }

    async fn enter(self, person: Person, key: SafeKey) {
        let here = inner();
        self.note_left(&person.id, None).await;
        let opened = match PersonStore::open(&person.district_id, &person.id, key.clone()).await {
            Ok((store, superseded)) => {
                let closing = store.clone();
                self.give_way_later(superseded, Some(person.id.clone()), || closing.close());
                store.load().await.map(|saved| (store, saved))
            }
            Err(error) => Err(error),
        };
        let author = Author {
            person: person.id.parse().expect("the office gives person ids"),
            device: here
                .device
                .borrow()
                .as_deref()
                .unwrap_or_default()
                .parse()
                .expect("made as a UUID"),
        };
        let saved = match opened {
            Ok((store, saved)) => {
                here.place.set(store.place().await.unwrap_or_default());
                here.read_decisions
                    .set(store.read_decisions().await.unwrap_or_default());
                self.remember_beginning(&store, &saved).await;
                if let Err(error) = store.seal_what_is_not().await {
                    here.storage_failed.set(Some(error.0));
                }
                *here.imports.borrow_mut() = store.imports().await.unwrap_or_default();
                here.mended.set(store.mended().await.unwrap_or_default());
                *here.store.borrow_mut() = Some(store);
                saved
            }
            Err(error) if error.is_newer_here() => {
                here.phase.set(Phase::Outdated);
                return;
            }
            Err(error) => {
                here.storage_failed.set(Some(error.0));
                Saved::default()
            }
        };
        // Somebody newer took the storage over while it was read.
        if here.phase.get_untracked() == Phase::Outdated {
            return;
        }
        here.pulled.set(!saved.buckets.is_empty());
        here.generation.set(here.generation.get() + 1);
        here.mended_seen.set(0);
        *here.replica.borrow_mut() = Some(Replica::open(author, saved));
        // What was being typed when the page went away becomes a group now.
        self.settle();
        here.person.set(Some(person.clone()));
        here.door.set(None);
        here.withdrawn.set(None);
        self.opened(&person, &key);
        here.phase.set(Phase::Ready);
        self.tell_all();
        ask_to_persist();
        let alive = Rc::new(Cell::new(true));
        *here.alive.borrow_mut() = alive.clone();
        *here.waker.borrow_mut() = Some(sync_driver::start(self, alive));
        spawn_local(self.look_after_shut_safes());
    }

    /// A person who finds nothing here is told what the office holds: it is their first time on this phone, or its storage was cleared.
    async fn remember_beginning(self, store: &PersonStore, saved: &Saved) {
        if saved.epoch.is_none() && saved.groups.is_empty() && saved.drafts.is_empty() {
            self.note_failure(store.set_beginning(&Beginning::Empty).await);
        }
        inner().beginning.set(store.beginning().await.unwrap_or_default());
    }

    /// How this person's stay on this phone began; tracked.
    pub fn beginning(self) -> Beginning {
        inner().beginning.get()
    }

    pub fn set_beginning(self, beginning: Beginning) {
        let here = inner();
        here.beginning.set(beginning.clone());
        let store = here.store.borrow().clone();
        spawn_local(async move {
            if let Some(store) = store {
                self.note_failure(store.set_beginning(&beginning).await);
            }
        });
    }

    /// A tab with a newer version of the program waits for this one to let go of the storage. What was typed is stored first;
    /// after that nothing can be, so that nothing can be typed any more. The storage of an `owner` who has left is just closed.
    fn give_way_later(self, superseded: Superseded, owner: Option<String>, close: impl FnOnce() + 'static) {
        spawn_local(async move {
            superseded.happens().await;
            let here = inner();
            let present = here.person.get_untracked().map(|person| person.id);
            if owner.is_some() && present.is_some() && present != owner {
                return close();
            }
            self.settle();
            self.written().await;
            close();
            here.alive.borrow().set(false);
            here.phase.set(Phase::Outdated);
        });
    }
}

/// A field that something on the screen follows, and what that was told last.
struct Followed {
    trigger: ArcTrigger,
    told: FieldView,
    /// What stood there before somebody else's word came, and when that was: for half a second it cannot have been read.
    before: Option<(FieldView, f64)>,
}

fn field_now(record: &RecordId, path: &FieldPath) -> FieldView {
    let here = inner();
    let replica = here.replica.borrow();
    replica
        .as_ref()
        .map(|replica| replica.field(record, path))
        .unwrap_or_default()
}

fn is_same(one: &Person, other: &Person) -> bool {
    (&one.district_id, &one.id) == (&other.district_id, &other.id)
}

// ---- reading --------------------------------------------------------------------------------------------------------------

impl Session {
    /// One field; follows that field only.
    pub fn field(self, record: &RecordId, path: &str) -> FieldView {
        let here = inner();
        let Ok(path) = path.parse::<FieldPath>() else {
            return FieldView::default();
        };
        let view = match self.is_closed(record) {
            false => field_now(record, &path),
            true => FieldView::default(),
        };
        let mut followed = here.field_moved.borrow_mut();
        let of_record = followed.entry(record.clone()).or_default();
        let trigger = match of_record.get(&path) {
            Some(followed) => followed.trigger.clone(),
            None => {
                let trigger = ArcTrigger::new();
                let told = view.clone();
                let new = Followed {
                    trigger: trigger.clone(),
                    told,
                    before: None,
                };
                of_record.insert(path, new);
                trigger
            }
        };
        drop(followed);
        trigger.track();
        view
    }

    /// A whole record; follows all of it.
    pub fn record(self, record: &RecordId) -> Option<RecordView> {
        let here = inner();
        let trigger = here
            .record_moved
            .borrow_mut()
            .entry(record.clone())
            .or_default()
            .clone();
        trigger.track();
        if self.is_closed(record) {
            return None;
        }
        here.replica.borrow().as_ref().and_then(|replica| replica.view(record))
    }

    /// The records of a kind; follows the set, not what is in them.
    pub fn records(self, kind: &str) -> Vec<RecordId> {
        let here = inner();
        here.sets_moved.track();
        let replica = here.replica.borrow();
        let Some(replica) = replica.as_ref() else { return vec![] };
        replica
            .record_ids()
            .into_iter()
            .filter(|id| replica.kind_of(id) == kind && !self.is_closed(id))
            .collect()
    }

    /// The records of a kind whose `parent_field` names `parent`.
    pub fn children(self, kind: &str, parent_field: &str, parent: &RecordId) -> Vec<RecordId> {
        let ids = self.records(kind);
        let here = inner();
        let replica = here.replica.borrow();
        let (Some(replica), Ok(path)) = (replica.as_ref(), parent_field.parse::<FieldPath>()) else {
            return vec![];
        };
        ids.into_iter()
            .filter(|id| replica.field(id, &path).text() == parent.as_str())
            .collect()
    }

    /// A person's name from the district's roster, or the beginning of the id while the roster is not here.
    pub fn name_of(self, person: &str) -> String {
        let name = person
            .parse::<RecordId>()
            .map(|id| self.field(&id, "name").text().to_owned())
            .unwrap_or_default();
        if name.is_empty() {
            person.chars().take(8).collect()
        } else {
            name
        }
    }
}

// ---- writing --------------------------------------------------------------------------------------------------------------

impl Session {
    /// One action: seen at once, durable right behind, sent when there is a network.
    pub fn change(self, bucket: &BucketId, kind: GroupKind, edits: Vec<Edit>) {
        let touched: Vec<(RecordId, FieldPath)> = edits
            .iter()
            .map(|edit| (edit.record.clone(), edit.path.clone()))
            .collect();
        self.write(
            |replica| replica.change(bucket, kind, edits, clock::now_ms(), clock::random_u64()),
            &touched,
        );
        self.wake();
    }

    /// Every input event of a text box.
    pub fn type_text(self, bucket: &BucketId, edit: Edit) {
        let touched = [(edit.record.clone(), edit.path.clone())];
        self.write(|replica| replica.type_text(bucket, edit, clock::now_ms()), &touched);
    }

    /// What was typed becomes groups: at the end of a text box, a page, a session.
    pub fn settle(self) {
        let here = inner();
        let touched: Vec<(RecordId, FieldPath)> = match here.replica.borrow().as_ref() {
            Some(replica) => replica
                .drafts()
                .map(|draft| (draft.record.clone(), draft.path.clone()))
                .collect(),
            None => vec![],
        };
        if !touched.is_empty() {
            self.write(|replica| replica.settle(clock::now_ms(), clock::random_u64), &touched);
            self.wake();
        }
    }

    fn write(self, change: impl FnOnce(&mut Replica) -> Vec<Stored>, touched: &[(RecordId, FieldPath)]) {
        let here = inner();
        let (stored, grew) = match here.replica.borrow_mut().as_mut() {
            Some(replica) => {
                let known = touched.iter().all(|(record, _)| replica.bucket_of(record).is_some());
                (change(replica), !known)
            }
            None => return,
        };
        self.keep(stored);
        self.tell(touched);
        if grew {
            here.sets_moved.notify();
        }
        here.outbox_moved.notify();
    }

    /// Queues changes for the disk; one strict transaction takes all that wait.
    fn keep(self, stored: Vec<Stored>) {
        let here = inner();
        here.generation.set(here.generation.get() + 1);
        here.unwritten.borrow_mut().extend(stored);
        if !here.writing.replace(true) {
            spawn_local(async move {
                self.write_out().await;
                inner().writing.set(false);
            });
        }
    }

    async fn write_out(self) {
        let here = inner();
        loop {
            let batch = std::mem::take(&mut *here.unwritten.borrow_mut());
            let store = here.store.borrow().clone();
            let (Some(store), false) = (store, batch.is_empty()) else {
                if here.push_waits.take() {
                    self.wake();
                }
                return;
            };
            match store.write(&batch).await {
                Ok(()) => {
                    here.storage_failed.set(None);
                    self.tell_other_tabs();
                }
                Err(error) => {
                    // Nothing is dropped: it stays in memory, the screen says so, and it is tried again.
                    here.storage_failed.set(Some(error.0));
                    here.unwritten.borrow_mut().splice(0..0, batch);
                    clock::sleep(1_500).await;
                }
            }
        }
    }

    /// Waits until everything is on the disk, at most a few seconds.
    async fn written(self) {
        for _ in 0..100 {
            if !inner().writing.get() {
                return;
            }
            clock::sleep(30).await;
        }
    }

    fn note_failure(self, result: Result<(), crate::local_store::StoreError>) {
        if let Err(error) = result {
            inner().storage_failed.set(Some(error.0));
        }
    }
}

// ---- sync -----------------------------------------------------------------------------------------------------------------

impl Session {
    /// Whether the last call reached the server.
    pub fn online(self) -> bool {
        inner().online.get()
    }

    /// When the last whole round ended well, by this device's clock.
    pub fn last_sync_ms(self) -> Option<f64> {
        inner().last_sync.get()
    }

    /// Whether everything this person needs is here and the app starts without a network.
    pub fn ready_offline(self) -> bool {
        let pulled = inner().pulled.get();
        service_worker::controlled() && pulled
    }

    pub fn counts(self) -> SyncCounts {
        let here = inner();
        here.outbox_moved.track();
        let replica = here.replica.borrow();
        let Some(replica) = replica.as_ref() else {
            return SyncCounts::default();
        };
        let mut counts = SyncCounts {
            attention: replica.unreadable().len(),
            drafts: replica.drafts().count(),
            pending: 0,
        };
        here.imports_moved.track();
        let waits = |import: &&Imported| import.fate == Fate::Waits;
        counts.pending += here.imports.borrow().iter().filter(waits).count();
        for (saved, _) in replica.outbox() {
            match saved.phase {
                GroupPhase::Frozen => counts.pending += 1,
                GroupPhase::Refused { .. } | GroupPhase::Quarantined { .. } => counts.attention += 1,
                GroupPhase::Acked { .. } | GroupPhase::Covered { .. } => {}
            }
        }
        counts
    }

    /// This person's actions, newest first: all that wait, and the last that arrived.
    pub fn outbox(self) -> Vec<OutboxItem> {
        let here = inner();
        here.outbox_moved.track();
        let replica = here.replica.borrow();
        let Some(replica) = replica.as_ref() else { return vec![] };
        let mut items: Vec<OutboxItem> = replica.outbox().map(|(saved, group)| item(saved, group)).collect();
        items.extend(replica.unreadable().iter().map(unreadable));
        items.reverse();
        items.extend(here.recent.borrow().iter().rev().cloned());
        items
    }

    /// A tap on "sync now".
    pub fn sync_now(self) {
        self.settle();
        if let Some(waker) = &*inner().waker.borrow() {
            waker.tap();
        }
    }

    /// Whether the server speaks a newer protocol to those who receive; what is sent, it takes.
    pub fn is_too_old(self) -> bool {
        inner().too_old.get()
    }

    pub(crate) fn too_old_to_receive(self, too_old: bool) {
        inner().too_old.set(too_old);
    }

    pub fn storage_failed(self) -> Option<String> {
        inner().storage_failed.get()
    }

    /// Counts what the office's data went through since this page opened.
    pub fn pokes(self) -> u64 {
        inner().pokes.get()
    }

    fn wake(self) {
        if let Some(waker) = &*inner().waker.borrow() {
            waker.wake();
        }
    }

    pub(crate) fn poked(self) {
        inner().pokes.update(|pokes| *pokes += 1);
    }

    /// Notes whether the server answered, and when it ended the sign-in.
    pub(crate) fn seen<T>(self, answer: Result<T, ApiError>) -> Result<T, ApiError> {
        let here = inner();
        let reached = !matches!(&answer, Err(error) if error.is_network());
        if here.online.get_untracked() != reached {
            here.online.set(reached);
        }
        if let Err(error) = &answer
            && safe::is_withdrawal(&error.code)
        {
            spawn_local(self.withdraw(error.code.clone()));
        }
        if matches!(&answer, Err(error) if error.code == "second_factor.demanded") {
            here.factor_demanded.set(true);
        }
        answer
    }

    /// Whether the office wants a second factor of this person first; tracked.
    pub fn factor_demanded(self) -> bool {
        inner().factor_demanded.get()
    }

    /// There is one now: the office answers again.
    pub fn factor_is_there(self) {
        if inner().factor_demanded.get_untracked() {
            inner().factor_demanded.set(false);
            self.wake();
        }
    }

    pub(crate) fn round_ended(self, done: Result<(), ApiError>) {
        let here = inner();
        match done {
            Ok(()) => {
                here.last_sync.set(Some(js_sys::Date::now()));
                self.note_contact();
                if !here.pulled.get_untracked() {
                    here.pulled.set(true);
                }
            }
            Err(error) => {
                let _ = self.seen::<()>(Err(error));
            }
        }
    }

    pub(crate) fn next_push(self) -> Option<PushBatch> {
        // Only what is on the disk goes out: the server must never know more than this phone remembers.
        let here = inner();
        if !here.unwritten.borrow().is_empty() || here.writing.get() {
            here.push_waits.set(true);
            return None;
        }
        here.replica
            .borrow()
            .as_ref()
            .and_then(|replica| replica.next_push(clock::now_ms()))
    }

    pub(crate) fn next_pull(self, budget: u32) -> PullRequest {
        let here = inner();
        let mut replica = here.replica.borrow_mut();
        replica
            .as_mut()
            .map(|replica| replica.next_pull(budget))
            .unwrap_or(PullRequest {
                protocol: sync_protocol::PROTOCOL,
                epoch: None,
                want: Default::default(),
                at: Default::default(),
                budget,
                acked: Vec::new(),
                mend: Default::default(),
            })
    }

    pub(crate) async fn take_push_reply(self, reply: &PushReply) -> Result<(), ApiError> {
        let here = inner();
        let stored = match here.replica.borrow_mut().as_mut() {
            Some(replica) => replica.handle_push_reply(reply),
            None => return Err(ApiError::network()),
        };
        self.installed(stored);
        Ok(())
    }

    /// Whether the server must be offered the journal before anything is taken from it: it was restored, or a day has passed.
    pub(crate) async fn must_refill(self) -> bool {
        let here = inner();
        if let Some(replica) = here.replica.borrow().as_ref()
            && replica.must_refill()
        {
            return true;
        }
        let store = here.store.borrow().clone();
        let Some(store) = store else { return false };
        let checked = store.journal_checked().await.ok().flatten();
        let now = clock::now_ms() as f64;
        match checked {
            // A clock that was set back must not put the check off for years.
            Some(at) if (at..at + JOURNAL_CHECK_MS).contains(&now) => false,
            None => {
                self.note_failure(store.set_journal_checked(now).await);
                false
            }
            Some(_) => {
                if let Some(replica) = here.replica.borrow_mut().as_mut() {
                    replica.check_journal();
                }
                true
            }
        }
    }

    /// What was acknowledged and is kept here.
    pub(crate) async fn journal(self) -> Result<Vec<SavedGroup>, ApiError> {
        let store = inner().store.borrow().clone();
        match store {
            Some(store) => store.journal().await.map_err(|error| ApiError::new(0, &error.0)),
            None => Err(ApiError::network()),
        }
    }

    /// Groups in quarantine, to be asked about.
    pub(crate) fn in_quarantine(self) -> Vec<GroupId> {
        let here = inner();
        let replica = here.replica.borrow();
        replica.as_ref().map(Replica::in_quarantine).unwrap_or_default()
    }

    /// What a server that lost something is asked about.
    pub(crate) fn to_offer(self, journal: &[SavedGroup]) -> Vec<GroupId> {
        let ids: Vec<GroupId> = journal.iter().map(|saved| saved.id).collect();
        let here = inner();
        let replica = here.replica.borrow();
        replica.as_ref().map_or_else(Vec::new, |replica| replica.to_offer(&ids))
    }

    /// The next step in the search for what differs.
    pub(crate) fn next_digest(self) -> Option<DigestRequest> {
        inner().replica.borrow().as_ref().and_then(Replica::next_digest)
    }

    pub(crate) fn take_digest(self, reply: &DigestReply) {
        let taken = match inner().replica.borrow_mut().as_mut() {
            Some(replica) => replica.handle_digest(reply),
            None => return,
        };
        self.installed(taken);
    }

    /// Takes the server's word on what was offered.
    pub(crate) fn take_have(self, reply: &HaveReply, journal: Vec<SavedGroup>) {
        let taken = match inner().replica.borrow_mut().as_mut() {
            Some(replica) => replica.handle_have(reply, journal),
            None => return,
        };
        self.installed(taken);
    }

    /// Everything was offered; what the office's backups hold by now leaves the journal.
    pub(crate) async fn refilled(self, mut journal: Vec<SavedGroup>) {
        let here = inner();
        let stored = here.replica.borrow_mut().as_mut().map(|replica| {
            journal.retain(|saved| replica.is_beyond_horizon(saved));
            replica.refilled()
        });
        self.keep(stored.unwrap_or_default());
        let store = here.store.borrow().clone();
        if let Some(store) = store {
            self.note_failure(store.prune_journal(&journal).await);
            self.note_failure(store.set_journal_checked(clock::now_ms() as f64).await);
        }
    }

    pub(crate) fn take_frame(self, frame: Frame) -> Result<Result<(), StageError>, ApiError> {
        let here = inner();
        let taken = match here.replica.borrow_mut().as_mut() {
            Some(replica) => replica.handle_frame(frame),
            None => return Err(ApiError::network()),
        };
        self.count_mended();
        Ok(taken.map(|stored| self.installed(stored)))
    }

    /// How often the copy here did not match the office's checksum and was mended, on this phone, since it has one.
    pub fn mended(self) -> u64 {
        inner().mended.get().times
    }

    fn count_mended(self) {
        let here = inner();
        let now = here.replica.borrow().as_ref().map_or(0, Replica::mended);
        let seen = here.mended_seen.replace(now);
        if now > seen {
            let Mended { times, told } = here.mended.get_untracked();
            let times = times + now - seen;
            self.keep_mended(Mended { times, told });
        }
    }

    /// What the office does not know yet of how often this phone was mended.
    pub(crate) fn mended_to_tell(self) -> Option<u64> {
        let Mended { times, told } = inner().mended.get_untracked();
        (times > told).then_some(times)
    }

    pub(crate) fn told_mended(self, told: u64) {
        let Mended { times, .. } = inner().mended.get_untracked();
        self.keep_mended(Mended { times, told });
    }

    /// How much is only here, where the office does not know it yet.
    pub(crate) fn pending_to_tell(self) -> Option<usize> {
        let pieces = untrack(|| self.counts()).unsent();
        (inner().told_pending.get() != Some(pieces)).then_some(pieces)
    }

    pub(crate) fn told_pending(self, pieces: usize) {
        inner().told_pending.set(Some(pieces));
    }

    fn keep_mended(self, mended: Mended) {
        let here = inner();
        here.mended.set(mended);
        let store = here.store.borrow().clone();
        spawn_local(async move {
            if let Some(store) = store {
                self.note_failure(store.set_mended(mended).await);
            }
        });
    }

    /// Keeps what an answer changed and repaints what shows it.
    fn installed(self, stored: Vec<Stored>) {
        if stored.is_empty() {
            return;
        }
        let here = inner();
        let mut records: BTreeSet<RecordId> = BTreeSet::new();
        for change in &stored {
            match change {
                Stored::PutRecord(record) => drop(records.insert(record.state.id.clone())),
                Stored::DropRecord(id) => drop(records.insert(id.clone())),
                Stored::Journal(saved) => {
                    if let Ok(group) = sync_protocol::Group::from_line(saved.line.as_bytes()) {
                        let mut recent = here.recent.borrow_mut();
                        recent.push(item(saved, &group));
                        let extra = recent.len().saturating_sub(RECENT);
                        recent.drain(..extra);
                    }
                }
                Stored::PutGroup(saved) => {
                    // A refused group no longer shows in its fields.
                    if let Ok(group) = sync_protocol::Group::from_line(saved.line.as_bytes()) {
                        records.extend(group.ops.iter().map(|op| op.record().clone()));
                    }
                }
                _ => {}
            }
        }
        self.keep(stored);
        for id in &records {
            self.tell_record(id);
        }
        if !records.is_empty() {
            here.sets_moved.notify();
        }
        here.outbox_moved.notify();
    }
}

/// A line that is no group by the rules. Most still say what somebody did: those that were refused for their size or for a character.
fn unreadable(saved: &SavedGroup) -> OutboxItem {
    let Err(Malformed(code)) = Group::from_line(saved.line.as_bytes()) else {
        return nameless(saved);
    };
    let shown = serde_json::from_str::<Group>(&saved.line.replace("\\u0000", "\u{2400}"));
    let Ok(group) = shown else { return nameless(saved) };
    let item = item(saved, &group);
    match item.state {
        OutboxState::OnPhone => OutboxItem {
            state: OutboxState::NeedsAttention(code.to_string()),
            ..item
        },
        _ => item,
    }
}

fn nameless(saved: &SavedGroup) -> OutboxItem {
    OutboxItem {
        group: saved.id.to_string(),
        at_ms: saved.order as f64,
        bucket: String::new(),
        ops: Vec::new(),
        state: OutboxState::NeedsAttention("unreadable".into()),
    }
}

fn item(saved: &sync_protocol::SavedGroup, group: &sync_protocol::Group) -> OutboxItem {
    let state = match &saved.phase {
        GroupPhase::Frozen => OutboxState::OnPhone,
        GroupPhase::Acked { .. } | GroupPhase::Covered { .. } => OutboxState::OnServer,
        GroupPhase::Refused { code } => OutboxState::NeedsAttention(code.clone()),
        GroupPhase::Quarantined { code } => OutboxState::Kept(code.clone()),
    };
    let op = |op: &sync_protocol::Op| (op.record().clone(), op.path().to_string(), op.value().clone());
    OutboxItem {
        group: saved.id.to_string(),
        at_ms: group.at as f64,
        bucket: group.bucket.to_string(),
        ops: group.ops.iter().map(op).collect(),
        state,
    }
}

// ---- office queries and tokens --------------------------------------------------------------------------------------------

impl Session {
    /// Asks the office: adds the token, renews it when it has run out.
    pub async fn get<T: DeserializeOwned>(self, path: &str) -> Result<T, ApiError> {
        let token = self.token().await?;
        let answer = self.seen(http::json(Call::get(path).with_token(&token)).await);
        match answer {
            Err(error) if error.status == 401 => {
                *inner().token.borrow_mut() = None;
                let token = self.token().await?;
                self.seen(http::json(Call::get(path).with_token(&token)).await)
            }
            answer => answer,
        }
    }

    /// Tells the office something in JSON and reads what it answers.
    pub async fn post_json<T: DeserializeOwned>(self, path: &str, body: String) -> Result<T, ApiError> {
        let token = self.token().await?;
        let call = Call::post(path, "application/json", body.clone()).with_token(&token);
        match self.seen(http::json(call).await) {
            // Nothing was done: the token had become stale.
            Err(error) if error.status == 401 => {
                self.forget_token();
                let token = self.token().await?;
                self.seen(http::json(Call::post(path, "application/json", body).with_token(&token)).await)
            }
            answer => answer,
        }
    }

    /// Asks the office to do something that needs no words.
    pub async fn post<T: DeserializeOwned>(self, path: &str) -> Result<T, ApiError> {
        let token = self.token().await?;
        let call = Call::post(path, "application/json", String::new()).with_token(&token);
        self.seen(http::json(call).await)
    }

    /// A token that is good for a while yet.
    pub(crate) async fn token(self) -> Result<String, ApiError> {
        let here = inner();
        let good = here
            .token
            .borrow()
            .as_ref()
            .filter(|(_, until)| *until > js_sys::Date::now())
            .map(|(token, _)| token.clone());
        if let Some(token) = good {
            return Ok(token);
        }
        let call = Call::post("/api/v1/session/refresh", "application/json", "{}".into());
        let reply: Result<SessionReply, ApiError> = self.seen(http::json(call).await);
        match reply {
            Ok(reply)
                if here
                    .person
                    .get_untracked()
                    .is_some_and(|person| person.id == reply.person.id) =>
            {
                here.sign_in_again.set(false);
                Ok(self.keep_token(&reply))
            }
            // The cookie belongs to somebody else who signed in on this browser: this person's work waits for them.
            Ok(_) => {
                here.sign_in_again.set(true);
                Err(ApiError::new(401, "session.other_person"))
            }
            Err(error) => {
                if error.status == 401 {
                    here.sign_in_again.set(true);
                }
                Err(error)
            }
        }
    }

    /// The server does not take this token any more: the next call renews it.
    pub(crate) fn forget_token(self) {
        *inner().token.borrow_mut() = None;
    }

    fn keep_token(self, reply: &SessionReply) -> String {
        // Renewed a little early, so that it does not run out on its way.
        let until = js_sys::Date::now() + (reply.expires_in_s - 30.0).max(5.0) * 1000.0;
        *inner().token.borrow_mut() = Some((reply.access.clone(), until));
        reply.access.clone()
    }
}

// ---- places, tabs, the page -----------------------------------------------------------------------------------------------

impl Session {
    /// Where this person was last: a route with the item after `#`.
    pub fn resume_place(self) -> Option<String> {
        inner().place.get()
    }

    pub fn remember_place(self, place: &str) {
        let here = inner();
        if here.place.get_untracked().as_deref() == Some(place) {
            return;
        }
        here.place.set(Some(place.to_owned()));
        let (store, place) = (here.store.borrow().clone(), place.to_owned());
        spawn_local(async move {
            if let Some(store) = store {
                self.note_failure(store.set_place(&place).await);
            }
        });
    }

    /// Another tab of the same person wrote: what it wrote is read from the disk.
    fn hear_other_tabs(self) {
        let Ok(channel) = web_sys::BroadcastChannel::new("duxing") else {
            return;
        };
        clock::on(&channel, "message", move || spawn_local(self.reload()));
        *inner().tabs.borrow_mut() = Some(channel);
    }

    fn tell_other_tabs(self) {
        if let Some(channel) = &*inner().tabs.borrow() {
            let _ = channel.post_message(&"written".into());
        }
    }

    async fn reload(self) {
        let here = inner();
        for _ in 0..10 {
            let before = here.generation.get();
            let (store, me) = match (here.store.borrow().clone(), here.replica.borrow().as_ref()) {
                (Some(store), Some(replica)) => (store, replica.me().clone()),
                _ => return,
            };
            self.written().await;
            let Ok(mut saved) = store.load().await else { return };
            let imports = store.imports().await.unwrap_or_default();
            // What another tab is typing is that tab's to settle.
            let own = |draft: &sync_protocol::Draft| {
                let replica = here.replica.borrow();
                let mut drafts = replica.iter().flat_map(Replica::drafts);
                drafts.any(|mine| mine.record == draft.record && mine.path == draft.path)
            };
            saved.drafts.retain(own);
            // Somebody wrote here in the meantime: what was read is old.
            if here.generation.get() == before && here.unwritten.borrow().is_empty() {
                here.mended_seen.set(0);
                *here.replica.borrow_mut() = Some(Replica::open(me, saved));
                *here.imports.borrow_mut() = imports;
                self.tell_all();
                return;
            }
        }
    }

    /// A page that is put away settles what was typed; it may never come back.
    fn hear_the_page(self) {
        let Some(window) = web_sys::window() else { return };
        clock::on(&window, "pagehide", move || self.settle());
        clock::on(&window, "offline", move || inner().online.set(false));
        if let Some(document) = window.document() {
            clock::on(&document, "visibilitychange", move || {
                self.settle();
                self.wake();
            });
        }
    }

    fn tell(self, touched: &[(RecordId, FieldPath)]) {
        let here = inner();
        let mut triggers = Vec::new();
        for (record, path) in touched {
            if let Some(followed) = here
                .field_moved
                .borrow_mut()
                .get_mut(record)
                .and_then(|fields| fields.get_mut(path))
            {
                followed.told = field_now(record, path);
                triggers.push(followed.trigger.clone());
            }
        }
        let records: BTreeSet<&RecordId> = touched.iter().map(|(record, _)| record).collect();
        triggers.extend(
            records
                .into_iter()
                .filter_map(|record| here.record_moved.borrow().get(record).cloned()),
        );
        for trigger in triggers {
            trigger.notify();
        }
    }

    fn tell_record(self, record: &RecordId) {
        let here = inner();
        let mut triggers: Vec<ArcTrigger> = here.record_moved.borrow().get(record).cloned().into_iter().collect();
        let mut arrived: Vec<((RecordId, String), Arrival)> = Vec::new();
        // What an answer of the server left as it was is not drawn again: on a large form that would be felt.
        for (path, followed) in here.field_moved.borrow_mut().get_mut(record).into_iter().flatten() {
            let now = field_now(record, path);
            if now != followed.told {
                let before = std::mem::replace(&mut followed.told, now);
                if let Some(arrival) = joint::arrival(&before, &followed.told) {
                    followed.before = Some((before, js_sys::Date::now()));
                    arrived.push(((record.clone(), path.to_string()), arrival));
                }
                triggers.push(followed.trigger.clone());
            }
        }
        for trigger in triggers {
            trigger.notify();
        }
        if !arrived.is_empty() {
            here.arrivals.update(|arrivals| arrivals.extend(arrived));
        }
    }

    fn tell_all(self) {
        let here = inner();
        let mut triggers: Vec<ArcTrigger> = here.record_moved.borrow().values().cloned().collect();
        triggers.extend(
            here.field_moved
                .borrow()
                .values()
                .flat_map(|fields| fields.values().map(|followed| followed.trigger.clone())),
        );
        for trigger in triggers {
            trigger.notify();
        }
        here.sets_moved.notify();
        here.outbox_moved.notify();
        here.imports_moved.notify();
    }
}

/// Asks the browser not to clear this site's storage on its own; it may say no.
fn ask_to_persist() {
    let Some(window) = web_sys::window() else { return };
    let navigator = window.navigator();
    let has_storage = js_sys::Reflect::has(&navigator, &"storage".into()).is_ok_and(|has| has);
    if has_storage && let Ok(asking) = navigator.storage().persist() {
        spawn_local(async move {
            let _ = wasm_bindgen_futures::JsFuture::from(asking).await;
        });
    }
}

/// What the office's device list shows, such as "Android · Chrome".
pub fn device_name() -> String {
    let agent = web_sys::window()
        .and_then(|window| window.navigator().user_agent().ok())
        .unwrap_or_default();
    let of = |names: &[&str]| {
        names
            .iter()
            .find(|name| agent.contains(**name))
            .map_or("?", |name| *name)
            .to_owned()
    };
    format!(
        "{} · {}",
        of(&["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"]),
        of(&["Edg", "MicroMessenger", "Chrome", "Firefox", "Safari"])
    )
}
