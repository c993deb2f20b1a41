//! `bench`: builds everything optimised and hands over to the load driver in `tests`.

use crate::tools;
use crate::workspace::{cargo, must_run};

/// Runs the named benchmarks, or all of them; the driver writes the report.
pub fn bench(arguments: &[String]) -> anyhow::Result<String> {
    let postgres = tools::ensure_postgres()?;
    println!("{}", crate::client_build::build()?.summary());
    must_run(&mut cargo(&["build", "--quiet", "--release", "--package=server"]))?;
    let mut driver = cargo(&["run", "--quiet", "--release", "--package=tests", "--bin=bench", "--"]);
    must_run(driver.args(arguments).env("PG_BINDIR", postgres))?;
    Ok("bench: done".into())
}
