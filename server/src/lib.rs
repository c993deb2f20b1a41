//! The office's side of Duxing as a library: `main.rs` runs it, the tests run it in their own process.

pub mod api;
pub mod assets;
pub mod auth;
pub mod body;
pub mod config;
pub mod db;
pub mod demo;
pub mod error;
pub mod heads;
pub mod hub;
pub mod people;
pub mod postgres;
mod relay;
pub mod retention;
pub mod routes;
pub mod schema;
pub mod store;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use tokio::sync::Semaphore;

use crate::api::about::SignIn;
use crate::auth::keys::Keys;
use crate::auth::pace::Pace;
use crate::auth::password::Hasher;
use crate::auth::throttle::Throttle;
use crate::db::Pool;
use crate::heads::Heads;
use crate::hub::Hub;

/// Pushes that are read and applied at a time; some four for each connection to Postgres.
const PUSHES: usize = 64;

/// Sign-ins looked up at a time, of those who show no sign-in of before.
const DOORS: usize = 4;

/// What every handler may reach; cloning shares it.
#[derive(Clone)]
pub struct AppState {
    /// Connections to Postgres.
    pub pool: Pool,
    /// The secrets of this installation.
    pub keys: Arc<Keys>,
    /// Tells live connections what changed.
    pub hub: Hub,
    /// The newest change of each bucket.
    pub heads: Heads,
    /// Which life of which database this server speaks for.
    pub epoch: Arc<str>,
    /// Slows down password guessing.
    pub throttle: Throttle,
    /// Computes passwords, a few at a time.
    pub hasher: Hasher,
    /// Connections that callers at the door may use at a time: the others are for those who are in.
    pub doors: Arc<Semaphore>,
    /// Slows down a sign-in that asks without end.
    pub pace: Pace,
    /// Room for the pushes under way: a body may have 1 MiB, and whoever finds none comes again.
    pub pushes: Arc<Semaphore>,
    /// How many years the identity of somebody who complained is kept.
    pub identity_years: u32,
    /// Whether the server keeps to the grants by itself. Always: only a test that proves the second lock alone sets it to false, and neither
    /// the command line nor the environment can.
    pub first_lock: bool,
    /// The open sign-ins of the demo district; `None` outside demo mode.
    pub demo: Option<Arc<[SignIn]>>,
}

impl AppState {
    /// The state over a migrated database; makes the installation's secrets at first start.
    pub async fn open(pool: Pool, demo: Option<Vec<SignIn>>) -> anyhow::Result<Self> {
        let mut conn = pool.get().await?;
        let keys = Keys::load_or_make(&mut conn).await?;
        let epoch = store::sync::server_epoch(&mut conn).await?;
        drop(conn);
        Ok(AppState {
            pool,
            keys: Arc::new(keys),
            hub: Hub::default(),
            heads: Heads::default(),
            epoch: epoch.into(),
            throttle: Throttle::default(),
            hasher: Hasher::default(),
            pace: Pace::default(),
            doors: Arc::new(Semaphore::new(DOORS)),
            pushes: Arc::new(Semaphore::new(PUSHES)),
            identity_years: config::IDENTITY_YEARS,
            first_lock: true,
            demo: demo.map(Arc::from),
        })
    }
}

/// Serves until SIGINT or SIGTERM, then finishes the requests under way (at most ten seconds).
pub async fn serve(app: AppState, listener: TcpListener, workers: usize) -> io::Result<()> {
    serve_until(app, listener, workers, stop_signal()).await
}

/// The same until `stop` is ready, for tests.
pub async fn serve_until(
    app: AppState,
    listener: TcpListener,
    workers: usize,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let hub = app.hub.clone();
    let relay = tokio::spawn(relay::run(app.clone()));
    let state = Data::new(app);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .configure(routes::configure)
            .wrap(from_fn(error::edge))
            .wrap(assets::security_headers())
    })
    .workers(workers)
    .keep_alive(Duration::from_secs(75))
    .client_request_timeout(Duration::from_secs(10))
    .client_disconnect_timeout(Duration::from_secs(2))
    .shutdown_timeout(10)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    let mut running = tokio::spawn(server);
    tokio::select! {
        ended = &mut running => {
            relay.abort();
            return ended.map_err(io::Error::other)?;
        }
        () = stop => {}
    }
    hub.close();
    relay.abort();
    handle.stop(true).await;
    running.await.map_err(io::Error::other)?
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
