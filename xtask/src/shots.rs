//! `shots`: pictures of every screen, taken by the browser tests' own driver.

use std::fs;

use anyhow::{Context, ensure};

use crate::test::browser_test;
use crate::workspace::must_run;

/// Takes the pictures into the folder and counts them.
pub fn shots(arguments: &[String]) -> anyhow::Result<String> {
    let [dir] = arguments else {
        anyhow::bail!("say where to: cargo xtask shots DIR")
    };
    fs::create_dir_all(dir).with_context(|| format!("cannot create {dir}"))?;
    let dir = fs::canonicalize(dir)?;
    must_run(browser_test(&["--ignored", "--nocapture", "shots"])?.env("DUXING_SHOTS", &dir))?;
    let pictures = fs::read_dir(&dir)?
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "png"))
        .count();
    ensure!(pictures > 0, "no picture was taken");
    Ok(format!("shots: {pictures} pictures in {}", dir.display()))
}
