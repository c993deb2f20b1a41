//! What the benchmarks run against: a durable private Postgres and the optimised server as a process of its own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use server::postgres::ManagedPostgres;
use tests::District;
use tests::load::connect;
use tests::process::ServerProcess;
use tokio::runtime::Runtime;

pub struct Rig {
    pub database_url: String,
    pub district: District,
    // Goes before its database.
    pub server: ServerProcess,
    cluster: Cluster,
}

struct Cluster {
    data: PathBuf,
    postgres: Option<ManagedPostgres>,
}

impl Rig {
    /// A new database with the small district of the tests, and a server over it.
    pub fn start(runtime: &Runtime) -> Result<Self> {
        let data = std::env::temp_dir().join(format!("duxing-bench-{}", std::process::id()));
        let (postgres, database_url) = ManagedPostgres::start(&data)?;
        let district = runtime.block_on(async {
            server::db::migrate(&database_url).await?;
            anyhow::Ok(District::create(&mut connect(&database_url).await?).await?)
        })?;
        let server = ServerProcess::unpaced(&database_url, 0);
        let postgres = Some(postgres);
        Ok(Rig {
            database_url,
            district,
            server,
            cluster: Cluster { data, postgres },
        })
    }

    /// A new server process over the same database: it remembers nothing.
    pub fn restart_server(&mut self) {
        self.server = ServerProcess::unpaced(&self.database_url, 0);
    }

    /// CPU seconds that the server has used.
    pub fn server_cpu(&self) -> Result<f64> {
        Ok(cpu_of(self.server.pid())?.0)
    }

    /// CPU seconds that Postgres has used, with its backends that have ended.
    pub fn postgres_cpu(&self) -> Result<f64> {
        let note = fs::read_to_string(self.cluster.data.join("postgres/postmaster.pid"))?;
        let postmaster: u32 = note.lines().next().context("a pid file has lines")?.trim().parse()?;
        let (own, of_ended) = cpu_of(postmaster)?;
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))?;
        let of_living: f64 = children
            .split_whitespace()
            .filter_map(|pid| Some(cpu_of(pid.parse().ok()?).ok()?.0))
            .sum();
        Ok(own + of_ended + of_living)
    }

    /// The most memory the server has held, in MB.
    pub fn server_memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.pid()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .context("no peak memory")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kilobytes / 1000.0)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.postgres.take());
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// CPU seconds of a process, and of its children that have ended (proc(5), fields 14 to 17).
fn cpu_of(pid: u32) -> Result<(f64, f64)> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = line.rsplit_once(')').context("a process has a name")?.1;
    let ticks: Vec<f64> = after_name
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse().ok())
        .collect();
    // SAFETY: sysconf only reads.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    anyhow::ensure!(ticks.len() == 4, "the status line is too short");
    Ok(((ticks[0] + ticks[1]) / per_second, (ticks[2] + ticks[3]) / per_second))
}
