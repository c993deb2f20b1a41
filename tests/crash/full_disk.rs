//! The office's disk is full: phones are told to wait and keep everything; with room again all of it arrives.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use server::postgres::cluster::Durability;
use server::postgres::is_root;
use tests::District;
use tests::cluster::{End, OwnCluster};
use tests::process::ServerProcess;

use crate::work::{Worker, finish_and_check};

/// Room for a cluster and a few of the log's files.
const SIZE: &str = "160m";
/// Little log, so that it has to grow soon.
const SETTINGS: [&str; 2] = ["min_wal_size=32MB", "max_wal_size=48MB"];

/// A disk of its own, in memory. It is gone when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where one may not be mounted.
    fn mount() -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("duxing-small-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let size = format!("size={SIZE},mode=755");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&folder)
            .status();
        match mount {
            Ok(status) if status.success() => Some(Self(folder)),
            _ => {
                let _ = std::fs::remove_dir(&folder);
                None
            }
        }
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Writes until nothing more goes. Checked to be the small disk: the real one is never filled.
    fn fill(&self) {
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        assert!(
            mounts.contains(&format!(" {} tmpfs ", self.0.display())),
            "the small disk is not there"
        );
        let ended = std::io::copy(
            &mut std::io::repeat(0),
            &mut std::fs::File::create(self.ballast()).unwrap(),
        );
        assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_at_the_office_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        let must = is_root() && std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!must, "a small disk cannot be mounted, although this is root on CI");
        println!("SKIPPED: a_full_disk_at_the_office_loses_nothing needs to mount a small disk, which only root may");
        return;
    };
    let mut cluster = start_on(&disk.0);
    let url = cluster.url();
    server::db::migrate(&url).await.unwrap();
    let mut conn = AsyncPgConnection::establish(&url).await.unwrap();
    let district = District::create(&mut conn).await.unwrap();
    let server = ServerProcess::over(&url, 0);
    let stop = Arc::new(AtomicBool::new(false));
    let workers = Worker::three(&server.url, &district).await;
    let troubles: Vec<_> = workers.iter().map(Worker::troubles_so_far).collect();
    let trouble = || -> u64 { troubles.iter().map(|one| one.load(Ordering::Relaxed)).sum() };
    let at_work: Vec<_> = workers.into_iter().map(|worker| worker.until(&stop)).collect();

    disk.fill();
    wait_until("pushes fail", || trouble() >= 20).await;
    // Until here only tables could not grow. Now the log cannot either.
    for _ in 0..4 {
        if let Ok(mut conn) = AsyncPgConnection::establish(&url).await {
            let _ = conn
                .batch_execute("SELECT pg_switch_wal(); CREATE TABLE IF NOT EXISTS more (n int)")
                .await;
        }
    }
    let before = trouble();
    wait_until("pushes fail without a log", || trouble() >= before + 20).await;
    let survived = cluster.is_running();
    disk.free();
    come_back(&mut cluster).await;
    stop.store(true, Ordering::Relaxed);

    let mut workers = Vec::new();
    for worker in at_work {
        workers.push(worker.await.unwrap());
    }
    let figures = finish_and_check(&mut workers, &url).await;
    println!(
        "figures: a full disk (postmaster survived: {survived}), {} calls failed, {figures}",
        trouble()
    );
    assert!(server.stop());
    cluster.end(End::Fast);
}

fn start_on(disk: &Path) -> OwnCluster {
    let data = disk.join("data");
    std::fs::create_dir(&data).unwrap();
    let mut cluster = OwnCluster::create_in(data, Durability::Durable, &SETTINGS);
    cluster.run();
    cluster
}

async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whoever looks after the server starts Postgres again where it gave up; otherwise it recovers by itself.
async fn come_back(cluster: &mut OwnCluster) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        if !cluster.is_running() {
            cluster.end(End::Killed);
            cluster.run();
        }
        if let Ok(mut conn) = AsyncPgConnection::establish(&cluster.url()).await
            && conn.batch_execute("CREATE TEMPORARY TABLE room (n int)").await.is_ok()
        {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "Postgres does not recover: {}",
            cluster.last_words()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
