//! Wakes, sends, receives, waits. What to send and what an answer means is decided in `sync_protocol::Replica`;
//! here is only when. Every trigger wakes the one loop: a change, a poke, the network's return, a tap, the clock.

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sync_protocol::{
    DigestReply, Frame, GroupId, HaveReply, MAX_HAVE, Outcome, OutcomeKind, PushReply, Replica, StageError,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::clock;
use crate::http::{self, ApiError, Call};
use crate::session::Session;

/// Between two looks at the server when nothing else happens.
const CALM_MS: f64 = 60_000.0;
const FIRST_RETRY_MS: f64 = 1_000.0;
const LAST_RETRY_MS: f64 = 15.0 * 60_000.0;
/// A server that asks for more than this has made a mistake.
const LONGEST_PAUSE_MS: u64 = 24 * 3_600_000;
/// A page of this size comes through a poor line within the timeout.
const PULL_BUDGET: u32 = 1024 * 1024;

/// Why the loop should look at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    /// Something happened; it can wait while the server wants to be left alone.
    Nudge,
    /// Somebody tapped "sync now".
    Tap,
}

/// The handle that wakes the loop.
#[derive(Clone)]
pub struct Waker(mpsc::UnboundedSender<Wake>);

impl Waker {
    pub fn wake(&self) {
        let _ = self.0.unbounded_send(Wake::Nudge);
    }

    /// A person asks: tried at once, whatever the server said before.
    pub fn tap(&self) {
        let _ = self.0.unbounded_send(Wake::Tap);
    }
}

/// One person's stay. What was asked for them is never handed to whoever signs in next.
struct Driver {
    session: Session,
    /// Turns false when they leave.
    alive: Rc<Cell<bool>>,
    /// The server asked to be left alone until then, on the steady clock.
    quiet_until: Cell<f64>,
}

/// Starts the loop and the live connection for as long as this session lives; stops when `alive` turns false.
pub fn start(session: Session, alive: Rc<Cell<bool>>) -> Waker {
    let (sender, wakes) = mpsc::unbounded();
    let waker = Waker(sender);
    for event in ["online", "focus"] {
        if let Some(window) = web_sys::window() {
            let waker = waker.clone();
            clock::on(&window, event, move || waker.wake());
        }
    }
    let driver = Rc::new(Driver {
        session,
        alive,
        quiet_until: Cell::new(0.0),
    });
    spawn_local(driver.clone().run(wakes));
    spawn_local(driver.listen(waker.clone()));
    waker.wake();
    waker
}

// ---- when -----------------------------------------------------------------------------------------------------------------

impl Driver {
    async fn run(self: Rc<Self>, mut wakes: mpsc::UnboundedReceiver<Wake>) {
        let mut failures = 0;
        let mut wait_ms = 0.0;
        while self.alive.get() {
            self.rest(wait_ms, &mut wakes).await;
            if !self.alive.get() {
                return;
            }
            let done = alone(self.clone().round()).await;
            failures = if done.is_ok() { 0 } else { failures + 1 };
            wait_ms = wait_after(failures);
            self.heed(&done);
            if self.alive.get() {
                self.session.round_ended(done);
            }
        }
    }

    /// Waits until it is time or something wakes the loop. While the server wants to be left alone, only a tap does.
    async fn rest(&self, wait_ms: f64, wakes: &mut mpsc::UnboundedReceiver<Wake>) {
        let until = (clock::steady_ms() + wait_ms).max(self.quiet_until.get());
        loop {
            let left = (until - clock::steady_ms()).max(0.0);
            match select(wakes.next(), Box::pin(clock::sleep(left as i32))).await {
                Either::Left((Some(Wake::Nudge), _)) if clock::steady_ms() < self.quiet_until.get() => {}
                _ => break,
            }
        }
        while wakes.try_recv().is_ok() {}
    }

