//! The way to Postgres: the pool of connections and the schema's migrations. No queries.

use std::time::Duration;

use anyhow::{Context, anyhow};
use diesel::result::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool as pooled;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use futures_util::FutureExt;

/// The shared pool; cloning it is cheap.
pub type Pool = pooled::Pool<AsyncPgConnection>;

/// A connection on loan from the pool.
pub type Connection = pooled::Object<AsyncPgConnection>;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations");

/// Any number will do as long as every instance takes the same: it keeps two instances from migrating at once.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_lock(4819232116)";

/// How long a request waits for a free connection before it fails.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(10);

/// Makes a pool of at most `size` connections; connects when first used. They work as the role that the second lock holds.
pub fn connect(url: &str, size: usize) -> anyhow::Result<Pool> {
    connect_waiting(url, size, WAIT_FOR_CONNECTION)
}

/// The same with another wait for a free connection, for tests that have it fail.
pub fn connect_waiting(url: &str, size: usize, wait: Duration) -> anyhow::Result<Pool> {
    pool(url, size, wait, SET_UP)
}

/// A pool without the second lock, for the tests that prove the first one alone. Nothing in the server calls it.
pub fn connect_as_owner(url: &str, size: usize) -> anyhow::Result<Pool> {
    pool(url, size, WAIT_FOR_CONNECTION, TIMEOUTS)
}

fn pool(url: &str, size: usize, wait: Duration, set_up: &'static str) -> anyhow::Result<Pool> {
    let mut config = ManagerConfig::default();
    // A query before each loan would double what an empty poll costs; a connection that broke is seen without asking.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| establish(url.to_owned(), set_up).boxed());
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(url, config);
    let pool = Pool::builder(manager)
        .max_size(size)
        .runtime(deadpool::Runtime::Tokio1)
        .wait_timeout(Some(wait))
        .create_timeout(Some(WAIT_FOR_CONNECTION))
        .build()?;
    Ok(pool)
}

/// Nobody waits for a lock, or keeps one while doing nothing, for longer than this; whoever meets it tries again.
const TIMEOUTS: &str = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '20s'";
/// The same, and the role as which the server works.
const SET_UP: &str = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '20s'; SET ROLE duxing_server";

async fn establish(url: String, set_up: &'static str) -> ConnectionResult<AsyncPgConnection> {
    let mut conn = AsyncPgConnection::establish(&url).await?;
    let set = conn.batch_execute(set_up).await;
    set.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// Brings the schema to this version. Safe to call from several instances at once, and on any runtime.
pub async fn migrate(url: &str) -> anyhow::Result<()> {
    let url = url.to_owned();
    let (done, result) = tokio::sync::oneshot::channel();
    // diesel's harness blocks inside the runtime, which only a multi-threaded one allows: it gets its own.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let _ = done.send(match runtime {
            Ok(runtime) => runtime.block_on(async { tokio::spawn(run_migrations(url)).await? }),
            Err(error) => Err(error.into()),
        });
    });
    result.await.context("the migration thread ended early")?
}

async fn run_migrations(url: String) -> anyhow::Result<()> {
    let mut conn = AsyncPgConnection::establish(&url)
        .await
        .context("cannot connect to Postgres")?;
    conn.batch_execute(MIGRATION_LOCK).await?;
    // The lock goes with the connection, which ends with this function.
    AsyncMigrationHarness::new(conn)
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| anyhow!("migration failed: {error}"))?;
    refuse_non_member(&url).await
}

/// Told at the start, and not as a database that cannot be reached.
async fn refuse_non_member(url: &str) -> anyhow::Result<()> {
    let mut conn = AsyncPgConnection::establish(url).await?;
    conn.batch_execute(SET_UP).await.context(
        "the login of DATABASE_URL must be a member of the role duxing_server: GRANT duxing_server TO the login (docs/operating.md)",
    )
}
