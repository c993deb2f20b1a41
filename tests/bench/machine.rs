//! Which machine the figures are of.

use std::fs;
use std::process::Command;

pub fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cpu = field(&cpuinfo, "model name").unwrap_or_else(|| "unknown processor".into());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes: u64 = field(&meminfo, "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = system
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or("Linux")
        .trim_matches('"');
    let date = chrono::Utc::now().date_naive();
    format!(
        "{cpu}, {cores} cores, {:.0} GB, {name}; {}; {}; measured {date}, load {} at the end.",
        kilobytes as f64 / 1e6,
        first_line("postgres", &["--version"]),
        first_line("rustc", &["--version"]),
        fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .split(' ')
            .next()
            .unwrap_or("unknown"),
    )
}

fn first_line(name: &str, arguments: &[&str]) -> String {
    let program = match server::postgres::find_binaries() {
        Ok(dir) if name == "postgres" => dir.join(name),
        _ => name.into(),
    };
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| name.to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