    /// At least as long as the server asked, and up to as much again: those it turned away together do not return together.
    fn heed<T>(&self, answer: &Result<T, ApiError>) {
        if let Err(ApiError { retry_after_ms, .. }) = answer
            && *retry_after_ms > 0
        {
            let asked = (*retry_after_ms).min(LONGEST_PAUSE_MS) as f64;
            let until = clock::steady_ms() + asked * (1.0 + clock::fraction());
            self.quiet_until.set(until.max(self.quiet_until.get()));
        }
    }

    /// Listens for pokes; a lost one costs a poll.
    async fn listen(self: Rc<Self>, waker: Waker) {
        let mut failures = 0;
        while self.alive.get() {
            let outcome = match self.session.token().await {
                Ok(token) => {
                    let call = Call::get("/api/v1/live").with_token(&token);
                    http::lines(call, |line| {
                        if line.starts_with("event: poke") && self.alive.get() {
                            self.session.poked();
                            waker.wake();
                        }
                        self.alive.get()
                    })
                    .await
                }
                Err(error) => Err(error),
            };
            self.heed(&outcome);
            failures = if outcome.is_ok() { 0 } else { failures + 1 };
            let wait = if failures == 0 {
                250.0
            } else {
                wait_after(failures).min(60_000.0)
            };
            let quiet = self.quiet_until.get() - clock::steady_ms();
            clock::sleep(wait.max(quiet) as i32).await;
            // What changed while nobody listened.
            self.session.poked();
            waker.wake();
        }
    }
}

/// Full jitter: a district's phones that lost the server together do not return together.
fn wait_after(failures: u32) -> f64 {
    match failures {
        0 => CALM_MS * (0.5 + clock::fraction()),
        _ => 250.0 + (FIRST_RETRY_MS * 2f64.powi(failures.min(12) as i32)).min(LAST_RETRY_MS) * clock::fraction(),
    }
}

// ---- what -----------------------------------------------------------------------------------------------------------------

impl Driver {
    /// One round: everything out, everything in. Neither keeps the other from going on, unless the server wants to be left alone.
    async fn round(self: Rc<Self>) -> Result<(), ApiError> {
        self.here()?;
        let offered = match self.session.must_refill().await {
            true => self.refill().await,
            false => Ok(()),
        };
        leave_alone(&offered)?;
        let locked = self.session.have_key_locked().await;
        leave_alone(&locked)?;
        let pushed = self.push_all().await;
        leave_alone(&pushed)?;
        let carried = self.push_imports().await;
        leave_alone(&carried)?;
        // A restored server is offered what it may have lost before anything is taken from it.
        offered?;
        let asked = self.ask_about_quarantine().await;
        leave_alone(&asked)?;
        let received = self.receive().await;
        self.here()?;
        if let Err(error) = &received
            && error.status == 426
        {
            self.session.too_old_to_receive(true);
        } else if received.is_ok() {
            self.session.too_old_to_receive(false);
        }
        received.and(pushed).and(carried).and(asked)
    }

    /// Fails once the person has left.
    fn here(&self) -> Result<(), ApiError> {
        match self.alive.get() {
            true => Ok(()),
            false => Err(ApiError::network()),
        }
    }

    /// Posts for this person. An answer that comes after they left is nobody's.
    async fn post(&self, path: &str, content_type: &str, body: String) -> Result<String, ApiError> {
        self.send(Call::post(path, content_type, body)).await
    }

    async fn send(&self, call: Call<'_>) -> Result<String, ApiError> {
        let token = self.session.token().await?;
        self.here()?;
        let answer = http::text(call.with_token(&token)).await;
        self.here()?;
        if answer.as_ref().is_err_and(|error| error.status == 401) {
            self.session.forget_token();
        }
        self.session.seen(answer)
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, asked: &impl Serialize) -> Result<T, ApiError> {
        let body = serde_json::to_string(asked).expect("questions have only text keys");
        read(&self.post(path, "application/json", body).await?)
    }

    /// Looks for what differs in buckets whose checksum does not match, so that only that is fetched again.
    async fn compare(&self) -> Result<(), ApiError> {
        while let Some(asked) = self.session.next_digest() {
            let reply: DigestReply = self.ask("/api/v1/sync/digest", &asked).await?;
            self.session.take_digest(&reply);
        }
        Ok(())
    }

