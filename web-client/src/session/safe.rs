//! The safe on this phone: who has one here, how it is opened and shut, how long it may be read without the office, and what happens
//! to it when the office withdraws a person or the phone.
//!
//! While it is open the key is in memory, and nowhere else: of this page, of the other tabs, and for a few minutes of the service
//! worker. Whoever opens the browser anew types their password; no network is needed for that.

use sync_protocol::safe::{
    Envelope, EnvelopeHeader, EnvelopeReply, PASSWORD_MEMORY_KIB, PASSWORD_PASSES, PASSWORD_SALT, SafeKey, Store,
};
use sync_protocol::{GroupId, OutcomeKind};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::*;
use crate::local_store::{ShutStore, StoreError};

/// For so long the office's data can be read without hearing from it.
const LEASE_MS: f64 = 7.0 * DAY_MS;
const DAY_MS: f64 = 24.0 * HOUR_MS;
const HOUR_MS: f64 = 60.0 * MINUTE_MS;
const MINUTE_MS: f64 = 60_000.0;
/// Untouched for so long, the safe is shut.
const IDLE_MS: f64 = 15.0 * MINUTE_MS;
/// The same while a checklist is on the screen: an observer listens for a whole lesson.
const IDLE_AT_WORK_MS: f64 = 60.0 * MINUTE_MS;
/// The service worker keeps the key for so long after the page was put away; browsers end it after five minutes.
const HELD_MS: f64 = 4.5 * MINUTE_MS;
/// Between two looks at whether it should be shut.
const LOOK_MS: i32 = 15_000;
/// Between two looks after safes that are shut.
const ROUND_MS: f64 = MINUTE_MS;
/// Wrong passwords that cost nothing; then each waits twice as long as the one before.
const FREE_TRIES: u32 = 5;
const LONGEST_WAIT_S: i32 = 300;

/// States of a visit that nobody goes on recording in.
const CLOSED_STATES: [&str; 5] = ["submitted", "reviewed", "archived", "amended", "cancelled"];

/// A person's safe, as this phone knows it without opening it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Safe {
    pub person: Person,
    /// What they type as their account.
    pub login: String,
    salt: Vec<u8>,
    memory_kib: u32,
    passes: u32,
    /// The key, locked by the password. Gone when the office withdrew the person or the phone: then nobody here opens it any more.
    locked: Option<String>,
    /// The key, locked by the office.
    office: Option<String>,
    /// When the office was last heard of, by this phone's clock.
    contact_ms: f64,
    /// The latest time this phone's clock has shown, so that setting it back does not prolong anything.
    seen_ms: f64,
    /// What of it the office has been given while it was shut.
    #[serde(default)]
    delivered: Option<GroupId>,
}

/// What became of a safe that the office withdrew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// Why: `device.revoked` or `person.disabled`.
    pub code: String,
    /// Whether the office has all of it and it is gone from here; else that happens with the next network.
    pub gone: bool,
}

impl Safe {
    fn is_of(&self, person: &Person) -> bool {
        is_same(&self.person, person)
    }

    fn place(&self) -> String {
        format!("key/{}/{}", self.person.district_id, self.person.id)
    }

    async fn key_for(&self, password: &str) -> Result<SafeKey, ApiError> {
        derive(password, &self.salt, self.memory_kib, self.passes).await
    }

    /// Opens with this password.
    async fn open(&self, password: &str) -> Result<Option<SafeKey>, ApiError> {
        let Some(locked) = &self.locked else { return Ok(None) };
        let key = self.key_for(password).await?;
        Ok(SafeKey::unlocked_by(&key, &self.place(), locked))
    }

    /// From now on it opens with this password.
    async fn lock_with(&mut self, key: &SafeKey, password: &str) -> Result<(), ApiError> {
        self.salt = clock::random::<PASSWORD_SALT>().to_vec();
        (self.memory_kib, self.passes) = (PASSWORD_MEMORY_KIB, PASSWORD_PASSES);
        let by = self.key_for(password).await?;
        self.locked = Some(key.locked_by(&by, &self.place(), clock::random()));
        Ok(())
    }

    fn has_lapsed(&self, now: f64) -> bool {
        now + DAY_MS < self.seen_ms || now.max(self.seen_ms) - self.contact_ms > LEASE_MS
    }
}

