//! Staying signed in over a line that breaks at any byte, in two tabs, and after somebody copied the sign-in.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use sync_protocol::Phase;
use tests::people::PASSWORD;
use tests::phone::Phone;
use tests::{Client, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REFRESHES: usize = 1_000;
const SEED: u64 = 0x2026_1128;

/// The newest refresh token is no longer young.
async fn a_minute_passes(server: &TestServer) {
    let earlier = "UPDATE session SET expires_at = expires_at - interval '1 minute'";
    server.execute(earlier).await.unwrap();
}

/// What the line does to one refresh.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Nothing,
    /// The server hears this many bytes and no more.
    Request(usize),
    /// The phone hears this many bytes, at least one: the server has done what was asked.
    Reply(usize),
}

impl Cut {
    fn draw(draw: &mut StdRng) -> Self {
        match draw.random_range(0..4) {
            0 => Self::Nothing,
            1 => Self::Request(draw.random_range(0..180)),
            _ => Self::Reply(draw.random_range(1..1_400)),
        }
    }
}

/// Asks for a refresh over a line of its own; the bytes of the reply that arrived.
async fn refresh(address: &str, cookie: &str, cut: Cut) -> Vec<u8> {
    let request = format!(
        "POST /api/v1/session/refresh HTTP/1.1\r\nHost: office\r\nX-Duxing: 1\r\nCookie: __Host-duxing={cookie}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let mut socket = TcpStream::connect(address).await.expect("the server listens");
    let (send, hear) = match cut {
        Cut::Nothing => (request.len(), usize::MAX),
        Cut::Request(bytes) => (bytes.min(request.len() - 1), 0),
        Cut::Reply(bytes) => (request.len(), bytes),
    };
    socket.write_all(&request.as_bytes()[..send]).await.expect("it is sent");
    let mut heard = Vec::new();
    let _ = socket.take(hear as u64).read_to_end(&mut heard).await;
    heard
}

/// The cookie a browser keeps: once the head is there, whatever becomes of the body.
fn kept(heard: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(heard);
    let (head, _) = head.split_once("\r\n\r\n")?;
    let line = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("set-cookie:"))?;
    let (_, value) = line.split_once("__Host-duxing=")?;
    value.split(';').next().map(str::to_owned)
}

