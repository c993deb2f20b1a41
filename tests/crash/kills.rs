//! Kill -9 at any moment, of the server and of Postgres: what was acknowledged is stored, once, in order, and the phones finish by
//! themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection};
use rand::RngExt;
use server::postgres::cluster::Durability;
use tests::cluster::{End, OwnCluster};
use tests::people::PASSWORD;
use tests::phone::Phone;
use tests::process::ServerProcess;
use tests::{District, postgres};

use crate::work::{Worker, finish_and_check};

/// How often, unless the environment says otherwise.
fn told(name: &str, otherwise: u32) -> u32 {
    std::env::var(name)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(otherwise)
}

async fn district_in(database_url: &str) -> District {
    let mut conn = AsyncPgConnection::establish(database_url).await.unwrap();
    District::create(&mut conn).await.unwrap()
}

/// A moment at which nobody expects it.
async fn pause() -> u64 {
    let pause = rand::rng().random_range(100..700);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    pause
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_the_server_lose_nothing() {
    let kills = told("DUXING_KILLS", 12);
    let url = postgres::fresh_database().await;
    let district = district_in(&url).await;
    let mut server = ServerProcess::over(&url, 0);
    let port: u16 = server.url.rsplit(':').next().unwrap().parse().unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let workers = Worker::three(&server.url, &district).await;
    let at_work: Vec<_> = workers.into_iter().map(|worker| worker.until(&stop)).collect();
    for nth in 0..kills {
        let pause = pause().await;
        server.kill();
        println!("kill {} after {pause} ms", nth + 1);
        server = tokio::task::block_in_place(|| ServerProcess::over(&url, port));
    }
    stop.store(true, Ordering::Relaxed);
    let mut workers = Vec::new();
    for worker in at_work {
        workers.push(worker.await.unwrap());
    }
    let figures = finish_and_check(&mut workers, &url).await;
    println!("figures: {kills} kills of the server, {figures}");
    assert!(server.stop());
}

/// While Postgres is away the server says `busy` and when to come again, and not that something is wrong with what was asked.
async fn asks_for_patience(phone: &mut Phone) {
    let ask = serde_json::to_string(&phone.replica.next_pull(1 << 20)).unwrap();
    let reply = phone.post("sync/pull", "application/json", ask).await.unwrap();
    assert_eq!(reply.status().as_u16(), 503);
    assert!(reply.headers().contains_key("retry-after"));
    assert_eq!(reply.json::<serde_json::Value>().await.unwrap()["code"], "busy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_postgres_lose_nothing() {
    let kills = told("DUXING_PG_KILLS", 5);
    let mut cluster = tokio::task::block_in_place(|| OwnCluster::start(Durability::Durable, &[]));
    let url = cluster.url();
    server::db::migrate(&url).await.unwrap();
    let district = district_in(&url).await;
    // One server all the while: it finds its way back to a Postgres that comes back.
    let server = ServerProcess::over(&url, 0);

    let stop = Arc::new(AtomicBool::new(false));
    let mut watcher = Phone::sign_in(&server.url, &district.a.login, PASSWORD).await.unwrap();
    let workers = Worker::three(&server.url, &district).await;
    let at_work: Vec<_> = workers.into_iter().map(|worker| worker.until(&stop)).collect();
    for nth in 0..kills {
        let pause = pause().await;
        let how = [End::Immediate, End::Killed][nth as usize % 2];
        println!("Postgres {} ({how:?}) after {pause} ms", nth + 1);
        tokio::task::block_in_place(|| cluster.end(how));
        asks_for_patience(&mut watcher).await;
        tokio::task::block_in_place(|| cluster.run());
    }
    stop.store(true, Ordering::Relaxed);
    let mut workers = Vec::new();
    for worker in at_work {
        workers.push(worker.await.unwrap());
    }
    let figures = finish_and_check(&mut workers, &url).await;
    println!("figures: {kills} kills of Postgres with fsync on, {figures}");
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
