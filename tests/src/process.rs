//! The real `duxing` binary as a child process, to be killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running `duxing serve`. Killed when dropped.
pub struct ServerProcess {
    child: Child,
    /// Such as `http://127.0.0.1:41234`.
    pub url: String,
}

impl ServerProcess {
    /// Starts the binary over an existing database.
    pub fn over(database_url: &str, port: u16) -> Self {
        Self::start(Command::new(binary()).env("DATABASE_URL", database_url), port)
    }

    /// The same for measuring: one phone asks as fast as it can.
    pub fn unpaced(database_url: &str, port: u16) -> Self {
        let mut command = Command::new(binary());
        command
            .env("DATABASE_URL", database_url)
            .env("DUXING_PACE", "100000000");
        Self::start(&mut command, port)
    }

    /// Starts the binary with a private Postgres in `data`, and the demo district in it.
    pub fn alone(data: &Path) -> Self {
        Self::start(
            Command::new(binary())
                .env_remove("DATABASE_URL")
                .env("DUXING_DATA", data)
                .env("DUXING_DEMO", "small"),
            0,
        )
    }

    fn start(command: &mut Command, port: u16) -> Self {
        let command = command
            .arg("serve")
            .env("DUXING_PORT", port.to_string())
            .env("DUXING_LOG", "warn")
            .env("DUXING_SECOND_FACTOR", "offered");
        // A killed server's port is free at once, but a connection of a client may still hold it for a moment.
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
            match ready_line(&mut child) {
                Some(url) => return Self { child, url },
                None => {
                    let _ = child.wait();
                    assert!(Instant::now() < deadline, "the server does not come up");
                }
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no goodbye, no flush.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and whether it ended well.
    pub fn stop(mut self) -> bool {
        // SAFETY: a signal to a child that has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        self.child.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ready_line(child: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let url = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("ready ").map(str::to_owned))?;
    // Keeps the pipe open and empty for as long as the child writes to it.
    std::thread::spawn(move || lines.for_each(drop));
    Some(url)
}

/// Beside this test's own executable, where cargo puts what the workspace builds.
fn binary() -> PathBuf {
    let here = std::env::current_exe().expect("a test has an executable");
    let found = here
        .ancestors()
        .skip(1)
        .map(|dir| dir.join("duxing"))
        .find(|path| path.is_file());
    found.expect("the server's binary: run `cargo build -p server` first, or `cargo xtask test --ring crash`")
}
