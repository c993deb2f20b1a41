//! Known holes in dependencies, looked up in a dated copy of the RustSec database when one is given. Fetches nothing: the copy is somebody's
//! deliberate act. Read by ourselves (TOML at the head of a Markdown file): the `rustsec` crate brings a git client for this.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use semver::{Comparator, Op, Version, VersionReq};

use crate::parts::{Part, parts};
use crate::workspace::{output_of, root};

/// What looking showed.
pub enum Looked {
    /// There is no copy.
    NotGiven,
    /// No dependency has a hole that the copy knows; its newest report is of this day.
    Clean { newest: String, notices: Vec<String> },
}

/// Looks every dependency, and the toolchain, up in the copy that `DUXING_ADVISORIES` names, or in `advisories/`; fails with the list of holes,
/// but for those that `deny.toml` accepts with a reason.
pub fn check() -> anyhow::Result<Looked> {
    match copy() {
        Some(copy) => look(&copy, &parts()?, &toolchain()?, &accepted()?),
        None => Ok(Looked::NotGiven),
    }
}

fn copy() -> Option<PathBuf> {
    let named = std::env::var_os("DUXING_ADVISORIES").map(PathBuf::from);
    named.or_else(|| Some(root().join("advisories")).filter(|copy| copy.is_dir()))
}

/// What comes with the compiler, under the names that reports have for it.
fn toolchain() -> anyhow::Result<Vec<Part>> {
    let told = output_of(Command::new("rustc").arg("--version"))?;
    let version = told.split_whitespace().nth(1).context("rustc tells no version")?;
    let part = |name: &str| Part {
        name: name.into(),
        version: version.into(),
        licence: String::new(),
        ours: false,
    };
    Ok(["std", "cargo", "rustdoc"].map(part).into())
}

/// Reports that are known and lived with, and why.
fn accepted() -> anyhow::Result<BTreeMap<String, String>> {
    let deny: toml::Table = fs::read_to_string(root().join("deny.toml"))?.parse()?;
    let ignored = deny.get("advisories").and_then(|advisories| advisories.get("ignore"));
    let ignored = ignored.and_then(toml::Value::as_array).into_iter().flatten();
    ignored
        .map(|one| {
            let text = |name: &str| one.get(name).and_then(toml::Value::as_str).map(str::to_owned);
            let id = text("id").context("an ignored advisory without an id")?;
            let reason = text("reason").with_context(|| format!("{id} is ignored for no reason"))?;
            Ok((id, reason))
        })
        .collect()
}

fn look(copy: &Path, parts: &[Part], tools: &[Part], accepted: &BTreeMap<String, String>) -> anyhow::Result<Looked> {
    let crates = reports(&copy.join("crates"))?;
    ensure!(!crates.is_empty(), "{} holds no advisory", copy.display());
    // Older copies have none of these.
    let rust = copy.join("rust");
    let rust = if rust.is_dir() { reports(&rust)? } else { Vec::new() };
    let newest = crates.iter().chain(&rust).map(|report| report.date.clone()).max();
    let (mut holes, mut notices, mut needless) = (Vec::new(), Vec::new(), accepted.clone());
    for (reports, parts) in [(crates, parts), (rust, tools)] {
        for (advisory, part) in met(&reports, parts)? {
            let told = format!("{} {}: {} {}", part.name, part.version, advisory.id, advisory.title);
            needless.remove(&advisory.id);
            match (&advisory.informational, accepted.get(&advisory.id)) {
                (_, Some(reason)) => notices.push(format!("{told} (accepted: {reason})")),
                (Some(sort), None) => notices.push(format!("{told} ({sort})")),
                (None, None) => holes.push(told),
            }
        }
    }
    holes.extend(
        needless
            .keys()
            .map(|id| format!("{id} concerns nothing any more: take it out of deny.toml")),
    );
    holes.sort();
    ensure!(holes.is_empty(), "{}", holes.join("\n"));
    notices.sort();
    Ok(Looked::Clean {
        newest: newest.unwrap_or_default(),
        notices,
    })
}

fn reports(folder: &Path) -> anyhow::Result<Vec<Advisory>> {
    let mut reports = Vec::new();
    let packages = fs::read_dir(folder).with_context(|| format!("there is no {}", folder.display()))?;
    for package in packages {
        let package = package?.path();
        if !package.is_dir() {
            continue;
        }
        for file in fs::read_dir(package)? {
            let path = file?.path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let text = fs::read_to_string(&path)?;
                reports.push(Advisory::read(&text).with_context(|| path.display().to_string())?);
            }
        }
    }
    Ok(reports)
}

fn met<'a>(reports: &'a [Advisory], parts: &'a [Part]) -> anyhow::Result<Vec<(&'a Advisory, &'a Part)>> {
    let mut met = Vec::new();
    for advisory in reports {
        for part in parts.iter().filter(|part| !part.ours && part.name == advisory.package) {
            if advisory.concerns(&part.version)? {
                met.push((advisory, part));
            }
        }
    }
    Ok(met)
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
        Ok(!self.withdrawn && !self.safe.iter().any(|range| covers(range, &version)))
    }
}

