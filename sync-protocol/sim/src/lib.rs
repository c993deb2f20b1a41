//! The simulator: several real replicas and the office's real logic in one thread, under every fault we know, driven by a seed.
//!
//! A run has a time of chaos, then a fair network in which everything must come to rest, then checks against what the
//! promises P1–P12 of `docs/protocol.md` say. The same seed gives the same trace. Nothing here reads a clock or the system's chance.

pub mod chance;
pub mod memory;
mod oracle;
mod phone;
pub mod rules;
mod world;

pub use sync_protocol::planted::{Bug, plant};
pub use world::Plan;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub seed: u64,
    /// A hash over everything that happened: equal traces are equal runs.
    pub trace: String,
    pub steps: usize,
    pub groups: usize,
    /// Each broken promise in a sentence; empty is what is wanted.
    pub violations: Vec<String>,
}

/// Runs one seed with every fault that it draws.
pub fn run(seed: u64) -> Report {
    world::run(&Plan::of_seed(seed), false)
}

/// Runs one seed and prints what happens.
pub fn narrate(seed: u64) -> Report {
    world::run(&Plan::of_seed(seed), true)
}

/// Runs a plan made by hand, such as the failure of the n-th call.
pub fn run_plan(plan: &Plan) -> Report {
    world::run(plan, false)
}
