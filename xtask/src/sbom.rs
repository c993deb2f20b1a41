//! `sbom`: the list of the parts that are in the product and its tools, as CycloneDX 1.5 JSON.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::parts::{Part, parts};
use crate::workspace::{root, target_dir};

/// Writes the list to the file that is named, or to `target/duxing.cdx.json`.
pub fn sbom(arguments: &[String]) -> anyhow::Result<String> {
    ensure!(arguments.len() <= 1, "sbom takes one file at most");
    let file = arguments
        .first()
        .map_or_else(|| target_dir().join("duxing.cdx.json"), PathBuf::from);
    let parts = write(&root().join(file.clone()))?;
    Ok(format!("sbom: {parts} parts in {}", file.display()))
}

/// Writes the list and answers how many parts it names.
pub fn write(file: &Path) -> anyhow::Result<usize> {
    let parts = parts()?;
    fs::write(file, serde_json::to_vec_pretty(&bill_of_materials(&parts))?)?;
    Ok(parts.iter().filter(|part| !part.ours).count())
}

fn bill_of_materials(parts: &[Part]) -> Value {
    let components = parts.iter().filter(|part| !part.ours).map(|part| {
        let purl = format!("pkg:cargo/{}@{}", part.name, part.version);
        json!({
            "type": "library",
            "bom-ref": purl,
            "name": part.name,
            "version": part.version,
            "purl": purl,
            "licenses": [{ "expression": part.licence.replace('/', " OR ") }],
        })
    });
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": "duxing", "version": env!("CARGO_PKG_VERSION") } },
        "components": components.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_names_every_part_once_with_its_licence_and_none_of_ours() {
        let parts = parts().unwrap();
        let bill = bill_of_materials(&parts);
        let components = bill["components"].as_array().unwrap();
        assert!(components.len() > 200, "{}", components.len());
        let names: BTreeSet<&str> = components.iter().filter_map(|one| one["purl"].as_str()).collect();
        assert_eq!(names.len(), components.len());
        assert!(names.iter().any(|name| name.starts_with("pkg:cargo/actix-web@")));
        assert!(!names.iter().any(|name| name.starts_with("pkg:cargo/web-client@")));
        assert!(components.iter().all(|one| one["licenses"][0]["expression"] != ""));
    }
}
