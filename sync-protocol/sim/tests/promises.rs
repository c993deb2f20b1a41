//! The promises of docs/protocol.md under every fault we know. A seed that fails is told and can be seen again with
//! `cargo xtask sim --seed S`; it then stays in `REGRESSIONS` for ever.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use sim::{Bug, Plan, Report, plant};

/// Seeds that once broke a promise, and what was wrong then. What a seed stands for changes when the simulator does: they stay as
/// a memory of what it has found, beside the plain tests of the same faults.
const REGRESSIONS: [(u64, &str); 11] = [
    (
        0,
        "a record that changed before and after a page's end lost the older change",
    ),
    (
        40,
        "a record edited behind the program's back was not noticed until it changed",
    ),
    (
        119,
        "a server restored twice without saying so was offered only half of the journal",
    ),
    (363, "an acknowledgement from before a restore was waited for in vain"),
    (
        1277,
        "an acknowledgement with a small number was believed although the base did not show it",
    ),
    (
        9722,
        "a damaged bucket was fetched anew from a restored server before that had been offered the journal",
    ),
    (
        301_280,
        "a journal entry that a restored server held in quarantine was taken for settled",
    ),
    (
        448_760,
        "a bucket whose walk down the tree found nothing was walked again and again: the phone never came to rest",
    ),
    (816_748, "the same, after a second restore"),
    (
        97838,
        "a bucket that was given back came from a restored server that had not been offered the journal",
    ),
    (
        215_639,
        "a signed write that a restored server knew from a witness copy alone was not found when the signature came",
    ),
];

fn violations(seeds: impl Iterator<Item = u64> + Send) -> Vec<Report> {
    let (seeds, failed) = (Mutex::new(seeds), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = seeds.lock().expect("no thread panics while it draws a seed").next();
                    let Some(seed) = next else { return };
                    let report = sim::run(seed);
                    if !report.violations.is_empty() {
                        failed.lock().expect("no thread panics while it tells").push(report);
                    }
                }
            });
        }
    });
    failed.into_inner().expect("all threads have ended")
}

#[test]
fn twenty_thousand_seeds_break_no_promise() {
    let seeds = std::env::var("SIM_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_000);
    let failed = violations(0..seeds);
    assert!(
        failed.is_empty(),
        "{} of {seeds} seeds failed, such as {:?}",
        failed.len(),
        failed.first()
    );
}

#[test]
fn what_failed_once_fails_no_more() {
    let failed = violations(REGRESSIONS.into_iter().map(|(seed, _)| seed));
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn a_seed_replays_to_the_same_trace() {
    for seed in 0..50 {
        assert_eq!(sim::run(seed), sim::run(seed));
    }
    assert_ne!(sim::run(1).trace, sim::run(2).trace);
}

#[test]
fn each_planted_mistake_is_found_within_ten_thousand_seeds() {
    for bug in Bug::ALL {
        let next = AtomicU64::new(0);
        let found = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed))
            .take(10_000)
            .find(|seed| {
                plant(Some(bug));
                let report = sim::run(*seed);
                plant(None);
                !report.violations.is_empty()
            });
        assert!(found.is_some(), "{bug:?} is not found: the simulator is too weak");
    }
}

/// T7: whichever call fails, nothing is lost and all comes to rest.
#[test]
fn the_failure_of_any_single_call_loses_nothing() {
    for seed in 0..12 {
        let calm = Plan {
            faults: vec![],
            ..Plan::of_seed(seed)
        };
        for nth in 0..60 {
            let database = Plan {
                fail_database_call: Some(nth * 7 + seed),
                ..calm.clone()
            };
            let disk = Plan {
                fail_disk_write: Some(nth * 3 + 1 + seed % 3),
                ..calm.clone()
            };
            for plan in [database, disk] {
                let report = sim::run_plan(&plan);
                assert!(report.violations.is_empty(), "{plan:?}: {:?}", report.violations);
            }
        }
    }
}
