//! One Postgres a test process, without fsync; one database a test, copied from a migrated template.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use server::postgres::ManagedPostgres;
use tokio::sync::OnceCell;

const TEMPLATE: &str = "migrated";

/// The URL of the cluster of this process.
static CLUSTER: OnceCell<String> = OnceCell::const_new();
static RUNNING: Mutex<Option<ManagedPostgres>> = Mutex::new(None);
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The URL of a fresh database with the newest schema and nothing in it.
///
/// # Panics
/// If no Postgres can be started: there is no test without one.
pub async fn fresh_database() -> String {
    let cluster = CLUSTER
        .get_or_init(|| async { start().await.expect("a Postgres for the tests") })
        .await;
    fresh_database_in(cluster).await
}

/// The same in another cluster, which has its own [`make_template`].
///
/// # Panics
/// If it cannot be made.
pub async fn fresh_database_in(cluster: &str) -> String {
    let name = format!("t_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    execute(cluster, &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
        .await
        .expect("a database for the test");
    with_database(cluster, &name)
}

async fn start() -> anyhow::Result<String> {
    // SAFETY: `stop_at_exit` is a plain function that neither unwinds nor expects any state.
    unsafe { libc::atexit(stop_at_exit) };
    let (postgres, url) = tokio::task::spawn_blocking(move || ManagedPostgres::start_unsafe_fast(&data_folder()))
        .await?
        .context("no Postgres")?;
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(postgres);

    make_template(&url).await?;
    Ok(url)
}

/// Makes the migrated database that every other one is copied from.
pub async fn make_template(cluster: &str) -> anyhow::Result<()> {
    execute(cluster, &format!("CREATE DATABASE {TEMPLATE}")).await?;
    server::db::migrate(&with_database(cluster, TEMPLATE)).await?;
    // Only now may it be copied: nobody can connect to it and be in the way.
    execute(cluster, &format!("ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false")).await?;
    wait_until_alone(cluster).await
}

/// The migrating connection closes a moment after it is dropped, and a template in use cannot be copied.
async fn wait_until_alone(url: &str) -> anyhow::Result<()> {
    execute(
        url,
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{TEMPLATE}'"),
    )
    .await?;
    let copy = format!("CREATE DATABASE probe TEMPLATE {TEMPLATE}");
    for _ in 0..100 {
        if execute(url, &copy).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    anyhow::bail!("the template database stays in use")
}

extern "C" fn stop_at_exit() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(running);
    let _ = std::fs::remove_dir_all(data_folder());
}

fn data_folder() -> PathBuf {
    std::env::temp_dir().join(format!("duxing-test-{}", std::process::id()))
}

/// An empty database in the same cluster, for a copy to be restored into.
///
/// # Panics
/// If it cannot be made.
pub async fn empty_database(beside: &str) -> String {
    let name = format!("r_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    execute(beside, &format!("CREATE DATABASE {name}"))
        .await
        .expect("an empty database");
    with_database(beside, &name)
}

/// A copy of a database as `pg_dump` makes it.
pub struct Dump(PathBuf);

impl Dump {
    /// # Panics
    /// If `pg_dump` fails.
    pub fn of(url: &str) -> Self {
        let name = format!(
            "duxing-dump-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let file = std::env::temp_dir().join(name);
        run(
            "pg_dump",
            &["--format=custom", "--file", &file.to_string_lossy(), "--dbname", url],
        );
        Self(file)
    }

    /// Brings the copy back: into an empty database, or in place of what is there.
    ///
    /// # Panics
    /// If `pg_restore` fails.
    pub fn restore(&self, url: &str, in_place: bool) {
        let file = self.0.to_string_lossy();
        let mut arguments = vec!["--exit-on-error", "--no-owner", "--dbname", url];
        if in_place {
            arguments.extend(["--clean", "--if-exists"]);
        }
        arguments.push(&file);
        run("pg_restore", &arguments);
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn run(program: &str, arguments: &[&str]) {
    let folder = std::env::var_os("PG_BINDIR").map(PathBuf::from).unwrap_or_default();
    let output = std::process::Command::new(folder.join(program))
        .args(arguments)
        .output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs one statement on a connection of its own.
pub async fn execute(url: &str, sql: &str) -> anyhow::Result<()> {
    let mut conn = AsyncPgConnection::establish(url).await?;
    conn.batch_execute(sql).await?;
    Ok(())
}

/// The same cluster's URL for another database: the name stands between the host and the parameters.
fn with_database(url: &str, name: &str) -> String {
    let (before, parameters) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = before.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{name}?{parameters}")
}
