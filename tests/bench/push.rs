//! Whole visits pushed by 16 phones at once, durable, merged and projected; beside it what the same Postgres does with
//! bare inserts of the same visits; and how they come back in a first pull.

use std::time::Instant;

use anyhow::{Context, Result};
use diesel::sql_types::{Array, Bytea, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tests::load::{ANSWERS, CHECKLISTS, Fleet, connect};
use tokio::runtime::Runtime;

use crate::figure::{Figure, in_ms, median, quantile};
use crate::rig::Rig;

const PHONES: usize = 16;
const ROUNDS: usize = 7;
const VISITS_EACH: usize = 25;

pub fn measure(runtime: &Runtime) -> Result<Vec<Figure>> {
    let rig = Rig::start(runtime)?;
    runtime.block_on(async {
        let mut conn = connect(&rig.database_url).await?;
        let fleet = Fleet::enrol(&mut conn, &rig.district, &rig.server.url, PHONES).await?;
        conn.batch_execute(
            "CREATE TABLE bare_group (id bytea PRIMARY KEY, bytes bytea NOT NULL);
             CREATE TABLE bare_answer (record text, path text, answer text NOT NULL, PRIMARY KEY (record, path));",
        )
        .await?;
        fleet.push(4).await?;

        // In turn, so that a busy moment of the machine hits all three.
        let (mut ours, mut groups, mut answers, mut each) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut server_cpu, mut postgres_cpu) = (0.0, 0.0);
        for _ in 0..ROUNDS {
            let before = (rig.server_cpu()?, rig.postgres_cpu()?);
            let pushed = fleet.push(VISITS_EACH).await?;
            server_cpu += rig.server_cpu()? - before.0;
            postgres_cpu += rig.postgres_cpu()? - before.1;
            ours.push(pushed.per_second());
            each.extend(in_ms(&pushed.each));
            groups.push(bare(&rig, &fleet, Bare::Groups).await?);
            answers.push(bare(&rig, &fleet, Bare::Answers).await?);
        }
        let thousands = (ROUNDS * VISITS_EACH * PHONES) as f64 / 1000.0;
        let (ours, groups, answers) = (median(&ours), median(&groups), median(&answers));
        let bytes: usize = fleet.sample_visit().iter().map(String::len).sum();
        let mut figures = vec![
            Figure::new(
                "push",
                format!("visits a second, {PHONES} phones, {CHECKLISTS} × {ANSWERS} answers"),
                ours,
                "/s",
            ),
            Figure::new("push", "a visit's groups", bytes as f64 / 1000.0, "kB"),
            Figure::new("push", "a visit, median", median(&each), "ms"),
            Figure::new("push", "a visit, p95", quantile(&each, 0.95), "ms"),
            Figure::new("push", "bare inserts of the same bytes, a row a group", groups, "/s"),
            Figure::new("push", "ours as a share of that", 100.0 * ours / groups, "%").goal("≥ 80 %"),
            Figure::new(
                "push",
                "bare inserts of the same bytes and a row an answer",
                answers,
                "/s",
            ),
            Figure::new("push", "ours as a share of that", 100.0 * ours / answers, "%"),
            Figure::new(
                "push",
                "CPU of the server for 1,000 visits",
                server_cpu / thousands,
                "s",
            )
            .goal("≤ 1 s"),
            Figure::new(
                "push",
                "CPU of Postgres for 1,000 visits",
                postgres_cpu / thousands,
                "s",
            ),
            Figure::new("push", "memory of the server at most", rig.server_memory()?, "MB").goal("≤ 128 MB"),
        ];
        figures.extend(first_pull(&rig, &mut conn).await?);
        Ok(figures)
    })
}

#[derive(Clone, Copy)]
enum Bare {
    /// The log alone: the group's bytes under their id.
    Groups,
    /// The log, and each answer as a row.
    Answers,
}

/// Visits a second when nothing is judged, merged or projected.
async fn bare(rig: &Rig, fleet: &Fleet, what: Bare) -> Result<f64> {
    let mut connections = Vec::new();
    let mut prepared = Vec::new();
    for _ in 0..PHONES {
        connections.push(connect(&rig.database_url).await?);
        prepared.push((0..VISITS_EACH).map(|_| fleet.sample_visit()).collect::<Vec<_>>());
    }
    let started = Instant::now();
    let work = connections
        .into_iter()
        .zip(prepared)
        .map(|(mut conn, visits)| async move {
            for visit in visits {
                insert_bare(&mut conn, &visit, what).await?;
            }
            anyhow::Ok(())
        });
    futures_util::future::try_join_all(work).await?;
    Ok((PHONES * VISITS_EACH) as f64 / started.elapsed().as_secs_f64())
}

