//! The live stream: who is told what, how soon, and when it ends.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use sync_protocol::GroupKind;
use tests::server::new_record;
use tests::{Client, TestServer};
use tokio::time::timeout;
use uuid::Uuid;

/// An open stream, read event by event.
struct Stream {
    reply: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(client: &Client) -> Self {
        let reply = client
            .request(Method::GET, "/api/v1/live")
            .send()
            .await
            .expect("the server answers");
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        let mut stream = Stream {
            reply,
            text: String::new(),
        };
        stream.read_until(|text| text.contains("\n\n")).await;
        stream
    }

    async fn read_until(&mut self, enough: impl Fn(&str) -> bool) {
        while !enough(&self.text) {
            let chunk = self
                .reply
                .chunk()
                .await
                .expect("the stream is whole")
                .expect("the stream goes on");
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }
}

async fn begin_visit(client: &Client, server: &TestServer, school: usize) {
    let fields = [
        ("school", json!(server.district.schools[school])),
        ("visit_kind", json!("regular")),
        ("lead", json!(client.person.as_ref().unwrap().id)),
        ("visit_date", json!("2026-11-20")),
        ("state", json!("checked_in")),
    ];
    let group = client.group(
        &server.district.bucket(school),
        GroupKind::Command,
        new_record(Uuid::now_v7(), "visit", &fields),
    );
    let reply = client.push(&[group]).await.json();
    assert_eq!(reply["outcomes"][0]["outcome"], "applied", "{reply}");
}

#[tokio::test]
async fn a_push_reaches_whoever_may_read_it_within_a_second_and_nobody_else() {
    let server = TestServer::start().await;
    let office = server.sign_in(&server.district.coordinator).await;
    let outsider = server.sign_in(&server.district.c).await;
    let (mut near, mut far) = (Stream::open(&office).await, Stream::open(&outsider).await);
    let a = server.sign_in(&server.district.a).await;
    let started = Instant::now();
    begin_visit(&a, &server, 0).await;
    near.read_until(|text| text.contains("event: poke")).await;
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(
        near.text
            .contains(&format!("data: {{\"buckets\":[\"{}\"]}}", server.district.bucket(0))),
        "{}",
        near.text
    );

    // The outsider's next poke is about their own school and tells nothing of the other.
    let c = server.sign_in(&server.district.c).await;
    begin_visit(&c, &server, 2).await;
    far.read_until(|text| text.contains("event: poke")).await;
    assert!(!far.text.contains(&server.district.bucket(0)), "{}", far.text);
}

#[tokio::test]
async fn the_stream_needs_a_sign_in_and_ends_when_the_server_stops() {
    let server = TestServer::start().await;
    assert_eq!(
        server.stranger().get("/api/v1/live").await.refusal(),
        (401, "token.missing".into())
    );
    let client = server.sign_in(&server.district.a).await;
    let mut stream = Stream::open(&client).await;
    let stopped = tokio::task::spawn_blocking(move || drop(server.stop()));
    let ended = timeout(Duration::from_secs(5), async {
        while let Ok(Some(_)) = stream.reply.chunk().await {}
    })
    .await;
    assert!(ended.is_ok(), "the server waits for no listener");
    stopped.await.unwrap();
}

#[tokio::test]
async fn the_stream_ends_soon_after_the_sign_in_does() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let mut stream = Stream::open(&client).await;
    client.send(client.request(Method::DELETE, "/api/v1/session")).await;
    let ended = timeout(Duration::from_secs(20), async {
        while let Ok(Some(_)) = stream.reply.chunk().await {}
    })
    .await;
    assert!(ended.is_ok(), "within one heartbeat");
}

#[tokio::test]
async fn a_push_to_one_instance_reaches_a_listener_at_another_and_its_next_pull() {
    let one = TestServer::start().await;
    let other = TestServer::start_over(one.database_url.clone(), one.district.clone()).await;
    let (writer, reader) = (
        one.sign_in(&one.district.a).await,
        other.sign_in(&other.district.b).await,
    );
    // The other instance has looked: what it remembers is to be replaced.
    let bucket = one.district.bucket(0);
    assert!(!reader.pull(std::slice::from_ref(&bucket)).await.text.contains("@kind"));
    let mut stream = Stream::open(&reader).await;
    begin_visit(&writer, &one, 0).await;
    let poked = stream.read_until(|text| text.contains(&bucket));
    timeout(Duration::from_secs(30), poked)
        .await
        .expect("the other instance hears of it");
    assert!(reader.pull(&[bucket]).await.text.contains("@kind"));
}
