//! `cargo xtask bench`: the figures of docs/benchmarks.md, measured against an optimised server process on a durable
//! private Postgres. Prints a table; asserts nothing.

mod cold_start;
mod figure;
mod flood;
mod form;
mod machine;
mod poll;
mod push;
mod rig;
mod size;

use std::path::Path;

use anyhow::{Result, bail};
use figure::Figure;

const ALL: [&str; 6] = ["push", "poll", "flood", "size", "cold-start", "form"];

fn main() -> Result<()> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let json = match names.iter().position(|name| name == "--json") {
        Some(at) if at + 1 < names.len() => {
            names.remove(at);
            Some(names.remove(at))
        }
        Some(_) => bail!("--json needs a file"),
        None => None,
    };
    if let Some(unknown) = names.iter().find(|name| !ALL.contains(&name.as_str())) {
        bail!("no such benchmark as {unknown}; there are {}", ALL.join(", "));
    }
    let everything = names.is_empty();
    let wanted = |name: &str| everything || names.iter().any(|own| own == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figures: Vec<Figure> = Vec::new();
    if wanted("push") {
        figures.extend(push::measure(&runtime)?);
    }
    if wanted("poll") {
        figures.extend(poll::measure(&runtime)?);
    }
    if wanted("flood") {
        figures.extend(flood::measure(&runtime)?);
    }
    if wanted("size") {
        figures.extend(size::measure()?);
    }
    if wanted("cold-start") {
        figures.extend(cold_start::measure(&runtime)?);
    }
    if wanted("form") {
        figures.extend(form::measure(&runtime)?);
    }
    let machine = machine::describe();
    println!("{machine}\n\n{}", figure::table(&figures));
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_vec_pretty(&figure::json(&machine, &figures))?)?;
    }
    if everything {
        figure::update_page(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md"),
            &machine,
            &figures,
        )?;
    }
    Ok(())
}
