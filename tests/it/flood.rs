//! A flood of wrong sign-ins: strangers wait for each other or are sent away at once, and nobody who was here before waits for them.
//! The figure is `cargo xtask bench flood`'s; here is how it comes about.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use server::auth::password::{Caller, Hasher, ROOM};
use tests::people::PASSWORD;
use tests::phone::Phone;
use tests::postgres::fresh_database;
use tests::server::Reply;
use tests::{District, TestServer};
use uuid::Uuid;

const STRANGERS: usize = 300;

/// A server whose lanes the test can hold.
async fn server_with(hasher: Hasher) -> TestServer {
    use diesel_async::AsyncConnection;
    let url = fresh_database().await;
    let mut conn = diesel_async::AsyncPgConnection::establish(&url).await.unwrap();
    let district = District::create(&mut conn).await.unwrap();
    let pool = server::db::connect(&url, 8).unwrap();
    TestServer::start_as(pool, url, district, move |app| app.hasher = hasher).await
}

/// One wrong sign-in of a login, a device and an address of its own.
async fn guess(server: &TestServer, nth: usize) -> Reply {
    let client = server.stranger();
    let logins = ["a", "b", "office", "admin", "nobody"];
    let login = match nth % 10 {
        known @ 0..5 if nth < 50 => logins[known].to_owned(),
        _ => format!("guess-{nth}"),
    };
    let body = json!({"login": login, "password": "guess", "device": Uuid::new_v4(), "device_name": "x"});
    let address = format!("10.{}.{}.{}", nth / 65_536, nth / 256 % 256, nth % 256);
    let request = client
        .request(reqwest::Method::POST, "/api/v1/session")
        .header("x-forwarded-for", address);
    client.send(request.json(&body)).await
}

#[tokio::test]
async fn a_flood_of_wrong_sign_ins_keeps_nobody_back_who_was_here_before() {
    let hasher = Hasher::default();
    let server = server_with(hasher.clone()).await;
    let known = server.sign_in(&server.district.a).await;
    let mut phone = Phone::of(&server, &server.district.b).await;
    let at = phone.start_visit(server.district.schools[0]);

    // A stranger's password that takes for ever: the worst that hashing can come to.
    let turn = hasher.place(Caller::Stranger).await.unwrap().turn().await.unwrap();
    let mut flood: FuturesUnordered<_> = (0..STRANGERS).map(|nth| guess(&server, nth)).collect();
    // So many find room to wait; every other one is sent away.
    for _ in 0..STRANGERS - ROOM {
        let reply = flood.next().await.expect("an answer");
        assert_eq!(reply.refusal(), (503, "busy".into()), "{}", reply.text);
        let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=10).contains(&wait));
    }
    assert_eq!(flood.len(), ROOM, "the others wait");

    // Meanwhile nothing waits that is not a stranger's password: each of these would hang for as long as the turn is held.
    let honest = async {
        phone.sync().await.unwrap();
        phone.answer(&at, "SF3.4", "no");
        phone.sync().await.unwrap();
        let mut again = known.clone();
        again.access.clear();
        assert_eq!(again.sign_in("a", PASSWORD).await.status, 200, "on a known phone");
        let out = again.request(reqwest::Method::DELETE, "/api/v1/session");
        assert_eq!(again.send(out).await.status, 204);
        assert_eq!(again.sign_in("a", PASSWORD).await.status, 200, "after a sign-out");
        assert_eq!(again.refresh().await.status, 200);
        assert_eq!(again.pull(&[]).await.status, 200);
        let office = json!({"password": PASSWORD});
        let asked = again.post_json("/api/v1/second-factor", &office).await;
        assert_eq!(asked.code(), "forbidden");
    };
    honest.await;
    assert_eq!(phone.pending(), 0);
    let newcomer = server.stranger().sign_in("c", PASSWORD).await;
    assert_eq!(
        newcomer.refusal(),
        (503, "busy".into()),
        "a new phone comes again in two seconds"
    );

    // The lane moves on: who waited is answered like any wrong password, and a new phone is let in.
    drop(turn);
    while let Some(reply) = flood.next().await {
        assert!(
            [(401, "session.refused".to_owned()), (503, "busy".to_owned())].contains(&reply.refusal()),
            "{}",
            reply.text
        );
    }
    assert_eq!(server.stranger().sign_in("c", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_known_phones_wrong_passwords_do_not_fill_the_lane_of_the_others() {
    let server = server_with(Hasher::default()).await;
    let phone = server.sign_in(&server.district.a).await;
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(phone.clone().sign_in("a", "guess").await.code());
    }
    assert!(codes.contains(&"session.too_many_tries".to_owned()), "{codes:?}");
    let other = server.sign_in(&server.district.b).await;
    assert_eq!(other.pull(&[]).await.status, 200);
}