async fn derive(password: &str, salt: &[u8], memory_kib: u32, passes: u32) -> Result<SafeKey, ApiError> {
    let cannot = || ApiError::new(507, "safe.no_memory");
    let key = JsFuture::from(duxing_derive(password, salt, memory_kib, passes)).await;
    let key = key.ok().and_then(|key| key.dyn_into::<js_sys::Uint8Array>().ok());
    let key: [u8; 32] = key.ok_or_else(cannot)?.to_vec().try_into().map_err(|_| cannot())?;
    Ok(SafeKey::new(key))
}

#[wasm_bindgen]
extern "C" {
    /// `boot.js`: the key that follows from a password, computed in a worker.
    #[wasm_bindgen(js_name = duxingDerive)]
    fn duxing_derive(password: &str, salt: &[u8], memory_kib: u32, passes: u32) -> js_sys::Promise;
}

#[wasm_bindgen(inline_js = "
const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('duxing-safe');
let held = null;
let last = Date.now();
let told = 0;
let asked = null;
let heldFor = 0;
let worker = () => navigator.serviceWorker?.controller;
navigator.serviceWorker?.ready.then((registration) => {
  worker = () => navigator.serviceWorker.controller ?? registration.active;
});
const keep = () => held && worker()?.postMessage({ hold: { ...held, until: Date.now() + heldFor } });

export function watchSafe(holdMs, shut) {
  heldFor = holdMs;
  const touched = () => {
    last = Date.now();
    if (last - told > 30000) {
      told = last;
      channel?.postMessage({ touched: last });
    }
  };
  for (const kind of ['pointerdown', 'keydown', 'input', 'scroll']) {
    addEventListener(kind, touched, { capture: true, passive: true });
  }
  addEventListener('pagehide', keep);
  document.addEventListener('visibilitychange', () => document.hidden && keep());
  if (!channel) return;
  channel.onmessage = ({ data }) => {
    if (data.touched) last = Math.max(last, data.touched);
    else if (data.shut) {
      held = null;
      shut();
    } else if (data.recall && held?.person === data.recall) channel.postMessage({ key: held.key, of: held.person });
    else if (data.key && asked?.of === data.of) asked.done(data.key);
  };
}

export function holdKey(person, key) {
  held = { person, key };
  last = Date.now();
}

export function dropKey(everywhere) {
  held = null;
  worker()?.postMessage({ forget: true });
  if (everywhere) channel?.postMessage({ shut: true });
}

export async function recallKey(person) {
  const registration = await navigator.serviceWorker?.getRegistration();
  const within = (ms, ask) => new Promise((done) => {
    setTimeout(done, ms);
    ask(done);
  });
  const active = registration?.active;
  const kept = active && await within(1500, (done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => done(data);
    active.postMessage({ recall: person }, [port2]);
  });
  if (kept || !channel) return kept || undefined;
  const other = await within(150, (done) => {
    asked = { of: person, done };
    channel.postMessage({ recall: person });
  });
  asked = null;
  return other || undefined;
}

export function idleMs() {
  return Date.now() - last;
}")]
extern "C" {
    /// Notes touches here and in other tabs, and hands the key to the service worker when the page is put away. `shut` is called
    /// when another tab shut the safe.
    #[wasm_bindgen(js_name = watchSafe)]
    fn watch_safe(hold_ms: f64, shut: &Closure<dyn FnMut()>);
    #[wasm_bindgen(js_name = holdKey)]
    fn hold_key(person: &str, key: &str);
    #[wasm_bindgen(js_name = dropKey)]
    fn drop_key(everywhere: bool);
    #[wasm_bindgen(js_name = recallKey)]
    fn recall_key(person: &str) -> js_sys::Promise;
    /// How long nobody has touched any tab.
    #[wasm_bindgen(js_name = idleMs)]
    fn idle_ms() -> f64;
}

// ---- opening and shutting -------------------------------------------------------------------------------------------------

impl Session {
    /// The safes on this phone that somebody could open; tracked.
    pub fn safes(self) -> Vec<Safe> {
        let mut safes = inner().safes.get();
        safes.retain(|safe| safe.locked.is_some());
        safes
    }

    /// Whose safe is to be opened; tracked.
    pub fn door(self) -> Option<Person> {
        inner().door.get()
    }

    /// Shows the door of somebody else's safe, or the sign-in for nobody's.
    pub fn show_door(self, person: Option<Person>) {
        let here = inner();
        here.phase.set(match &person {
            Some(_) => Phase::Locked,
            None => Phase::SignedOut,
        });
        here.door.set(person);
    }