    /// Offers the journal to a server that was restored, and once a day to any: what it needs goes out again.
    async fn refill(&self) -> Result<(), ApiError> {
        let journal = self.session.journal().await?;
        self.here()?;
        let offered = self.session.to_offer(&journal);
        for part in offered.chunks(MAX_HAVE) {
            let reply = self.have(part).await?;
            let of_journal = journal.iter().filter(|saved| part.contains(&saved.id));
            self.session.take_have(&reply, of_journal.cloned().collect());
        }
        self.session.refilled(journal).await;
        Ok(())
    }

    /// Whether the office has decided about what it keeps.
    async fn ask_about_quarantine(&self) -> Result<(), ApiError> {
        let ids = self.session.in_quarantine();
        if !ids.is_empty() {
            let reply = self.have(&ids).await?;
            self.session.take_have(&reply, Vec::new());
        }
        Ok(())
    }

    async fn have(&self, ids: &[GroupId]) -> Result<HaveReply, ApiError> {
        self.ask("/api/v1/sync/have", &Replica::offer(ids)).await
    }

    async fn push(&self, body: String) -> Result<PushReply, ApiError> {
        let call = Call::post("/api/v1/sync/push", "application/x-ndjson", body);
        let withdrawn = |error: &ApiError| ["person.disabled", "device.revoked"].contains(&error.code.as_str());
        if !self.session.token().await.is_err_and(|error| withdrawn(&error)) {
            return read(&self.send(call).await?);
        }
        // Who was withdrawn may still hand in: the sign-in's cookie is enough for that.
        let answer = http::text(call).await;
        self.here()?;
        read(&self.session.seen(answer)?)
    }

    async fn push_all(&self) -> Result<(), ApiError> {
        while let Some(batch) = self.session.next_push() {
            let reply = self.push(batch.body).await?;
            self.session.take_push_reply(&reply).await?;
            put_off(&reply.outcomes)?;
        }
        Ok(())
    }

