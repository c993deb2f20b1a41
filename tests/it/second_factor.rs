//! A second factor beside the password, for the office: set up, asked for, used once, lost, taken away; demanded where the operator says so.

use reqwest::Method;
use serde_json::{Value, json};
use server::auth::second_factor::FactorRule;
use sync_protocol::GroupKind;
use tests::authenticator::Device;
use tests::people::PASSWORD;
use tests::server::{Reply, new_record};
use tests::{Client, TestServer};
use uuid::Uuid;

use crate::every_endpoint::routes;

const FACTOR: &str = "/api/v1/second-factor";

async fn sign_in(server: &TestServer, client: &mut Client, login: &str, password: &str, code: Option<&str>) -> Reply {
    let mut body = json!({"login": login, "password": password, "device": client.device, "device_name": "desk"});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    let reply = server.stranger().post_json("/api/v1/session", &body).await;
    if let Some(access) = reply.json()["access"].as_str() {
        client.access = access.to_owned();
    }
    reply
}

/// Sets a second factor up: the device and the recovery codes.
async fn set_up(client: &Client) -> (Device, Vec<String>) {
    let begun = client.post_json(FACTOR, &json!({"password": PASSWORD})).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    assert_eq!(begun.headers["cache-control"], "no-store");
    let begun = begun.json();
    let secret = begun["secret"].as_str().expect("a secret");
    assert!(
        begun["uri"]
            .as_str()
            .unwrap()
            .contains(&format!("secret={secret}&issuer=Duxing"))
    );
    let device = Device::of(secret);
    let confirmed = client
        .post_json(&format!("{FACTOR}/confirm"), &json!({"code": device.code(0)}))
        .await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    let codes = confirmed.json()["recovery_codes"].as_array().unwrap().clone();
    let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    (device, codes)
}

/// What `GET` answers to somebody without passkeys.
fn standing(active: bool, left: u64) -> Value {
    json!({"active": active, "recovery_left": left, "passkeys": [], "passkeys_at": "localhost", "demanded": false})
}

/// Half a minute passes for the server: the code of this step may be used again.
async fn half_a_minute_passes(server: &TestServer) {
    server.execute("UPDATE second_factor SET last_step = 0").await.unwrap();
}

/// What the audit tells of second factors, the oldest first: what, actor, subject.
async fn told(server: &TestServer) -> Vec<(String, Value, Value)> {
    let office = server.sign_in(&server.district.coordinator).await;
    let audit = office.get("/api/v1/audit").await.json();
    let events = audit["events"].as_array().unwrap().iter().rev();
    let of = |event: &Value| {
        (
            event["what"].as_str().unwrap().to_owned(),
            event["actor"].clone(),
            event["subject"].clone(),
        )
    };
    events
        .map(of)
        .filter(|(what, ..)| what.starts_with("second_factor."))
        .collect()
}

