//! `restore-matrix` and `crash`: the disaster tests with their figures summed up.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::test::proof_command;
use crate::workspace::{nothing_more, take_flag};

/// The ways of restoring, by the names that the tests print; being told or not is one row.
const ROWS: [(&str, &[&str]); 4] = [
    ("a new database", &["NewDatabase"]),
    ("in place", &["InPlace", "InPlaceUntold"]),
    ("point in time", &["PointInTime"]),
    ("file copy", &["FileCopy"]),
];

/// How a phone stands compared with the copy.
const COLUMNS: [(&str, &str); 6] = [
    ("behind", "Behind"),
    ("equal", "Equal"),
    ("own work ahead", "AheadWithOwnWork"),
    ("others' ahead", "AheadWithOthersWork"),
    ("forked", "Forked"),
    ("away for two", "AwayDuringTwoRestores"),
];

/// Each way of restoring × each state of a phone, as a table.
pub fn restore_matrix(arguments: &[String]) -> anyhow::Result<String> {
    nothing_more(arguments)?;
    let started = Instant::now();
    let lines = run(&mut proof_command("it", &["restore::", "--nocapture"], &[])?);
    let (lines, passed) = lines?;
    let held: BTreeSet<&str> = after(&lines, "cell: ").collect();
    println!("{}", table(&held));
    let cells = ROWS
        .iter()
        .flat_map(|(_, ways)| COLUMNS.map(|(_, stands)| (ways, stands)));
    let good = cells.filter(|(ways, stands)| holds(&held, ways, stands)).count();
    let all = ROWS.len() * COLUMNS.len();
    let summary = format!(
        "restore-matrix: {good} of {all} cells in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    ensure!(passed && good == all, "{summary}");
    Ok(summary)
}

fn holds(held: &BTreeSet<&str>, ways: &[&str], stands: &str) -> bool {
    ways.iter().all(|way| held.contains(&*format!("{way} × {stands}: ok")))
}

fn table(held: &BTreeSet<&str>) -> String {
    let line = |first: &str, cells: [&str; 6]| {
        let cells = cells.map(|cell| format!(" {cell:<14}"));
        format!("{first:<16}|{}", cells.join("|"))
    };
    let head = line("", COLUMNS.map(|(name, _)| name));
    let rows = ROWS.map(|(name, ways)| {
        line(
            name,
            COLUMNS.map(|(_, stands)| if holds(held, ways, stands) { "ok" } else { "FAILED" }),
        )
    });
    format!("{head}\n{}", rows.join("\n"))
}

/// Kills of the server and of Postgres, and what they came to.
pub fn crash(arguments: &[String]) -> anyhow::Result<String> {
    let mut left = arguments.to_vec();
    let kills = take_flag(&mut left, "--kills")?.unwrap_or_else(|| "200".into());
    let pg_kills = take_flag(&mut left, "--pg-kills")?.unwrap_or_else(|| "50".into());
    nothing_more(&left)?;
    let started = Instant::now();
    let set = [("DUXING_KILLS", &*kills), ("DUXING_PG_KILLS", &*pg_kills)];
    let (lines, passed) = run(&mut proof_command("crash", &["--nocapture"], &set)?)?;
    ensure!(passed, "a test failed; its output is above");
    let figures: Vec<&str> = after(&lines, "figures: ").collect();
    println!("{}", figures.join("\n"));
    Ok(format!(
        "crash: {kills} kills of the server and {pg_kills} of Postgres lost nothing, passed in {:.0} s",
        started.elapsed().as_secs_f64()
    ))
}

/// What follows a mark, wherever in a line it stands: the test runner writes without line ends, too.
fn after<'a>(lines: &'a [String], mark: &str) -> impl Iterator<Item = &'a str> {
    lines
        .iter()
        .filter_map(move |line| Some(line.split_once(mark)?.1.trim_end()))
}

/// Runs with its output shown and returns that, and whether it ended well.
fn run(command: &mut Command) -> anyhow::Result<(Vec<String>, bool)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line?;
        println!("{line}");
        lines.push(line);
    }
    Ok((lines, child.wait()?.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_counts_when_all_its_ways_held() {
        let lines = ["test x ... cell: InPlace × Equal: ok".to_owned(), "other".to_owned()];
        let mut held: BTreeSet<&str> = after(&lines, "cell: ").collect();
        assert!(!holds(&held, ROWS[1].1, "Equal"));
        held.insert("InPlaceUntold × Equal: ok");
        assert!(holds(&held, ROWS[1].1, "Equal"));
        assert_eq!(table(&held).matches(" ok").count(), 1);
    }
}
