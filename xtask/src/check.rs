//! `check`: everything that can be judged without running the product. Runs all of it and then says what failed.

use std::process::Command;
use std::time::Instant;

use anyhow::bail;

use crate::advisories::{self, Looked};
use crate::tools;
use crate::workspace::{cargo, must_run, root};

/// Formatting, lints on both sides, documentation, licences, advisories.
pub fn check() -> anyhow::Result<String> {
    let started = Instant::now();
    tools::ensure_wasm_target()?;
    let mut documentation = cargo(&[
        "doc",
        "--quiet",
        "--no-deps",
        "--document-private-items",
        "--workspace",
        "--exclude=web-client",
    ]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    let mut dependencies = Command::new(tools::ensure_cargo_deny()?);
    dependencies
        .args(["--log-level=error", "check", "licenses", "bans", "sources"])
        .current_dir(root());
    let steps: [(&str, Command); 5] = [
        ("formatting", cargo(&["fmt", "--all", "--check"])),
        (
            "lints",
            cargo(&[
                "clippy",
                "--quiet",
                "--workspace",
                "--exclude=web-client",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]),
        ),
        (
            "lints of the client",
            cargo(&[
                "clippy",
                "--quiet",
                "--package=web-client",
                "--target=wasm32-unknown-unknown",
                "--",
                "-D",
                "warnings",
            ]),
        ),
        ("documentation", documentation),
        ("licences, bans and sources", dependencies),
    ];
    let mut failed = Vec::new();
    let mut passed = Vec::new();
    for (name, mut command) in steps {
        println!("check {name}");
        match must_run(&mut command) {
            Ok(()) => passed.push(name),
            Err(_) => failed.push(name),
        }
    }
    println!("check advisories");
    let advisories = match advisories::check() {
        Ok(Looked::NotGiven) => "advisories: not checked, no copy given".to_owned(),
        Ok(Looked::Clean { newest, notices }) => {
            notices.iter().for_each(|notice| println!("{notice}"));
            format!("advisories: none of those up to {newest}, {} notices", notices.len())
        }
        Err(error) => {
            println!("{error:#}");
            failed.push("advisories");
            String::new()
        }
    };
    if !failed.is_empty() {
        bail!("{}", failed.join(", "));
    }
    Ok(format!(
        "check: {} in order; {advisories} ({:.0} s)",
        passed.join(", "),
        started.elapsed().as_secs_f64()
    ))
}

/// The definition files of a folder, told one mistake a line.
pub fn definitions(arguments: &[String]) -> anyhow::Result<String> {
    let mut command = cargo(&[
        "run",
        "--quiet",
        "--package=catalog",
        "--features=lint",
        "--bin=lint-definitions",
        "--",
    ]);
    command.args(arguments);
    must_run(&mut command)?;
    Ok("lint: the definitions are sound".into())
}
