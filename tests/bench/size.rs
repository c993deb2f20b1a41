//! What a phone loads at its first visit, and how big the optimised server is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::figure::Figure;

pub fn measure() -> Result<Vec<Figure>> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
    let files = files_below(&dist)?;
    let size = |path: &PathBuf| fs::metadata(path).map_or(0.0, |found| found.len() as f64 / 1000.0);
    let ending = |ending: &str| {
        files
            .iter()
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .map(size)
            .sum::<f64>()
    };
    let binary = std::env::current_exe()?.with_file_name("duxing");
    Ok(vec![
        Figure::new("size", "wasm, plain", ending("app_bg.wasm"), "kB"),
        Figure::new("size", "wasm, brotli", ending("app_bg.wasm.br"), "kB"),
        Figure::new("size", "everything a phone stores, brotli", ending(".br"), "kB").goal("≤ 300 kB"),
        Figure::new(
            "size",
            "the server with the client inside",
            size(&binary) / 1000.0,
            "MB",
        ),
    ])
}

fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).context("dist/ is missing: cargo xtask build")? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}
