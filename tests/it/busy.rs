//! A server that has no connection, no room or no patience left says so, does nothing by halves, and is tried again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use server::AppState;
use server::auth::pace::Pace;
use sync_protocol::Phase;
use tests::TestServer;
use tests::people::District;
use tests::phone::Phone;
use tests::postgres::fresh_database;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

async fn small_server() -> (TestServer, server::db::Pool) {
    server_as(|_| {}).await
}

async fn server_as(change: impl FnOnce(&mut AppState) + Send + 'static) -> (TestServer, server::db::Pool) {
    use diesel_async::AsyncConnection;
    let url = fresh_database().await;
    let mut conn = diesel_async::AsyncPgConnection::establish(&url).await.unwrap();
    let district = District::create(&mut conn).await.unwrap();
    let pool = server::db::connect_waiting(&url, 2, Duration::from_millis(300)).unwrap();
    (TestServer::start_as(pool.clone(), url, district, change).await, pool)
}

#[tokio::test]
async fn a_push_that_finds_no_connection_is_told_to_come_again_and_nothing_is_half_done() {
    let (server, pool) = small_server().await;
    let mut phone = Phone::of(&server, &server.district.a).await;
    let at = phone.start_visit(server.district.schools[0]);
    phone.answer(&at, "SF3.4", "no");
    let before = phone.disk.saved().groups;
    let body = phone.replica.next_push(phone.now).unwrap().body;

    let held = (pool.get().await.unwrap(), pool.get().await.unwrap());
    for (path, kind, body) in [
        ("sync/push", "application/x-ndjson", body),
        (
            "sync/pull",
            "application/json",
            serde_json::to_string(&phone.replica.next_pull(1 << 20)).unwrap(),
        ),
    ] {
        let reply = phone.post(path, kind, body).await.unwrap();
        assert_eq!(reply.status().as_u16(), 503, "{path}");
        let wait: u64 = reply.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=10).contains(&wait), "{path} asks for {wait} s");
        assert_eq!(
            reply.json::<serde_json::Value>().await.unwrap()["code"],
            "busy",
            "{path}"
        );
    }
    assert!(phone.sync().await.is_err());
    assert_eq!(phone.disk.saved().groups, before, "the phone keeps what it has");
    assert!(phone.replica.outbox().all(|(saved, _)| saved.phase == Phase::Frozen));
    assert_eq!(count(&server).await, 0, "nothing is half done");

    drop(held);
    phone.sync().await.unwrap();
    assert_eq!(phone.pending(), 0);
    assert_eq!(count(&server).await, 2);
}

#[tokio::test]
async fn a_phone_in_a_loop_is_told_to_wait_and_its_neighbours_notice_nothing() {
    let (steady, burst) = (NonZeroU32::MIN, NonZeroU32::new(30).unwrap());
    let (server, _) = server_as(move |app| app.pace = Pace::new(steady, burst)).await;
    let mut hasty = Phone::of(&server, &server.district.a).await;
    let mut calm = Phone::of(&server, &server.district.b).await;
    let at = hasty.start_visit(server.district.schools[0]);
    let ask = serde_json::to_string(&hasty.replica.next_pull(1 << 20)).unwrap();
    let mut slowed = None;
    for _ in 0..40 {
        let reply = hasty.post("sync/pull", "application/json", ask.clone()).await.unwrap();
        if reply.status() == 429 {
            slowed = Some(reply);
            break;
        }
        assert_eq!(reply.status(), 200);
    }
    let reply = slowed.expect("thirty at once and one a second");
    let wait: u64 = reply.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "asks for {wait} s");
    assert_eq!(reply.json::<serde_json::Value>().await.unwrap()["code"], "too_fast");
    assert!(hasty.sync().await.is_err(), "pushes are slowed down alike");
    assert_eq!(count(&server).await, 0);

    calm.sync().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2 * wait)).await;
    while hasty.sync().await.is_err() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(hasty.pending(), 0);
    assert_eq!(hasty.see(&at.visit, "state").text(), "checked_in");
}

#[tokio::test]
async fn a_push_that_finds_no_room_is_told_to_come_again_at_once() {
    let room = Arc::new(Semaphore::new(1));
    let of_server = room.clone();
    let (server, _) = server_as(move |app| app.pushes = of_server).await;
    let mut phone = Phone::of(&server, &server.district.a).await;
    phone.start_visit(server.district.schools[0]);
    // Somebody's body that stands still takes the only room.
    let mut slow = TcpStream::connect(server.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let head = format!(
        "POST /api/v1/sync/push HTTP/1.1\r\nHost: office\r\nX-Duxing: 1\r\nAuthorization: Bearer {}\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{{",
        phone.token
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    while room.available_permits() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let body = phone.replica.next_push(phone.now).unwrap().body;
    let reply = phone.post("sync/push", "application/x-ndjson", body).await.unwrap();
    assert_eq!(reply.status(), 503);
    assert!(reply.headers().contains_key("retry-after"));
    assert_eq!(reply.json::<serde_json::Value>().await.unwrap()["code"], "busy");

    drop(slow);
    while phone.sync().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(phone.pending(), 0);
    assert_eq!(count(&server).await, 1);
}

async fn count(server: &TestServer) -> i64 {
    use diesel_async::RunQueryDsl;
    let asked = diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM change_group");
    asked.get_result(&mut server.connect().await).await.unwrap()
}