    /// Opens the safe of whoever was signed in last, if its key is still in memory somewhere; else shows its door.
    pub(super) async fn come_back(self, signed_in: Option<Person>) {
        let here = inner();
        self.begin_watching();
        let safe = here.safes.get_untracked().into_iter().find(|safe| {
            let is_theirs = signed_in.as_ref().is_some_and(|person| safe.is_of(person));
            is_theirs && safe.locked.is_some()
        });
        let Some(safe) = safe else {
            here.phase.set(Phase::SignedOut);
            return;
        };
        let recalled = JsFuture::from(recall_key(&safe.person.id)).await.ok();
        let key = recalled.and_then(|key| SafeKey::from_text(&key.as_string()?));
        match key {
            Some(key) => self.enter(safe.person, key).await,
            None => self.show_door(Some(safe.person)),
        }
    }

    /// Opens a safe with its owner's password; with the new one, too, where there is a network. For that the office may want the second factor:
    /// `session.code_needed`, as at the sign-in.
    pub async fn unlock(self, person: Person, password: String, factor: Option<Factor>) -> Result<(), ApiError> {
        let here = inner();
        let safe = here.safes.get_untracked().into_iter().find(|safe| safe.is_of(&person));
        let safe = safe.ok_or_else(|| ApiError::new(404, "not_found"))?;
        let wrong = || ApiError::new(401, "safe.wrong");
        if factor.is_some() {
            let opened = self.sign_in_online(safe.login, password, factor).await;
            opened.map_err(|error| match error.code == "session.refused" {
                true => wrong(),
                false => error,
            })?;
            here.wrong_tries.set(0);
            return Ok(());
        }
        let over = here.wrong_tries.get().saturating_sub(FREE_TRIES);
        if over > 0 {
            let wait = 1i32.checked_shl(over).unwrap_or(LONGEST_WAIT_S).min(LONGEST_WAIT_S);
            clock::sleep(wait * 1000).await;
        }
        let Some(key) = safe.open(&password).await? else {
            here.wrong_tries.set(here.wrong_tries.get() + 1);
            let asked = self.sign_in_online(safe.login, password, None).await;
            return asked.map_err(|error| match error.code == "session.code_needed" {
                true => error,
                false => wrong(),
            });
        };
        here.wrong_tries.set(0);
        self.note_signed_in(&safe.person).await;
        self.enter(safe.person, key).await;
        Ok(())
    }

    /// The safe of this account, for a sign-in without a network.
    pub(super) fn safe_of(self, login: &str) -> Option<Safe> {
        let mut safes = self.safes_now();
        safes.retain(|safe| safe.locked.is_some() && safe.login.to_lowercase() == login.to_lowercase());
        safes.pop()
    }

    fn safes_now(self) -> Vec<Safe> {
        inner().safes.get_untracked()
    }

    /// The key of this person's safe, which is made at their first sign-in here. The office has just taken their password.
    pub(super) async fn safe_key(self, person: &Person, login: &str, password: &str) -> Result<SafeKey, ApiError> {
        let known = self.safes_now().into_iter().find(|safe| safe.is_of(person));
        let open = inner().key.borrow().clone();
        let open = open.filter(|_| {
            inner()
                .person
                .get_untracked()
                .is_some_and(|present| is_same(&present, person))
        });
        let now = js_sys::Date::now();
        let mut safe = known.unwrap_or_else(|| Safe {
            person: person.clone(),
            login: login.to_owned(),
            salt: vec![],
            memory_kib: PASSWORD_MEMORY_KIB,
            passes: PASSWORD_PASSES,
            locked: None,
            office: None,
            contact_ms: now,
            seen_ms: now,
            delivered: None,
        });
        (safe.person, safe.login) = (person.clone(), login.to_owned());
        let key = match safe.open(password).await? {
            Some(key) => key,
            None => {
                let key = match (open, &safe.office) {
                    (Some(key), _) => key,
                    // The password is a new one; the office gives the key back.
                    (None, Some(locked)) => self.key_from_office(locked).await?,
                    (None, None) if safe.locked.is_some() => return Err(ApiError::new(401, "safe.old_password")),
                    (None, None) => SafeKey::new(clock::random()),
                };
                safe.lock_with(&key, password).await?;
                key
            }
        };
        self.put_safe(safe).await;
        // A cut line here is made good with the next round.
        let _ = self.lock_at_office(&key).await;
        Ok(key)
    }

