//! Known holes in dependencies, looked up in a dated copy of the RustSec database when one is given. Fetches nothing: the copy is somebody's
//! deliberate act. Read by ourselves (TOML at the head of a Markdown file): the `rustsec` crate brings a git client for this.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use semver::{Version, VersionReq};

use crate::parts::{Part, parts};
use crate::workspace::root;

/// What looking showed.
pub enum Looked {
    /// There is no copy.
    NotGiven,
    /// No dependency has a hole that the copy knows; its newest report is of this day.
    Clean { newest: String, notices: Vec<String> },
}

/// Looks every dependency up in the copy that `DUXING_ADVISORIES` names, or in `advisories/`; fails with the list of holes.
pub fn check() -> anyhow::Result<Looked> {
    match copy() {
        Some(copy) => look(&copy, &parts()?),
        None => Ok(Looked::NotGiven),
    }
}

fn copy() -> Option<PathBuf> {
    let named = std::env::var_os("DUXING_ADVISORIES").map(PathBuf::from);
    named.or_else(|| Some(root().join("advisories")).filter(|copy| copy.is_dir()))
}

fn look(copy: &Path, parts: &[Part]) -> anyhow::Result<Looked> {
    let (mut holes, mut notices, mut newest) = (Vec::new(), Vec::new(), String::new());
    let folders = fs::read_dir(copy.join("crates")).with_context(|| format!("{} has no crates/", copy.display()))?;
    let mut reports = 0;
    for folder in folders {
        for file in fs::read_dir(folder?.path())? {
            let path = file?.path();
            let text = fs::read_to_string(&path)?;
            let advisory = Advisory::read(&text).with_context(|| path.display().to_string())?;
            reports += 1;
            newest = newest.max(advisory.date.clone());
            for part in parts.iter().filter(|part| !part.ours && part.name == advisory.package) {
                if advisory.concerns(&part.version)? {
                    let told = format!("{} {}: {} {}", part.name, part.version, advisory.id, advisory.title);
                    match &advisory.informational {
                        Some(sort) => notices.push(format!("{told} ({sort})")),
                        None => holes.push(told),
                    }
                }
            }
        }
    }
    ensure!(reports > 0, "{} holds no advisory", copy.display());
    holes.sort();
    ensure!(holes.is_empty(), "{}", holes.join("\n"));
    notices.sort();
    Ok(Looked::Clean { newest, notices })
}

/// One report.
struct Advisory {
    id: String,
    package: String,
    title: String,
    /// `YYYY-MM-DD`
    date: String,
    withdrawn: bool,
    /// `unmaintained`, `unsound`, `notice`: worth knowing, no hole by itself.
    informational: Option<String>,
    /// Versions that do not have the hole: those that never had it and those in which it was mended.
    safe: Vec<VersionReq>,
}

impl Advisory {
    fn read(text: &str) -> anyhow::Result<Self> {
        let head = text
            .trim_start()
            .strip_prefix("```toml")
            .context("no TOML at its head")?;
        let (head, words) = head.split_once("```").context("its TOML does not end")?;
        let table: toml::Table = head.parse()?;
        let advisory = table.get("advisory").context("no [advisory]")?;
        let field = |name: &str| advisory.get(name).and_then(toml::Value::as_str).map(str::to_owned);
        let mut safe = Vec::new();
        for list in ["patched", "unaffected"] {
            let versions = table.get("versions").and_then(|versions| versions.get(list));
            for range in versions.and_then(toml::Value::as_array).into_iter().flatten() {
                let range = range.as_str().context("a range is no text")?;
                safe.push(range.parse().with_context(|| format!("the range {range:?}"))?);
            }
        }
        Ok(Self {
            id: field("id").context("no id")?,
            package: field("package").context("no package")?,
            date: field("date").context("no date")?,
            withdrawn: advisory.get("withdrawn").is_some(),
            informational: field("informational"),
            title: words
                .lines()
                .find_map(|line| line.strip_prefix("# "))
                .unwrap_or("")
                .to_owned(),
            safe,
        })
    }

    fn concerns(&self, version: &str) -> anyhow::Result<bool> {
        let version: Version = version.parse().with_context(|| format!("{} {version}", self.package))?;
        Ok(!self.withdrawn && !self.safe.iter().any(|range| range.matches(&version)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, version: &str) -> Part {
        Part {
            name: name.into(),
            version: version.into(),
            licence: "MIT".into(),
            ours: false,
        }
    }

    fn told(parts: &[Part]) -> Result<(String, Vec<String>), String> {
        match look(&root().join("xtask/fixtures/advisories"), parts) {
            Ok(Looked::Clean { newest, notices }) => Ok((newest, notices)),
            Ok(Looked::NotGiven) => panic!("a copy was given"),
            Err(error) => Err(format!("{error:#}")),
        }
    }

    #[test]
    fn a_dependency_with_a_known_hole_is_named() {
        let told = told(&[part("holed", "1.4.1"), part("holed", "0.9.0"), part("other", "1.0.0")]);
        assert_eq!(
            told.unwrap_err(),
            "holed 1.4.1: RUSTSEC-2026-9001 A made-up hole in a made-up crate"
        );
    }

    #[test]
    fn a_mended_an_unaffected_and_a_withdrawn_one_are_not() {
        for (name, version) in [
            ("holed", "1.4.2"),
            ("holed", "1.3.9"),
            ("holed", "0.9.9"),
            ("holed", "2.0.0"),
            ("mended", "2.0.1"),
            ("taken-back", "1.0.0"),
        ] {
            assert_eq!(
                told(&[part(name, version)]),
                Ok(("2026-11-20".into(), vec![])),
                "{name} {version}"
            );
        }
        assert!(told(&[part("mended", "2.0.0")]).is_err());
    }

    #[test]
    fn a_crate_that_nobody_keeps_is_told_and_fails_nothing() {
        let (_, notices) = told(&[part("old", "3.0.0")]).unwrap();
        assert_eq!(
            notices,
            ["old 3.0.0: RUSTSEC-2026-9004 A made-up crate that nobody keeps (unmaintained)"]
        );
    }

    #[test]
    fn what_is_no_copy_is_no_clean_bill() {
        let nowhere = look(&root().join("xtask/fixtures/none"), &[]);
        assert!(nowhere.is_err());
        for wrong in [
            "",
            "# words",
            "```toml\n[advisory]\nid = 'x'\n```",
            "```toml\n[advisory\n```",
            "```toml\nid = 1",
        ] {
            assert!(Advisory::read(wrong).is_err(), "{wrong}");
        }
    }
}