    /// What came by file goes out under its authors' names, behind this person's own work.
    async fn push_imports(&self) -> Result<(), ApiError> {
        while let Some(batch) = self.session.next_import_push() {
            let reply = self.push(batch.body).await?;
            self.session.take_import_reply(&reply).await;
            self.here()?;
            put_off(&reply.outcomes)?;
        }
        while let Some((envelope, imports)) = self.session.next_sealed_import() {
            match self.session.hand_in(&envelope).await {
                Ok(reply) => {
                    self.here()?;
                    self.session.take_sealed_reply(&imports, &reply).await;
                    let outcomes: Vec<Outcome> = reply.outcomes.into_iter().flatten().collect();
                    put_off(&outcomes)?;
                }
                // Another office's, or bent on its way: asked again, the answer would be the same.
                Err(error) if error.code == "safe.unusable" => {
                    self.session.refuse_imports(&imports, &error.code).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn receive(&self) -> Result<(), ApiError> {
        self.compare().await?;
        self.pull_all().await
    }

    async fn pull_all(&self) -> Result<(), ApiError> {
        let mut mended = 0;
        loop {
            let request = self.session.next_pull(PULL_BUDGET);
            let body = serde_json::to_string(&request).expect("a pull request has only text keys");
            let mended_times = self.session.mended_to_tell();
            let mut call = Call::post("/api/v1/sync/pull", "application/json", body);
            call.headers
                .extend(mended_times.map(|times| ("X-Duxing-Mended", times.to_string())));
            let pieces = self.session.pending_to_tell();
            call.headers
                .extend(pieces.map(|pieces| ("X-Duxing-Pending", pieces.to_string())));
            let answer = self.send(call).await?;
            if let Some(pieces) = pieces {
                self.session.told_pending(pieces);
            }
            if let Some(times) = mended_times {
                self.session.told_mended(times);
            }
            match take_frames(self.session, &answer).await? {
                Taken::All => return Ok(()),
                Taken::More => {}
                // Asked again at once, but not for ever: if it still does not fit, the retry's pauses apply.
                Taken::RefillFirst if mended < 3 => {
                    mended += 1;
                    self.refill().await?;
                    self.push_all().await?;
                }
                Taken::Misfit if mended < 3 => {
                    mended += 1;
                    if self.session.must_refill().await {
                        self.refill().await?;
                        self.push_all().await?;
                    }
                    self.compare().await?;
                }
                Taken::Misfit | Taken::RefillFirst => return Err(ApiError::new(200, "checkpoint.mismatch")),
            }
        }
    }
}

fn read<T: DeserializeOwned>(answer: &str) -> Result<T, ApiError> {
    serde_json::from_str(answer).map_err(|_| ApiError::new(200, "answer.unreadable"))
}

/// Ends the round when the server itself, and not one group, asked for a pause.
fn leave_alone(answer: &Result<(), ApiError>) -> Result<(), ApiError> {
    match answer {
        Err(error) if error.retry_after_ms > 0 && matches!(error.status, 429 | 503) => Err(error.clone()),
        _ => Ok(()),
    }
}

/// Whether a group is to be sent again later, and when: what comes behind it waits as long, and pulls go on.
fn put_off(outcomes: &[Outcome]) -> Result<(), ApiError> {
    let pauses = outcomes.iter().filter_map(|outcome| match outcome.kind {
        OutcomeKind::Retry { after_ms } => Some(after_ms),
        _ => None,
    });
    match pauses.max() {
        Some(after_ms) => Err(ApiError::new(200, "retry").with_retry_after(after_ms)),
        None => Ok(()),
    }
}

/// How an answer ended.
enum Taken {
    All,
    More,
    /// A page or checkpoint did not fit what is here: that bucket is fetched again from its beginning.
    Misfit,
    /// The server was restored: it is offered the journal before anything is taken from it.
    RefillFirst,
}

async fn take_frames(session: Session, answer: &str) -> Result<Taken, ApiError> {
    let mut more = None;
    let mut misfit = false;
    for line in answer.lines() {
        let frame: Frame = read(line)?;
        if let Frame::End(end) = &frame {
            more = Some(end.more);
        }
        match session.take_frame(frame)? {
            Ok(()) => {}
            Err(StageError::Protocol(_)) => return Err(ApiError::new(426, "client.too_old")),
            Err(StageError::RefillFirst) => return Ok(Taken::RefillFirst),
            Err(StageError::Gap(_) | StageError::Mismatch(_)) => misfit = true,
        }
    }
    // An answer that broke off has no end frame: what was whole in it stays staged.
    match more {
        None => Err(ApiError::network()),
        Some(_) if misfit => Ok(Taken::Misfit),
        Some(true) => Ok(Taken::More),
        Some(false) => Ok(Taken::All),
    }
}

#[wasm_bindgen(inline_js = "
export function whenAlone(name, work) {
  if (!navigator.locks) return work();
  return navigator.locks.request(name, work);
}")]
extern "C" {
    /// Runs `work` while no other tab of this browser holds the lock. Only saves traffic: correctness rests on IndexedDB alone.
    #[wasm_bindgen(js_name = whenAlone, catch)]
    fn when_alone(name: &str, work: &Closure<dyn FnMut() -> js_sys::Promise>) -> Result<js_sys::Promise, JsValue>;
}

async fn alone(round: impl Future<Output = Result<(), ApiError>> + 'static) -> Result<(), ApiError> {
    let result = Rc::new(Cell::new(None));
    let slot = result.clone();
    let mut round = Some(round);
    let work = Closure::<dyn FnMut() -> js_sys::Promise>::new(move || {
        let (slot, round) = (slot.clone(), round.take());
        wasm_bindgen_futures::future_to_promise(async move {
            if let Some(round) = round {
                slot.set(Some(round.await));
            }
            Ok(JsValue::UNDEFINED)
        })
    });
    if let Ok(promise) = when_alone("duxing-sync", &work) {
        let _ = JsFuture::from(promise).await;
    }
    result.take().unwrap_or_else(|| Err(ApiError::network()))
}
