//! Signing in, staying in, and being put out.

use reqwest::Method;
use serde_json::json;
use sync_protocol::GroupKind;
use tests::TestServer;
use tests::people::PASSWORD;
use tests::server::new_record;
use uuid::Uuid;

#[tokio::test]
async fn a_person_signs_in_and_is_told_who_they_are() {
    let server = TestServer::start().await;
    let mut client = server.stranger();
    let reply = client.sign_in("A", PASSWORD).await;
    assert_eq!(
        reply.status, 200,
        "letter case of the login does not matter: {}",
        reply.text
    );
    let session = reply.json();
    assert_eq!(session["person"]["id"], server.district.a.id.to_string());
    assert_eq!(session["person"]["roles"], json!(["supervisor"]));
    assert_eq!(session["person"]["zone"], server.district.zones[0].to_string());
    assert_eq!(session["district"]["name"], "示例区");
    assert_eq!(session["demo"], false);
    assert!(session["expires_in_s"].as_u64().unwrap() <= 600);
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    for part in ["__Host-duxing=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!(
        client.get("/api/v1/results?month=2026-11").await.refusal(),
        (403, "forbidden".into())
    );
}

#[tokio::test]
async fn outside_demo_mode_no_password_is_shown() {
    let server = TestServer::start().await;
    let about = server.stranger().get("/api/v1/about").await.json();
    assert_eq!((&about["demo"], &about["sign_ins"]), (&json!(false), &json!([])));
    assert_eq!(about["district"]["name"], "示例区");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_login_get_the_same_answer() {
    let server = TestServer::start().await;
    for (login, password) in [("a", "wrong"), ("nobody", PASSWORD), ("a' OR '1'='1", "x"), ("%", "x")] {
        let mut stranger = server.stranger();
        let reply = stranger.sign_in(login, password).await;
        assert_eq!(reply.refusal(), (401, "session.refused".into()));
        assert!(reply.headers.get("set-cookie").is_none());
        assert!(
            login.len() < 4 || !reply.text.contains(login),
            "no echo: {}",
            reply.text
        );
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_owner_on_a_known_phone_is_not() {
    let server = TestServer::start().await;
    let owner = server.sign_in(&server.district.a).await;
    let mut thief = server.stranger();
    let mut refused = None;
    for _ in 0..7 {
        let reply = thief.sign_in("a", "guess").await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
        assert_eq!(reply.code(), "session.refused");
    }
    let refused = refused.expect("the sixth guess within a second is too early");
    assert_eq!(refused.code(), "session.too_many_tries");
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    let mut again = owner.clone();
    again.access.clear();
    assert_eq!(again.sign_in("a", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_refresh_whose_reply_was_lost_gets_the_same_next_one() {
    let server = TestServer::start().await;
    let first = server.sign_in(&server.district.a).await;
    let mut heard = first.clone();
    a_minute_passes(&server).await;
    assert_eq!(heard.refresh().await.status, 200);
    assert_ne!(heard.cookie, first.cookie, "it rotates");
    let mut deaf = first.clone();
    assert_eq!(
        deaf.refresh().await.status,
        200,
        "the reply was lost, so it is asked again"
    );
    assert_eq!(deaf.cookie, heard.cookie);
    assert_eq!(deaf.refresh().await.status, 200);
    assert_eq!(
        deaf.get("/api/v1/results?month=2026-11").await.status,
        403,
        "the new token is good"
    );
}

#[tokio::test]
async fn pages_opened_in_a_hurry_share_one_turn() {
    let server = TestServer::start().await;
    let asleep = server.sign_in(&server.district.a).await;
    a_minute_passes(&server).await;
    let mut pages = vec![asleep.clone(); 3];
    for page in &mut pages {
        for _ in 0..3 {
            assert_eq!(page.refresh().await.status, 200);
        }
        assert_ne!(page.cookie, asleep.cookie);
    }
    assert!(pages.iter().all(|page| page.cookie == pages[0].cookie));
    // The browser died before it wrote the new cookie to its disk.
    let mut reopened = asleep.clone();
    assert_eq!(reopened.refresh().await.status, 200);
    assert_eq!(reopened.cookie, pages[0].cookie);
}

/// The newest refresh token is no longer young.
async fn a_minute_passes(server: &TestServer) {
    let earlier = "UPDATE session SET expires_at = expires_at - interval '1 minute'";
    server.execute(earlier).await.unwrap();
}

#[tokio::test]
async fn a_stolen_old_token_ends_the_sign_in_for_both() {
    let server = TestServer::start().await;
    let stolen = server.sign_in(&server.district.a).await;
    let mut owner = stolen.clone();
    for _ in 0..2 {
        a_minute_passes(&server).await;
        owner.refresh().await;
    }
    let mut thief = stolen.clone();
    assert_eq!(thief.refresh().await.refusal(), (401, "session.expired".into()));
    assert_eq!(owner.refresh().await.refusal(), (401, "session.expired".into()));
    assert_eq!(
        owner.pull(&[]).await.refusal(),
        (401, "session.expired".into()),
        "access tokens end with it"
    );
    assert_eq!(
        owner.sign_in("a", PASSWORD).await.status,
        200,
        "and signing in again works"
    );
}

#[tokio::test]
async fn signing_out_ends_this_sign_in_only() {
    let server = TestServer::start().await;
    let here = server.sign_in(&server.district.a).await;
    let elsewhere = server.sign_in(&server.district.a).await;
    let reply = here.send(here.request(Method::DELETE, "/api/v1/session")).await;
    assert_eq!(reply.status, 204);
    assert!(reply.headers.get("set-cookie").is_none(), "it stays, and opens nothing");
    assert_eq!(here.clone().refresh().await.code(), "session.expired");
    assert_eq!(here.pull(&[]).await.code(), "session.expired");
    assert_eq!(elsewhere.pull(&[]).await.status, 200);
    assert_eq!(
        here.send(here.request(Method::DELETE, "/api/v1/session")).await.status,
        204,
        "twice is fine"
    );
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once() {
    let server = TestServer::start().await;
    let mut client = server.sign_in(&server.district.a).await;
    server
        .execute("UPDATE person SET status = 'disabled' WHERE login = 'a'")
        .await
        .unwrap();
    assert_eq!(client.pull(&[]).await.refusal(), (401, "person.disabled".into()));
    assert_eq!(client.refresh().await.refusal(), (401, "person.disabled".into()));
    assert_eq!(
        client.sign_in("a", PASSWORD).await.refusal(),
        (401, "person.disabled".into())
    );
    assert_eq!(
        server.stranger().sign_in("a", "wrong").await.code(),
        "session.refused",
        "told to nobody else"
    );
    server
        .execute("UPDATE person SET status = 'active' WHERE login = 'a'")
        .await
        .unwrap();
    assert_eq!(client.refresh().await.status, 200, "the sign-in was not destroyed");
}

#[tokio::test]
async fn a_revoked_phone_is_out_and_the_persons_other_phone_is_not() {
    let server = TestServer::start().await;
    let mut lost = server.sign_in(&server.district.a).await;
    let other = server.sign_in(&server.district.a).await;
    server
        .execute(&format!(
            "UPDATE device SET state = 'revoked' WHERE id = '{}'",
            lost.device
        ))
        .await
        .unwrap();
    assert_eq!(lost.pull(&[]).await.refusal(), (401, "device.revoked".into()));
    assert_eq!(lost.refresh().await.refusal(), (401, "device.revoked".into()));
    assert_eq!(
        lost.sign_in("a", PASSWORD).await.refusal(),
        (401, "device.revoked".into())
    );
    assert_eq!(other.pull(&[]).await.status, 200);
    // What is on the phone may still be handed in, even when its access token has run out: it is kept for the office.
    let work = lost.group(
        &server.district.bucket(0),
        GroupKind::Edit,
        new_record(Uuid::new_v4(), "visit", &[]),
    );
    lost.access = String::new();
    let reply = lost.push(&[work]).await;
    assert_eq!(reply.json()["outcomes"][0]["outcome"], "quarantined", "{}", reply.text);
    // Whoever is not withdrawn comes with a token as ever.
    let mut careless = server.sign_in(&server.district.b).await;
    careless.access = String::new();
    assert_eq!(careless.push(&[]).await.refusal(), (401, "token.missing".into()));
}

#[tokio::test]
async fn after_rights_changed_the_token_is_stale_and_a_refresh_brings_the_new_rights() {
    let server = TestServer::start().await;
    let mut client = server.sign_in(&server.district.a).await;
    server
        .execute("UPDATE person SET roles = '{coordinator}', stamp = stamp + 1 WHERE login = 'a'")
        .await
        .unwrap();
    assert_eq!(
        client.get("/api/v1/results?month=2026-11").await.refusal(),
        (401, "token.stale".into())
    );
    assert_eq!(client.refresh().await.status, 200);
    assert_eq!(client.get("/api/v1/results?month=2026-11").await.status, 200);
}

#[tokio::test]
async fn a_sign_in_outlives_the_server_but_not_its_last_day() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let (database, district) = server.stop();
    let server = TestServer::start_over(database, district).await;
    let mut moved = server.stranger();
    (moved.access, moved.cookie, moved.device) = (client.access, client.cookie, client.device);
    assert_eq!(moved.pull(&[]).await.status, 200, "the keys are kept in the database");
    server
        .execute("UPDATE session SET expires_at = now() - interval '1 second'")
        .await
        .unwrap();
    assert_eq!(moved.refresh().await.code(), "session.expired");
    assert_eq!(moved.pull(&[]).await.code(), "session.expired");
}

#[tokio::test]
async fn forged_and_missing_tokens_are_told_apart_and_refused() {
    let server = TestServer::start().await;
    let mut client = server.sign_in(&server.district.a).await;
    let mut stranger = server.stranger();
    assert_eq!(stranger.pull(&[]).await.refusal(), (401, "token.missing".into()));
    assert_eq!(stranger.refresh().await.refusal(), (401, "session.expired".into()));
    for forged in ["x", "a.b.c", &client.access[1..], "eyJhbGciOiJub25lIn0.e30."] {
        stranger.access = forged.into();
        assert_eq!(stranger.pull(&[]).await.refusal(), (401, "token.invalid".into()));
    }
    for forged in ["", "x", &client.cookie[1..], &client.cookie.replace('A', "B")] {
        stranger.cookie = forged.into();
        if forged != client.cookie {
            assert_eq!(stranger.refresh().await.refusal(), (401, "session.expired".into()));
        }
    }
    assert_eq!(client.refresh().await.status, 200, "none of that hurt the owner");
}

#[tokio::test]
async fn another_sites_page_cannot_act_in_a_persons_name() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let http = reqwest::Client::new();
    let refresh = || {
        http.post(format!("{}/api/v1/session/refresh", server.url))
            .header("cookie", format!("__Host-duxing={}", client.cookie))
    };
    let attacks = [
        refresh(),
        refresh().header("x-duxing", "1").header("sec-fetch-site", "cross-site"),
        refresh()
            .header("x-duxing", "1")
            .header("origin", "https://evil.example"),
        http.delete(format!("{}/api/v1/session", server.url))
            .header("cookie", format!("__Host-duxing={}", client.cookie)),
    ];
    for attack in attacks {
        assert_eq!(client.send(attack).await.refusal(), (403, "csrf".into()));
    }
    let own_page = refresh()
        .header("x-duxing", "1")
        .header("sec-fetch-site", "same-origin")
        .header("origin", &server.url);
    assert_eq!(client.send(own_page).await.status, 200);
}