    async fn key_from_office(self, locked: &str) -> Result<SafeKey, ApiError> {
        #[derive(Deserialize)]
        struct Opened {
            key: String,
        }
        let asked = serde_json::json!({ "locked": locked }).to_string();
        let Opened { key } = self.post_json("/api/v1/session/key/open", asked).await?;
        SafeKey::from_text(&key).ok_or_else(|| ApiError::new(200, "answer.unreadable"))
    }

    /// Has the office lock the key of the open safe, if it has not yet: without that, sealed work could not be opened there.
    pub(crate) async fn have_key_locked(self) -> Result<(), ApiError> {
        let key = inner().key.borrow().clone();
        match key {
            Some(key) => self.lock_at_office(&key).await,
            None => Ok(()),
        }
    }

    async fn lock_at_office(self, key: &SafeKey) -> Result<(), ApiError> {
        #[derive(Deserialize)]
        struct Locked {
            locked: String,
        }
        let person = inner()
            .signing_in
            .borrow()
            .clone()
            .or_else(|| inner().person.get_untracked());
        let own = |safe: &Safe| person.as_ref().is_some_and(|person| safe.is_of(person));
        if !self.safes_now().iter().any(|safe| own(safe) && safe.office.is_none()) {
            return Ok(());
        }
        let asked = serde_json::json!({ "key": key.to_text() }).to_string();
        let Locked { locked } = self.post_json("/api/v1/session/key", asked).await?;
        if let Some(mut safe) = self.safes_now().into_iter().find(own) {
            safe.office = Some(locked);
            self.put_safe(safe).await;
        }
        Ok(())
    }

    async fn put_safe(self, safe: Safe) {
        let mut safes = self.safes_now();
        match safes.iter_mut().find(|known| known.is_of(&safe.person)) {
            Some(known) => *known = safe,
            None => safes.push(safe),
        }
        self.put_safes(safes).await;
    }

    async fn put_safes(self, safes: Vec<Safe>) {
        let here = inner();
        here.safes.set(safes.clone());
        let store = here.device_store.borrow().clone();
        if let Some(store) = store {
            self.note_failure(store.set("safes", &safes).await);
        }
    }

    /// The safe is open: its key stays in memory, and how long it may be read is looked at.
    pub(super) fn opened(self, person: &Person, key: &SafeKey) {
        let here = inner();
        *here.key.borrow_mut() = Some(key.clone());
        hold_key(&person.id, &key.to_text());
        self.look_at_lease();
    }

    /// Shuts the safe in every tab. Its owner's door is shown. `storage.full` while something could not be stored.
    pub async fn lock(self) -> Result<(), ApiError> {
        let person = inner().person.get_untracked();
        self.leave().await?;
        drop_key(true);
        self.show_door(person);
        Ok(())
    }

    /// After a sign-out nobody's key stays in memory.
    pub(super) fn forget_key(self) {
        *inner().key.borrow_mut() = None;
        drop_key(true);
    }

    fn begin_watching(self) {
        let shut = Closure::<dyn FnMut()>::new(move || {
            spawn_local(async move {
                let person = inner().person.get_untracked();
                if person.is_some() && self.leave().await.is_ok() {
                    self.show_door(person);
                }
            });
        });
        watch_safe(HELD_MS, &shut);
        shut.forget();
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            clock::on(&document, "visibilitychange", move || {
                spawn_local(self.shut_when_idle())
            });
        }
        if let Some(window) = web_sys::window() {
            clock::on(&window, "online", move || spawn_local(self.look_after_shut_safes()));
        }
        spawn_local(async move {
            let mut looked = f64::NEG_INFINITY;
            loop {
                if clock::steady_ms() - looked >= ROUND_MS {
                    looked = clock::steady_ms();
                    self.look_after_shut_safes().await;
                }
                clock::sleep(LOOK_MS).await;
                self.shut_when_idle().await;
                self.look_at_lease();
            }
        });
    }

    async fn shut_when_idle(self) {
        let Some(window) = web_sys::window() else { return };
        let at_work = window
            .location()
            .pathname()
            .is_ok_and(|path| path.contains("/checklist/"));
        let is_seen = window.document().is_some_and(|document| !document.hidden());
        let limit = if at_work && is_seen { IDLE_AT_WORK_MS } else { IDLE_MS };
        if inner().phase.get_untracked() == Phase::Ready && idle_ms() > limit {
            // What cannot be stored keeps it open: it would be lost.
            let _ = self.lock().await;
        }
    }
}

