//! Kill -9 at any moment: what was acknowledged is stored, once, in order, and the phones finish by themselves.

mod faults;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use rand::RngExt;
use sync_protocol::{GroupId, Phase, PushReply};
use tests::phone::{Phone, Visit, applicable_items};
use tests::process::ServerProcess;
use tests::{District, postgres};

/// What a phone was told: each acknowledged group with its number.
type Acks = BTreeMap<GroupId, i64>;

fn acks_of(reply: &PushReply) -> impl Iterator<Item = (GroupId, i64)> + '_ {
    reply.outcomes.iter().filter_map(|outcome| match &outcome.kind {
        sync_protocol::OutcomeKind::Applied { seq, .. } | sync_protocol::OutcomeKind::Duplicate { seq, .. } => {
            Some((outcome.group, *seq))
        }
        _ => None,
    })
}

/// Goes on answering and sending until told to stop; errors are a phone's daily life.
async fn work(mut phone: Phone, at: Visit, stop: Arc<AtomicBool>) -> (Phone, Acks) {
    let items = applicable_items();
    let mut acks = Acks::new();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..5 {
            phone.answer(&at, &items[round % items.len()], ["yes", "no"][round / items.len() % 2]);
            round += 1;
        }
        if let Ok(Some(reply)) = phone.push_once().await {
            acks.extend(acks_of(&reply));
            // Now and then the phone dies before it could note the reply.
            if round % 7 == 0 {
                phone.restart();
            } else {
                let stored = phone.replica.handle_push_reply(&reply);
                phone.disk.write(stored);
                let _ = phone.pull().await;
            }
        } else {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    (phone, acks)
}

#[derive(QueryableByName)]
struct LogRow {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    author: String,
    #[diesel(sql_type = Text)]
    device: String,
}

async fn log(conn: &mut AsyncPgConnection) -> Vec<LogRow> {
    use diesel_async::RunQueryDsl;
    let all = "SELECT id, seq, author::text AS author, device::text AS device FROM change_group WHERE seq IS NOT NULL ORDER BY bucket, seq";
    diesel::sql_query(all).load(conn).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_the_server_lose_nothing() {
    let kills: u32 = std::env::var("DUXING_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(12);
    let url = postgres::fresh_database().await;
    let mut conn = AsyncPgConnection::establish(&url).await.unwrap();
    let district = District::create(&mut conn).await.unwrap();
    let mut server = ServerProcess::over(&url, 0);
    let port: u16 = server.url.rsplit(':').next().unwrap().parse().unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = Vec::new();
    for person in [&district.a, &district.a, &district.b] {
        let mut phone = Phone::sign_in(&server.url, &person.login, tests::people::PASSWORD)
            .await
            .unwrap();
        let at = phone.start_visit(district.schools[0]);
        workers.push(tokio::spawn(work(phone, at, stop.clone())));
    }
    for nth in 0..kills {
        let pause = rand::rng().random_range(100..700);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server.kill();
        println!("kill {} after {pause} ms", nth + 1);
        server = tokio::task::block_in_place(|| ServerProcess::over(&url, port));
    }
    stop.store(true, Ordering::Relaxed);

    let mut acks = Acks::new();
    for worker in workers {
        let (mut phone, told) = worker.await.unwrap();
        // The phone finishes by itself, from its disk.
        phone.restart();
        phone.sync().await.unwrap();
        assert_eq!(phone.pending(), 0);
        let refused = phone
            .replica
            .outbox()
            .filter(|(saved, _)| matches!(saved.phase, Phase::Refused { .. }))
            .count();
        assert_eq!(refused, 0);
        for bucket in phone.replica.buckets().keys() {
            assert_eq!(phone.replica.counted_sum(bucket), phone.replica.buckets()[bucket].sum);
        }
        for (id, seq) in told {
            assert_eq!(*acks.entry(id).or_insert(seq), seq, "a group has one number");
        }
        acks.extend(phone.disk.journal.values().filter_map(|saved| match saved.phase {
            Phase::Covered { seq, .. } => Some((saved.id, seq)),
            _ => None,
        }));
    }

    let rows = log(&mut conn).await;
    let stored: Acks = rows
        .iter()
        .map(|row| (GroupId(row.id.clone().try_into().unwrap()), row.seq))
        .collect();
    assert_eq!(stored.len(), rows.len(), "once");
    for (id, seq) in &acks {
        assert_eq!(stored.get(id), Some(seq), "acknowledged and stored: {id}");
    }
    assert_eq!(
        rows.iter().map(|row| row.seq).collect::<Vec<_>>(),
        (1..=rows.len() as i64).collect::<Vec<_>>(),
        "no gap"
    );
    assert!(rows.iter().all(|row| !row.author.is_empty() && !row.device.is_empty()));
    println!(
        "{kills} kills, {} groups acknowledged, {} stored",
        acks.len(),
        stored.len()
    );
    assert!(server.stop());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_with_its_own_postgres_comes_back_whole_and_leaves_nothing_behind() {
    let data = std::env::temp_dir().join(format!("duxing-alone-{}", std::process::id()));
    let start = || tokio::task::block_in_place(|| ServerProcess::alone(&data));
    let server = start();
    let about: serde_json::Value = reqwest::get(format!("{}/api/v1/about", server.url))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let zhang = about["sign_ins"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["login"] == "zhang")
        .unwrap();
    let (login, password) = (zhang["login"].as_str().unwrap(), zhang["password"].as_str().unwrap());
    let mut phone = Phone::sign_in(&server.url, login, password).await.unwrap();
    phone.pull().await.unwrap();
    let school = phone
        .replica
        .buckets()
        .keys()
        .find(|bucket| bucket.kind() == "school")
        .unwrap()
        .subject()
        .parse()
        .unwrap();
    let at = phone.start_visit(school);
    phone.fill(&at, &["SF3.4"]);
    phone.push_once().await.unwrap();
    server.kill();

    let server = start();
    let mut again = Phone::sign_in(&server.url, login, password).await.unwrap();
    again.pull().await.unwrap();
    assert_eq!(
        again.see(&at.response, "SF3.4").text(),
        "no",
        "what was acknowledged before the kill is there"
    );
    phone.base = server.url.clone();
    phone.token = again.token.clone();
    phone.sync().await.unwrap();
    assert_eq!(phone.pending(), 0);
    assert!(server.stop());
    assert!(
        !data.join("pgdata/postmaster.pid").exists(),
        "Postgres has stopped with the server"
    );
    let _ = std::fs::remove_dir_all(&data);
}
