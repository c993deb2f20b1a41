//! A Postgres of a test's own, to be killed, copied, filled up, followed by a standby and set back in time.
//!
//! Start it on the test's own thread: the postmaster is told to stop when the thread that started it ends.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use server::postgres::cluster::{Cluster, Durability, Seen};
use server::postgres::{send_signal, who_works_in};

/// Recovery of a small cluster on two busy cores.
const READY_WITHIN: Duration = Duration::from_secs(120);
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A running or stopped cluster. Dropping it ends its processes and removes its folder.
pub struct OwnCluster {
    cluster: Cluster,
    data: PathBuf,
    settings: Vec<String>,
    postmaster: Option<Child>,
}

/// How a cluster is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything is written to its place first.
    Fast,
    /// At once, as `pg_ctl stop -m immediate` does: the next start recovers from the log.
    Immediate,
    /// SIGKILL to the postmaster and every child of it.
    Killed,
}

impl OwnCluster {
    /// A new cluster with an empty database, running. `settings` are such as `archive_mode=on`.
    ///
    /// # Panics
    /// As everything here, when Postgres does not do what it is told.
    pub fn start(durability: Durability, settings: &[&str]) -> Self {
        let mut this = Self::create_in(new_folder(), durability, settings);
        this.run();
        this
    }

    /// A new cluster in this folder, not running.
    pub fn create_in(data: PathBuf, durability: Durability, settings: &[&str]) -> Self {
        let cluster = Cluster::prepare(&data, durability).expect("a cluster for the test");
        Self::with(cluster, data, settings)
    }

    fn with(cluster: Cluster, data: PathBuf, settings: &[&str]) -> Self {
        Self {
            cluster,
            data,
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            postmaster: None,
        }
    }

    /// The URL of the cluster's own database.
    pub fn url(&self) -> String {
        self.cluster.url()
    }

    /// Where its data lies.
    pub fn pgdata(&self) -> &Path {
        &self.cluster.pgdata
    }

    /// Starts it and waits until it answers.
    pub fn run(&mut self) {
        self.try_run().unwrap_or_else(|why| panic!("{why}"));
    }