// ---- how long it may be read ----------------------------------------------------------------------------------------------

impl Session {
    /// Whether the office has not been heard of for so long that only what is needed to go on recording is shown; tracked.
    pub fn lapsed(self) -> bool {
        inner().lapsed.get()
    }

    /// Whether this record may not be shown now: the lease has run out, and nobody needs it to go on recording.
    pub(super) fn is_closed(self, record: &RecordId) -> bool {
        if !inner().lapsed.get_untracked() {
            return false;
        }
        let here = inner();
        let replica = here.replica.borrow();
        replica.as_ref().is_some_and(|replica| !is_needed(replica, record))
    }

    fn own_safe(self) -> Option<Safe> {
        let person = inner().person.get_untracked()?;
        self.safes_now().into_iter().find(|safe| safe.is_of(&person))
    }

    fn look_at_lease(self) {
        let Some(mut safe) = self.own_safe() else { return };
        let now = js_sys::Date::now();
        let lapsed = safe.has_lapsed(now);
        if inner().lapsed.get_untracked() != lapsed {
            inner().lapsed.set(lapsed);
            self.tell_all();
        }
        if now > safe.seen_ms + HOUR_MS {
            safe.seen_ms = now;
            spawn_local(self.put_safe(safe));
        }
    }

    /// The office was heard of.
    pub(super) fn note_contact(self) {
        let Some(mut safe) = self.own_safe() else { return };
        let now = js_sys::Date::now();
        let was_lapsed = inner().lapsed.get_untracked();
        if was_lapsed || (now - safe.contact_ms).abs() > HOUR_MS {
            (safe.contact_ms, safe.seen_ms) = (now, now);
            spawn_local(self.put_safe(safe));
        }
        if was_lapsed {
            inner().lapsed.set(false);
            self.tell_all();
        }
    }
}

/// What somebody needs to go on recording: names, checklists, and visits that are being made, with all that belongs to them.
fn is_needed(replica: &Replica, record: &RecordId) -> bool {
    let text = |record: &RecordId, path: &str| {
        let path = path.parse().expect("a field path");
        replica.field(record, &path).text().to_owned()
    };
    let is_made = |visit: &RecordId| !CLOSED_STATES.contains(&text(visit, "state").as_str());
    match replica.kind_of(record).as_str() {
        "school" | "person" | "template" | "threshold" => true,
        "visit" => is_made(record),
        _ => text(record, "visit").parse().is_ok_and(|visit| is_made(&visit)),
    }
}

// ---- withdrawn ------------------------------------------------------------------------------------------------------------

/// Whether the office withdrew the person or the phone.
pub(super) fn is_withdrawal(code: &str) -> bool {
    ["person.disabled", "device.revoked"].contains(&code)
}

impl Session {
    /// What was withdrawn on this phone since the page opened; tracked.
    pub fn withdrawn(self) -> Option<Withdrawn> {
        inner().withdrawn.get()
    }

    /// The office withdrew who is signed in, or the phone. First the keys go, so that nothing here can be read any more, whatever
    /// happens next; then the sealed work goes to the office; then all of it goes from here.
    pub(super) async fn withdraw(self, code: String) {
        let here = inner();
        if here.withdrawing.replace(true) {
            return;
        }
        let present = here.person.get_untracked();
        let deliverable = self.own_safe().is_none_or(|safe| safe.office.is_some());
        // Without the office's lock nobody could open it there: then it goes out unsealed first, as long as it can be read.
        if present.is_some() && (deliverable || untrack(|| self.counts()).unsent() == 0) && self.leave().await.is_ok() {
            self.take_keys(present.as_ref(), &code).await;
            let store = here.device_store.borrow().clone();
            if let Some(store) = store {
                self.note_failure(store.remove("signed_in").await);
            }
            drop_key(true);
            self.show_door(None);
            self.look_after_shut_safes().await;
        }
        here.withdrawing.set(false);
    }