#[tokio::test]
async fn a_thousand_refreshes_over_a_line_that_breaks_sign_nobody_out() {
    let server = TestServer::start().await;
    let phone = server.sign_in(&server.district.a).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut draw = StdRng::seed_from_u64(SEED);
    let (mut cookie, mut turns, mut lost) = (phone.cookie.clone(), 0, 0);
    for nth in 0..REFRESHES {
        // Now and then the phone asks again at once, as it does after a broken line; mostly time has passed.
        if draw.random_range(0..4) > 0 {
            a_minute_passes(&server).await;
        }
        let cut = Cut::draw(&mut draw);
        let heard = refresh(&address, &cookie, cut).await;
        let status = String::from_utf8_lossy(&heard);
        assert!(
            heard.len() < 12 || status.starts_with("HTTP/1.1 200"),
            "signed out at refresh {nth}, {cut:?}, seed {SEED:#x}: {status}"
        );
        match kept(&heard) {
            Some(next) => {
                turns += usize::from(next != cookie);
                cookie = next;
            }
            None => lost += 1,
        }
    }
    let last = refresh(&address, &cookie, Cut::Nothing).await;
    assert!(last.starts_with(b"HTTP/1.1 200"), "still signed in");
    println!("{REFRESHES} refreshes, {turns} turns, {lost} replies or requests lost, 0 sign-outs");
    assert!(
        turns > 300 && lost > 300,
        "the line did its worst: {turns} turns, {lost} lost"
    );
    assert_eq!(reuses(&server).await.len(), 0, "and nobody was accused");
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_both_stay_signed_in() {
    let server = TestServer::start().await;
    let mut tabs = [server.sign_in(&server.district.a).await; 1].to_vec();
    tabs.push(tabs[0].clone());
    for round in 0..20 {
        a_minute_passes(&server).await;
        let [one, other] = &mut tabs[..] else {
            unreachable!("two tabs")
        };
        let before = one.cookie.clone();
        let (first, second) = tokio::join!(one.refresh(), other.refresh());
        assert_eq!(
            (first.status.as_u16(), second.status.as_u16()),
            (200, 200),
            "round {round}"
        );
        assert_eq!(one.cookie, other.cookie, "one turn for both, round {round}");
        assert_ne!(one.cookie, before);
        assert_eq!(one.pull(&[]).await.status, 200);
        assert_eq!(other.pull(&[]).await.status, 200);
    }
}

/// What the office reads about copied sign-ins.
async fn reuses(server: &TestServer) -> Vec<Value> {
    let office = server.sign_in(&server.district.coordinator).await;
    let audit = office.get("/api/v1/audit").await.json();
    let events = audit["events"].as_array().expect("events").clone();
    events
        .into_iter()
        .filter(|event| event["what"] == "session.reuse")
        .collect()
}

/// The phone whose sign-in this client holds.
fn phone_of(server: &TestServer, client: &Client) -> Phone {
    Phone::signed_in_as(&server.url, client).expect("a client that signed in")
}

#[tokio::test]
async fn a_copied_sign_in_is_found_ended_and_told_and_the_owners_unsent_work_arrives_once() {
    for thief_first in [true, false] {
        let server = TestServer::start().await;
        let mut owner = server.sign_in(&server.district.a).await;
        let mut phone = phone_of(&server, &owner);
        let at = phone.start_visit(server.district.schools[0]);
        phone.sync().await.unwrap();
        let mut thief = owner.clone();

        // Both go on with their copies; whoever comes second with an old one gives the theft away.
        let (fast, slow) = if thief_first {
            (&mut thief, &mut owner)
        } else {
            (&mut owner, &mut thief)
        };
        for _ in 0..2 {
            a_minute_passes(&server).await;
            assert_eq!(fast.refresh().await.status, 200);
        }
        phone.answer(&at, "SF3.4", "no");
        let unsent = phone.disk.saved().groups;
        assert_eq!(slow.refresh().await.refusal(), (401, "session.expired".into()));
        assert_eq!(fast.refresh().await.refusal(), (401, "session.expired".into()));
        for access in [&thief.access, &owner.access] {
            let mut caller = server.stranger();
            caller.access = access.clone();
            assert_eq!(caller.pull(&[]).await.code(), "session.expired");
            assert_eq!(caller.push(&[]).await.code(), "session.expired");
        }

        // The office reads it once, with the phone's name, however often the copies are tried.
        assert_eq!(thief.refresh().await.code(), "session.expired");
        let told = reuses(&server).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["subject"], json!(server.district.a.id));
        assert_eq!(told[0]["detail"], json!({"device": owner.device, "name": "test phone"}));

        // Nothing unsent was touched, and after signing in again on the same phone it arrives exactly once.
        assert!(phone.sync().await.is_err());
        assert_eq!(phone.disk.saved().groups, unsent);
        assert!(phone.replica.outbox().all(|(saved, _)| saved.phase == Phase::Frozen));
        assert_eq!(owner.sign_in("a", PASSWORD).await.status, 200);
        phone.token = owner.access.clone();
        let twice = phone.replica.next_push(phone.now).expect("something to send").body;
        phone.sync().await.unwrap();
        phone.push_body(twice).await.unwrap();
        phone.sync().await.unwrap();
        assert_eq!((phone.pending(), phone.set_aside().len()), (0, 0));
        let office = server.sign_in(&server.district.coordinator).await;
        let page = office.get(&format!("/api/v1/visits/{}", at.visit)).await.json();
        let records = page["records"].as_array().unwrap();
        let response = records
            .iter()
            .find(|record| record["id"] == json!(at.response))
            .unwrap();
        assert_eq!(response["fields"]["SF3.4"]["w"].as_array().unwrap().len(), 1);
        assert_eq!(
            count(&server, "change_group").await,
            2,
            "the visit and the answer, each once"
        );
    }
}

async fn count(server: &TestServer, table: &str) -> i64 {
    use diesel_async::RunQueryDsl;
    let asked = diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!("SELECT count(*) FROM {table}"));
    asked.get_result(&mut server.connect().await).await.unwrap()
}
