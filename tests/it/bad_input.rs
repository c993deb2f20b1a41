//! Hostile input on every JSON endpoint: never a 5xx, never half an effect, always a stable code, never an echo.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use server::schema::{change_group, record, session};
use sync_protocol::GroupKind;
use tests::server::{new_record, op};
use tests::{Client, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

/// Stands in hostile bodies; must never come back.
const ECHO: &str = "echo-71c2";

const SIGN_IN: &str = "/api/v1/session";
const PULL: &str = "/api/v1/sync/pull";
const PUSH: &str = "/api/v1/sync/push";

/// A good body for each JSON endpoint, and the member that is easiest to abuse.
fn good_bodies() -> [(&'static str, Value); 2] {
    let device = Uuid::from_u128(5);
    [
        (
            SIGN_IN,
            json!({"login": ECHO, "password": "x", "device": device, "device_name": "x"}),
        ),
        (PULL, json!({"protocol": 1, "epoch": null, "want": {}, "budget": 1000})),
    ]
}

/// Bodies that are wrong for any endpoint, made from a good one.
fn hostile(good: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let text = good.to_string();
    let members = &text[1..text.len() - 1];
    let first = members.split(',').next().expect("a member");
    let name = first.split(':').next().expect("a name");
    let deep = |open: &str, close: &str| format!("{{{name}:{}{}}}", open.repeat(50_000), close.repeat(50_000));
    let replace_all = |value: &str| {
        let object = good.as_object().expect("an object");
        let members: Vec<String> = object.keys().map(|key| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let values: Vec<String> = good
        .as_object()
        .expect("an object")
        .values()
        .map(Value::to_string)
        .collect();
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("spaces", b"   \n".to_vec()),
        ("half", text.as_bytes()[..text.len() / 2].to_vec()),
        ("null", b"null".to_vec()),
        ("number", b"1".to_vec()),
        ("text", b"\"x\"".to_vec()),
        ("array of objects", format!("[{text}]").into_bytes()),
        ("array for object", format!("[{}]", values.join(",")).into_bytes()),
        ("empty object", b"{}".to_vec()),
        ("trailing comma", format!("{{{members},}}").into_bytes()),
        ("trailing text", format!("{text} {ECHO}").into_bytes()),
        ("two objects", format!("{text}{text}").into_bytes()),
        ("single quotes", text.replace('"', "'").into_bytes()),
        ("comment", format!("/* {ECHO} */{text}").into_bytes()),
        ("byte order mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        (
            "invalid UTF-8",
            format!("{{{name}:\"\u{1}\"}}")
                .replace('\u{1}', "\u{fffd}")
                .into_bytes(),
        ),
        ("unknown member", format!("{{{members},\"{ECHO}\":1}}").into_bytes()),
        ("prototype", format!("{{{members},\"__proto__\":{{}}}}").into_bytes()),
        ("repeated member", format!("{{{members},{first}}}").into_bytes()),
        ("deep arrays", deep("[", "]").into_bytes()),
        ("deep objects", deep("{\"a\":", "}").into_bytes()),
        (
            "unclosed depth",
            format!("{{{name}:{}", "[".repeat(15_000)).into_bytes(),
        ),
        ("numbers", replace_all("1e400").into_bytes()),
        (
            "big numbers",
            replace_all("123456789012345678901234567890").into_bytes(),
        ),
        ("negative zero", replace_all("-0.0").into_bytes()),
        ("NaN", replace_all("NaN").into_bytes()),
        ("booleans", replace_all("true").into_bytes()),
        ("objects", replace_all("{\"a\":1}").into_bytes()),
        ("arrays", replace_all("[1]").into_bytes()),
        ("texts", replace_all(&format!("\"{ECHO}\"")).into_bytes()),
        ("lone surrogates", replace_all("\"\\ud800\"").into_bytes()),
        ("swapped surrogates", replace_all("\"\\udc00\\ud800\"").into_bytes()),
        ("raw control character", replace_all("\"\u{1}\"").into_bytes()),
        ("raw NUL", replace_all("\"\0\"").into_bytes()),
    ];
    cases.push(("escaped NUL", replace_all("\"a\\u0000b\"").into_bytes()));
    cases.push((
        "bad bytes",
        [b"{\"".as_slice(), &[0xff, 0xfe, 0xc0, 0x80], b"\":1}"].concat(),
    ));
    cases
}

async fn counts(server: &TestServer) -> (i64, i64, i64) {
    use diesel::QueryDsl;
    use diesel_async::RunQueryDsl;
    let mut conn = server.connect().await;
    let records = record::table.count().get_result(&mut conn).await.unwrap();
    let groups = change_group::table.count().get_result(&mut conn).await.unwrap();
    let sessions = session::table.count().get_result(&mut conn).await.unwrap();
    (records, groups, sessions)
}

async fn is_well(client: &Client) {
    assert_eq!(client.pull(&[]).await.status, 200, "the server is alive and well");
}

#[tokio::test]
async fn malformed_bodies_are_refused_by_name_and_leave_nothing_behind() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let before = counts(&server).await;
    for (path, good) in good_bodies() {
        for (what, body) in hostile(&good) {
            let reply = client.post(path, "application/json", body).await;
            let expected = if what.ends_with("NUL") || what == "UTF-16" {
                ["text.nul", "json.malformed"]
            } else {
                ["json.malformed", "body.too_large"]
            };
            assert!(
                expected.contains(&reply.code().as_str()),
                "{path} {what}: {} {}",
                reply.status,
                reply.text
            );
            assert!(reply.status.is_client_error(), "{path} {what}: {}", reply.status);
            assert!(!reply.text.contains(ECHO), "{path} {what} echoes: {}", reply.text);
            assert_eq!(
                reply.json()["request_id"],
                reply.headers["x-request-id"].to_str().unwrap(),
                "{path} {what}"
            );
            assert_eq!(reply.headers["content-type"], "application/json");
        }
    }
    assert_eq!(counts(&server).await, before);
    is_well(&client).await;
}

#[tokio::test]
async fn a_wrong_media_type_or_encoding_is_refused_unread() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    for (path, good) in good_bodies() {
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
            "application/jsonx",
        ] {
            let reply = client.post(path, media_type, good.to_string()).await;
            assert_eq!(
                reply.refusal(),
                (415, "body.content_type".into()),
                "{path} {media_type}"
            );
        }
        let charset = client
            .post(path, "Application/JSON; charset=utf-8", good.to_string())
            .await;
        assert_ne!(charset.status, 415);
        for encoding in ["gzip", "br", "deflate", "identity, gzip", "x"] {
            let request = client
                .request(Method::POST, path)
                .header("content-type", "application/json")
                .header("content-encoding", encoding);
            let reply = client.send(request.body(good.to_string())).await;
            assert_eq!(
                reply.refusal(),
                (415, "body.content_encoding".into()),
                "{path} {encoding}"
            );
        }
    }
    assert_eq!(
        client.post(PUSH, "application/json", "{}").await.refusal(),
        (415, "body.content_type".into())
    );
    is_well(&client).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_it_says_so_or_not() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    for (path, media_type, limit) in [
        (SIGN_IN, "application/json", 16 * 1024),
        (PUSH, "application/x-ndjson", 1024 * 1024),
    ] {
        let announced = client.post(path, media_type, vec![b' '; limit + 1]).await;
        assert_eq!(announced.refusal(), (413, "body.too_large".into()), "{path}");
        let chunks = futures_util::stream::iter((0..=limit / 1024).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])));
        let streamed = client.post(path, media_type, reqwest::Body::wrap_stream(chunks)).await;
        assert_eq!(streamed.refusal(), (413, "body.too_large".into()), "{path} in chunks");
        let fits = client.post(path, media_type, vec![b' '; limit]).await;
        assert_eq!(
            fits.refusal(),
            (400, "json.malformed".into()),
            "{path}: the limit itself is read"
        );
    }
    is_well(&client).await;
}