    /// Takes the password's lock from this person's safe, or where the phone itself was withdrawn from all of them.
    async fn take_keys(self, of: Option<&Person>, code: &str) {
        let mut safes = self.safes_now();
        for safe in &mut safes {
            if code == "device.revoked" || of.is_some_and(|person| safe.is_of(person)) {
                safe.locked = None;
            }
        }
        self.put_safes(safes).await;
        inner().withdrawn.set(Some(Withdrawn {
            code: code.to_owned(),
            gone: false,
        }));
    }

    /// Hands in what lies sealed in the safes of those who are not signed in, and asks whether they may stay. Nobody else reads it.
    pub(crate) async fn look_after_shut_safes(self) {
        let here = inner();
        if here.looking_after.replace(true) {
            return;
        }
        for safe in self.safes_now() {
            let is_open = here.person.get_untracked().is_some_and(|person| safe.is_of(&person));
            if !is_open && self.look_after(safe).await.is_err() {
                break;
            }
        }
        here.looking_after.set(false);
    }

    async fn look_after(self, mut safe: Safe) -> Result<(), ApiError> {
        let Some(like) = self.header(&safe) else { return Ok(()) };
        let no_store = |error: StoreError| ApiError::new(0, &error.0);
        let Person { id, district_id, .. } = &safe.person;
        let (store, _) = ShutStore::open(district_id, id).await.map_err(no_store)?;
        let stores: &[Store] = match safe.locked {
            // Its owner will go on with what was being typed.
            Some(_) => &[Store::Outbox],
            None => &[Store::Outbox, Store::Draft],
        };
        let rows = store.sealed(stores).await.map_err(no_store)?;
        let all: String = rows.iter().map(|row| row.data.as_str()).collect();
        let digest = GroupId::of(all.as_bytes());
        let is_new = safe.locked.is_none() || safe.delivered != Some(digest);
        let mut parts = Envelope::parts(&like, if is_new { rows } else { vec![] });
        if parts.is_empty() {
            parts.push(Envelope::new(&like, vec![]));
        }
        let (mut withdrawn, mut settled) = (None, true);
        for part in parts {
            let reply = self.hand_in(&part).await;
            let reply = match reply {
                Ok(reply) => reply,
                Err(error) => {
                    store.close();
                    return Err(error);
                }
            };
            let put_off = |outcome: &Option<sync_protocol::Outcome>| {
                matches!(
                    outcome.as_ref().map(|outcome| &outcome.kind),
                    Some(OutcomeKind::Retry { .. })
                )
            };
            settled &= !reply.outcomes.iter().any(put_off);
            withdrawn = reply.withdrawn.or(withdrawn);
        }
        match (&safe.locked, withdrawn) {
            (None, _) if settled => {
                store.remove().await.map_err(no_store)?;
                let mut safes = self.safes_now();
                safes.retain(|known| !known.is_of(&safe.person));
                self.put_safes(safes).await;
                self.note_left(&safe.person.id, None).await;
                let gone = inner().withdrawn.get_untracked().map(|withdrawn| Withdrawn {
                    gone: true,
                    ..withdrawn
                });
                inner().withdrawn.set(gone);
            }
            (None, _) => store.close(),
            (Some(_), Some(code)) => {
                store.close();
                self.take_keys(Some(&safe.person), &code).await;
                let at_door = inner().door.get_untracked().is_some_and(|person| safe.is_of(&person));
                if at_door {
                    self.show_door(None);
                }
                drop_key(false);
                safe.locked = None;
                Box::pin(self.look_after(safe)).await?;
            }
            (Some(_), None) => {
                store.close();
                if is_new && settled {
                    self.note_left(&safe.person.id, None).await;
                    safe.delivered = Some(digest);
                    self.put_safe(safe).await;
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn hand_in(self, envelope: &Envelope) -> Result<EnvelopeReply, ApiError> {
        let call = Call::post("/api/v1/sync/sealed", "application/x-ndjson", envelope.to_text());
        self.seen(http::json(call).await)
    }

    fn header(self, safe: &Safe) -> Option<EnvelopeHeader> {
        Some(EnvelopeHeader {
            duxing_sealed: 1,
            district: safe.person.district_id.clone(),
            person: safe.person.id.parse().ok()?,
            device: inner().device.borrow().as_deref()?.parse().ok()?,
            key: safe.office.clone()?,
            rows: 0,
        })
    }

    /// What an envelope of the open safe begins with; nothing before the office has locked its key.
    pub(super) fn own_header(self) -> Option<EnvelopeHeader> {
        self.header(&self.own_safe()?)
    }
}
