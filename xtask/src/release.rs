//! `release`: the optimised server with the client inside, and the list of the parts it is made of (CycloneDX).

use std::fs;

use serde_json::json;

use crate::workspace::{cargo, must_run, nothing_more, target_dir};
use crate::{client_build, licences};

/// Builds `target/release/duxing` and writes `target/release/duxing.cdx.json` beside it.
pub fn release(arguments: &[String]) -> anyhow::Result<String> {
    nothing_more(arguments)?;
    println!("{}", client_build::build()?.summary());
    must_run(&mut cargo(&["build", "--release", "--package=server"]))?;
    let binary = target_dir().join("release/duxing");
    let parts = licences::parts()?;
    fs::write(
        binary.with_extension("cdx.json"),
        serde_json::to_vec_pretty(&bill_of_materials(&parts))?,
    )?;
    let megabytes = fs::metadata(&binary)?.len() as f64 / 1e6;
    Ok(format!(
        "release: {} ({megabytes:.1} MB), {} parts listed",
        binary.display(),
        parts.len()
    ))
}

fn bill_of_materials(parts: &[licences::Part]) -> serde_json::Value {
    let components: Vec<_> = parts
        .iter()
        .filter(|part| !part.ours)
        .map(|part| {
            json!({
                "type": "library",
                "name": part.name,
                "version": part.version,
                "purl": format!("pkg:cargo/{}@{}", part.name, part.version),
                "licenses": [{ "expression": part.licence.replace('/', " OR ") }],
            })
        })
        .collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": "duxing", "version": env!("CARGO_PKG_VERSION") } },
        "components": components,
    })
}
