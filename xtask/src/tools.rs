//! Finds what the verbs need beyond cargo, and installs it where that is possible: the wasm target, Postgres, a browser
//! with fonts, axe-core, schemathesis, cargo-deny. Says nothing when all is there.

// One search for Postgres serves the server and its builders.
#[path = "../../server/src/postgres/binaries.rs"]
mod postgres_binaries;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use crate::workspace::{cargo, in_path, must_run, output_of, root, target_dir};

const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The accessibility checker of the browser tests: MPL-2.0, never shipped.
const AXE_VERSION: &str = "4.14.1";
const AXE_SHA256: &str = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745";

/// The judge of dependencies: MIT or Apache-2.0, never shipped.
const CARGO_DENY_VERSION: &str = "0.20.2";

/// The standard library for the browser's side.
pub fn ensure_wasm_target() -> anyhow::Result<()> {
    let installed = || -> anyhow::Result<bool> {
        let sysroot = output_of(Command::new(rustc()).args(["--print", "sysroot"]))?;
        Ok(Path::new(&sysroot)
            .join("lib/rustlib")
            .join(WASM_TARGET)
            .join("lib")
            .is_dir())
    };
    if installed()? {
        return Ok(());
    }
    println!("setting up: the Rust target {WASM_TARGET}");
    let added = must_run(Command::new("rustup").args(["target", "add", WASM_TARGET]));
    ensure!(
        added.is_ok() && installed()?,
        "the Rust target {WASM_TARGET} is missing. Install it with: rustup target add {WASM_TARGET}"
    );
    Ok(())
}

/// The folder of the Postgres binaries.
pub fn ensure_postgres() -> anyhow::Result<PathBuf> {
    if let Ok(found) = postgres_binaries::find_binaries() {
        return Ok(found);
    }
    if can_apt() {
        println!("setting up: Postgres");
        install_postgres()?;
    }
    postgres_binaries::find_binaries()
}

/// A browser, its driver and Chinese fonts; the driver's path.
pub fn ensure_browser() -> anyhow::Result<PathBuf> {
    let driver = || match std::env::var_os("CHROMEDRIVER") {
        Some(path) => Some(PathBuf::from(path)).filter(|path| path.is_file()),
        None => in_path("chromedriver"),
    };
    let browser = || {
        ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find_map(in_path)
    };
    let mut missing = Vec::new();
    if driver().is_none() {
        missing.push("chromium-driver");
    }
    if browser().is_none() {
        missing.push("chromium");
    }
    if !has_chinese_font() {
        missing.push("fonts-noto-cjk");
    }
    if !missing.is_empty() {
        let command = format!("apt-get install {}", missing.join(" "));
        ensure!(
            can_apt(),
            "the browser tests need a browser and Chinese fonts. On Debian: {command}"
        );
        println!("setting up: {}", missing.join(" "));
        apt_install(&missing)?;
    }
    driver().context("chromedriver is missing even now; set CHROMEDRIVER to its path")
}

/// `axe.min.js`, fetched once with npm and checked against the hash above.
pub fn ensure_axe() -> anyhow::Result<PathBuf> {
    let dir = target_dir().join("tools").join(format!("axe-core-{AXE_VERSION}"));
    let script = dir.join("package/axe.min.js");
    if script.is_file() {
        return Ok(script);
    }
    println!("setting up: axe-core {AXE_VERSION}");
    if in_path("npm").is_none() {
        ensure!(
            can_apt(),
            "the accessibility tests fetch axe-core with npm. On Debian: apt-get install npm"
        );
        apt_install(&["npm"])?;
    }
    fs::create_dir_all(&dir)?;
    let package = format!("axe-core@{AXE_VERSION}");
    output_of(
        Command::new("npm")
            .args(["pack", "--silent", &package])
            .current_dir(&dir),
    )?;
    let archive = dir.join(format!("axe-core-{AXE_VERSION}.tgz"));
    let hash = hex(&Sha256::digest(fs::read(&archive)?));
    ensure!(
        hash == AXE_SHA256,
        "axe-core {AXE_VERSION} has the hash {hash}, not the one that was reviewed"
    );
    must_run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&dir))?;
    Ok(script)
}

/// The judge of licences, bans and sources, compiled once: what is published ready-made is too old for today's lock files.
pub fn ensure_cargo_deny() -> anyhow::Result<PathBuf> {
    let dir = target_dir()
        .join("tools")
        .join(format!("cargo-deny-{CARGO_DENY_VERSION}"));
    let program = dir.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    println!("setting up: cargo-deny {CARGO_DENY_VERSION}, which takes a few minutes");
    let (version, work) = (format!("={CARGO_DENY_VERSION}"), dir.join("build"));
    let mut install = cargo(&["install", "cargo-deny", "--quiet", "--locked", "--no-default-features"]);
    install
        .args(["--version", &version])
        .arg("--root")
        .arg(&dir)
        .arg("--target-dir")
        .arg(&work);
    must_run(&mut install)?;
    fs::remove_dir_all(work)?;
    Ok(program)
}

/// The program that makes requests from `docs/openapi.json`, in a Python of its own; it and all it needs are pinned by version and hash.
pub fn ensure_schemathesis() -> anyhow::Result<PathBuf> {
    let pins = root().join("tests/api/requirements.txt");
    let pinned = fs::read_to_string(&pins)?;
    let version = pinned
        .lines()
        .find_map(|line| line.strip_prefix("schemathesis==")?.split_whitespace().next())
        .context("tests/api/requirements.txt pins no schemathesis")?;
    let dir = target_dir().join("tools").join(format!("schemathesis-{version}"));
    let (program, done) = (dir.join("bin/schemathesis"), dir.join("installed.txt"));
    // What was installed by other pins, or half, is installed again.
    if program.is_file() && fs::read_to_string(&done).is_ok_and(|installed| installed == pinned) {
        return Ok(program);
    }
    println!("setting up: schemathesis {version}");
    let make = || output_of(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir));
    if let Err(error) = make() {
        ensure!(
            can_apt(),
            "the tests of the API run schemathesis in a Python of its own. On Debian: apt-get install python3-venv ({error:#})"
        );
        apt_install(&["python3-venv"])?;
        make()?;
    }
    output_of(
        Command::new(dir.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--require-hashes", "--only-binary=:all:", "--requirement"])
            .arg(&pins),
    )?;
    fs::write(&done, &pinned)?;
    Ok(program)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn rustc() -> std::ffi::OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn has_chinese_font() -> bool {
    if in_path("fc-list").is_none() {
        return Path::new("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists();
    }
    output_of(Command::new("fc-list").args([":lang=zh", "family"])).is_ok_and(|families| !families.is_empty())
}

fn can_apt() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    in_path("apt-get").is_some() && unsafe { libc::geteuid() } == 0
}

/// Debian's package makes and starts a cluster of its own unless told not to beforehand.
fn install_postgres() -> anyhow::Result<()> {
    let settings = Path::new("/etc/postgresql-common/createcluster.d");
    let ours = settings.join("duxing.conf");
    fs::create_dir_all(settings)?;
    fs::write(&ours, "create_main_cluster = false\n")?;
    let installed = apt_install(&["postgresql"]);
    fs::remove_file(ours)?;
    installed
}

fn apt_install(packages: &[&str]) -> anyhow::Result<()> {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["-q", "-y"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        output_of(&mut command)
    };
    apt(&["update"])?;
    let mut arguments = vec!["install", "--no-install-recommends"];
    arguments.extend(packages);
    if let Err(error) = apt(&arguments) {
        bail!("cannot install {}: {error:#}", packages.join(" "));
    }
    Ok(())
}
