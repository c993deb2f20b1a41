//! A pull that brings nothing new, with few and with many records behind it.

use std::time::Instant;

use anyhow::{Context, Result};
use diesel_async::SimpleAsyncConnection;
use serde_json::json;
use tests::load::{Fleet, connect};
use tests::phone::Phone;
use tokio::runtime::Runtime;

use crate::figure::{Figure, median, quantile};
use crate::rig::Rig;

const POLLS: usize = 2_000;

pub fn measure(runtime: &Runtime) -> Result<Vec<Figure>> {
    let mut rig = Rig::start(runtime)?;
    let mut figures = Vec::new();
    for records in [2_000, 200_000] {
        runtime.block_on(fill(&rig, records))?;
        rig.restart_server();
        let milliseconds = runtime.block_on(async {
            let mut conn = connect(&rig.database_url).await?;
            let fleet = Fleet::enrol(&mut conn, &rig.district, &rig.server.url, 1).await?;
            // Five schools' worth of buckets, as a supervisor has.
            polls(&fleet.phones[0], &fleet.buckets[0].to_string()).await
        })?;
        let what = |word: &str| format!("nothing new, {records} records, {word}");
        figures.push(Figure::new("poll", what("median"), median(&milliseconds), "ms").goal("≤ 0.3 ms, flat"));
        figures.push(Figure::new("poll", what("p95"), quantile(&milliseconds, 0.95), "ms"));
    }
    Ok(figures)
}

/// Records that nobody asks for, in a bucket of the same district, until there are so many.
async fn fill(rig: &Rig, records: usize) -> Result<()> {
    let (district, school) = (rig.district.id, rig.district.schools[2]);
    connect(&rig.database_url)
        .await?
        .batch_execute(&format!(
            "INSERT INTO bucket (district_id, id) VALUES ('{district}', 'school/{school}') ON CONFLICT DO NOTHING;
             INSERT INTO record (district_id, id, bucket, kind, seq, first_seq, state)
             SELECT '{district}', gen_random_uuid(), 'school/{school}', 'response', nth, nth, '{{\"fields\": {{}}}}'
             FROM generate_series((SELECT count(*) + 1 FROM record), {records}) nth;
             UPDATE bucket SET head = {records} WHERE id = 'school/{school}';
             ANALYZE record;"
        ))
        .await?;
    Ok(())
}

/// One phone asks again and again over one connection.
async fn polls(phone: &Phone, bucket: &str) -> Result<Vec<f64>> {
    let mut epoch = serde_json::Value::Null;
    let mut milliseconds = Vec::with_capacity(POLLS);
    for nth in 0..POLLS + 100 {
        let asked = json!({"protocol": 1, "epoch": epoch, "want": {bucket: 0}, "budget": 1 << 20}).to_string();
        let started = Instant::now();
        let reply = phone
            .post("sync/pull", "application/json", asked)
            .await?
            .error_for_status()?
            .text()
            .await?;
        if nth >= 100 {
            milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        let hello: serde_json::Value = serde_json::from_str(reply.lines().next().context("a pull says hello")?)?;
        epoch = hello["hello"]["epoch"].clone();
    }
    Ok(milliseconds)
}
