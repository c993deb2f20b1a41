//! Where things are in this workspace, and how commands are run in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The folder with the workspace's `Cargo.toml`.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in a folder of the workspace")
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The built client that the server serves.
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// The development build of the server.
pub fn server_binary() -> PathBuf {
    target_dir().join("debug/duxing")
}

/// The cargo that runs us, in the root folder.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // What cargo sets for us describes xtask; it would make build scripts of the inner build run again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_PRIMARY_PACKAGE" {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs a command to its end with its output shown; fails when it fails.
pub fn must_run(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    ensure!(status.success(), "`{shown}` failed ({status})");
    Ok(())
}

/// Runs a command and returns what it printed; fails when it fails.
pub fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let shown = shown(command);
    let output = command.output().with_context(|| format!("cannot run {shown}"))?;
    ensure!(
        output.status.success(),
        "`{shown}` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The first file with this name in the folders of `PATH`.
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// A value that follows its flag, taken out of the arguments.
pub fn take_flag(arguments: &mut Vec<String>, flag: &str) -> anyhow::Result<Option<String>> {
    let Some(at) = arguments.iter().position(|argument| argument == flag) else {
        return Ok(None);
    };
    ensure!(at + 1 < arguments.len(), "{flag} needs a value");
    arguments.remove(at);
    Ok(Some(arguments.remove(at)))
}

/// Fails when arguments are left that nobody asked for.
pub fn nothing_more(arguments: &[String]) -> anyhow::Result<()> {
    ensure!(arguments.is_empty(), "not understood: {}", arguments.join(" "));
    Ok(())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words = std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy);
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_taken_with_its_value_from_anywhere() {
        let mut arguments: Vec<String> = ["a", "--port", "80", "b"].map(String::from).to_vec();
        assert_eq!(take_flag(&mut arguments, "--port").unwrap().as_deref(), Some("80"));
        assert_eq!(arguments, ["a", "b"]);
        assert_eq!(take_flag(&mut arguments, "--port").unwrap(), None);
        assert!(take_flag(&mut vec!["--port".into()], "--port").is_err());
        assert!(nothing_more(&arguments).unwrap_err().to_string().contains("a b"));
    }
}