/// One statement, so one durable transaction a visit.
async fn insert_bare(conn: &mut AsyncPgConnection, visit: &[String], what: Bare) -> Result<()> {
    let ids: Vec<Vec<u8>> = visit
        .iter()
        .map(|line| sync_protocol::GroupId::of(line.as_bytes()).0.to_vec())
        .collect();
    let bytes: Vec<&[u8]> = visit.iter().map(|line| line.as_bytes()).collect();
    let (mut records, mut paths, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    if let Bare::Answers = what {
        for line in visit.iter().filter(|line| line.contains("\"kind\":\"edit\"")) {
            let group = sync_protocol::Group::from_line(line.as_bytes())
                .ok()
                .context("our own line")?;
            for op in &group.ops {
                records.push(op.record().to_string());
                paths.push(op.path().to_string());
                answers.push(op.value().text().unwrap_or_default().to_owned());
            }
        }
    }
    diesel::sql_query(
        "WITH log AS (INSERT INTO bare_group SELECT * FROM unnest($1::bytea[], $2::bytea[]))
         INSERT INTO bare_answer SELECT * FROM unnest($3::text[], $4::text[], $5::text[])",
    )
    .bind::<Array<Bytea>, _>(ids)
    .bind::<Array<Bytea>, _>(bytes)
    .bind::<Array<Text>, _>(records)
    .bind::<Array<Text>, _>(paths)
    .bind::<Array<Text>, _>(answers)
    .execute(conn)
    .await?;
    Ok(())
}

/// A new phone of somebody whose school has 500 visits.
async fn first_pull(rig: &Rig, conn: &mut AsyncPgConnection) -> Result<Vec<Figure>> {
    let fleet = Fleet::enrol(conn, &rig.district, &rig.server.url, 1).await?;
    fleet.push(500).await?;
    let phone = &fleet.phones[0];
    // One that leaves the answer as it came, to weigh it.
    let http = reqwest::Client::builder().no_gzip().build()?;
    let (mut milliseconds, mut kilobytes) = (Vec::new(), 0.0);
    for _ in 0..ROUNDS {
        let mut want: serde_json::Map<String, serde_json::Value> =
            [(fleet.buckets[0].to_string(), 0.into())].into_iter().collect();
        let started = Instant::now();
        let mut bytes = 0;
        loop {
            let asked = serde_json::json!({"protocol": 1, "epoch": null, "want": want, "budget": 4 << 20});
            let request = http
                .post(format!("{}/api/v1/sync/pull", phone.base))
                .header("X-Duxing", "1")
                .header("Accept-Encoding", "gzip")
                .header("Content-Type", "application/json")
                .bearer_auth(&phone.token);
            let reply = request
                .body(asked.to_string())
                .send()
                .await?
                .error_for_status()?
                .bytes()
                .await?;
            bytes += reply.len();
            let frames = frames(&reply)?;
            let end = frames
                .iter()
                .find_map(|frame| frame.get("end"))
                .context("a pull ends")?;
            if end["more"] != true {
                break;
            }
            for records in frames.iter().filter_map(|frame| frame.get("records")) {
                want.insert(
                    records["bucket"].as_str().unwrap_or_default().into(),
                    records["to"].clone(),
                );
            }
        }
        milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
        kilobytes = bytes as f64 / 1000.0;
    }
    Ok(vec![
        Figure::new(
            "pull",
            "first pull of 500 visits, as the phone waits for it",
            median(&milliseconds),
            "ms",
        )
        .goal("≤ 60 ms of server time"),
        Figure::new("pull", "the same compressed", kilobytes, "kB").goal("≤ 600 kB"),
    ])
}

/// Unpacks the lines of an answer.
fn frames(reply: &[u8]) -> Result<Vec<serde_json::Value>> {
    use std::io::Read;
    let mut text = String::new();
    if reply.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(reply).read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(reply.to_vec())?;
    }
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