#[tokio::test]
async fn a_stalled_body_ends_within_ten_seconds_and_holds_up_nobody() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let head = |length: &str| {
        format!(
            "POST {PUSH} HTTP/1.1\r\nhost: {address}\r\nx-duxing: 1\r\ncontent-type: application/x-ndjson\r\n\
             authorization: Bearer {}\r\n{length}\r\n\r\n",
            client.access
        )
    };
    let stalled = async |head: String, drip: bool| {
        let started = Instant::now();
        let mut socket = TcpStream::connect(&address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        loop {
            tokio::select! {
                read = socket.read_buf(&mut reply) => if read.unwrap_or(0) == 0 || reply.windows(12).any(|part| part == b"request_id\":") { break },
                _ = tick.tick() => if drip { let _ = socket.write_all(b"1\r\n{\r\n").await; },
            }
        }
        (started.elapsed(), String::from_utf8_lossy(&reply).into_owned())
    };
    // Several at once, more than there are workers: they must not stand in each other's way, nor in ours.
    let silent = (0..8).map(|_| stalled(head("content-length: 100"), false));
    let all = futures_util::future::join_all(silent);
    let dripping = stalled(head("transfer-encoding: chunked"), true);
    let meanwhile = async {
        for _ in 0..10 {
            let asked = Instant::now();
            is_well(&client).await;
            assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let (mut replies, dripped, ()) = tokio::join!(all, dripping, meanwhile);
    replies.push(dripped);
    for (elapsed, reply) in replies {
        assert!(
            reply.starts_with("HTTP/1.1 408") && reply.contains("body.stalled"),
            "{reply}"
        );
        assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");
    }
    is_well(&client).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_has_no_effect() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let before = counts(&server).await;
    let ops = new_record(Uuid::now_v7(), "visit", &[("state", json!("checked_in"))]);
    let group = client.group(&server.district.bucket(0), GroupKind::Command, ops);
    let header = json!({"protocol": 1, "device": client.device, "epoch": null, "now": 0});
    let body = format!("{header}\n{group}\n");
    let mut socket = TcpStream::connect(server.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let head = format!(
        "POST {PUSH} HTTP/1.1\r\nhost: x\r\nx-duxing: 1\r\ncontent-type: application/x-ndjson\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        client.access,
        body.len() + 1
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body.as_bytes()).await.unwrap();
    drop(socket);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(counts(&server).await, before);
    is_well(&client).await;
}

#[tokio::test]
async fn a_bad_group_is_refused_alone_and_the_good_ones_beside_it_take_effect() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let bucket = server.district.bucket(0);
    let visit = Uuid::now_v7();
    let fields = [
        ("school", json!(server.district.schools[0])),
        ("visit_kind", json!("regular")),
        ("lead", json!(server.district.a.id)),
        ("visit_date", json!("2026-11-20")),
        ("state", json!("checked_in")),
    ];
    let begin = client.group(&bucket, GroupKind::Command, new_record(visit, "visit", &fields));
    let edit = |value: Value| client.group(&bucket, GroupKind::Edit, vec![op(visit, "informed", &value)]);
    let good = edit(json!("marker"));
    let as_array = {
        let object: Value = serde_json::from_str(&good).unwrap();
        let order = ["v", "nonce", "bucket", "kind", "author", "device", "at", "ops"];
        Value::from(order.iter().map(|name| object[*name].clone()).collect::<Vec<_>>()).to_string()
    };
    let bad = [
        "x".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        as_array,
        good.replace("\"marker\"", "\"a\\u0000b\""),
        good.replace("\"marker\"", "\"\\ud800\""),
        good.replace("\"marker\"", "1.5"),
        good.replace("\"marker\"", "1e400"),
        good.replace("\"marker\"", "12345678901234567890"),
        good.replace("\"marker\"", "{\"a\":1}"),
        good.replace("\"marker\"", &format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
        good.replace("\"informed\"", "\"../../etc/passwd\\n\""),
        good.replace("\"informed\"", "\"\""),
        good.replace("\"v\":1", "\"v\":1,\"v\":1"),
        good.replace("\"v\":1", &format!("\"v\":1,\"{ECHO}\":true")),
        good.replace("\"v\":1", "\"v\":99"),
        good.replace("\"kind\":\"edit\"", "\"kind\":\"drop table\""),
        good.replace("\"ops\":[", "\"ops\":[[],"),
        good.replace(&bucket, "school/../../x"),
        good.replace(&bucket, &format!("school/{}", Uuid::now_v7())),
        good.replace(&visit.to_string(), &visit.to_string().to_uppercase()),
        good.replace("\"at\":", "\"at\":1e3,\"was\":"),
        format!("\u{feff}{good}"),
    ];
    let last = edit(json!("last"));
    let mut lines = vec![begin];
    lines.extend(bad.iter().cloned());
    lines.push(last);
    let reply = client.push(&lines).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let outcomes = reply.json()["outcomes"].as_array().unwrap().clone();
    assert_eq!(outcomes.len(), lines.len());
    for (line, outcome) in lines.iter().zip(&outcomes) {
        let expected = if bad.contains(line) {
            ["refused", "quarantined"]
        } else {
            ["applied", "applied"]
        };
        assert!(
            expected.contains(&outcome["outcome"].as_str().unwrap()),
            "{} -> {outcome}",
            &line[..line.len().min(300)]
        );
    }
    assert!(!reply.text.contains(ECHO));
    let page = client.get(&format!("/api/v1/visits/{visit}")).await;
    assert!(
        page.text.contains("last") && !page.text.contains("marker"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn a_push_that_is_none_is_refused_whole() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let before = counts(&server).await;
    let good = json!({"protocol": 1, "device": client.device, "epoch": null, "now": 0}).to_string();
    let cases = [
        ("".to_owned(), "json.malformed"),
        ("\n\n\n".into(), "json.malformed"),
        ("[]\n".into(), "json.malformed"),
        (good.replace("null", "\"a\\u0000\""), "text.nul"),
        (good.replace("\"now\":0", "\"now\":0.5"), "json.malformed"),
        (good.replace("{", "[").replace("}", "]"), "json.malformed"),
    ];
    for (body, code) in cases {
        let reply = client.post(PUSH, "application/x-ndjson", body.clone()).await;
        assert_eq!(reply.refusal(), (400, code.into()), "{body}");
    }
    // Whatever a newer phone says of itself, what it hands in is taken; only receiving may need another version.
    let newer = good
        .replace("\"protocol\":1", "\"protocol\":99")
        .replace("\"now\":0", "\"now\":0,\"x\":1");
    assert_eq!(client.post(PUSH, "application/x-ndjson", newer).await.status, 200);
    let old = json!({"protocol": 0, "epoch": null, "want": {}, "budget": 1});
    let reply = client.post_json("/api/v1/sync/pull", &old).await;
    assert_eq!(reply.refusal(), (426, "client.too_old".into()));
    let too_many = format!("{good}\n{}", "{}\n".repeat(65));
    let reply = client.post(PUSH, "application/x-ndjson", too_many).await;
    assert_eq!(reply.refusal(), (413, "body.too_large".into()));
    assert_eq!(counts(&server).await, before);
}

#[tokio::test]
async fn naughty_texts_come_back_as_they_were() {
    let server = TestServer::start().await;
    let client = server.sign_in(&server.district.a).await;
    let visit = Uuid::now_v7();
    let fields = [
        ("school", json!(server.district.schools[0])),
        ("visit_kind", json!("regular")),
        ("lead", json!(server.district.a.id)),
        ("visit_date", json!("2026-11-20")),
        ("state", json!("checked_in")),
    ];
    let begin = client.group(
        &server.district.bucket(0),
        GroupKind::Command,
        new_record(visit, "visit", &fields),
    );
    assert_eq!(client.push(&[begin]).await.json()["outcomes"][0]["outcome"], "applied");
    let texts = [
        "'; DROP TABLE record; --",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "e\u{301} \u{e9}",
        "\u{202e}txt.exe",
        "👩‍👩‍👧‍👦 𠮷 ﷽",
        "\u{fffe}\u{ffff}\u{feff}",
        "\\u0000 $1 %s {0} \r\n\t",
        "督导",
    ];
    for text in texts {
        // Every write has seen nothing: all of them stay as siblings.
        let group = client.group(
            &server.district.bucket(0),
            GroupKind::Edit,
            vec![op(visit, "informed", &json!(text))],
        );
        let reply = client.push(&[group]).await;
        assert_eq!(
            reply.json()["outcomes"][0]["outcome"],
            "applied",
            "{text:?}: {}",
            reply.text
        );
    }
    let page = client.get(&format!("/api/v1/visits/{visit}")).await.json();
    let record = page["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|record| record["id"] == json!(visit))
        .unwrap();
    let stored: Vec<&str> = record["fields"]["informed"]["w"]
        .as_array()
        .unwrap()
        .iter()
        .map(|write| write["v"].as_str().unwrap())
        .collect();
    for text in texts {
        assert!(stored.contains(&text), "{text:?}");
    }
}

#[tokio::test]
async fn hostile_urls_get_the_same_shape_of_refusal() {
    let server = TestServer::start().await;
    let office = server.sign_in(&server.district.coordinator).await;
    let known = Uuid::now_v7();
    let cases = [
        ("/api/v1/results".to_owned(), 400, "query.malformed"),
        ("/api/v1/results?month=2026-13".into(), 400, "query.malformed"),
        ("/api/v1/results?month=%00".into(), 400, "text.nul"),
        (
            "/api/v1/results?month=2026-11&month=2026-10".into(),
            400,
            "query.malformed",
        ),
        (
            format!("/api/v1/results?month=2026-11&{ECHO}=1"),
            400,
            "query.malformed",
        ),
        ("/api/v1/results?month=2026-11&zone=x".into(), 400, "query.malformed"),
        ("/api/v1/results?month=2026-11&checklist=%00".into(), 400, "text.nul"),
        (
            format!("/api/v1/results?month=2026-11&school={known}"),
            404,
            "not_found",
        ),
        (format!("/api/v1/visits/{known}"), 404, "not_found"),
        ("/api/v1/visits/1".into(), 404, "not_found"),
        ("/api/v1/visits/%00".into(), 404, "not_found"),
        ("/api/v1/visits/..%2f..%2fabout".into(), 404, "not_found"),
        (format!("/api/v1/records/{known}/history"), 404, "not_found"),
        (
            format!("/api/v1/records/{known}/history?field=%2e%2e%2f"),
            400,
            "query.malformed",
        ),
        (format!("/api/v1/records/{known}/history?x=1"), 400, "query.malformed"),
        (format!("/api/v1/visits/{known}/history?x=1"), 400, "query.malformed"),
        ("/api/v1/nothing".into(), 404, "not_found"),
        ("/api/v2/session".into(), 404, "not_found"),
        ("/api/".into(), 404, "not_found"),
        ("/api/v1/sync/push".into(), 405, "method"),
        ("/api/v1/session/refresh".into(), 405, "method"),
    ];
    for (path, status, code) in cases {
        let reply = office.get(&path).await;
        assert_eq!(reply.refusal(), (status, code.into()), "{path}: {}", reply.text);
        assert!(
            reply.json()["request_id"].is_string() && !reply.text.contains(ECHO),
            "{path}: {}",
            reply.text
        );
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        let reply = office
            .send(office.request(method.clone(), "/api/v1/results?month=2026-11"))
            .await;
        assert_eq!(reply.refusal(), (405, "method".into()), "{method}");
        assert_eq!(reply.headers["allow"], "GET", "{method}");
    }
}

#[tokio::test]
async fn our_own_fault_is_told_with_a_request_id_and_nothing_else() {
    let server = TestServer::start().await;
    let office = server.sign_in(&server.district.coordinator).await;
    server.execute("ALTER TABLE finding RENAME TO lost").await.unwrap();
    let reply = office.get("/api/v1/results?month=2026-11").await;
    assert_eq!(reply.refusal(), (500, "internal".into()));
    let id = reply.json()["request_id"].as_str().unwrap().to_owned();
    assert_eq!(reply.text, format!(r#"{{"code":"internal","request_id":"{id}"}}"#));
    server.execute("ALTER TABLE lost RENAME TO finding").await.unwrap();
    assert_eq!(office.get("/api/v1/results?month=2026-11").await.status, 200);
}
