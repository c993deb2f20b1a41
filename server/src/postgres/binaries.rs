//! Looks for the Postgres binaries of this machine. Starts nothing but `pg_config`. `xtask` builds this file in, too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The folder with `postgres` and `initdb`: `PG_BINDIR`, the newest of the usual places, `pg_config`, `PATH`.
pub fn find_binaries() -> anyhow::Result<PathBuf> {
    let complete = |dir: &PathBuf| dir.join("postgres").is_file() && dir.join("initdb").is_file();
    if let Some(dir) = std::env::var_os("PG_BINDIR").map(PathBuf::from) {
        ensure!(
            complete(&dir),
            "PG_BINDIR={} holds no postgres and initdb",
            dir.display()
        );
        return Ok(dir);
    }
    usual_places().into_iter().find(complete).context(
        "found no Postgres 14 or newer. Install it (Debian and Ubuntu: apt-get install postgresql), \
         or set PG_BINDIR to its bin folder, or set DATABASE_URL to a running one",
    )
}

fn usual_places() -> Vec<PathBuf> {
    let versioned = |parent: &str, tail: &str| -> Vec<PathBuf> {
        let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((major_version(entry.file_name().to_str()?)?, entry.path().join(tail))))
            .collect();
        found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        found.into_iter().map(|(_, dir)| dir).collect()
    };
    let mut places = versioned("/usr/lib/postgresql", "bin");
    places.extend(versioned("/usr", "bin"));
    places.extend(versioned("/opt/homebrew/opt", "bin"));
    places.extend(versioned("/usr/local/opt", "bin"));
    let told = Command::new("pg_config").arg("--bindir").output();
    places.extend(
        told.ok()
            .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
    );
    // A link in the PATH leads to the folder that really holds the binaries and, beside it, their files.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let linked = std::env::split_paths(&path).filter_map(|dir| fs::canonicalize(dir.join("postgres")).ok());
    places.extend(linked.filter_map(|binary| binary.parent().map(Path::to_path_buf)));
    places
}

/// `15`, `pgsql-16` and `postgresql@17` name versions; anything below 14 is too old.
fn major_version(folder: &str) -> Option<u32> {
    let digits = ["postgresql@", "pgsql-", ""]
        .into_iter()
        .find_map(|prefix| folder.strip_prefix(prefix))?;
    digits.parse().ok().filter(|version| *version >= 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_name_a_version_are_told_from_others() {
        assert_eq!(
            ["15", "pgsql-16", "postgresql@17"].map(major_version),
            [Some(15), Some(16), Some(17)]
        );
        assert_eq!(["9.6", "13", "bin", "postgresql@x"].map(major_version), [None; 4]);
    }
}
