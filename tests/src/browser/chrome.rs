//! The browser's processes: started with a profile, found again, and killed as a phone's system kills: all, at once, unasked.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumCapabilities, LoggingPrefsLogLevel};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep};

use super::View;

/// What keeps the browser quiet, small and as it was started.
const SWITCHES: [&str; 15] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-extensions",
    "--disable-search-engine-choice-screen",
    "--disable-sync",
    "--hide-scrollbars",
    "--password-store=basic",
];

const PHONE_AGENT: &str =
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36";

/// A driver with its browser over one profile.
pub struct Chrome {
    pub driver: WebDriver,
    driver_process: Child,
    /// Kept open: a driver that cannot write its log dies of it.
    _log: Lines<BufReader<ChildStdout>>,
    profile: PathBuf,
}

impl Chrome {
    /// Starts both. A machine under load sometimes needs a second try.
    pub async fn start(profile: &Path, view: View) -> Result<Self> {
        let mut failure = None;
        for _ in 0..3 {
            match Self::try_start(profile, view).await {
                Ok(chrome) => return Ok(chrome),
                Err(error) => failure = Some(error),
            }
            kill_all(profile, None);
        }
        Err(failure.expect("three tries failed"))
    }

    async fn try_start(profile: &Path, view: View) -> Result<Self> {
        forget_the_dead(profile);
        let binary = std::env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut driver_process = Command::new(binary)
            .arg("--port=0")
            // Dates on the screen are the district's.
            .env("TZ", "Asia/Shanghai")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context(
                "no chromedriver; `cargo xtask test --ring browser` sets it up, or set CHROMEDRIVER to its path",
            )?;
        let mut log = BufReader::new(driver_process.stdout.take().expect("piped")).lines();
        let port = port_of(&mut log).await?;
        let driver = WebDriver::builder(format!("http://127.0.0.1:{port}"), capabilities(profile, view)?)
            .request_timeout(Duration::from_secs(60))
            .connect()
            .await
            .context("the browser does not start")?;
        Ok(Chrome {
            driver,
            driver_process,
            _log: log,
            profile: profile.to_owned(),
        })
    }

    /// Lets the browser end in its own time, as a person who puts the phone away does.
    pub async fn close(self) {
        let _ = self.driver.clone().quit().await;
        kill_all(&self.profile, self.driver_process.id());
        forget_the_dead(&self.profile);
    }

    /// SIGKILL for the browser with all its helpers and the driver; returns when they are gone.
    pub fn kill(self) {
        let _ = self.driver.clone().leak();
        kill_all(&self.profile, self.driver_process.id());
        forget_the_dead(&self.profile);
    }
}

fn capabilities(profile: &Path, view: View) -> Result<Capabilities> {
    let mut wanted = ChromiumCapabilities::new();
    // The driver knows every browser of the family by this name.
    wanted.set("browserName", "chrome")?;
    for switch in SWITCHES {
        wanted.add_arg(switch)?;
    }
    wanted.add_arg(&format!("--user-data-dir={}", profile.display()))?;
    wanted.set_browser_log_level(LoggingPrefsLogLevel::All)?;
    if let Some(binary) = browser_binary() {
        wanted.set_binary(&binary)?;
    }
    let (width, height) = view.size();
    if view.is_phone() {
        let metrics = serde_json::json!({"width": width, "height": height, "pixelRatio": 2.0, "touch": true});
        let phone = serde_json::json!({"deviceMetrics": metrics, "userAgent": PHONE_AGENT});
        wanted.add_experimental_option("mobileEmulation", phone)?;
    } else {
        wanted.add_arg(&format!("--window-size={width},{height}"))?;
    }
    Ok(wanted.into())
}

fn browser_binary() -> Option<String> {
    let named = std::env::var("CHROMIUM").ok().filter(|path| !path.is_empty());
    named.or_else(|| {
        let path = std::env::var_os("PATH")?;
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let places = names
            .iter()
            .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)));
        places
            .into_iter()
            .find(|file| file.is_file())?
            .to_str()
            .map(str::to_owned)
    })
}

async fn port_of(log: &mut Lines<BufReader<ChildStdout>>) -> Result<u16> {
    while let Some(line) = log.next_line().await? {
        if let Some((_, port)) = line.rsplit_once("on port ") {
            // "… was started successfully on port 41234."
            if let Ok(port) = port.trim_end_matches('.').parse::<u16>()
                && port != 0
            {
                return Ok(port);
            }
        }
    }
    bail!("chromedriver ended before it said its port")
}

/// A killed browser leaves its locks behind.
fn forget_the_dead(profile: &Path) {
    for name in [
        "SingletonLock",
        "SingletonCookie",
        "SingletonSocket",
        "DevToolsActivePort",
    ] {
        let _ = fs::remove_file(profile.join(name));
    }
}

fn kill_all(profile: &Path, driver: Option<u32>) {
    let until = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let family = family(profile, driver);
        if family.is_empty() || std::time::Instant::now() > until {
            return;
        }
        for pid in family {
            // SAFETY: kill has no memory preconditions; the process is one of the family that we started.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The driver, everything below it, and whatever else runs over this profile; the dead who wait to be fetched do not count.
fn family(profile: &Path, driver: Option<u32>) -> Vec<i32> {
    let profile = profile.to_string_lossy().into_owned();
    let alive: Vec<(i32, i32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| Some((pid, parent_of_living(pid)?)))
        .collect();
    let ours = |pid: i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        pid != std::process::id().cast_signed() && String::from_utf8_lossy(&line).contains(&profile)
    };
    let mut family: HashSet<i32> = alive.iter().map(|(pid, _)| *pid).filter(|pid| ours(*pid)).collect();
    let driver = driver.map(u32::cast_signed);
    family.extend(driver.filter(|driver| alive.iter().any(|(pid, _)| pid == driver)));
    loop {
        let before = family.len();
        let children: Vec<i32> = alive
            .iter()
            .filter(|(_, parent)| family.contains(parent) || Some(*parent) == driver)
            .map(|(pid, _)| *pid)
            .collect();
        family.extend(children);
        if family.len() == before {
            break;
        }
    }
    // The browser itself before its helpers, so that it notices nothing.
    let mut family: Vec<i32> = family.into_iter().collect();
    family.sort_unstable();
    family
}

fn parent_of_living(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // "pid (name) state parent …": the name may hold anything, even a bracket.
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    let state = rest.next()?;
    (state != "Z" && state != "X")
        .then(|| rest.next()?.parse().ok())
        .flatten()
}

/// Waits until `done` says so, at most `patience`; polls, because nobody announces what a test waits for.
pub async fn poll<T>(patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if Instant::now() > until {
            return None;
        }
        sleep(Duration::from_millis(25)).await;
    }
}
