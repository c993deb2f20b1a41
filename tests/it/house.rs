//! The arrows of the house: who may know whom. Checks structure, never taste.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates that can do I/O or know the time: none of them belongs into a pure crate.
const IMPURE: [&str; 14] = [
    "actix-web",
    "diesel",
    "diesel-async",
    "tokio",
    "reqwest",
    "leptos",
    "web-sys",
    "js-sys",
    "wasm-bindgen",
    "chrono",
    "rand",
    "uuid",
    "indexed_db_futures",
    "tracing",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// Every source file of the workspace, with its path below the root.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for crate_dir in ["catalog", "sync-protocol", "server", "web-client", "tests", "xtask"] {
        collect(&root().join(crate_dir), &mut found);
    }
    assert!(found.len() > 30, "the sources are found: {}", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("a readable folder").path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path
                .strip_prefix(root())
                .expect("below the root")
                .to_string_lossy()
                .replace('\\', "/");
            found.push((name, fs::read_to_string(&path).expect("UTF-8 source")));
        }
    }
}

/// The dependencies that a manifest names under `[dependencies]`.
fn dependencies(of: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join(of).join("Cargo.toml")).expect("a manifest");
    let (_, after) = manifest.split_once("[dependencies]").expect("dependencies");
    let names = after
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.contains('='));
    names
        .map(|line| line.split(['.', '=', ' ']).next().expect("a name").to_owned())
        .collect()
}

/// The code of a file without its tests, comments and blank lines, as (line number, line).
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    code.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Places in files chosen by `applies` that contain one of `words`.
fn offences(applies: impl Fn(&str) -> bool, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| applies(name)) {
        for (number, line) in code(text) {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found.push(format!("{name}:{number}: {word}"));
            }
        }
    }
    found
}

fn none(offences: &[String], rule: &str) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

#[test]
fn the_pure_crates_know_neither_each_other_nor_the_world() {
    for (pure, other) in [("sync-protocol", "catalog"), ("catalog", "sync-protocol")] {
        let names = dependencies(pure);
        assert!(
            !names
                .iter()
                .any(|name| name == other || IMPURE.contains(&name.as_str())),
            "{pure} depends on {names:?}"
        );
    }
    let in_pure = |name: &str| name.starts_with("sync-protocol/src/") || name.starts_with("catalog/src/");
    let world = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant::now",
    ];
    none(
        &offences(in_pure, &world),
        "time, randomness and I/O are arguments in the pure crates",
    );
}

#[test]
fn inside_the_server_arrows_point_one_way() {
    let server = |folder: &str| {
        let folder = format!("server/src/{folder}");
        move |name: &str| name.starts_with(&folder)
    };
    none(
        &offences(
            server("store"),
            &[
                "crate::api",
                "crate::routes",
                "crate::auth",
                "actix_web",
                "crate::AppState",
            ],
        ),
        "store knows only tables",
    );
    none(
        &offences(server("api"), &["crate::routes"]),
        "handlers do not know their URLs' table",
    );
    none(
        &offences(server("auth"), &["crate::api", "crate::routes"]),
        "rights do not know the handlers",
    );
    none(&offences(server("schema"), &["crate::"]), "the tables know nobody");
}

#[test]
fn all_the_sql_is_in_store() {
    let elsewhere = |name: &str| {
        let allowed = [
            "server/src/store",
            "server/src/db.rs",
            "server/src/schema.rs",
            "server/src/demo",
            "server/src/postgres",
        ];
        name.starts_with("server/src/") && !allowed.iter().any(|place| name.starts_with(place))
    };
    let sql = [
        "sql_query(",
        "RunQueryDsl",
        "diesel::insert_into",
        "diesel::update",
        "diesel::delete",
        "batch_execute",
        "schema::",
    ];
    none(&offences(elsewhere, &sql), "SQL belongs into server/src/store");
}

#[test]
fn no_setting_and_no_command_opens_a_lock() {
    let elsewhere = |name: &str| {
        let allowed = ["server/src/lib.rs", "server/src/auth/", "server/src/api/"];
        name.starts_with("server/src/") && !allowed.iter().any(|place| name.starts_with(place))
    };
    none(
        &offences(elsewhere, &["first_lock"]),
        "only the state and those who ask it know the first lock",
    );
    let assigns = |name: &str| name.starts_with("server/src/");
    none(
        &offences(assigns, &["first_lock = ", "first_lock: false", "connect_as_owner(&"]),
        "only tests open a lock",
    );
}

#[test]
fn all_the_urls_are_in_one_table() {
    let elsewhere = |name: &str| name.starts_with("server/src/") && name != "server/src/routes.rs";
    none(
        &offences(elsewhere, &[".service(", "#[get(", "#[post(", "web::resource("]),
        "URLs belong into routes.rs",
    );
}

#[test]
fn only_one_file_fetches_and_only_one_stores() {
    let client = |except: &'static str| move |name: &str| name.starts_with("web-client/src/") && name != except;
    none(
        &offences(
            client("web-client/src/http.rs"),
            &["fetch_with_", "XmlHttpRequest", "web_sys::Request"],
        ),
        "fetching belongs into http.rs",
    );
    none(
        &offences(
            client("web-client/src/local_store.rs"),
            &["indexed_db_futures", "IdbFactory", "indexed_db("],
        ),
        "browser storage belongs into local_store.rs",
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(name, _)| name)
        .collect();
    none(&silent, "a source file begins with a `//!` sentence");
    let mods: Vec<String> = sources()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.ends_with("/mod.rs"))
        .collect();
    none(&mods, "`name.rs` and `name/`, never `mod.rs`");
}

/// `docs/scenarios.md` promises a test for each story: the names it gives in backticks are tests that exist.
#[test]
fn every_scenario_names_a_test_that_exists() {
    let page = fs::read_to_string(root().join("docs/scenarios.md")).expect("the scenarios");
    let sources = sources();
    let named: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|name| {
            name.contains('_')
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        })
        .collect();
    assert!(named.len() > 40, "the page names its tests: {}", named.len());
    for name in named {
        let test = format!("fn {name}(");
        assert!(
            sources.iter().any(|(_, source)| source.contains(&test)),
            "docs/scenarios.md names {name}, which is no test"
        );
    }
}
