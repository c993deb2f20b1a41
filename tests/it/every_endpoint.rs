//! Hostile input at every URL of the route table: a new route fails here until it is covered. Never a 5xx, a stable code, no echo, no half effect.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use server::auth::pace::Pace;
use server::error::Code;
use tests::hostile::{Case, Expect, json_values};
use tests::people::PASSWORD;
use tests::phone::Phone;
use tests::postgres::fresh_database;
use tests::server::Reply;
use tests::{Client, District, TestServer};
use uuid::Uuid;

/// Requests under way at a time.
const AT_ONCE: usize = 6;

/// What a URL takes.
enum Takes {
    /// A JSON object such as this.
    Object(Value),
    /// Lines: a header such as this, then groups.
    Lines(Value),
    /// No body.
    Nothing,
}

/// Every route that changes something, with a good body. `{}` stands for an id in the path.
fn covered(server: &TestServer, visit: &str) -> Vec<(&'static str, String, Takes)> {
    use Takes::{Lines, Nothing, Object};
    let district = &server.district;
    let (device, school) = (Uuid::from_u128(5), district.schools[0]);
    let person = district.c.id;
    let of = |path: &str, id: &str| path.replace("{id}", id);
    let own = json!({"password": PASSWORD});
    let people = |rest: &str| of(&format!("/api/v1/people/{{id}}{rest}"), &person.to_string());
    let rows: Vec<(&'static str, String, Takes)> = vec![
        (
            "POST /api/v1/session",
            "/api/v1/session".into(),
            Object(
                json!({"login": "nobody-71c2", "password": "x", "device": device, "device_name": "x", "code": "000000"}),
            ),
        ),
        ("DELETE /api/v1/session", "/api/v1/session".into(), Nothing),
        (
            "POST /api/v1/session/refresh",
            "/api/v1/session/refresh".into(),
            Nothing,
        ),
        (
            "POST /api/v1/session/key",
            "/api/v1/session/key".into(),
            Object(json!({"key": "A".repeat(43)})),
        ),
        (
            "POST /api/v1/session/key/open",
            "/api/v1/session/key/open".into(),
            Object(json!({"locked": "A".repeat(82)})),
        ),
        (
            "POST /api/v1/sync/sealed",
            "/api/v1/sync/sealed".into(),
            Lines(
                json!({"duxing_sealed": 1, "district": device, "person": person, "device": device, "key": "AAAA", "rows": 0}),
            ),
        ),
        (
            "POST /api/v1/second-factor",
            "/api/v1/second-factor".into(),
            Object(own.clone()),
        ),
        (
            "POST /api/v1/second-factor/confirm",
            "/api/v1/second-factor/confirm".into(),
            Object(json!({"code": "000000"})),
        ),
        (
            "POST /api/v1/second-factor/remove",
            "/api/v1/second-factor/remove".into(),
            Object(json!({"password": PASSWORD, "code": "000000"})),
        ),
        (
            "POST /api/v1/second-factor/passkeys",
            "/api/v1/second-factor/passkeys".into(),
            Object(own.clone()),
        ),
        (
            "POST /api/v1/second-factor/passkeys/finish",
            "/api/v1/second-factor/passkeys/finish".into(),
            Object(json!({"challenge": device, "name": "x", "answer": {}})),
        ),
        (
            "POST /api/v1/second-factor/passkeys/{id}/remove",
            of("/api/v1/second-factor/passkeys/{id}/remove", &device.to_string()),
            Object(own.clone()),
        ),
        (
            "POST /api/v1/enrolment",
            "/api/v1/enrolment".into(),
            Object(json!({"code": "x", "password": "eleven or so"})),
        ),
        (
            "POST /api/v1/people",
            "/api/v1/people".into(),
            Object(
                json!({"login": "a", "name": "x", "roles": ["supervisor"], "zone": null, "appointment": null, "password": PASSWORD}),
            ),
        ),
        (
            "POST /api/v1/people/{id}",
            people(""),
            Object(
                json!({"name": "x", "roles": ["supervisor"], "zone": null, "status": "active", "password": PASSWORD}),
            ),
        ),
        (
            "POST /api/v1/people/{id}/enrolment",
            people("/enrolment"),
            Object(own.clone()),
        ),
        (
            "POST /api/v1/people/{id}/assignments",
            people("/assignments"),
            Object(json!({"school": school, "from": "2026-11-01", "password": PASSWORD})),
        ),
        (
            "POST /api/v1/people/{id}/assignments/end",
            people("/assignments/end"),
            Object(json!({"school": school, "from": "2026-11-01", "to": "2026-11-30", "password": PASSWORD})),
        ),
        (
            "POST /api/v1/people/{id}/appointments",
            people("/appointments"),
            Object(
                json!({"employment": "part", "from": "2026-11-01", "to": "2027-10-31", "decision_ref": "x", "password": PASSWORD}),
            ),
        ),
        (
            "POST /api/v1/people/{id}/appointments/end",
            people("/appointments/end"),
            Object(json!({"appointment": device, "to": "2026-11-30", "password": PASSWORD})),
        ),
        (
            "POST /api/v1/people/{id}/recusals",
            people("/recusals"),
            Object(
                json!({"school": school, "reason": "kin", "from": "2026-11-01", "to": "2026-11-30", "password": PASSWORD}),
            ),
        ),
        (
            "POST /api/v1/people/{id}/recusals/end",
            people("/recusals/end"),
            Object(json!({"recusal": device, "to": "2026-11-30", "password": PASSWORD})),
        ),
        (
            "POST /api/v1/zones",
            "/api/v1/zones".into(),
            Object(json!({"name": "x", "password": PASSWORD})),
        ),
        (
            "POST /api/v1/zones/{id}",
            format!("/api/v1/zones/{}", district.zones[0]),
            Object(json!({"name": "x", "password": PASSWORD})),
        ),
        (
            "POST /api/v1/schools",
            "/api/v1/schools".into(),
            Object(json!({
                "zones": ["x"],
                "schools": [{"code": "x", "name": "x", "zone": "x", "facts": {"students": 1}}],
                "password": PASSWORD,
            })),
        ),
        (
            "POST /api/v1/schools/{id}",
            format!("/api/v1/schools/{school}"),
            Object(
                json!({"zone": district.zones[1], "code": "x", "name": "x", "facts": {"type": "primary"}, "password": PASSWORD}),
            ),
        ),
        (
            "POST /api/v1/people/{id}/hand-over",
            people("/hand-over"),
            Object(json!({"to": district.b.id, "from": "2026-12-01", "password": PASSWORD})),
        ),
        (
            "POST /api/v1/complaints/{id}/identity",
            of("/api/v1/complaints/{id}/identity", visit),
            Object(json!({"school": school, "name": "x", "phone": "x", "text": "x"})),
        ),
        (
            "POST /api/v1/complaints/{id}/identity/open",
            of("/api/v1/complaints/{id}/identity/open", visit),
            Object(json!({"password": PASSWORD, "reason": "x"})),
        ),
        (
            "POST /api/v1/complaints/{id}/identity/handlers",
            of("/api/v1/complaints/{id}/identity/handlers", visit),
            Object(json!({"person": person, "reason": "x", "password": PASSWORD})),
        ),
        (
            "POST /api/v1/complaints/{id}/identity/handlers/end",
            of("/api/v1/complaints/{id}/identity/handlers/end", visit),
            Object(json!({"person": person, "password": PASSWORD})),
        ),
        (
            "POST /api/v1/people/{id}/second-factor/remove",
            people("/second-factor/remove"),
            Object(own),
        ),
        (
            "POST /api/v1/devices/{id}/revoke",
            of("/api/v1/devices/{id}/revoke", &device.to_string()),
            Object(json!({"person": person, "password": PASSWORD})),
        ),
        (
            "POST /api/v1/devices/{id}/restore",
            of("/api/v1/devices/{id}/restore", &device.to_string()),
            Object(json!({"person": person, "password": PASSWORD})),
        ),
        (
            "POST /api/v1/sync/push",
            "/api/v1/sync/push".into(),
            Lines(json!({"protocol": 1, "device": device, "epoch": null, "now": 0})),
        ),
        (
            "POST /api/v1/sync/pull",
            "/api/v1/sync/pull".into(),
            Object(
                json!({"protocol": 1, "epoch": null, "want": {}, "at": {}, "budget": 1000, "acked": [], "mend": {}}),
            ),
        ),
        (
            "POST /api/v1/sync/have",
            "/api/v1/sync/have".into(),
            Object(json!({"protocol": 1, "groups": []})),
        ),
        (
            "POST /api/v1/sync/digest",
            "/api/v1/sync/digest".into(),
            Object(json!({"protocol": 1, "bucket": district.bucket(0), "places": [""]})),
        ),
        (
            "POST /api/v1/quarantine/{id}/admit",
            of("/api/v1/quarantine/{id}/admit", &"0".repeat(32)),
            Nothing,
        ),
        (
            "POST /api/v1/visits/{id}/here",
            of("/api/v1/visits/{id}/here", visit),
            Object(json!({"place": "SF1"})),
        ),
    ];
    rows
}

