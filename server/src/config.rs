//! Every setting of the server, read once from the environment. Nothing else reads the environment.

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context;

/// How much of the fictional district is put into an empty database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoSize {
    /// Nothing: the database starts empty, and no demo password exists.
    None,
    /// 12 schools and three months of visits; loads in under ten seconds.
    Small,
}

/// How many years the identity of somebody who complained is kept unless the operator says otherwise.
pub const IDENTITY_YEARS: u32 = 3;

/// The settings. Each field names its variable; `docs/operating.md` lists them all for operators.
#[derive(Clone, Debug)]
pub struct Config {
    /// `DATABASE_URL`: a Postgres to use. Unset: the server runs a private one inside [`Config::data`].
    pub database_url: Option<String>,
    /// `DUXING_DATA`: the folder that holds the private Postgres. Created when missing.
    pub data: PathBuf,
    /// `DUXING_BIND`: the address to listen on, `127.0.0.1` by default; TLS is a reverse proxy's work.
    pub bind: IpAddr,
    /// `DUXING_PORT`: unset means 8080, or any free port when 8080 is taken; `0` means any free port.
    pub port: Option<u16>,
    /// `DUXING_DEMO`: `small` or `none` (default).
    pub demo: DemoSize,
    /// `DUXING_POOL`: connections to Postgres, 16 by default.
    pub pool_size: usize,
    /// `DUXING_WORKERS`: HTTP worker threads, one per core by default.
    pub workers: usize,
    /// `DUXING_PACE`: requests a second that one sign-in may make in the long run, 100 by default; ten times as many at once.
    pub pace: u32,
    /// `DUXING_KEEP_IDENTITIES_YEARS`: how long the identity of somebody who complained is kept, 3 years by default, at least 1.
    pub identity_years: u32,
    /// `DUXING_LOG`: a `tracing` filter such as `info` or `server=debug,info`.
    pub log: String,
}

impl Config {
    /// Reads the process environment; fails with the variable's name when a value makes no sense.
    pub fn from_env() -> anyhow::Result<Self> {
        Self::read(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// The same from any source of values, so that tests need not change the process.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let number = |name: &str| -> anyhow::Result<Option<usize>> {
            get(name)
                .map(|text| {
                    text.parse()
                        .with_context(|| format!("{name}={text} is not a whole number"))
                })
                .transpose()
        };
        let bind = get("DUXING_BIND").unwrap_or_else(|| "127.0.0.1".into());
        let port = number("DUXING_PORT")?
            .map(|port| u16::try_from(port).with_context(|| format!("DUXING_PORT={port} is above 65535")))
            .transpose()?;
        let demo = match get("DUXING_DEMO").as_deref() {
            None | Some("none") => DemoSize::None,
            Some("small") => DemoSize::Small,
            Some(other) => anyhow::bail!("DUXING_DEMO={other} is neither small nor none"),
        };
        Ok(Self {
            database_url: get("DATABASE_URL"),
            data: get("DUXING_DATA").map_or_else(|| default_data_dir(&get), PathBuf::from),
            bind: bind
                .parse()
                .with_context(|| format!("DUXING_BIND={bind} is not an IP address"))?,
            port,
            demo,
            pool_size: number("DUXING_POOL")?.unwrap_or(16).max(1),
            workers: number("DUXING_WORKERS")?.unwrap_or_else(cores).max(1),
            pace: number("DUXING_PACE")?
                .map(|pace| u32::try_from(pace).context("DUXING_PACE is too large"))
                .transpose()?
                .unwrap_or(100)
                .max(1),
            identity_years: number("DUXING_KEEP_IDENTITIES_YEARS")?
                .map(|years| u32::try_from(years).context("DUXING_KEEP_IDENTITIES_YEARS is too large"))
                .transpose()?
                .unwrap_or(IDENTITY_YEARS)
                .max(1),
            log: get("DUXING_LOG").unwrap_or_else(|| "info".into()),
        })
    }
}

/// The platform's data folder; as root one that the dropped-to Postgres user can reach.
fn default_data_dir(get: &impl Fn(&str) -> Option<String>) -> PathBuf {
    if crate::postgres::is_root() {
        return PathBuf::from("/var/lib/duxing");
    }
    let home = || PathBuf::from(get("HOME").unwrap_or_else(|| "/tmp".into()));
    if cfg!(target_os = "macos") {
        return home().join("Library/Application Support/duxing");
    }
    get("XDG_DATA_HOME")
        .map_or_else(|| home().join(".local/share"), PathBuf::from)
        .join("duxing")
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> anyhow::Result<Config> {
        Config::read(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn nothing_set_gives_a_private_server_on_the_loopback_address() {
        let config = read(&[]).unwrap();
        assert!(config.bind.is_loopback());
        assert_eq!(
            (config.port, config.demo, config.database_url),
            (None, DemoSize::None, None)
        );
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused_with_its_name() {
        for (name, value) in [
            ("DUXING_PORT", "70000"),
            ("DUXING_PORT", "x"),
            ("DUXING_BIND", "here"),
            ("DUXING_DEMO", "huge"),
        ] {
            let message = read(&[(name, value)]).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(value), "{message}");
        }
    }
}
