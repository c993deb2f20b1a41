//! Wakes, sends, receives, waits. What to send and what an answer means is decided in `sync_protocol::Replica`;
//! here is only when. Every trigger wakes the one loop: a change, a poke, the network's return, a tap, the clock.

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::mpsc;
use futures_util::StreamExt;
use futures_util::future::select;
use sync_protocol::{DigestReply, Frame, GroupId, HaveReply, MAX_HAVE, PushReply, Replica, StageError};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::clock;
use crate::http::{self, ApiError, Call};
use crate::session::Session;

/// Between two looks at the server when nothing else happens.
const CALM_MS: f64 = 60_000.0;
const FIRST_RETRY_MS: f64 = 1_000.0;
const LAST_RETRY_MS: f64 = 15.0 * 60_000.0;
/// A page of this size comes through a poor line within the timeout.
const PULL_BUDGET: u32 = 1024 * 1024;

/// The handle that wakes the loop.
#[derive(Clone)]
pub struct Waker(mpsc::UnboundedSender<()>);

impl Waker {
    pub fn wake(&self) {
        let _ = self.0.unbounded_send(());
    }
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
    spawn_local(run(session, wakes, alive.clone()));
    spawn_local(listen(session, waker.clone(), alive));
    waker.wake();
    waker
}

async fn run(session: Session, mut wakes: mpsc::UnboundedReceiver<()>, alive: Rc<Cell<bool>>) {
    let mut failures = 0;
    let mut wait_ms = 0.0;
    while alive.get() {
        select(wakes.next(), Box::pin(clock::sleep(wait_ms as i32))).await;
        while wakes.try_recv().is_ok() {}
        if !alive.get() {
            return;
        }
        let done = alone(round(session)).await;
        failures = if done.is_ok() { 0 } else { failures + 1 };
        wait_ms = wait_after(failures);
        session.round_ended(done);
    }
}

/// Full jitter: a district's phones that lost the server together do not return together.
fn wait_after(failures: u32) -> f64 {
    match failures {
        0 => CALM_MS * (0.5 + clock::fraction()),
        _ => 250.0 + (FIRST_RETRY_MS * 2f64.powi(failures.min(12) as i32)).min(LAST_RETRY_MS) * clock::fraction(),
    }
}

/// Looks for what differs in buckets whose checksum does not match, so that only that is fetched again.
async fn compare(session: Session) -> Result<(), ApiError> {
    while let Some(asked) = session.next_digest() {
        let token = session.token().await?;
        let body = serde_json::to_string(&asked).expect("places are text");
        let call = Call::post("/api/v1/sync/digest", "application/json", body).with_token(&token);
        let reply: DigestReply = session.seen(http::json(call).await)?;
        session.take_digest(&reply);
    }
    Ok(())
}

/// One round: everything out, everything in. A full outbox does not keep the pull from going on.
async fn round(session: Session) -> Result<(), ApiError> {
    if session.must_refill().await {
        refill(session).await?;
    }
    let pushed = push_all(session).await;
    let asked = ask_about_quarantine(session).await;
    compare(session).await?;
    pull_all(session).await?;
    pushed.and(asked)
}

/// Offers the journal to a server that was restored, and once a day to any: what it needs goes out again.
async fn refill(session: Session) -> Result<(), ApiError> {
    let journal = session.journal().await?;
    let offered = session.to_offer(&journal);
    for part in offered.chunks(MAX_HAVE) {
        let reply = have(session, part).await?;
        let of_journal = journal.iter().filter(|saved| part.contains(&saved.id));
        session.take_have(&reply, of_journal.cloned().collect());
    }
    session.refilled(journal).await;
    Ok(())
}

/// Whether the office has decided about what it keeps.
async fn ask_about_quarantine(session: Session) -> Result<(), ApiError> {
    let ids = session.in_quarantine();
    if !ids.is_empty() {
        let reply = have(session, &ids).await?;
        session.take_have(&reply, Vec::new());
    }
    Ok(())
}

async fn have(session: Session, ids: &[GroupId]) -> Result<HaveReply, ApiError> {
    let token = session.token().await?;
    let body = serde_json::to_string(&Replica::offer(ids)).expect("ids are text");
    let call = Call::post("/api/v1/sync/have", "application/json", body).with_token(&token);
    session.seen(http::json(call).await)
}

async fn push_all(session: Session) -> Result<(), ApiError> {
    while let Some(batch) = session.next_push() {
        let token = match session.token().await {
            Ok(token) => Some(token),
            // Who was withdrawn may still hand in: the sign-in's cookie is enough for that.
            Err(error) if ["person.disabled", "device.revoked"].contains(&error.code.as_str()) => None,
            Err(error) => return Err(error),
        };
        let call = Call::post("/api/v1/sync/push", "application/x-ndjson", batch.body);
        let call = token.iter().fold(call, |call, token| call.with_token(token));
        let reply: PushReply = session.seen(http::json(call).await)?;
        let progressed = reply
            .outcomes
            .iter()
            .any(|outcome| !matches!(outcome.kind, sync_protocol::OutcomeKind::Retry { .. }));
        session.take_push_reply(&reply).await?;
        if !progressed {
            return Err(ApiError {
                status: 503,
                code: "retry".into(),
            });
        }
    }
    Ok(())
}

async fn pull_all(session: Session) -> Result<(), ApiError> {
    let mut mended = 0;
    loop {
        let token = session.token().await?;
        let request = session.next_pull(PULL_BUDGET);
        let body = serde_json::to_string(&request).expect("a pull request has only text keys");
        let call = Call::post("/api/v1/sync/pull", "application/json", body).with_token(&token);
        let answer = session.seen(http::text(call).await)?;
        match take_frames(session, &answer).await? {
            Taken::All => return Ok(()),
            Taken::More => {}
            // Asked again at once, but not for ever: if it still does not fit, the retry's pauses apply.
            Taken::RefillFirst if mended < 3 => {
                mended += 1;
                refill(session).await?;
                push_all(session).await?;
            }
            Taken::Misfit if mended < 3 => {
                mended += 1;
                if session.must_refill().await {
                    refill(session).await?;
                    push_all(session).await?;
                }
                compare(session).await?;
            }
            Taken::Misfit | Taken::RefillFirst => {
                return Err(ApiError {
                    status: 200,
                    code: "checkpoint.mismatch".into(),
                });
            }
        }
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
        let frame: Frame = serde_json::from_str(line).map_err(|_| ApiError {
            status: 200,
            code: "answer.unreadable".into(),
        })?;
        if let Frame::End(end) = &frame {
            more = Some(end.more);
        }
        match session.take_frame(frame).await? {
            Ok(()) => {}
            Err(StageError::Protocol(_)) => {
                return Err(ApiError {
                    status: 426,
                    code: "client.too_old".into(),
                });
            }
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

/// Listens for pokes; a lost one costs a poll.
async fn listen(session: Session, waker: Waker, alive: Rc<Cell<bool>>) {
    let mut failures = 0;
    while alive.get() {
        let outcome = match session.token().await {
            Ok(token) => {
                let call = Call::get("/api/v1/live").with_token(&token);
                http::lines(call, |line| {
                    if line.starts_with("event: poke") {
                        session.poked();
                        waker.wake();
                    }
                    alive.get()
                })
                .await
            }
            Err(error) => Err(error),
        };
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        let wait = if failures == 0 {
            250.0
        } else {
            wait_after(failures).min(60_000.0)
        };
        clock::sleep(wait as i32).await;
        // What changed while nobody listened.
        session.poked();
        waker.wake();
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
