//! `run`: sets up, builds, and becomes the server.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{bail, ensure};

use crate::workspace::{cargo, must_run, nothing_more, server_binary, take_flag};
use crate::{client_build, tools};

/// Comes back only when something fails: the server takes this process over, so that every signal and the exit code
/// are its own and nothing is left behind, whoever is killed.
pub fn run(arguments: &[String]) -> anyhow::Result<String> {
    let mut arguments = arguments.to_vec();
    let port = take_flag(&mut arguments, "--port")?;
    let data = take_flag(&mut arguments, "--data")?;
    let demo = take_flag(&mut arguments, "--demo")?.unwrap_or_else(|| "small".into());
    nothing_more(&arguments)?;
    ensure!(
        demo != "year",
        "the year of demo data is not built yet; take --demo small"
    );

    prepare()?;
    let mut server = Command::new(server_binary());
    server.arg("serve").env("DUXING_DEMO", demo);
    port.map(|port| server.env("DUXING_PORT", port));
    data.map(|data| server.env("DUXING_DATA", data));
    let error = server.exec();
    bail!("cannot start the server: {error}")
}

/// Client and server built, and Postgres found unless another one is named.
pub fn prepare() -> anyhow::Result<()> {
    if std::env::var_os("DATABASE_URL").is_none_or(|url| url.is_empty()) {
        tools::ensure_postgres()?;
    }
    println!("{}", client_build::build()?.summary());
    must_run(&mut cargo(&["build", "--quiet", "--package=server"]))
}
