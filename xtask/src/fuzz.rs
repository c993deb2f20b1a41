//! `fuzz`: the decoders fed by libFuzzer, guided by coverage, on the stable compiler: what its passes need are arguments of LLVM. Built apart
//! from everything else, in `target/fuzz`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::workspace::{cargo, must_run, nothing_more, output_of, root, take_flag, target_dir};

/// Counts edges and lets the fuzzer see what is compared with what.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";
/// How long a finding is made smaller.
const SMALLER_SECONDS: &str = "-max_total_time=30";

/// Builds, feeds each decoder for a while from `fuzz/corpus`, and lays findings there, made small, for the test that feeds them again.
pub fn fuzz(arguments: &[String]) -> anyhow::Result<String> {
    let mut left = arguments.to_vec();
    let only = take_flag(&mut left, "--target")?;
    let seconds = take_flag(&mut left, "--seconds")?.unwrap_or_else(|| "60".into());
    nothing_more(&left)?;
    let seconds: u32 = seconds.parse().context("--seconds takes a number")?;
    let program = build()?;
    let mut names = corpora()?;
    names.retain(|name| only.as_ref().is_none_or(|only| only == name));
    ensure!(!names.is_empty(), "no such target: fuzz/corpus has a folder for each");
    let (mut inputs, mut found) = (0, Vec::new());
    for name in &names {
        let fed = feed(&program, name, seconds)?;
        println!("{name}: {} inputs, {} places reached", fed.inputs, fed.places);
        inputs += fed.inputs;
        found.extend(fed.finding);
    }
    ensure!(found.is_empty(), "{} findings: {}", found.len(), found.join(", "));
    Ok(format!(
        "fuzz: {} decoders, {inputs} inputs, nothing found ({seconds} s each)",
        names.len()
    ))
}

fn build() -> anyhow::Result<PathBuf> {
    let told = output_of(Command::new("rustc").arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc tells no host")?;
    let folder = target_dir().join("fuzz");
    // With a target named, build scripts and macros are built without the flags.
    must_run(
        cargo(&["build", "--quiet", "--release", "--locked", "--target", host])
            .arg("--manifest-path")
            .arg(root().join("fuzz/Cargo.toml"))
            .arg("--target-dir")
            .arg(&folder)
            .env("RUSTFLAGS", COVERAGE),
    )?;
    Ok(folder.join(host).join("release/fuzz"))
}

fn corpora() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in fs::read_dir(root().join("fuzz/corpus"))? {
        names.push(folder?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// What feeding one decoder came to.
struct Fed {
    inputs: u64,
    places: u64,
    finding: Option<String>,
}

fn feed(program: &Path, name: &str, seconds: u32) -> anyhow::Result<Fed> {
    let seeds = root().join("fuzz/corpus").join(name);
    let grown = target_dir().join("fuzz/grown").join(name);
    let finding = target_dir().join("fuzz").join(format!("found-{name}"));
    fs::create_dir_all(&grown)?;
    drop(fs::remove_file(&finding));
    let mut command = fuzzer(program, name);
    command.args([
        "-print_final_stats=1",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-max_len=65536",
    ]);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-exact_artifact_path={}", finding.display()));
    let output = command.arg(&grown).arg(&seeds).stdout(Stdio::null()).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    let (inputs, places) = counted(&told).with_context(|| format!("{name} did not run: {told}"))?;
    let kept = match finding.is_file() {
        true => Some(keep(program, name, &finding)?),
        false => None,
    };
    ensure!(kept.is_some() || output.status.success(), "{name} failed: {told}");
    Ok(Fed {
        inputs,
        places,
        finding: kept,
    })
}

fn fuzzer(program: &Path, name: &str) -> Command {
    let mut command = Command::new(program);
    command.env("DUXING_FUZZ_TARGET", name);
    command
}

/// Lays a finding, as small as it becomes, among the seeds: the test feeds it again from now on.
fn keep(program: &Path, name: &str, finding: &Path) -> anyhow::Result<String> {
    let small = finding.with_extension("small");
    drop(fs::remove_file(&small));
    let mut smaller = fuzzer(program, name);
    smaller.args(["-minimize_crash=1", SMALLER_SECONDS]).arg(finding);
    smaller.arg(format!("-exact_artifact_path={}", small.display()));
    // It fails when nothing smaller is found.
    let _ = smaller.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let best = if small.is_file() { &small } else { finding };
    let bytes = fs::read(best)?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let kept = format!("fuzz/corpus/{name}/found-{:016x}", hasher.finish());
    fs::write(root().join(&kept), bytes)?;
    Ok(kept)
}

/// Inputs tried and places reached, as libFuzzer tells them.
fn counted(told: &str) -> Option<(u64, u64)> {
    let inputs = told
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let places = told
        .lines()
        .rev()
        .find_map(|line| line.split_once(" cov: ").map(|(_, rest)| rest));
    let places = places.and_then(|rest| rest.split_whitespace().next());
    Some((inputs?.trim().parse().ok()?, places?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_fuzzer_counted_is_read_from_what_it_told() {
        let told = "#2\tINITED cov: 5 ft: 6 corp: 1/1b\n#900\tDONE   cov: 812 ft: 2001 corp: 30/9Kb exec/s: 90\n\
                    stat::number_of_executed_units: 900\nstat::average_exec_per_sec:     90\n";
        assert_eq!(counted(told), Some((900, 812)));
        assert_eq!(counted("ERROR: no such target"), None);
    }
}
