//! Where the private cluster lives, how it is made, and how its processes are started. Decides nothing about when.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::binaries::find_binaries;
use super::process::{anybody_works_in, die_with_parent, effective_user, is_alive, is_root, parent_of, works_in};

/// Names of Unix sockets are limited to 107 bytes by the kernel, and `/.s.PGSQL.5432` takes 14 of them.
const LONGEST_SOCKET_DIR: usize = 90;
pub(super) const SOCKET: &str = ".s.PGSQL.5432";
/// The log starts afresh beyond this size.
const LONGEST_LOG_BYTES: u64 = 16 << 20;

/// Where a cluster lives and how its processes are started.
pub struct Cluster {
    bindir: PathBuf,
    /// The data directory proper; Postgres' processes work inside it.
    pub pgdata: PathBuf,
    pub(super) sockets: PathBuf,
    pub(super) log: PathBuf,
    pub(super) owner_note: PathBuf,
    start_lock: PathBuf,
    run_as: Option<Account>,
    durability: Durability,
}

/// The unprivileged account that Postgres runs under when we are root.
#[derive(Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Cluster {
    /// Finds the binaries, and creates the folders and the cluster when they are missing.
    pub fn prepare(data: &Path, durability: Durability) -> anyhow::Result<Self> {
        let cluster = Self::locate(data, durability)?;
        let _lock = cluster.lock()?;
        cluster.initialise_when_missing()?;
        Ok(cluster)
    }

    /// Finds the binaries and creates the folders around the cluster; it may be missing.
    pub fn locate(data: &Path, durability: Durability) -> anyhow::Result<Self> {
        let bindir = find_binaries()?;
        fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
        let data = fs::canonicalize(data)?;
        let run_as = if is_root() { Some(unprivileged_account()?) } else { None };
        if let Some(account) = run_as {
            ensure_reachable(&data, account)?;
        }
        Ok(Self {
            bindir,
            pgdata: data.join("postgres"),
            sockets: socket_dir(&data, run_as)?,
            log: data.join("postgres.log"),
            owner_note: data.join("postgres.owner"),
            start_lock: data.join("start.lock"),
            run_as,
            durability,
        })
    }

    /// Held while a cluster is made or a postmaster gets ready, so that of two starts at once the second finds the
    /// work of the first done. A dead process holds no lock.
    pub(super) fn lock(&self) -> anyhow::Result<File> {
        let file = File::create(&self.start_lock)?;
        file.lock()?;
        Ok(file)
    }

    /// The URL of the cluster's own database.
    pub fn url(&self) -> String {
        // A folder in the host parameter is understood by libpq and by tokio-postgres alike.
        format!("postgres://duxing@/duxing?host={}", percent_encoded(&self.sockets))
    }

    /// A new folder that Postgres' account may write to and nobody else.
    pub fn make_folder(&self, dir: &Path) -> anyhow::Result<()> {
        make_private_dir(dir, self.run_as)
    }

    /// Makes the cluster beside its place and renames it, so that an interrupted first start heals itself.
    fn initialise_when_missing(&self) -> anyhow::Result<()> {
        if self.pgdata.join("PG_VERSION").exists() {
            return Ok(());
        }
        let unfinished = self.pgdata.with_extension("init");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        make_private_dir(&unfinished, self.run_as)?;
        let mut initdb = self.command("initdb", libc::SIGKILL);
        initdb
            .arg("-D")
            .arg(&unfinished)
            .args([
                "--username=duxing",
                "--encoding=UTF8",
                "--auth-local=trust",
                "--auth-host=reject",
            ])
            .arg(if cfg!(target_os = "linux") {
                "--locale=C.UTF-8"
            } else {
                "--locale=C"
            });
        if self.durability == Durability::UnsafeFast {
            initdb.arg("--no-sync");
        }
        run_to_end(initdb, b"")?;
        // The database is made without a server and a client: by the single-user backend, before anybody can connect.
        let said = self.single_user(&unfinished, b"CREATE DATABASE duxing\n")?;
        ensure!(!said.contains("ERROR"), "cannot create the database: {said}");
        // Cheaper than Postgres' own compression; a build without it says so and goes on without it.
        let compress = "ALTER SYSTEM SET default_toast_compression = lz4\nALTER SYSTEM SET wal_compression = lz4\n";
        self.single_user(&unfinished, compress.as_bytes())?;
        fs::rename(&unfinished, &self.pgdata).context("cannot put the new cluster in its place")
    }

    /// Runs statements, a line each, and returns what was said about them.
    fn single_user(&self, pgdata: &Path, statements: &[u8]) -> anyhow::Result<String> {
        let mut backend = self.command("postgres", libc::SIGKILL);
        backend.arg("--single").arg("-D").arg(pgdata).arg("postgres");
        run_to_end(backend, statements)
    }

    /// Starts the postmaster; it gets SIGINT, a fast shutdown, when this thread or process dies. `more` settings, such as
    /// `archive_mode=on`, come after our own and win.
    pub fn spawn(&self, more: &[&str]) -> anyhow::Result<Child> {
        let mut postmaster = self.command("postgres", libc::SIGINT);
        postmaster.arg("-D").arg(&self.pgdata).arg("-k").arg(&self.sockets);
        let mut settings = vec![
            "listen_addresses=",
            "unix_socket_permissions=0700",
            "port=5432",
            "jit=off",
        ];
        settings.extend(match self.durability {
            Durability::Durable => ["max_connections=100", "synchronous_commit=on", "fsync=on"],
            Durability::UnsafeFast => ["max_connections=400", "full_page_writes=off", "fsync=off"],
        });
        settings
            .iter()
            .chain(more)
            .for_each(|setting| _ = postmaster.arg("-c").arg(setting));
        let log = self.open_log()?;
        postmaster.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = postmaster.spawn().context("cannot start postgres")?;
        fs::write(&self.owner_note, std::process::id().to_string())?;
        Ok(child)
    }

    /// A command of the cluster: unprivileged, in its own process group, and told when its parent dies.
    pub fn command(&self, name: &str, when_parent_dies: libc::c_int) -> Command {
        let mut command = Command::new(self.bindir.join(name));
        // Postgres reads PGPORT and friends; the cluster must not depend on who starts it.
        std::env::vars_os().for_each(|(name, _)| {
            if name.as_bytes().starts_with(b"PG") {
                command.env_remove(&name);
            }
        });
        command.current_dir("/").env("LC_ALL", "C");
        if let Some(account) = self.run_as {
            command.uid(account.uid).gid(account.gid);
        }
        let parent = std::process::id();
        // SAFETY: only async-signal-safe calls are made between fork and exec. It runs after std's setuid, which
        // would clear the death signal.
        unsafe {
            command.pre_exec(move || {
                // ^C in a terminal reaches the whole foreground group; Postgres is to be told by us, afterwards.
                libc::setpgid(0, 0);
                die_with_parent(when_parent_dies, parent)
            });
        }
        command
    }

    fn open_log(&self) -> io::Result<File> {
        let too_long = fs::metadata(&self.log).is_ok_and(|log| log.len() > LONGEST_LOG_BYTES);
        let mut options = OpenOptions::new();
        options.create(true).write(true).mode(0o600);
        if too_long {
            options.truncate(true).open(&self.log)
        } else {
            options.append(true).open(&self.log)
        }
    }

    /// What the data folder says about a postmaster that may be running on it.
    pub fn look(&self) -> Seen {
        let Some(note) = PostmasterNote::read(&self.pgdata) else {
            return Seen::Nobody;
        };
        if !note.is_running(&self.pgdata) {
            return Seen::Nobody;
        }
        if note.ready && UnixStream::connect(self.sockets.join(SOCKET)).is_ok() {
            return Seen::Ready(note.pid);
        }
        Seen::Busy
    }

    /// Postgres clears the files of a killed postmaster itself, except when its pid is now some other process's.
    /// Then we do, unless one of the old backends is still there.
    pub fn clear_misleading_leftovers(&self) -> io::Result<()> {
        if cfg!(target_os = "linux") && !anybody_works_in(&self.pgdata) {
            let socket = self.sockets.join(SOCKET);
            for file in [
                self.pgdata.join(PostmasterNote::NAME),
                socket.with_added_extension("lock"),
                socket,
            ] {
                match fs::remove_file(file) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// True when the process that started the postmaster is gone, so that nobody else will stop it.
    pub(super) fn is_orphan(&self, postmaster: i32) -> bool {
        let owner = fs::read_to_string(&self.owner_note)
            .ok()
            .and_then(|text| text.trim().parse::<i32>().ok());
        let Some(owner) = owner else { return true };
        if cfg!(target_os = "linux") {
            parent_of(postmaster) != Some(owner)
        } else {
            !is_alive(owner)
        }
    }
}

/// Whether commits wait for the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They do, as in the field.
    Durable,
    /// They do not: a power cut may destroy the cluster.
    UnsafeFast,
}

/// What is going on in a data folder.
pub enum Seen {
    /// No postmaster; perhaps the files of one that was killed.
    Nobody,
    /// One is starting up or shutting down.
    Busy,
    /// One answers; its pid.
    Ready(i32),
}

/// What a postmaster writes about itself into its data folder.
pub(super) struct PostmasterNote {
    pub(super) pid: i32,
    ready: bool,
}

impl PostmasterNote {
    const NAME: &str = "postmaster.pid";

    pub(super) fn read(pgdata: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(pgdata.join(Self::NAME)).ok()?)
    }

    /// Line 1 is the pid, line 8 the status, padded with blanks.
    fn parse(text: &str) -> Option<Self> {
        let pid = text.lines().next()?.trim().parse::<i32>().ok()?.checked_abs()?;
        Some(Self {
            pid,
            ready: text.lines().nth(7).is_some_and(|status| status.trim() == "ready"),
        })
    }

    /// Pids are used again, above all after a container restarts: only a process that works in the folder counts.
    pub(super) fn is_running(&self, pgdata: &Path) -> bool {
        if cfg!(target_os = "linux") {
            works_in(self.pid, pgdata)
        } else {
            is_alive(self.pid)
        }
    }
}

