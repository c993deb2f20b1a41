//! `GET /api/v1/live`: tells a client which of its buckets changed, never what. A lost poke costs one poll.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, Result as ActixResult};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::AppState;
use crate::auth::actor::Actor;
use crate::auth::token::Claims;
use crate::error::{Code, Error, Result};
use crate::hub::Poke;

/// At most one poke in this time; the first one goes out at once.
const COALESCE: Duration = Duration::from_millis(100);
/// A comment this often keeps proxies from closing the connection, and the rights are looked up again.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After this the client comes back with a fresh token.
const LONGEST: Duration = Duration::from_secs(600);

/// The stream ends when the sign-in ends, the rights can no longer be confirmed, the server stops, or after ten minutes.
pub async fn listen(app: Data<AppState>, request: HttpRequest) -> Result<HttpResponse> {
    let claims = Claims::of_request(&request, &app.keys)?;
    let pokes = app.hub.subscribe();
    let actor = Actor::confirm(&mut *app.pool.get().await?, &claims, &app).await?;
    let now = Instant::now();
    let listener = Listener {
        app,
        claims,
        actor,
        pokes,
        changed: BTreeSet::new(),
        last_poke: now - COALESCE,
        next_heartbeat: now,
        end: now + LONGEST,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(listener, |mut listener| async move {
            let event = listener.next().await?;
            Some((ActixResult::<Bytes>::Ok(event), listener))
        })))
}

/// One open connection.
struct Listener {
    app: Data<AppState>,
    claims: Claims,
    actor: Actor,
    pokes: Receiver<Poke>,
    /// Buckets that changed and were not told yet.
    changed: BTreeSet<String>,
    last_poke: Instant,
    next_heartbeat: Instant,
    end: Instant,
}

#[derive(Serialize)]
struct PokeData<'a> {
    buckets: &'a BTreeSet<String>,
}

impl Listener {
    /// The next piece of the stream; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let now = Instant::now();
            if now >= self.end || self.app.hub.is_closed() {
                return None;
            }
            if !self.changed.is_empty() && now >= self.last_poke + COALESCE {
                return Some(self.poke(now));
            }
            if now >= self.next_heartbeat {
                self.next_heartbeat = now + HEARTBEAT;
                self.confirm().await.ok()?;
                return Some(Bytes::from_static(b": \n\n"));
            }
            self.wait().await?;
        }
    }

    fn poke(&mut self, now: Instant) -> Bytes {
        let data = serde_json::to_string(&PokeData { buckets: &self.changed }).expect("strings are JSON");
        self.changed.clear();
        self.last_poke = now;
        Bytes::from(format!("event: poke\ndata: {data}\n\n"))
    }

    /// Rights may have changed since; a full house is no reason to hang up.
    async fn confirm(&mut self) -> Result<()> {
        let looked_up = async { Actor::confirm(&mut *self.app.pool.get().await?, &self.claims, &self.app).await };
        match looked_up.await {
            Ok(actor) => self.actor = actor,
            Err(Error::Refused(Code::Busy)) => {}
            Err(refused) => return Err(refused),
        }
        Ok(())
    }

    /// Waits for a poke or for the next moment something is due; `None` when the hub is gone.
    async fn wait(&mut self) -> Option<()> {
        if !self.changed.is_empty() {
            // Gather what else arrives until the next poke is due.
            let due = self.last_poke + COALESCE;
            if let Ok(received) = timeout_at(due, self.pokes.recv()).await {
                self.take(received)?;
            }
            return Some(());
        }
        tokio::select! {
            received = self.pokes.recv() => self.take(received)?,
            () = sleep_until(self.next_heartbeat.min(self.end)) => {}
        }
        Some(())
    }

    fn everything(&mut self) {
        let within_reach = self.actor.grants.iter().map(|grant| grant.bucket.clone());
        self.changed.extend(within_reach);
    }

    fn take(&mut self, received: std::result::Result<Poke, RecvError>) -> Option<()> {
        match received {
            Ok(poke) if poke.everything => self.everything(),
            Ok(poke) => {
                let Poke { district, buckets, .. } = poke;
                let seen = |bucket: &&String| district == self.actor.district && self.actor.may_read(bucket);
                self.changed.extend(buckets.iter().filter(seen).cloned());
            }
            // Too much happened to say what: everything within reach may have changed.
            Err(RecvError::Lagged(_)) => self.everything(),
            Err(RecvError::Closed) => return None,
        }
        Some(())
    }
}
