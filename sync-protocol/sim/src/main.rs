//! `sim --seeds N [--from S]`: many runs and a summary. `sim --seed S`: one run, told step by step. `sim --planted`: how many
//! seeds each planted mistake needs to be found.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use sim::{Bug, Report, plant};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok();
    let fine = match words[..] {
        ["--seed", seed] => number(seed).map(one),
        ["--seeds", seeds] => number(seeds).map(|seeds| many(0, seeds)),
        ["--seeds", seeds, "--from", from] => number(seeds).zip(number(from)).map(|(seeds, from)| many(from, seeds)),
        ["--planted"] => Some(planted(10_000)),
        _ => None,
    };
    match fine {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            eprintln!("sim --seed S | --seeds N [--from S] | --planted");
            ExitCode::FAILURE
        }
    }
}

fn one(seed: u64) -> bool {
    let report = sim::narrate(seed);
    for violation in &report.violations {
        println!("{violation}");
    }
    println!(
        "seed {seed} trace {} groups {} violations {}",
        report.trace,
        report.groups,
        report.violations.len()
    );
    report.violations.is_empty()
}

fn many(from: u64, seeds: u64) -> bool {
    let started = Instant::now();
    let next = AtomicU64::new(from);
    let (groups, bad) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds {
                        return;
                    }
                    let report = sim::run(seed);
                    groups.fetch_add(report.groups, Ordering::Relaxed);
                    if !report.violations.is_empty() && bad.fetch_add(1, Ordering::Relaxed) < 20 {
                        tell(&report);
                    }
                }
            });
        }
    });
    println!(
        "seeds {seeds} violations {} groups {} in {:.0} s",
        bad.load(Ordering::Relaxed),
        groups.load(Ordering::Relaxed),
        started.elapsed().as_secs_f64()
    );
    bad.load(Ordering::Relaxed) == 0
}

fn tell(report: &Report) {
    println!("seed {} (again: --seed {0}):", report.seed);
    for violation in report.violations.iter().take(3) {
        println!("  {violation}");
    }
}

/// Each planted mistake must be found within `limit` seeds, or the simulator is too weak.
fn planted(limit: u64) -> bool {
    println!("| planted mistake | found at seed | as |");
    println!("|---|---|---|");
    let mut found = 0;
    for bug in Bug::ALL {
        plant(Some(bug));
        let report = (0..limit).map(sim::run).find(|report| !report.violations.is_empty());
        plant(None);
        match report {
            Some(report) => {
                found += 1;
                let promise = report.violations[0].split(':').next().unwrap_or_default().to_owned();
                println!("| {bug:?} | {} | {promise} |", report.seed);
            }
            None => println!("| {bug:?} | **not in {limit}** | |"),
        }
    }
    println!("planted {} found {found}", Bug::ALL.len());
    found == Bug::ALL.len()
}
