//! The `duxing` command: reads the command and the settings, starts Postgres when none is named, and serves. What the
//! server does is the library's.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use chrono::Utc;
use server::api::about::SignIn;
use server::config::{Config, DemoSize};
use server::postgres::ManagedPostgres;
use server::store::anchor::{self, Anchor};
use server::store::purpose::{Purpose, within};
use server::{AppState, db, demo, people, retention, store};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
duxing <command>

  serve                            serve until SIGINT or SIGTERM
  migrate                          bring the database to this version, and end
  demo --size small                load the demo district into an empty database, and end
  add-person LOGIN NAME ROLE[,ROLE] [--district NAME]
                                   add somebody; prints a first password. --district names the district of an empty
                                   database. Roles: supervisor zone_lead coordinator department school expert committee
                                   third_party admin
  restore-finish                   after the database was restored from a copy: every phone offers what it may have lost
  audit verify                     follow every bucket's hash chain through the log, and that of the changes of rights;
                                   names the first broken one, and fails when there is one
  audit anchor                     print where every chain stands, a line a district, to be kept elsewhere
  audit verify --anchor FILE       the same as audit verify, and whether the database still holds what that anchor saw
  retention [--dry-run]            throw away what is old (docs/operating.md), as the server does once a day; --dry-run only counts
  help                             this text

Settings come from the environment; docs/operating.md lists them.
";

/// Where the server looks for a port first when none is asked for.
const USUAL_PORT: u16 = 8080;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("duxing: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve"] => serve(),
        ["migrate"] => with_database(async |_, _| Ok(())),
        ["demo"] | ["demo", "--size", "small"] => with_database(async |_, pool| {
            let loaded = demo::load(&pool, Utc::now()).await?;
            println!("demo: {loaded}");
            Ok(())
        }),
        ["add-person", login, name, roles] => add_person(login, name, roles, None),
        ["add-person", login, name, roles, "--district", district] => add_person(login, name, roles, Some(district)),
        ["restore-finish"] => with_database(async |_, pool| {
            store::sync::raise_epoch(&mut *pool.get().await?).await?;
            say(&["a new epoch begins: restart every server of this database; phones then offer what they hold"])
        }),
        ["audit", "verify"] => with_database(async |_, pool| audit(&pool, &[]).await),
        ["audit", "verify", "--anchor", file] => {
            let anchors = read_anchors(file)?;
            with_database(async |_, pool| audit(&pool, &anchors).await)
        }
        ["audit", "anchor"] => with_database(async |_, pool| {
            let mut conn = pool.get().await?;
            let taken = within(&mut conn, Purpose::installation(), async |conn| {
                anchor::take(conn, Utc::now()).await
            });
            let lines: Vec<String> = taken.await?.iter().map(Anchor::to_line).collect();
            say(&lines.iter().map(String::as_str).collect::<Vec<_>>())
        }),
        ["retention"] => with_database(async |config, pool| {
            let report = retention::run(&pool, Utc::now(), config.identity_years).await?;
            say(&[&format!("{report}retention: thrown away")])
        }),
        ["retention", "--dry-run"] => with_database(async |config, pool| {
            let report = retention::dry_run(&pool, Utc::now(), config.identity_years).await?;
            say(&[&format!("{report}retention: nothing was changed")])
        }),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => bail!("not understood: {}\n\n{HELP}", words.join(" ")),
    }
}

fn serve() -> anyhow::Result<()> {
    let config = Config::from_env()?;
    start_log(&config)?;
    // First of all, so that a port in use is told before anything is set up.
    let listener = listen(&config)?;
    let (postgres, url) = database(&config)?;
    let outcome = runtime()?.block_on(serve_on(&config, &url, listener));
    if let Some(postgres) = postgres {
        postgres.stop();
    }
    outcome?;
    say(&["stopped"])
}

async fn serve_on(config: &Config, url: &str, listener: TcpListener) -> anyhow::Result<()> {
    let pool = open(config, url).await?;
    let sign_ins = match config.demo {
        DemoSize::Small => {
            demo::load(&pool, Utc::now()).await?;
            Some(demo::sign_ins())
        }
        DemoSize::None => {
            ensure!(
                !demo::is_loaded(&pool).await?,
                "this database holds the demo district, whose passwords anybody may know. Serve it with \
                 DUXING_DEMO=small, or name another database or data folder"
            );
            None
        }
    };
    let address = listener.local_addr()?;
    announce(address, sign_ins.as_deref().unwrap_or_default())?;
    let mut app = AppState::open(pool, sign_ins).await?;
    app.pace = server::auth::pace::Pace::of(config.pace);
    app.identity_years = config.identity_years;
    let keeping = tokio::spawn(retention::every_day(app.pool.clone(), config.identity_years));
    let served = server::serve(app, listener, config.workers).await;
    keeping.abort();
    served?;
    Ok(())
}

