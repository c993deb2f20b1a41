//! Turns `definitions/*.toml` into one compact JSON document that the crate embeds; it never judges what they say.

use std::{env, fs, path::Path};

use serde_json::{Map, Value, json};

/// The files that hold a list of one thing; every other file is one checklist.
const LISTS: [&str; 3] = ["kinds", "thresholds", "roles"];

fn main() {
    println!("cargo::rerun-if-changed=definitions");
    let mut document = json!({ "checklists": [], "kinds": [], "thresholds": [], "roles": [] });
    for path in definition_files(Path::new("definitions")) {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let file: Map<String, Value> = toml::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        match LISTS.iter().find(|list| file.contains_key(**list)) {
            Some(list) => document[*list] = file[*list].clone(),
            None => document["checklists"]
                .as_array_mut()
                .expect("an array")
                .push(Value::Object(file)),
        }
    }
    let out = Path::new(&env::var("OUT_DIR").expect("set by cargo")).join("definitions.json");
    fs::write(out, document.to_string()).expect("the build directory is writable");
}

/// Sorted, so that the embedded document does not depend on the file system's order.
fn definition_files(folder: &Path) -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(folder)
        .expect("the definitions folder")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    files.sort();
    files
}
