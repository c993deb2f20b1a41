//! A server whose connections to Postgres are all in use says so, does nothing by halves, and is tried again.

use std::time::Duration;

use sync_protocol::Phase;
use tests::TestServer;
use tests::people::District;
use tests::phone::Phone;
use tests::postgres::fresh_database;

async fn small_server() -> (TestServer, server::db::Pool) {
    use diesel_async::AsyncConnection;
    let url = fresh_database().await;
    let mut conn = diesel_async::AsyncPgConnection::establish(&url).await.unwrap();
    let district = District::create(&mut conn).await.unwrap();
    let pool = server::db::connect_waiting(&url, 2, Duration::from_millis(300)).unwrap();
    (TestServer::start_with(pool.clone(), url, district).await, pool)
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

async fn count(server: &TestServer) -> i64 {
    use diesel_async::RunQueryDsl;
    let asked = diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM change_group");
    asked.get_result(&mut server.connect().await).await.unwrap()
}
