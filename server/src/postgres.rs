//! The private Postgres: finds the binaries, creates a cluster inside the data folder, keeps it running, stops it.
//! It never listens on the network, and it never outlives the process that started it.
//!
//! One thread, the keeper, starts the postmaster and stays for as long as the process lives. That matters twice: the
//! kernel ties "stop when your parent dies" to the *thread* that spawned, and somebody has to start Postgres again
//! should it die. Two processes on one data folder share the postmaster of the first; when it goes, the other's
//! keeper starts its own.

mod binaries;
pub mod cluster;
mod process;

use std::fs;
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

pub use binaries::find_binaries;
use cluster::{Cluster, Durability, Seen};
pub use process::{is_root, send_signal, who_works_in};

/// How often the keeper looks at its postmaster.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Recovery after a power cut may take this long on a slow disk.
const START_WITHIN: Duration = Duration::from_secs(300);
/// After this long a fast shutdown becomes an immediate one; nothing committed is lost by either.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A running private Postgres. Dropping it stops the postmaster that this process started.
pub struct ManagedPostgres {
    stop: Sender<()>,
    keeper: Option<JoinHandle<()>>,
}

impl ManagedPostgres {
    /// Starts (or shares) the cluster in `data/postgres`, creating it when it is not there, and returns the URL of its
    /// database once it answers. Blocks; call it before the async runtime starts, or from a blocking thread.
    pub fn start(data: &Path) -> anyhow::Result<(Self, String)> {
        Self::start_with(data, Durability::Durable)
    }

    /// The same without waiting for the disk: a power cut may destroy the cluster. For tests only.
    pub fn start_unsafe_fast(data: &Path) -> anyhow::Result<(Self, String)> {
        Self::start_with(data, Durability::UnsafeFast)
    }

    fn start_with(data: &Path, durability: Durability) -> anyhow::Result<(Self, String)> {
        let cluster = Cluster::prepare(data, durability)?;
        let url = cluster.url();
        let (stop, stopped) = mpsc::channel();
        let (tell_ready, ready) = mpsc::channel();
        let keeper = std::thread::Builder::new()
            .name("postgres-keeper".into())
            .spawn(move || {
                keep(&cluster, &tell_ready, &stopped);
            })?;
        let this = Self {
            stop,
            keeper: Some(keeper),
        };
        ready.recv().context("the Postgres keeper ended early")??;
        Ok((this, url))
    }

    /// Stops the postmaster cleanly and waits for it.
    pub fn stop(self) {}
}

impl Drop for ManagedPostgres {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// The keeper's work: have a ready postmaster until told to stop, whoever started it.
fn keep(cluster: &Cluster, tell_ready: &Sender<anyhow::Result<()>>, stopped: &mpsc::Receiver<()>) {
    let mut first = true;
    loop {
        let child = match get_ready(cluster) {
            Ok(child) => child,
            Err(error) if first => {
                let _ = tell_ready.send(Err(error));
                return;
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "Postgres does not start; trying again");
                match stopped.recv_timeout(Duration::from_secs(2)) {
                    Err(RecvTimeoutError::Timeout) => continue,
                    _ => return,
                }
            }
        };
        if std::mem::take(&mut first) {
            let _ = tell_ready.send(Ok(()));
        }
        match watch(cluster, child, stopped) {
            Watched::ToldToStop => return,
            Watched::Gone => tracing::error!("Postgres has gone; starting it again"),
        }
    }
}

enum Watched {
    ToldToStop,
    Gone,
}

/// Waits until told to stop (and then stops our own postmaster) or until the postmaster is gone.
fn watch(cluster: &Cluster, mut child: Option<Child>, stopped: &mpsc::Receiver<()>) -> Watched {
    loop {
        match stopped.recv_timeout(LOOK_AGAIN * 4) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => {
                if let Some(child) = child {
                    stop_postmaster(child);
                    let _ = fs::remove_file(&cluster.owner_note);
                    let _ = fs::remove_dir(&cluster.sockets);
                }
                return Watched::ToldToStop;
            }
        }
        let gone = match &mut child {
            Some(child) => !matches!(child.try_wait(), Ok(None)),
            None => !matches!(cluster.look(), Seen::Ready(pid) if !cluster.is_orphan(pid)),
        };
        if gone {
            return Watched::Gone;
        }
    }
}