    /// The same for a start that may fail, such as one on a full disk.
    pub fn try_run(&mut self) -> Result<(), String> {
        self.cluster
            .clear_misleading_leftovers()
            .expect("leftovers can be removed");
        let settings: Vec<&str> = self.settings.iter().map(String::as_str).collect();
        let mut postmaster = self.cluster.spawn(&settings).expect("the postmaster starts");
        let deadline = Instant::now() + READY_WITHIN;
        while !matches!(self.cluster.look(), Seen::Ready(pid) if pid == postmaster.id() as i32) {
            if let Ok(Some(status)) = postmaster.try_wait() {
                return Err(format!(
                    "Postgres ends while starting ({status}): {}",
                    self.last_words()
                ));
            }
            assert!(
                Instant::now() < deadline,
                "Postgres does not get ready: {}",
                self.last_words()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        self.postmaster = Some(postmaster);
        Ok(())
    }

    /// Whether the postmaster still runs; a child's PANIC alone does not end it.
    pub fn is_running(&mut self) -> bool {
        self.postmaster
            .as_mut()
            .is_some_and(|postmaster| matches!(postmaster.try_wait(), Ok(None)))
    }

    /// Ends it and waits until no process of it is left.
    pub fn end(&mut self, how: End) {
        let Some(mut postmaster) = self.postmaster.take() else {
            return;
        };
        match how {
            End::Fast => send_signal(postmaster.id() as i32, libc::SIGINT),
            End::Immediate => send_signal(postmaster.id() as i32, libc::SIGQUIT),
            End::Killed => self.kill_everybody(),
        }
        postmaster.wait().expect("the postmaster is our child");
        // Children of a killed postmaster may live a moment longer, and their shared memory with them.
        self.kill_everybody();
    }

    fn kill_everybody(&self) {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let alive: Vec<i32> = who_works_in(&self.cluster.pgdata).collect();
            if alive.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "these outlive SIGKILL: {alive:?}");
            alive.into_iter().for_each(|pid| send_signal(pid, libc::SIGKILL));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A folder beside the data that Postgres may write to, such as for its archive.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.data.join(name);
        self.cluster.make_folder(&folder).expect("a folder beside the data");
        folder
    }

    /// Takes a base backup of the running cluster into a new folder and returns the copy, not running.
    pub fn base_backup(&self, durability: Durability, settings: &[&str]) -> OwnCluster {
        let data = new_folder();
        let cluster = Cluster::locate(&data, durability).expect("a place for the copy");
        cluster.make_folder(&cluster.pgdata).expect("a folder for the copy");
        let copy = Self::with(cluster, data, settings);
        let url = self.url();
        let to = copy.pgdata().to_string_lossy();
        self.command(
            "pg_basebackup",
            &["-d", &url, "-D", &to, "-X", "stream", "-c", "fast", "--no-sync"],
        );
        copy
    }

    /// A hot standby that follows this cluster, running.
    pub fn standby(&self) -> OwnCluster {
        let follow = format!("primary_conninfo={}", self.url());
        // Long reads there are neither cancelled nor in the way.
        let settings = [
            &follow,
            "hot_standby=on",
            "hot_standby_feedback=on",
            "max_standby_streaming_delay=-1",
        ];
        let mut standby = self.base_backup(Durability::UnsafeFast, &settings);
        standby.signal("standby.signal");
        standby.run();
        standby
    }

    /// A copy of the files of a stopped cluster.
    pub fn copy_files(&self) -> FileCopy {
        assert!(self.postmaster.is_none(), "a running cluster's files are no copy");
        let copy = FileCopy(new_folder());
        copy_folder(self.pgdata(), &copy.0.join("postgres"));
        copy
    }

    /// Puts the files of a copy into the place of this stopped cluster's own.
    pub fn take_files(&mut self, copy: &FileCopy) {
        self.replace_pgdata(&copy.0.join("postgres"));
    }

    /// Puts the data of another stopped cluster into the place of this stopped one's.
    pub fn take_data_of(&mut self, other: &OwnCluster) {
        self.replace_pgdata(other.pgdata());
    }

    fn replace_pgdata(&mut self, from: &Path) {
        assert!(self.postmaster.is_none(), "a running cluster keeps its files");
        fs::remove_dir_all(self.pgdata()).expect("the old files go");
        copy_folder(from, self.pgdata());
    }

    /// The settings of the next start.
    pub fn set(&mut self, settings: &[impl ToString]) {
        self.settings = settings.iter().map(ToString::to_string).collect();
    }

    /// Leaves a file such as `recovery.signal`, which tells the next start what it is for.
    pub fn signal(&self, name: &str) {
        let file = self.pgdata().join(name);
        fs::write(&file, "").expect("the signal is left");
        let owner = fs::metadata(self.pgdata()).expect("the data folder");
        std::os::unix::fs::chown(&file, Some(owner.uid()), Some(owner.gid())).expect("Postgres may take it away");
    }

    /// Runs one of Postgres' programs under Postgres' account.
    fn command(&self, program: &str, arguments: &[&str]) {
        let output = self.cluster.command(program, libc::SIGKILL).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// The last lines of its log, for a failing test to show.
    pub fn last_words(&self) -> String {
        let log = fs::read(self.data.join("postgres.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        self.end(End::Killed);
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// A data folder as it lay on the disk. It goes when it is dropped.
pub struct FileCopy(PathBuf);

impl Drop for FileCopy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn new_folder() -> PathBuf {
    let nth = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("duxing-own-{}-{nth}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

/// With owners and modes, which Postgres checks.
fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "cp -a {}", from.display());
}