/// A folder for the socket: inside the data folder, or a short one in the temporary folder when that is too long.
fn socket_dir(data: &Path, run_as: Option<Account>) -> anyhow::Result<PathBuf> {
    let near = data.join("socket");
    let dir = if near.as_os_str().len() <= LONGEST_SOCKET_DIR {
        near
    } else {
        let name = blake3::hash(data.as_os_str().as_bytes()).to_hex();
        let temporary = std::env::temp_dir();
        let base = if temporary.as_os_str().len() < 50 {
            temporary
        } else {
            PathBuf::from("/tmp")
        };
        base.join(format!("duxing-{}", &name[..16]))
    };
    if fs::symlink_metadata(&dir).is_err() {
        make_private_dir(&dir, run_as)?;
    }
    // Somebody else's folder under that name could be a trap: whoever owns it could pose as our Postgres.
    let found = fs::symlink_metadata(&dir)?;
    let owner = run_as.map_or_else(effective_user, |account| account.uid);
    ensure!(
        found.is_dir() && found.uid() == owner,
        "{} is not ours; remove it",
        dir.display()
    );
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
    Ok(dir)
}

fn make_private_dir(dir: &Path, owner: Option<Account>) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot create {}", dir.display()))?;
    if let Some(account) = owner {
        std::os::unix::fs::chown(dir, Some(account.uid), Some(account.gid))?;
    }
    Ok(())
}