/// The route table itself, as method and pattern.
pub fn routes() -> BTreeSet<String> {
    let table = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/routes.rs");
    let table = std::fs::read_to_string(table).expect("the route table");
    let (outside, inside) = table.split_once("scope(\"/api/v1\")").expect("the scope of the API");
    let mut found = BTreeSet::new();
    for (prefix, part) in [("", outside), ("/api/v1", inside)] {
        for chunk in part.split("resource(\"").skip(1) {
            let (path, rest) = chunk.split_once('"').expect("a path ends");
            for method in ["get", "post", "put", "patch", "delete"] {
                if rest.contains(&format!(".{method}(")) {
                    found.insert(format!("{} {prefix}{path}", method.to_uppercase()));
                }
            }
        }
    }
    assert!(found.len() > 30, "the table is read: {found:?}");
    found
}

/// A server that counts no pace, with a visit in it.
async fn begin() -> (TestServer, String) {
    use diesel_async::AsyncConnection;
    let url = fresh_database().await;
    let mut conn = diesel_async::AsyncPgConnection::establish(&url).await.unwrap();
    let district = District::create(&mut conn).await.unwrap();
    let pool = server::db::connect(&url, 8).unwrap();
    let server = TestServer::start_as(pool, url, district, |app| app.pace = Pace::of(1_000_000)).await;
    let mut phone = Phone::of(&server, &server.district.a).await;
    let at = phone.start_visit(server.district.schools[0]);
    phone.sync().await.unwrap();
    (server, at.visit.to_string())
}