/// Comes back with a postmaster that answers: `Some` when it is ours to stop, `None` when it is another process's.
fn get_ready(cluster: &Cluster) -> anyhow::Result<Option<Child>> {
    let _lock = cluster.lock()?;
    let deadline = Instant::now() + START_WITHIN;
    let mut attempts_left = 20;
    while Instant::now() < deadline {
        match cluster.look() {
            Seen::Ready(pid) if !cluster.is_orphan(pid) => return Ok(None),
            // Its owner was killed a moment ago. The kernel has told it to stop; telling it twice does no harm.
            Seen::Ready(pid) => send_signal(pid, libc::SIGINT),
            Seen::Busy => {}
            Seen::Nobody => {
                let log_before = fs::metadata(&cluster.log).map_or(0, |log| log.len());
                if let Some(child) = start_postmaster(cluster, deadline)? {
                    return Ok(Some(child));
                }
                // Backends of a killed postmaster hold its shared memory for a moment longer.
                attempts_left -= 1;
                ensure!(
                    attempts_left > 0,
                    "Postgres ends while starting: {}",
                    last_words(&cluster.log, log_before)
                );
            }
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    bail!(
        "Postgres on {} does not get ready; see {}",
        cluster.pgdata.display(),
        cluster.log.display()
    )
}

/// Starts the postmaster and waits until it is ready; `None` when it ended instead.
fn start_postmaster(cluster: &Cluster, deadline: Instant) -> anyhow::Result<Option<Child>> {
    cluster.clear_misleading_leftovers()?;
    let mut child = cluster.spawn(&[])?;
    while Instant::now() < deadline {
        if matches!(cluster.look(), Seen::Ready(pid) if pid == child.id() as i32) {
            return Ok(Some(child));
        }
        if child.try_wait()?.is_some() {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    stop_postmaster(child);
    Ok(None)
}

fn last_words(log: &Path, from: u64) -> String {
    let text = fs::read(log).unwrap_or_default();
    let from = usize::try_from(from).unwrap_or(0).min(text.len());
    let said = String::from_utf8_lossy(&text[from..]);
    said.lines()
        .rfind(|line| line.contains("FATAL"))
        .or(said.lines().last())
        .unwrap_or("it said nothing")
        .to_owned()
}

fn stop_postmaster(mut child: Child) {
    let pid = child.id() as i32;
    send_signal(pid, libc::SIGINT);
    let deadline = Instant::now() + STOP_WITHIN;
    let mut impatient = false;
    while let Ok(None) = child.try_wait() {
        if Instant::now() > deadline && !std::mem::replace(&mut impatient, true) {
            send_signal(pid, libc::SIGQUIT);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use super::cluster::{PostmasterNote, SOCKET};
    use super::process::anybody_works_in;
    use super::*;

    /// A folder that goes with the test. Not below the target folder, which may be closed to Postgres' account.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("duxing-test-{name}-{}", std::process::id()));
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }

        fn postmaster(&self) -> Option<i32> {
            let pgdata = fs::canonicalize(&self.0).unwrap().join("postgres");
            PostmasterNote::read(&pgdata)
                .filter(|note| note.is_running(&pgdata))
                .map(|note| note.pid)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !condition() {
            assert!(Instant::now() < deadline, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a query with the client that comes with every Postgres, and returns what it printed.
    fn ask(url: &str, sql: &str) -> String {
        let psql = find_binaries().unwrap().join("psql");
        let output = Command::new(psql).args([url, "-AtXqc", sql]).output().unwrap();
        assert!(
            output.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn a_cluster_is_made_answers_keeps_its_rows_and_leaves_no_process() {
        let folder = Folder::new("keeps");
        let (postgres, url) = ManagedPostgres::start(&folder.0).unwrap();
        ask(&url, "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('督导')");
        postgres.stop();
        assert_eq!(folder.postmaster(), None);

        let (_postgres, url) = ManagedPostgres::start(&folder.0).unwrap();
        assert_eq!(ask(&url, "SELECT word FROM kept"), "督导");
        assert_eq!(ask(&url, "SHOW fsync"), "on");
        assert_eq!(ask(&url, "SHOW listen_addresses"), "");
        assert!(["lz4", "pglz"].contains(&ask(&url, "SHOW default_toast_compression").as_str()));
    }

    #[test]
    fn an_interrupted_first_start_heals() {
        let folder = Folder::new("heals");
        fs::create_dir_all(folder.0.join("postgres.init/base")).unwrap();
        fs::write(folder.0.join("postgres.init/PG_VERSION"), "15").unwrap();
        let (_postgres, url) = ManagedPostgres::start_unsafe_fast(&folder.0).unwrap();
        assert_eq!(ask(&url, "SELECT 1"), "1");
    }

    #[test]
    fn two_holders_share_one_postmaster_and_the_second_takes_over() {
        let folder = Folder::new("shared");
        let mut first = Holder::start(&folder);
        let (_second, url) = ManagedPostgres::start_unsafe_fast(&folder.0).unwrap();
        assert_eq!(folder.postmaster(), Some(first.postmaster));
        first.kill();
        wait_until("the second starts its own", || {
            folder.postmaster().is_some_and(|pid| pid != first.postmaster)
        });
        wait_until("it answers", || {
            UnixStream::connect(folder.0.join("socket").join(SOCKET)).is_ok()
        });
        wait_until("queries work", || {
            let psql = find_binaries().unwrap().join("psql");
            Command::new(psql)
                .args([&url, "-Xqc", "SELECT 1"])
                .output()
                .unwrap()
                .status
                .success()
        });
    }

    #[test]
    fn kill_9_of_the_holder_stops_postgres_and_the_next_start_finds_everything() {
        let folder = Folder::new("killed");
        let mut holder = Holder::start(&folder);
        ask(&holder.url, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)");
        holder.kill();
        // At once, while the old postmaster is still shutting down.
        let (postgres, url) = ManagedPostgres::start(&folder.0).unwrap();
        assert_ne!(folder.postmaster(), Some(holder.postmaster));
        assert_eq!(ask(&url, "SELECT n FROM kept"), "42");
        postgres.stop();
        assert!(!anybody_works_in(
            &fs::canonicalize(&folder.0).unwrap().join("postgres")
        ));
    }

    #[test]
    fn a_killed_postmaster_is_started_again() {
        let folder = Folder::new("again");
        let (_postgres, url) = ManagedPostgres::start_unsafe_fast(&folder.0).unwrap();
        let before = folder.postmaster().unwrap();
        send_signal(before, libc::SIGKILL);
        wait_until("a new postmaster", || {
            folder.postmaster().is_some_and(|pid| pid != before)
        });
        wait_until("it answers", || {
            let psql = find_binaries().unwrap().join("psql");
            Command::new(psql)
                .args([&url, "-Xqc", "SELECT 1"])
                .output()
                .unwrap()
                .status
                .success()
        });
    }

    #[test]
    fn the_pid_of_another_process_misleads_nobody() {
        let folder = Folder::new("misled");
        ManagedPostgres::start_unsafe_fast(&folder.0).unwrap().0.stop();
        let note = format!("{}\n/x\n0\n5432\n/x\n\n0 0\nready   \n", std::process::id());
        fs::write(folder.0.join("postgres/postmaster.pid"), note).unwrap();
        let (_postgres, url) = ManagedPostgres::start_unsafe_fast(&folder.0).unwrap();
        assert_eq!(ask(&url, "SELECT 1"), "1");
    }

    /// Another process that holds the cluster: this test binary again, running only [`hold_a_cluster`].
    struct Holder {
        process: Child,
        url: String,
        postmaster: i32,
    }

    impl Holder {
        fn start(folder: &Folder) -> Self {
            let mut process = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "postgres::tests::hold_a_cluster", "--nocapture"])
                .env("HOLD_CLUSTER_IN", &folder.0)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(process.stdout.take().unwrap())
                .lines()
                .map_while(Result::ok);
            let url = lines
                .find_map(|line| Some(line.split_once("holding ")?.1.to_owned()))
                .unwrap();
            // Nobody reads on, and the holder writes no more.
            Self {
                process,
                url,
                postmaster: folder.postmaster().unwrap(),
            }
        }

        fn kill(&mut self) {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
    }

    impl Drop for Holder {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    #[test]
    fn hold_a_cluster() {
        let Some(data) = std::env::var_os("HOLD_CLUSTER_IN") else {
            return;
        };
        let (_postgres, url) = ManagedPostgres::start(Path::new(&data)).unwrap();
        println!("holding {url}");
        loop {
            std::thread::park();
        }
    }
}