/// Whether a range has the version in it. Reports order preliminary versions among the others, where Cargo's ranges leave most of them out.
fn covers(range: &VersionReq, version: &Version) -> bool {
    if version.pre.is_empty() {
        return range.matches(version);
    }
    range.comparators.iter().all(|comparator| bounds(comparator, version))
}

fn bounds(comparator: &Comparator, version: &Version) -> bool {
    let (Some(minor), Some(patch)) = (comparator.minor, comparator.patch) else {
        return comparator.matches(version);
    };
    let mut bound = Version::new(comparator.major, minor, patch);
    bound.pre = comparator.pre.clone();
    let order = version.cmp_precedence(&bound);
    match comparator.op {
        Op::Greater => order.is_gt(),
        Op::GreaterEq => order.is_ge(),
        Op::Less => order.is_lt(),
        Op::LessEq => order.is_le(),
        _ => comparator.matches(version),
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
        told_but(parts, &[], &[])
    }

    fn told_but(parts: &[Part], tools: &[Part], accepted: &[(&str, &str)]) -> Result<(String, Vec<String>), String> {
        let accepted = accepted.iter().map(|(id, why)| (id.to_string(), why.to_string()));
        match look(
            &root().join("xtask/fixtures/advisories"),
            parts,
            tools,
            &accepted.collect(),
        ) {
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
    fn the_shapes_of_ranges_that_reports_have_are_understood() {
        let report = |ranges: &str| {
            let text = format!(
                "```toml\n[advisory]\nid = 'x'\npackage = 'made-up'\ndate = '2026-11-01'\n[affected]\nos = ['linux']\n\
                 [affected.functions]\n'made_up::f' = ['< 2.0.0']\n[versions]\npatched = {ranges}\n```\n# A made-up one"
            );
            Advisory::read(&text).unwrap()
        };
        for (ranges, safe, holed) in [
            ("['=1.2.0', '=1.2.1']", &["1.2.0", "1.2.1"][..], &["1.2.2"][..]),
            ("['<1.2.0', '> 1.4.0']", &["1.1.9", "1.4.1"], &["1.2.0", "1.4.0"]),
            ("['>=2 ']", &["2.0.0", "3.1.0"], &["1.9.9"]),
            (
                "['^ 0.3.1', '0.13.10']",
                &["0.3.9", "0.13.11"],
                &["0.3.0", "0.4.0", "0.14.0"],
            ),
            ("['<= 0.2.1']", &["0.2.1"], &["0.2.2"]),
            (
                "['< 0.10.0, >= 0.9.3', '>=1.0.0-rc.2']",
                &["0.9.3", "1.0.0-rc.2", "1.0.0", "1.1.0-beta.1", "2.0.0-alpha"],
                &["0.10.0", "1.0.0-rc.1", "0.9.2"],
            ),
            ("['>= 0.9.0, < 1.0.0-0']", &["0.9.1"], &["1.0.0-alpha", "1.0.0"]),
            (
                "['>= 1.2.0+spec-1.0']",
                &["1.2.0+spec-1.1", "1.2.0"],
                &["1.1.9+spec-1.1"],
            ),
            ("[]", &[], &["1.0.0", "0.0.0"]),
        ] {
            for (versions, concerned) in [(safe, false), (holed, true)] {
                for version in versions {
                    assert_eq!(
                        report(ranges).concerns(version).unwrap(),
                        concerned,
                        "{ranges} {version}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_comes_with_the_compiler_is_looked_up_apart_from_crates_of_that_name() {
        let told_of = |parts: &[Part], tools: &[Part]| told_but(parts, tools, &[]);
        assert_eq!(
            told_of(&[], &[part("std", "1.40.0")]).unwrap_err(),
            "std 1.40.0: CVE-2026-99005 A made-up hole in what every program has"
        );
        assert!(told_of(&[part("std", "1.40.0")], &[part("std", "1.60.0")]).is_ok());
        let ours = toolchain().unwrap();
        assert!(ours.iter().all(|tool| tool.version.parse::<Version>().is_ok()));
    }

    #[test]
    fn a_hole_that_is_lived_with_is_told_with_its_reason_and_one_that_is_gone_fails() {
        let accepted = [("RUSTSEC-2026-9002", "nothing calls it")];
        let (_, notices) = told_but(&[part("mended", "2.0.0")], &[], &accepted).unwrap();
        assert_eq!(
            notices,
            [
                "mended 2.0.0: RUSTSEC-2026-9002 A made-up hole that a newer version has no more (accepted: nothing calls it)"
            ]
        );
        assert_eq!(
            told_but(&[part("mended", "2.0.1")], &[], &accepted).unwrap_err(),
            "RUSTSEC-2026-9002 concerns nothing any more: take it out of deny.toml"
        );
        assert!(super::accepted().unwrap().values().all(|reason| reason.len() > 10));
    }

    #[test]
    fn what_is_no_copy_is_no_clean_bill() {
        let nowhere = look(&root().join("xtask/fixtures/none"), &[], &[], &BTreeMap::new());
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