fn ensure_reachable(data: &Path, account: Account) -> anyhow::Result<()> {
    for dir in data.ancestors() {
        let found = fs::metadata(dir)?;
        let reachable = found.mode() & 0o001 != 0 || (found.uid() == account.uid && found.mode() & 0o100 != 0);
        ensure!(
            reachable,
            "{} is closed to the account that Postgres runs under when we are root; set DUXING_DATA to a folder such \
             as /var/lib/duxing, or run as another user",
            dir.display()
        );
    }
    Ok(())
}

fn unprivileged_account() -> anyhow::Result<Account> {
    for name in [c"postgres", c"nobody"] {
        // SAFETY: the name is NUL-terminated, and the returned entry is copied at once.
        let entry = unsafe { libc::getpwnam(name.as_ptr()).as_ref() };
        if let Some(entry) = entry {
            return Ok(Account {
                uid: entry.pw_uid,
                gid: entry.pw_gid,
            });
        }
    }
    bail!("found neither an account postgres nor nobody to run Postgres under; run as another user than root")
}

/// Runs a short command, feeding it `input`; comes back, or fails, with what it said on its error stream.
fn run_to_end(mut command: Command, input: &[u8]) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.with_context(|| format!("cannot run {name}"))?;
    child.stdin.take().context("no standard input")?.write_all(input)?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(output.status.success(), "{name} failed: {said}");
    Ok(said)
}

fn percent_encoded(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let bytes = path.as_os_str().as_bytes().iter();
    bytes
        .map(|&byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_is_read_and_a_folder_is_written_into_a_url() {
        let starting = "4711\n/d\n1\n5432\n/s\n\n 0 0\nstarting\n";
        assert!(PostmasterNote::parse(starting).is_some_and(|note| note.pid == 4711 && !note.ready));
        assert!(PostmasterNote::parse(&starting.replace("starting", "ready   ")).is_some_and(|note| note.ready));
        assert!(PostmasterNote::parse("").is_none());
        assert_eq!(percent_encoded(Path::new("/a b/督?")), "/a%20b/%E7%9D%A3%3F");
    }
}
