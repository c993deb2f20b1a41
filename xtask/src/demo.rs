//! `demo`: loads the demo district into the database that `run` uses.

use std::process::Command;

use crate::tools;
use crate::workspace::{cargo, must_run, nothing_more, server_binary, take_flag};

/// Loads the district; does nothing when it is already there.
pub fn demo(arguments: &[String]) -> anyhow::Result<String> {
    let mut arguments = arguments.to_vec();
    let size = take_flag(&mut arguments, "--size")?.unwrap_or_else(|| "small".into());
    let data = take_flag(&mut arguments, "--data")?;
    nothing_more(&arguments)?;
    if std::env::var_os("DATABASE_URL").is_none_or(|url| url.is_empty()) {
        tools::ensure_postgres()?;
    }
    must_run(&mut cargo(&["build", "--quiet", "--package=server"]))?;
    let mut load = Command::new(server_binary());
    load.args(["demo", "--size", &size]);
    data.map(|data| load.env("DUXING_DATA", data));
    must_run(&mut load)?;
    Ok(format!("demo: {size} district loaded"))
}
