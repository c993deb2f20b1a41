//! Holds every dependency to the licences and bans of `deny.toml`. Covers all platforms and all targets.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::workspace::{cargo, output_of, root};

/// A dependency as the list of parts names it.
pub struct Part {
    pub name: String,
    pub version: String,
    pub licence: String,
    /// True for the crates of this workspace.
    pub ours: bool,
}

/// Fails with the list of dependencies whose licence is not allowed or that are banned by name.
pub fn check() -> anyhow::Result<()> {
    let rules = Rules::read(&fs::read_to_string(root().join("deny.toml"))?)?;
    let parts = parts()?;
    let wrong: Vec<String> = parts
        .iter()
        .filter(|part| !part.ours)
        .filter_map(|part| rules.objection(part))
        .collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Every crate in the lock file that some target of the workspace may use.
pub fn parts() -> anyhow::Result<Vec<Part>> {
    let metadata: Value =
        serde_json::from_str(&output_of(&mut cargo(&["metadata", "--format-version=1", "--locked"]))?)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(packages
        .iter()
        .map(|package| Part {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: text(&package["license"]),
            ours: package["source"].is_null(),
        })
        .collect())
}

struct Rules {
    allowed: BTreeSet<String>,
    banned: BTreeSet<String>,
}

impl Rules {
    fn read(deny: &str) -> anyhow::Result<Self> {
        let deny: toml::Table = deny.parse()?;
        let list = |section: &str, key: &str| {
            let found = deny
                .get(section)
                .and_then(|section| section.get(key))
                .and_then(toml::Value::as_array);
            found.with_context(|| format!("deny.toml has no {section}.{key}"))
        };
        let allowed = list("licenses", "allow")?
            .iter()
            .filter_map(toml::Value::as_str)
            .map(str::to_owned)
            .collect();
        let banned = list("bans", "deny")?
            .iter()
            .filter_map(|ban| ban.get("crate").and_then(toml::Value::as_str))
            .map(str::to_owned)
            .collect();
        Ok(Self { allowed, banned })
    }

    fn objection(&self, part: &Part) -> Option<String> {
        let Part {
            name, version, licence, ..
        } = part;
        if self.banned.contains(name) {
            return Some(format!("{name} {version} is banned in deny.toml"));
        }
        match allows(&self.allowed, licence) {
            Ok(true) => None,
            Ok(false) => Some(format!(
                "{name} {version}: licence {licence} is not allowed in deny.toml"
            )),
            Err(error) => Some(format!("{name} {version}: licence {licence:?}: {error}")),
        }
    }
}

/// Judges an SPDX expression: one side of `OR` must be allowed, both sides of `AND`.
fn allows(allowed: &BTreeSet<String>, expression: &str) -> anyhow::Result<bool> {
    // `MIT/Apache-2.0` is the old way to write OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    ensure!(!words.is_empty(), "none is stated");
    let mut rest = &words[..];
    let verdict = any(allowed, &mut rest)?;
    ensure!(rest.is_empty(), "not an SPDX expression");
    Ok(verdict)
}

fn any(allowed: &BTreeSet<String>, rest: &mut &[&str]) -> anyhow::Result<bool> {
    let mut verdict = all(allowed, rest)?;
    while rest.first() == Some(&"OR") {
        *rest = &rest[1..];
        verdict |= all(allowed, rest)?;
    }
    Ok(verdict)
}

fn all(allowed: &BTreeSet<String>, rest: &mut &[&str]) -> anyhow::Result<bool> {
    let mut verdict = one(allowed, rest)?;
    while rest.first() == Some(&"AND") {
        *rest = &rest[1..];
        verdict &= one(allowed, rest)?;
    }
    Ok(verdict)
}

fn one(allowed: &BTreeSet<String>, rest: &mut &[&str]) -> anyhow::Result<bool> {
    let Some((word, after)) = rest.split_first() else {
        bail!("it ends too early")
    };
    *rest = after;
    if *word == "(" {
        let verdict = any(allowed, rest)?;
        ensure!(rest.first() == Some(&")"), "a bracket stays open");
        *rest = &rest[1..];
        return Ok(verdict);
    }
    // An exception only adds freedom, so the licence it belongs to decides.
    if rest.first() == Some(&"WITH") {
        ensure!(rest.len() >= 2, "WITH names no exception");
        *rest = &rest[2..];
    }
    Ok(allowed.contains(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_judged_by_its_ors_and_ands() {
        let allowed: BTreeSet<String> = ["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned).into();
        for (expression, verdict) in [
            ("MIT", true),
            ("GPL-3.0-or-later", false),
            ("MIT OR GPL-2.0", true),
            ("MIT AND GPL-2.0", false),
            ("MIT/Apache-2.0", true),
            ("(MIT OR GPL-2.0) AND Unicode-3.0", true),
            ("(GPL-2.0 OR LGPL-3.0) AND MIT", false),
            ("Apache-2.0 WITH LLVM-exception OR MIT", true),
            ("GPL-2.0 AND MIT OR Apache-2.0", true),
        ] {
            assert_eq!(allows(&allowed, expression).unwrap(), verdict, "{expression}");
        }
        for nonsense in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "MIT WITH"] {
            assert!(allows(&allowed, nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_copyleft_or_banned_crate_is_objected_to() {
        let rules =
            Rules::read("[licenses]\nallow = ['MIT']\n[bans]\ndeny = [{ crate = 'bad', reason = 'x' }]").unwrap();
        let part = |name: &str, licence: &str| Part {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.into(),
            ours: false,
        };
        assert_eq!(rules.objection(&part("good", "MIT")), None);
        assert!(rules.objection(&part("bad", "MIT")).unwrap().contains("banned"));
        assert!(
            rules
                .objection(&part("worse", "GPL-3.0-or-later"))
                .unwrap()
                .contains("GPL-3.0-or-later")
        );
        assert!(rules.objection(&part("silent", "")).unwrap().contains("none is stated"));
    }

    #[test]
    fn every_dependency_of_today_is_allowed() {
        check().unwrap();
        assert!(parts().unwrap().iter().any(|part| part.ours && part.name == "server"));
    }
}
