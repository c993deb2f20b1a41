//! Reads all definition files of a folder and prints what is wrong, a line each: `file:line: what, and what to do`.

use std::{env, fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let folder = env::args().nth(1).unwrap_or_else(|| "catalog/definitions".into());
    let files = match definition_files(Path::new(&folder)) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("{folder}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let given: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let mistakes = catalog::lint(&given);
    for mistake in &mistakes {
        println!("{mistake}");
    }
    println!("definitions: {} files, {} mistakes", files.len(), mistakes.len());
    if mistakes.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn definition_files(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push((path.to_string_lossy().into_owned(), fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}
