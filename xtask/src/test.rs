//! `test`: the rings from the inside out, each with what it needs set up.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};

use crate::workspace::{cargo, dist, must_run, server_binary, take_flag};
use crate::{check, client_build, tools};

/// A ring of tests: its name, the packages and targets it covers, and whether it needs a browser.
struct Ring {
    name: &'static str,
    cargo: &'static [&'static str],
    needs: Needs,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Needs {
    Nothing,
    Postgres,
    Browser,
}

const RINGS: [Ring; 6] = [
    Ring {
        name: "pure",
        // The server's own tests start a private Postgres or two.
        cargo: &[
            "--package=sync-protocol",
            "--package=catalog",
            "--package=same-score",
            "--package=passphrase",
            "--package=xtask",
            "--package=server",
        ],
        needs: Needs::Postgres,
    },
    Ring {
        name: "sim",
        cargo: &["--package=sim"],
        needs: Needs::Postgres,
    },
    Ring {
        name: "it",
        cargo: &["--package=tests", "--lib", "--test=it"],
        needs: Needs::Postgres,
    },
    Ring {
        name: "api",
        cargo: &["--package=tests", "--test=api"],
        needs: Needs::Postgres,
    },
    Ring {
        name: "crash",
        cargo: &["--package=tests", "--test=crash"],
        needs: Needs::Postgres,
    },
    Ring {
        name: "browser",
        cargo: &["--package=tests", "--test=browser"],
        needs: Needs::Browser,
    },
];

/// The tests that hold the folders to their order; part of ring `it`, and quick enough to have a name.
const HOUSE: Ring = Ring {
    name: "house",
    cargo: &["--package=tests", "--test=it", "house"],
    needs: Needs::Nothing,
};

/// Runs everything, or one ring.
pub fn test(arguments: &[String]) -> anyhow::Result<String> {
    let started = Instant::now();
    let (mut ours, theirs) = match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (arguments[..at].to_vec(), &arguments[at + 1..]),
        None => (arguments.to_vec(), &[][..]),
    };
    let one = take_flag(&mut ours, "--ring")?;
    crate::workspace::nothing_more(&ours)?;
    let rings: Vec<&Ring> = match one.as_deref() {
        None => RINGS.iter().collect(),
        Some(name) => vec![find(name)?],
    };
    if one.is_none() {
        println!("{}", check::check()?);
    }
    let environment = prepare(&rings)?;
    for ring in &rings {
        println!("ring {}", ring.name);
        let mut command = cargo(&["test"]);
        command
            .args(ring.cargo)
            .arg("--")
            .args(theirs)
            .envs(environment.iter().cloned());
        must_run(&mut command).with_context(|| {
            format!(
                "ring {0}; to see it again: cargo xtask test --ring {0} -- NAME-OF-THE-TEST",
                ring.name
            )
        })?;
    }
    let names: Vec<&str> = rings.iter().map(|ring| ring.name).collect();
    Ok(format!(
        "test: {} passed in {:.0} s",
        names.join(", "),
        started.elapsed().as_secs_f64()
    ))
}

/// One proof out of a ring, under its own name: its tests, and nothing else.
pub fn proof(name: &str, ring: &str, filter: &[&str]) -> anyhow::Result<String> {
    let started = Instant::now();
    must_run(&mut proof_command(ring, filter, &[])?)?;
    Ok(format!("{name}: passed in {:.0} s", started.elapsed().as_secs_f64()))
}

/// The same, ready to be run by whoever makes something of what it prints.
pub fn proof_command(ring: &str, filter: &[&str], set: &[(&str, &str)]) -> anyhow::Result<Command> {
    let ring = find(ring)?;
    let environment = prepare(&[ring])?;
    let mut command = cargo(&["test"]);
    command.args(ring.cargo).arg("--").args(filter).envs(environment);
    command.envs(set.iter().copied());
    Ok(command)
}

fn find(name: &str) -> anyhow::Result<&'static Ring> {
    let found = RINGS.iter().chain([&HOUSE]).find(|ring| ring.name == name);
    found.with_context(|| format!("no such ring as {name}; there are pure, sim, it, api, crash, browser, house"))
}

/// Builds what the rings start, and says where it is: the tests read these variables and nothing else.
fn prepare(rings: &[&Ring]) -> anyhow::Result<Vec<(String, String)>> {
    let mut environment = Vec::new();
    let mut set = |name: &str, path: std::path::PathBuf| -> anyhow::Result<()> {
        let Some(path) = path.to_str() else {
            bail!("{} is not UTF-8", path.display())
        };
        environment.push((name.to_owned(), path.to_owned()));
        Ok(())
    };
    if rings.iter().any(|ring| ring.needs >= Needs::Postgres) {
        set("PG_BINDIR", tools::ensure_postgres()?)?;
    }
    if rings.iter().any(|ring| ring.name == "api") {
        set("SCHEMATHESIS", tools::ensure_schemathesis()?)?;
    }
    if rings.iter().any(|ring| ring.needs == Needs::Browser) {
        set("CHROMEDRIVER", tools::ensure_browser()?)?;
        set("AXE_JS", tools::ensure_axe()?)?;
        println!("{}", client_build::build()?.summary());
        set("DUXING_DIST", dist())?;
        set("DUXING_SAME_SCORE", client_build::build_same_score()?)?;
    }
    if rings.iter().any(|ring| ["crash", "browser", "it"].contains(&ring.name)) {
        must_run(&mut cargo(&["build", "--quiet", "--package=server"]))?;
        set("DUXING_SERVER", server_binary())?;
    }
    Ok(environment)
}

/// The same preparation for verbs that drive the browser outside the rings; ready to take arguments.
pub fn browser_test(arguments: &[&str]) -> anyhow::Result<Command> {
    let environment = prepare(&[find("browser")?])?;
    let mut command = cargo(&["test", "--package=tests", "--test=browser", "--"]);
    command.args(arguments).envs(environment);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ring_is_found_by_its_name_and_an_unknown_one_is_told() {
        for name in ["pure", "sim", "it", "api", "crash", "browser", "house"] {
            assert_eq!(find(name).unwrap().name, name);
        }
        assert!(find("outer").err().unwrap().to_string().contains("outer"));
    }
}