fn add_person(login: &str, name: &str, roles: &str, district: Option<&str>) -> anyhow::Result<()> {
    with_database(async |_, pool| {
        let roles: Vec<&str> = roles.split(',').collect();
        let password = people::add(&pool, login, name, &roles, district).await?;
        say(&[&format!("{login} can sign in with the password {password}")])
    })
}

/// The lines of an anchor that was kept.
fn read_anchors(file: &str) -> anyhow::Result<Vec<Anchor>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let anchors: Option<Vec<Anchor>> = lines.map(Anchor::read).collect();
    let anchors = anchors.with_context(|| format!("{file} is no anchor, or was changed since it was written"))?;
    ensure!(!anchors.is_empty(), "{file} is empty");
    Ok(anchors)
}

async fn audit(pool: &db::Pool, anchors: &[Anchor]) -> anyhow::Result<()> {
    let mut conn = pool.get().await?;
    let (found, rights, missing) = within(&mut conn, Purpose::installation(), async |conn| -> anyhow::Result<_> {
        let found = store::sync::verify_chains(conn).await?;
        let mut missing = Vec::new();
        for anchor in anchors {
            missing.extend(anchor::missing(conn, anchor).await?);
        }
        Ok((found, store::audit::verify(conn).await?, missing))
    })
    .await?;
    let broken = found.broken.iter().chain(&rights.broken).chain(&missing);
    let broken: Vec<&str> = broken.map(String::as_str).collect();
    say(&broken)?;
    let summary = format!(
        "audit: {} buckets, {} changes, {} events, {} broken",
        found.buckets,
        found.changes,
        rights.events,
        broken.len()
    );
    ensure!(broken.is_empty(), "{summary}");
    say(&[&summary])
}

/// Runs a short command on the migrated database.
fn with_database(work: impl AsyncFnOnce(&Config, db::Pool) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let config = Config::from_env()?;
    start_log(&config)?;
    let (postgres, url) = database(&config)?;
    let outcome = runtime()?.block_on(async { work(&config, open(&config, &url).await?).await });
    drop(postgres);
    outcome
}

/// The named database, or the private one, which lives as long as the first of the pair.
fn database(config: &Config) -> anyhow::Result<(Option<ManagedPostgres>, String)> {
    match &config.database_url {
        Some(url) => Ok((None, url.clone())),
        None => ManagedPostgres::start(&config.data).map(|(postgres, url)| (Some(postgres), url)),
    }
}

async fn open(config: &Config, url: &str) -> anyhow::Result<db::Pool> {
    db::migrate(url).await?;
    db::connect(url, config.pool_size)
}

fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let bind = |port: u16| TcpListener::bind(SocketAddr::new(config.bind, port));
    match config.port {
        Some(port) => bind(port).with_context(|| format!("cannot listen on {}:{port}", config.bind)),
        None => bind(USUAL_PORT)
            .or_else(|error| {
                if error.kind() == io::ErrorKind::AddrInUse {
                    bind(0)
                } else {
                    Err(error)
                }
            })
            .with_context(|| format!("cannot listen on {}", config.bind)),
    }
}

/// The lines that people and scripts wait for.
fn announce(address: SocketAddr, sign_ins: &[SignIn]) -> anyhow::Result<()> {
    let mut lines = vec![format!("ready http://{address}")];
    if !sign_ins.is_empty() {
        lines.push("demo district; anybody may know these passwords:".into());
    }
    let one = |sign_in: &SignIn| {
        let SignIn {
            login,
            password,
            name,
            roles,
        } = sign_in;
        format!("  {login:<8} {password:<16} {name} ({})", roles.join(", "))
    };
    lines.extend(sign_ins.iter().map(one));
    say(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Prints at once; a reader that has gone is no reason to stop serving.
fn say(lines: &[&str]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let _ = lines
        .iter()
        .try_for_each(|line| writeln!(out, "{line}"))
        .and_then(|()| out.flush());
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Lines of JSON on the error stream.
fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log).with_context(|| format!("DUXING_LOG={}", config.log))?;
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    Ok(())
}
