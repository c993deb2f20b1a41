//! What was measured, and how it is written down.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// One figure.
pub struct Figure {
    pub bench: &'static str,
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
    /// What it should reach, or nothing.
    pub goal: &'static str,
}

impl Figure {
    pub fn new(bench: &'static str, what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Figure {
            bench,
            what: what.into(),
            value,
            unit,
            goal: "",
        }
    }

    pub fn goal(mut self, goal: &'static str) -> Self {
        self.goal = goal;
        self
    }
}

/// The value in the middle; for an even count the lower of the two.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of the others lies.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len().max(1) - 1) as f64 * share).floor() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

pub fn in_ms(durations: &[Duration]) -> Vec<f64> {
    durations
        .iter()
        .map(|duration| duration.as_secs_f64() * 1000.0)
        .collect()
}

pub fn table(figures: &[Figure]) -> String {
    let mut lines = vec!["| | figure | goal |".to_owned(), "|---|---|---|".to_owned()];
    lines.extend(figures.iter().map(|figure| {
        let Figure {
            bench,
            what,
            value,
            unit,
            goal,
        } = figure;
        format!("| {bench}: {what} | {} {unit} | {goal} |", rounded(*value))
    }));
    lines.join("\n")
}

pub fn json(machine: &str, figures: &[Figure]) -> Value {
    let one = |figure: &Figure| json!({"bench": figure.bench, "what": figure.what, "value": figure.value, "unit": figure.unit, "goal": figure.goal});
    json!({"machine": machine, "figures": figures.iter().map(one).collect::<Vec<_>>()})
}

/// Puts machine and table between the marks of the page and leaves the words around them alone.
pub fn update_page(page: PathBuf, machine: &str, figures: &[Figure]) -> Result<()> {
    let (begin, end) = ("<!-- figures -->", "<!-- end of figures -->");
    let text = std::fs::read_to_string(&page).context("docs/benchmarks.md")?;
    let (before, rest) = text.split_once(begin).context("the page has no place for figures")?;
    let (_, after) = rest.split_once(end).context("the place for figures has no end")?;
    std::fs::write(
        page,
        format!("{before}{begin}\n{machine}\n\n{}\n{end}{after}", table(figures)),
    )?;
    Ok(())
}

/// Three digits that say something.
fn rounded(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