/// Sends a body from an address of its own, so that no delay for wrong passwords is met.
async fn send(client: &Client, method: Method, path: &str, media_type: &str, body: Vec<u8>) -> Reply {
    let address = std::net::Ipv4Addr::from(rand::random::<u32>()).to_string();
    let request = client
        .request(method, path)
        .header("x-forwarded-for", address)
        .header("content-type", media_type);
    client.send(request.body(body)).await
}

/// A refusal says its code, the request's id, and nothing that was sent.
fn is_well_refused(reply: &Reply, what: &str) {
    assert!(
        reply.status.is_client_error() || reply.code() == "busy",
        "{what}: {} {}",
        reply.status,
        reply.text
    );
    let known = Code::all().into_iter().any(|code| code.name() == reply.code());
    assert!(known, "{what}: no code of ours: {}", reply.text);
    let id = reply.headers["x-request-id"].to_str().unwrap();
    assert_eq!(
        reply.text,
        format!(r#"{{"code":"{}","request_id":"{id}"}}"#, reply.code()),
        "{what}"
    );
}

/// Whatever JSON may be like: answered or refused, never a fault of ours.
fn is_no_fault(reply: &Reply, what: &str) {
    if !reply.status.is_success() {
        is_well_refused(reply, what);
    }
}

/// Rows of every table.
async fn rows(server: &TestServer) -> Vec<(String, i64)> {
    use diesel::sql_types::{BigInt, Text};
    use diesel_async::RunQueryDsl;
    let mut conn = server.connect().await;
    let names = "relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1";
    let names: Vec<String> = diesel::dsl::sql::<Text>(&format!("SELECT {names}"))
        .load(&mut conn)
        .await
        .unwrap();
    let mut rows = Vec::new();
    for name in names {
        let count = diesel::dsl::sql::<BigInt>(&format!("SELECT count(*) FROM \"{name}\""));
        let count: i64 = count.get_result(&mut conn).await.unwrap();
        rows.push((name, count));
    }
    rows
}

/// Groups in the log with this outcome.
async fn logged(server: &TestServer, outcome: &str) -> i64 {
    use diesel::{ExpressionMethods, QueryDsl};
    use diesel_async::RunQueryDsl;
    use server::schema::change_group;
    let rows = change_group::table.filter(change_group::outcome.eq(outcome)).count();
    rows.get_result(&mut server.connect().await).await.unwrap()
}

/// The good body with these bytes in the place of one member's value.
fn with_member(good: &Value, member: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = b"{".to_vec();
    for (nth, (name, value)) in good.as_object().expect("an object").iter().enumerate() {
        if nth > 0 {
            body.push(b',');
        }
        body.extend(format!("\"{name}\":").bytes());
        match name == member {
            true => body.extend(bytes),
            false => body.extend(value.to_string().bytes()),
        }
    }
    body.push(b'}');
    body
}

/// Everything that a case may be part of at a URL, with what must be said to it; `None` where a good body may come of it.
fn bodies(takes: &Takes, case: &Case) -> Vec<(String, Vec<u8>, bool)> {
    let must_refuse = case.expect == Expect::Refuse;
    let (Takes::Object(good) | Takes::Lines(good)) = takes else {
        return vec![("for no body".into(), case.bytes.clone(), false)];
    };
    // A text of two lines is two lines.
    let one_line = !case.bytes.contains(&b'\n');
    let mut bodies = vec![("as the body".to_owned(), case.bytes.clone(), must_refuse)];
    for member in good.as_object().expect("an object").keys() {
        let body = with_member(good, member, &case.bytes);
        // What is no value may become one between its neighbours: the strictest reader decides.
        let refuse = must_refuse && serde_json::from_slice::<Value>(&body).is_err();
        bodies.push((format!("as {member}"), body, refuse));
    }
    if let Takes::Lines(header) = takes {
        let lines = [header.to_string().as_bytes(), b"\n", &case.bytes, b"\n"].concat();
        bodies.push(("as a group".into(), lines, false));
    } else if one_line {
        let text = good.to_string();
        let more = [&text.as_bytes()[..text.len() - 1], b",\"more\":", &case.bytes, b"}"].concat();
        bodies.push(("as an unknown member".into(), more, true));
    }
    bodies
}

#[tokio::test]
async fn every_route_is_covered_by_hostile_input() {
    let (server, visit) = begin().await;
    let covered: BTreeSet<String> = covered(&server, &visit)
        .into_iter()
        .map(|(route, ..)| route.to_owned())
        .collect();
    let changing: BTreeSet<String> = routes()
        .into_iter()
        .filter(|route| !route.starts_with("GET "))
        .collect();
    assert_eq!(
        changing, covered,
        "a route has no good body in this file, or a body has no route"
    );
}

#[tokio::test]
async fn json_that_is_none_is_refused_at_every_endpoint_and_leaves_nothing_behind() {
    let (server, visit) = begin().await;
    let client = server.sign_in(&server.district.coordinator).await;
    let admin = server.sign_in(&server.district.admin).await;
    let before = rows(&server).await;
    let cases: Vec<Case> = json_values()
        .into_iter()
        .filter(|case| case.expect == Expect::Refuse)
        .collect();
    let mut asked = 0;
    for (route, path, takes) in covered(&server, &visit) {
        let media_type = if matches!(takes, Takes::Lines(_)) {
            "application/x-ndjson"
        } else {
            "application/json"
        };
        // Signing the client out is no half effect, and would end this.
        if route.starts_with("DELETE") {
            continue;
        }
        let stranger = server.stranger();
        let caller = if route.ends_with("/session/refresh") {
            &stranger
        } else if route.contains("/handlers") {
            &admin
        } else {
            &client
        };
        let bodies = cases.iter().flat_map(|case| {
            let named = |(place, body, refuse): (String, Vec<u8>, bool)| {
                (format!("{route}: {} {place}", case.name), body, refuse)
            };
            bodies(&takes, case).into_iter().map(named)
        });
        let replies = futures_util::stream::iter(bodies)
            .map(|(what, body, refuse)| {
                let path = &path;
                async move { (send(caller, Method::POST, path, media_type, body).await, what, refuse) }
            })
            .buffer_unordered(AT_ONCE);
        let mut replies = std::pin::pin!(replies);
        while let Some((reply, what, refuse)) = replies.next().await {
            asked += 1;
            is_no_fault(&reply, &what);
            let malformed = ["json.malformed", "text.nul", "body.too_large"].contains(&reply.code().as_str());
            assert!(!refuse || malformed, "{what}: {} {}", reply.status, reply.text);
        }
    }
    // The log keeps every line of a push that was refused, and that is all that is left of all this.
    let mut after = rows(&server).await;
    let refused = logged(&server, "refused").await;
    assert!(refused > 100, "{refused} lines that are no groups");
    for (table, count) in &mut after {
        if table == "change_group" {
            *count -= refused;
        }
    }
    assert_eq!(after, before);
    assert_eq!(client.pull(&[]).await.status, 200, "the server is alive and well");
    println!("{asked} requests of {} cases", cases.len());
}

#[tokio::test]
async fn json_of_every_other_kind_is_answered_or_refused_at_every_endpoint() {
    let (server, visit) = begin().await;
    let client = server.sign_in(&server.district.coordinator).await;
    let cases: Vec<Case> = json_values()
        .into_iter()
        .filter(|case| case.expect != Expect::Refuse)
        .collect();
    let mut asked = 0;
    for (route, path, takes) in covered(&server, &visit) {
        let media_type = if matches!(takes, Takes::Lines(_)) {
            "application/x-ndjson"
        } else {
            "application/json"
        };
        if route.starts_with("DELETE") {
            continue;
        }
        let bodies = cases.iter().flat_map(|case| {
            let named = |(place, body, _): (String, Vec<u8>, bool)| (format!("{route}: {} {place}", case.name), body);
            bodies(&takes, case).into_iter().map(named)
        });
        let replies = futures_util::stream::iter(bodies)
            .map(|(what, body)| {
                let (path, client) = (&path, &client);
                async move { (send(client, Method::POST, path, media_type, body).await, what) }
            })
            .buffer_unordered(AT_ONCE);
        let mut replies = std::pin::pin!(replies);
        while let Some((reply, what)) = replies.next().await {
            asked += 1;
            is_no_fault(&reply, &what);
        }
    }
    let fresh = server.sign_in(&server.district.a).await;
    assert_eq!(fresh.pull(&[]).await.status, 200, "the server is alive and well");
    println!("{asked} requests of {} cases", cases.len());
}

#[tokio::test]
async fn hostile_queries_and_paths_are_refused_or_answered_at_every_page() {
    let (server, visit) = begin().await;
    let client = server.sign_in(&server.district.coordinator).await;
    let pages: Vec<String> = routes()
        .into_iter()
        .filter_map(|route| route.strip_prefix("GET ").map(str::to_owned))
        // A line that stays open: what it takes is a header, which `tokens.rs` has.
        .filter(|path| path.starts_with("/api/") && !path.ends_with("/live"))
        .collect();
    let queries = [
        "",
        "?",
        "?&&&",
        "?=",
        "?=x",
        "?a",
        "?a=%",
        "?a=%2",
        "?a=%zz",
        "?a=%ff",
        "?a=%c0%80",
        "?a=%00",
        "?a=%ed%a0%80",
        "?month",
        "?month=",
        "?month=2026-11&month=2026-11",
        "?month=2026-11&x=1",
        "?month=%32%30%32%36-11",
        "?month=9999-12",
        "?month=0000-00",
        "?month=-2026-11",
        "?month=2026-11%20",
        "?before=x",
        "?before=-1",
        "?before=9223372036854775807",
        "?before=9223372036854775808",
        "?before=1e3",
        "?before=1.5",
        "?field=%2e%2e%2f",
        "?field=",
        "?field=a&field=b",
        "?a[]=1",
        "?a[b]=1",
        "?__proto__=1",
        "?month=2026-11;drop",
        "?%6donth=2026-11",
        "?a=1&amp;b=2",
        "?month=2026-11#x",
        "?'%20OR%201=1",
        "?\u{202e}=1",
    ];
    let ids = [
        visit.as_str(),
        "1",
        "-1",
        "%00",
        "%ff",
        "..",
        "%2e%2e",
        "..%2f..%2fabout",
        "null",
        "undefined",
        "NaN",
        "*",
        "' OR 1=1",
        "{id}",
        "00000000-0000-0000-0000-000000000000",
        "%F0%9F%92%A9",
        "a%0d%0aSet-Cookie:%20x=1",
    ];
    let long = format!("?a={}", "x".repeat(8_000));
    let mut asked = 0;
    for page in &pages {
        let ids: &[&str] = if page.contains("{id}") { &ids } else { &[""] };
        for id in ids {
            for query in queries.iter().copied().chain([long.as_str()]) {
                let path = format!("{}{query}", page.replace("{id}", id));
                let reply = client.get(&path).await;
                asked += 1;
                is_no_fault(&reply, &path[..path.len().min(120)]);
                assert!(reply.headers.get("set-cookie").is_none(), "{path}");
            }
        }
    }
    assert_eq!(client.pull(&[]).await.status, 200);
    println!("{asked} requests at {} pages", pages.len());
}
