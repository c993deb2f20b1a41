//! `release`: the optimised server with the client inside, and the list of the parts it is made of (CycloneDX).

use std::fs;

use crate::workspace::{cargo, must_run, nothing_more, target_dir};
use crate::{client_build, sbom};

/// Builds `target/release/duxing` and writes `target/release/duxing.cdx.json` beside it.
pub fn release(arguments: &[String]) -> anyhow::Result<String> {
    nothing_more(arguments)?;
    println!("{}", client_build::build()?.summary());
    must_run(&mut cargo(&["build", "--release", "--package=server"]))?;
    let binary = target_dir().join("release/duxing");
    let parts = sbom::write(&binary.with_extension("cdx.json"))?;
    let megabytes = fs::metadata(&binary)?.len() as f64 / 1e6;
    Ok(format!(
        "release: {} ({megabytes:.1} MB), {parts} parts listed",
        binary.display()
    ))
}
