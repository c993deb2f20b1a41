//! The project's verbs: `cargo xtask <verb>`. Every verb ends with one line that sums it up, and fails with a non-zero
//! exit code. Nothing here is part of the product.

mod advisories;
mod bench;
mod check;
mod client_build;
mod demo;
mod disasters;
mod fuzz;
mod parts;
mod release;
mod run;
mod sbom;
mod shots;
mod sim;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::bail;

const HELP: &str = "\
cargo xtask <verb>

  run [--port N] [--data DIR] [--demo small|none]    set up what is missing, build, start everything; Ctrl-C stops it
  test [--ring pure|sim|it|api|crash|browser|house] [-- ...] every check and test, or one ring; what follows -- goes to the tests
  check                                              formatting, lints, documentation, licences, advisories where a copy is given
  build                                              build the web client into dist/
  lint [DIR]                                         what is wrong in the definition files: file, line, what to do
  sim [--seeds N | --seed S]                         the simulator: many runs and a summary, or one told step by step
  planted                                            how many seeds each planted mistake needs to be found
  fuzz [--target NAME] [--seconds N]                 feed every decoder, guided by coverage; 60 s each unless told
  litmus                                             the litmus cases of field work that need no browser
  restore-matrix                                     each way of restoring the office's database × each state of a phone
  crash [--kills N] [--pg-kills M]                   kill server and Postgres in the middle of pushes; 200 and 50 unless told
  bench [NAME ...] [--json FILE]                     measure; medians, with the machine named
  demo --size small                                  load the demo district into an empty database
  shots DIR                                          pictures of every screen into DIR
  sbom [FILE]                                        the list of the product's parts, as CycloneDX 1.5
  release                                            the optimised server with the client inside, and its list of parts
  help                                               this text
";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let verb = if arguments.is_empty() {
        "help".to_owned()
    } else {
        arguments.remove(0)
    };
    match dispatch(&verb, &arguments) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{verb}: FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a verb and returns the line that sums it up.
fn dispatch(verb: &str, arguments: &[String]) -> anyhow::Result<String> {
    match verb {
        "run" => run::run(arguments),
        "test" => test::test(arguments),
        "check" => workspace::nothing_more(arguments).and_then(|()| check::check()),
        "build" => Ok(client_build::build()?.summary()),
        "lint" => check::definitions(arguments),
        "bench" => bench::bench(arguments),
        "demo" => demo::demo(arguments),
        "sim" => sim::sim(arguments),
        "planted" => sim::planted(arguments),
        "fuzz" => fuzz::fuzz(arguments),
        "litmus" => {
            workspace::nothing_more(arguments)?;
            test::proof("litmus", "it", &["litmus::"])
        }
        "restore-matrix" => disasters::restore_matrix(arguments),
        "crash" => disasters::crash(arguments),
        "sbom" => sbom::sbom(arguments),
        "shots" => shots::shots(arguments),
        "release" => release::release(arguments),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok("help: 17 verbs".into())
        }
        unknown => bail!("no such verb as {unknown}; `cargo xtask help` lists them"),
    }
}
