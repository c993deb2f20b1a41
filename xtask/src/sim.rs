//! `sim` and `planted`: the simulator of `sync-protocol/sim`, and whether it is strong enough.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::workspace::{cargo, nothing_more, take_flag};

/// `sim --seeds N` runs many and sums up, `sim --seed S` tells one step by step.
pub fn sim(arguments: &[String]) -> anyhow::Result<String> {
    let mut left = arguments.to_vec();
    let one = take_flag(&mut left, "--seed")?;
    let many = take_flag(&mut left, "--seeds")?;
    nothing_more(&left)?;
    let words = match (&one, &many) {
        (Some(seed), None) => ["--seed", seed],
        (None, many) => ["--seeds", many.as_deref().unwrap_or("20000")],
        (Some(_), Some(_)) => anyhow::bail!("--seed tells one run, --seeds counts many: name one of them"),
    };
    last_line(cargo(&["run", "--quiet", "--package=sim", "--"]).args(words))
}

/// How many seeds each planted mistake needs to be found; fails when one is not found.
pub fn planted(arguments: &[String]) -> anyhow::Result<String> {
    nothing_more(arguments)?;
    last_line(cargo(&["run", "--quiet", "--package=sim", "--"]).arg("--planted"))
}

/// Runs with its output shown; the last line is the summary, and left to be printed last.
fn last_line(command: &mut Command) -> anyhow::Result<String> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run the simulator")?;
    let mut last = None;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            if let Some(before) = last.replace(line?) {
                println!("{before}");
            }
        }
    }
    let last = last.unwrap_or_default();
    ensure!(child.wait()?.success(), "{last}");
    Ok(last)
}