#[tokio::test]
async fn an_office_sign_in_asks_for_a_code_once_its_owner_has_set_one_up() {
    let server = TestServer::start().await;
    let mut admin = server.sign_in(&server.district.admin).await;
    assert_eq!(admin.get(FACTOR).await.json(), standing(false, 0));
    let begun = admin.post_json(FACTOR, &json!({"password": PASSWORD})).await;
    let abandoned = Device::of(begun.json()["secret"].as_str().unwrap());
    let unchanged = sign_in(&server, &mut admin, "admin", PASSWORD, None).await;
    assert_eq!(unchanged.status, 200, "what is not confirmed is asked of nobody");

    let (device, codes) = set_up(&admin).await;
    assert_eq!(codes.len(), 8);
    assert_eq!(admin.get(FACTOR).await.json(), standing(true, 8));
    assert_eq!(
        admin.post_json(FACTOR, &json!({"password": PASSWORD})).await.refusal(),
        (409, "second_factor.present".into())
    );

    half_a_minute_passes(&server).await;
    let needed = sign_in(&server, &mut admin, "admin", PASSWORD, None).await;
    assert_eq!(needed.refusal(), (401, "session.code_needed".into()));
    assert!(needed.headers.get("set-cookie").is_none());
    for password in ["wrong", ""] {
        let code = device.code(0);
        let reply = sign_in(&server, &mut server.stranger(), "admin", password, Some(&code)).await;
        assert!(
            ["session.refused", "value.invalid"].contains(&reply.code().as_str()),
            "the password comes first"
        );
    }
    for wrong in [device.wrong(), abandoned.wrong(), device.code(-20)] {
        let reply = sign_in(&server, &mut server.stranger(), "admin", PASSWORD, Some(&wrong)).await;
        assert_eq!(reply.refusal(), (401, "session.code_refused".into()), "{wrong}");
    }
    let code = device.code(0);
    // Somebody who looked over the shoulder types the same code at the same moment: one of the two is in.
    let (mut one, mut other) = (server.stranger(), server.stranger());
    let (first, second) = tokio::join!(
        sign_in(&server, &mut one, "admin", PASSWORD, Some(&code)),
        sign_in(&server, &mut other, "admin", PASSWORD, Some(&code)),
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{} {}", first.text, second.text);
    let again = sign_in(&server, &mut server.stranger(), "admin", PASSWORD, Some(&code)).await;
    assert_eq!(
        again.refusal(),
        (401, "session.code_refused".into()),
        "a code is good once"
    );
    let named = [json!(server.district.admin.id), json!(server.district.admin.id)];
    assert_eq!(
        told(&server).await,
        [("second_factor.added".into(), named[0].clone(), named[1].clone())]
    );
}

#[tokio::test]
async fn guessing_codes_with_the_right_password_is_slowed_down_from_any_device() {
    let server = TestServer::start().await;
    let admin = server.sign_in(&server.district.admin).await;
    let (device, _) = set_up(&admin).await;
    let wrong = device.wrong();
    let mut answers = Vec::new();
    for _ in 0..7 {
        // A new device each time, and the right password.
        let reply = sign_in(&server, &mut server.stranger(), "admin", PASSWORD, Some(&wrong)).await;
        answers.push(reply.code());
    }
    assert_eq!(answers[..5], ["session.code_refused"; 5]);
    assert!(
        answers[5..].contains(&"session.too_many_tries".to_owned()),
        "{answers:?}"
    );
    // Other people do not wait.
    assert_eq!(server.stranger().sign_in("office", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_lost_device_is_made_good_by_a_recovery_code_each_good_once() {
    let server = TestServer::start().await;
    let mut lead = server.sign_in(&server.district.zone_lead).await;
    let (_, codes) = set_up(&lead).await;
    let shouted = codes[0].to_uppercase().replace('-', " ");
    assert_eq!(
        sign_in(&server, &mut lead, "lead", PASSWORD, Some(&shouted))
            .await
            .status,
        200
    );
    assert_eq!(lead.get(FACTOR).await.json()["recovery_left"], 7);
    let again = sign_in(&server, &mut server.stranger(), "lead", PASSWORD, Some(&codes[0])).await;
    assert_eq!(again.refusal(), (401, "session.code_refused".into()));
    let removal = json!({"password": PASSWORD, "code": codes[1]});
    for (body, code) in [
        (json!({"password": "wrong", "code": codes[1]}), "password.wrong"),
        (json!({"password": PASSWORD, "code": codes[0]}), "code.wrong"),
        (json!({"password": PASSWORD, "code": "1".repeat(41)}), "value.invalid"),
    ] {
        let reply = lead.post_json(&format!("{FACTOR}/remove"), &body).await;
        assert_eq!(reply.code(), code);
    }
    let removed = lead.post_json(&format!("{FACTOR}/remove"), &removal).await;
    assert_eq!(removed.json(), standing(false, 0), "{}", removed.text);
    assert_eq!(sign_in(&server, &mut lead, "lead", PASSWORD, None).await.status, 200);
    let reply = lead.post_json(&format!("{FACTOR}/remove"), &removal).await;
    assert_eq!(reply.refusal(), (404, "not_found".into()));
    let whats: Vec<String> = told(&server).await.into_iter().map(|(what, ..)| what).collect();
    let expected = ["added", "recovery_used", "recovery_used", "removed"].map(|what| format!("second_factor.{what}"));
    assert_eq!(whats, expected);
}

#[tokio::test]
async fn an_administrator_takes_a_lost_second_factor_away_and_nobody_else_does() {
    let server = TestServer::start().await;
    let district = &server.district;
    let mut committee = server.sign_in(&district.committee).await;
    let (device, _) = set_up(&committee).await;
    let path = format!("/api/v1/people/{}/second-factor/remove", district.committee.id);
    let admin = server.sign_in(&district.admin).await;
    let listed = admin.get("/api/v1/people").await;
    assert_eq!(listed.headers["cache-control"], "no-store");
    let listed = listed.json();
    let with: Vec<&Value> = listed["people"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|person| person["second_factor"] == true)
        .map(|person| &person["id"])
        .collect();
    assert_eq!(with, [&json!(district.committee.id)]);
    assert!(!listed.to_string().contains("sealed"));

    let body = json!({"password": PASSWORD});
    let office = server.sign_in(&district.coordinator).await;
    assert_eq!(
        office.post_json(&path, &body).await.refusal(),
        (403, "person.admin_only".into())
    );
    for (person, code) in [(&district.zone_lead, "forbidden"), (&district.a, "forbidden")] {
        let client = server.sign_in(person).await;
        assert_eq!(client.post_json(&path, &body).await.refusal(), (403, code.into()));
    }
    let wrong = admin.post_json(&path, &json!({"password": "wrong"})).await;
    assert_eq!(wrong.refusal(), (403, "password.wrong".into()));
    let own = format!("/api/v1/people/{}/second-factor/remove", district.admin.id);
    assert_eq!(
        admin.post_json(&own, &body).await.refusal(),
        (403, "person.yourself".into())
    );
    half_a_minute_passes(&server).await;
    assert_eq!(
        sign_in(&server, &mut committee, "committee", PASSWORD, None)
            .await
            .code(),
        "session.code_needed"
    );

    let removed = admin.post_json(&path, &body).await;
    assert_eq!(
        (removed.status.as_u16(), &removed.json()["second_factor"]),
        (200, &json!(false)),
        "{}",
        removed.text
    );
    assert_eq!(admin.post_json(&path, &body).await.refusal(), (404, "not_found".into()));
    assert_eq!(
        sign_in(&server, &mut committee, "committee", PASSWORD, None)
            .await
            .status,
        200
    );
    let told = told(&server).await;
    let last = told.last().unwrap();
    assert_eq!(
        (&*last.0, &last.1, &last.2),
        (
            "second_factor.removed",
            &json!(district.admin.id),
            &json!(district.committee.id)
        )
    );
    drop(device);
}

/// What whoever lacks a demanded factor may call: to set one up, to leave, to hand in work, and what asks for nobody's sign-in.
const ON_THE_DOORSTEP: [&str; 14] = [
    "GET /api/v1/about",
    "POST /api/v1/session",
    "DELETE /api/v1/session",
    "POST /api/v1/session/refresh",
    "POST /api/v1/session/key",
    "POST /api/v1/session/key/open",
    "GET /api/v1/second-factor",
    "POST /api/v1/second-factor",
    "POST /api/v1/second-factor/confirm",
    "POST /api/v1/second-factor/remove",
    "POST /api/v1/second-factor/passkeys",
    "POST /api/v1/second-factor/passkeys/finish",
    "POST /api/v1/second-factor/passkeys/{id}/remove",
    "POST /api/v1/enrolment",
];
/// The same for work from before.
const HANDS_IN: [&str; 2] = ["POST /api/v1/sync/push", "POST /api/v1/sync/sealed"];

/// A server whose operator demands second factors.
async fn demanding() -> TestServer {
    TestServer::start_changed(|app| app.second_factor = FactorRule::Demanded).await
}

/// Calls every URL of the API but those on the doorstep, without a body: the answers by route.
async fn everywhere(client: &Client) -> Vec<(String, Reply)> {
    let mut answers = Vec::new();
    for route in routes() {
        let (method, path) = route.split_once(' ').unwrap();
        let exempt = ON_THE_DOORSTEP.contains(&route.as_str()) || HANDS_IN.contains(&route.as_str());
        if exempt || !path.starts_with("/api/") || path.ends_with("/live") {
            continue;
        }
        let path = path.replace("{id}", &Uuid::nil().to_string());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        answers.push((route, client.send(client.request(method, &path)).await));
    }
    assert!(answers.len() > 25, "the table is walked");
    answers
}

/// How the live connection begins; it would stay open.
async fn live(client: &Client) -> u16 {
    let asked = client.request(Method::GET, "/api/v1/live").send().await;
    asked.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_office_role_without_the_demanded_factor_sets_one_up_and_does_nothing_else() {
    let server = demanding().await;
    let district = &server.district;
    for person in [&district.coordinator, &district.committee, &district.admin] {
        let client = server.sign_in(person).await;
        for (route, reply) in everywhere(&client).await {
            assert_eq!(
                reply.refusal(),
                (403, "second_factor.demanded".into()),
                "{} {route}",
                person.login
            );
        }
        assert_eq!(live(&client).await, 403);
        assert_eq!(client.get(FACTOR).await.json()["demanded"], true);
        set_up(&client).await;
        for (route, reply) in everywhere(&client).await {
            assert_ne!(reply.code(), "second_factor.demanded", "{} {route}", person.login);
        }
        assert_eq!(live(&client).await, 200);
    }
    for person in [&district.a, &district.zone_lead] {
        let client = server.sign_in(person).await;
        assert_eq!(client.get(FACTOR).await.json()["demanded"], false);
        assert_eq!(
            client.pull(&[]).await.status,
            200,
            "of {} none is demanded",
            person.login
        );
    }
}

#[tokio::test]
async fn work_from_before_a_factor_was_demanded_is_taken_meanwhile() {
    let server = demanding().await;
    let mut office = server.sign_in(&server.district.coordinator).await;
    let line = |note: &str| {
        let school = ("school", json!(server.district.schools[0]));
        let ops = new_record(Uuid::now_v7(), "visit", &[school, ("informed", json!(note))]);
        office.group(&server.district.bucket(0), GroupKind::Edit, ops)
    };
    let reply = office.push(&[line("before"), line("after")]).await;
    for nth in 0..2 {
        assert_eq!(reply.json()["outcomes"][nth]["outcome"], "applied", "{}", reply.text);
    }
    let key = json!({"key": "A".repeat(43)});
    let locked = office.post_json("/api/v1/session/key", &key).await;
    assert_eq!(locked.status, 200, "the safe is kept: {}", locked.text);
    let opened = office.post_json("/api/v1/session/key/open", &locked.json()).await;
    assert_eq!(opened.json(), key);
    assert_eq!(office.pull(&[]).await.refusal(), (403, "second_factor.demanded".into()));
    assert_eq!(office.refresh().await.status, 200);
    let left = office.send(office.request(Method::DELETE, "/api/v1/session")).await;
    assert_eq!(left.status, 204);
}

#[tokio::test]
async fn a_demanded_factor_stays_until_an_administrator_takes_it_away() {
    let server = demanding().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let (_, codes) = set_up(&office).await;
    let removal = json!({"password": PASSWORD, "code": codes[0]});
    let refused = office.post_json(&format!("{FACTOR}/remove"), &removal).await;
    assert_eq!(refused.refusal(), (409, "second_factor.last".into()));
    assert_eq!(
        office.get(FACTOR).await.json()["recovery_left"],
        8,
        "no code is lost by it"
    );
    // A zone lead's is their own affair.
    let lead = server.sign_in(&district.zone_lead).await;
    let (_, codes) = set_up(&lead).await;
    let removal = json!({"password": PASSWORD, "code": codes[0]});
    let removed = lead.post_json(&format!("{FACTOR}/remove"), &removal).await;
    assert_eq!(removed.status, 200, "{}", removed.text);

    let admin = server.sign_in(&district.admin).await;
    set_up(&admin).await;
    assert_eq!(office.pull(&[]).await.status, 200);
    let path = format!("/api/v1/people/{}/second-factor/remove", district.coordinator.id);
    let removed = admin.post_json(&path, &json!({"password": PASSWORD})).await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    assert_eq!(
        office.pull(&[]).await.refusal(),
        (403, "second_factor.demanded".into()),
        "felt by the next request"
    );
}

#[tokio::test]
async fn nobody_is_made_to_have_a_second_factor_and_supervisors_have_none() {
    let server = TestServer::start().await;
    for person in server.district.everybody() {
        // The body of a phone of last year: no `code` at all.
        let client = server.sign_in(person).await;
        let reply = client.post_json(FACTOR, &json!({"password": PASSWORD})).await;
        match person.roles[0].as_str() {
            "supervisor" => assert_eq!(reply.refusal(), (403, "forbidden".into())),
            _ => assert_eq!(reply.status, 200, "{}", person.login),
        }
        let unasked = sign_in(&server, &mut server.stranger(), &person.login, PASSWORD, Some("000000")).await;
        assert_eq!(unasked.status, 200, "a code that nobody asked for does not matter");
    }
    let client = server.sign_in(&server.district.a).await;
    let confirm = client
        .post_json(&format!("{FACTOR}/confirm"), &json!({"code": "000000"}))
        .await;
    assert_eq!(confirm.refusal(), (403, "forbidden".into()));
}

#[tokio::test]
async fn what_is_stored_of_a_second_factor_is_of_no_use_to_a_reader() {
    let server = TestServer::start().await;
    let admin = server.sign_in(&server.district.admin).await;
    let (device, codes) = set_up(&admin).await;
    let (sealed, hashes) = stored(&server).await;
    assert_eq!((sealed.len(), hashes.len()), (1, 8));
    assert!(!sealed[0].windows(8).any(|part| device.secret().starts_with(part)));
    for code in &codes {
        assert!(
            hashes
                .iter()
                .all(|hash| !String::from_utf8_lossy(hash).contains(&code[..4]))
        );
    }
    // A row put under another name opens for nobody: the office is told that something is wrong, and nobody is in.
    let coordinator = server.district.coordinator.id;
    server
        .execute(&format!(
            "INSERT INTO second_factor SELECT district_id, '{coordinator}', sealed, confirmed_at, 0 FROM second_factor"
        ))
        .await
        .unwrap();
    let reply = sign_in(
        &server,
        &mut server.stranger(),
        "office",
        PASSWORD,
        Some(&device.code(0)),
    )
    .await;
    assert_eq!(reply.refusal(), (500, "internal".into()));
}

/// The sealed secrets and the hashes of recovery codes.
async fn stored(server: &TestServer) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    use diesel::QueryDsl;
    use diesel_async::RunQueryDsl;
    use server::schema::{recovery_code, second_factor};
    let mut conn = server.connect().await;
    let sealed = second_factor::table.select(second_factor::sealed).load(&mut conn).await;
    let hashes = recovery_code::table
        .select(recovery_code::code_hash)
        .load(&mut conn)
        .await;
    (sealed.unwrap(), hashes.unwrap())
}
