//! People managed in the office: accounts, roles, schools and phones, effective at once, and told in the audit.

use chrono::Days;
use reqwest::Method;
use serde_json::{Value, json};
use server::auth::actor::today;
use sync_protocol::GroupKind;
use tests::people::PASSWORD;
use tests::server::{Reply, new_record};
use tests::{Client, TestServer};
use uuid::Uuid;

const PEOPLE: &str = "/api/v1/people";
const ENROLMENT: &str = "/api/v1/enrolment";
const CHOSEN: &str = "eleven or so";

/// Asks for a change with the acting person's password.
async fn ask(client: &Client, path: &str, mut body: Value) -> Reply {
    body["password"] = json!(PASSWORD);
    client.post_json(path, &body).await
}

fn of(person: impl std::fmt::Display) -> String {
    format!("{PEOPLE}/{person}")
}

/// A new person's id and the code of their link.
async fn added(client: &Client, login: &str, roles: &[&str], zone: Option<Uuid>) -> (String, String) {
    let body = json!({"login": login, "name": format!("新 {login}"), "roles": roles, "zone": zone});
    let reply = ask(client, PEOPLE, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let reply = reply.json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&reply["person"]["id"]), text(&reply["code"]))
}

async fn choose(server: &TestServer, code: &str, password: &str) -> Reply {
    let body = json!({"code": code, "password": password});
    server.stranger().post_json(ENROLMENT, &body).await
}

/// The buckets a client carries, and of those it names the ones it may no longer read.
async fn scope(client: &Client, named: &[String]) -> (Vec<String>, Vec<String>) {
    let reply = client.pull(named).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let lines = reply
        .text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let scope = lines.into_iter().find_map(|line| line.get("scope").cloned());
    let scope = scope.unwrap_or_default();
    let list = |name: &str| {
        let buckets = scope[name].as_array().cloned().unwrap_or_default();
        let schools = buckets
            .iter()
            .filter_map(Value::as_str)
            .filter(|id| id.starts_with("school/"));
        schools.map(str::to_owned).collect()
    };
    (list("add"), list("remove"))
}

#[tokio::test]
async fn a_new_supervisor_chooses_a_password_and_sees_exactly_the_assigned_schools() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let (id, code) = added(&office, "new.one", &["supervisor"], Some(district.zones[0])).await;
    assert!(code.len() >= 22, "128 random bits or more: {code}");
    let term = json!({"employment": "part", "from": today()});
    let appointed = ask(&office, &format!("{}/appointments", of(&id)), term).await;
    assert_eq!(appointed.status, 200, "{}", appointed.text);
    let body = json!({"school": district.schools[0], "from": today()});
    let assigned = ask(&office, &format!("{}/assignments", of(&id)), body).await;
    assert_eq!(assigned.status, 200, "{}", assigned.text);
    assert_eq!(assigned.json()["assignments"][0]["school"], json!(district.schools[0]));

    let listed = office.get(PEOPLE).await.json();
    let find = |listed: &Value| {
        let people = listed["people"].as_array().unwrap();
        people.iter().find(|person| person["id"] == json!(id)).cloned().unwrap()
    };
    let before = find(&listed);
    assert_eq!(
        (&before["enrolled"], &before["status"]),
        (&json!(false), &json!("active"))
    );
    assert!(before["link_until"].is_string());
    assert_eq!(listed["schools"].as_array().unwrap().len(), 3);
    assert!(!listed.to_string().contains(&code), "the code is shown once");
    let mut phone = server.stranger();
    assert_eq!(
        phone.sign_in("new.one", "").await.code(),
        "value.invalid",
        "no password is not an empty one"
    );
    assert_eq!(
        phone.sign_in("new.one", CHOSEN).await.refusal(),
        (401, "session.refused".into())
    );

    let chosen = choose(&server, &code, CHOSEN).await;
    assert_eq!(
        (chosen.status.as_u16(), chosen.json()),
        (200, json!({"login": "new.one"})),
        "{}",
        chosen.text
    );
    let session = phone.sign_in("new.one", CHOSEN).await;
    assert_eq!(session.status, 200, "{}", session.text);
    assert_eq!(session.json()["person"]["name"], "新 new.one");
    assert_eq!(scope(&phone, &[]).await.0, [district.bucket(0)]);
    assert!(
        phone.pull(&[]).await.text.contains("新 new.one"),
        "phones carry the name"
    );
    let after = find(&office.get(PEOPLE).await.json());
    assert_eq!((&after["enrolled"], &after["link_until"]), (&json!(true), &Value::Null));
    assert_eq!(after["devices"][0]["state"], "active");

    // The duty ends: the next pull takes the school away.
    let yesterday = today().checked_sub_days(Days::new(1)).unwrap();
    let end = json!({"school": district.schools[0], "from": today(), "to": yesterday});
    let ended = ask(&office, &format!("{}/assignments/end", of(&id)), end.clone()).await;
    assert_eq!(ended.status, 200, "{}", ended.text);
    assert_eq!(
        scope(&phone, &[district.bucket(0)]).await,
        (vec![], vec![district.bucket(0)])
    );
    let again = ask(&office, &format!("{}/assignments/end", of(&id)), end).await;
    assert_eq!(again.refusal(), (404, "not_found".into()));
    // And it may begin anew on the very day.
    let anew = json!({"school": district.schools[0], "from": today()});
    let path = format!("{}/assignments", of(&id));
    assert_eq!(ask(&office, &path, anew.clone()).await.status, 200);
    assert_eq!(
        ask(&office, &path, anew).await.refusal(),
        (409, "assignment.overlaps".into())
    );
    assert_eq!(scope(&phone, &[]).await.0, [district.bucket(0)]);
}

#[tokio::test]
async fn a_link_works_once_and_not_when_it_is_old_replaced_or_wrong() {
    let server = TestServer::start().await;
    let office = server.sign_in(&server.district.coordinator).await;
    let unusable = (404, "enrolment.unusable".to_owned());
    let (id, first) = added(&office, "twice", &["expert"], None).await;
    assert_eq!(
        choose(&server, &first, "short").await.refusal(),
        (400, "password.short".into())
    );
    assert_eq!(
        choose(&server, &first, "             ").await.refusal(),
        (400, "password.blank".into())
    );
    assert_eq!(choose(&server, &first, CHOSEN).await.status, 200);
    assert_eq!(choose(&server, &first, CHOSEN).await.refusal(), unusable);

    let path = format!("{}/enrolment", of(&id));
    let link = async || {
        let reply = ask(&office, &path, json!({})).await.json();
        reply["code"].as_str().expect("a code").to_owned()
    };
    let (replaced, second) = (link().await, link().await);
    assert_eq!(choose(&server, &replaced, CHOSEN).await.refusal(), unusable);
    server
        .execute("UPDATE enrolment SET expires_at = now() - interval '1 second'")
        .await
        .unwrap();
    assert_eq!(choose(&server, &second, CHOSEN).await.refusal(), unusable);

    // Whoever forgot the password gets a link: what the old one opened ends, and only once the new one is chosen.
    let mut phone = server.stranger();
    assert_eq!(phone.sign_in("twice", CHOSEN).await.status, 200);
    let third = link().await;
    assert_eq!(phone.pull(&[]).await.status, 200, "a link disables nothing by itself");
    assert_eq!(choose(&server, &third, "another password").await.status, 200);
    assert_eq!(phone.pull(&[]).await.refusal(), (401, "session.expired".into()));
    assert_eq!(phone.sign_in("twice", CHOSEN).await.code(), "session.refused");
    assert_eq!(phone.sign_in("twice", "another password").await.status, 200);

    let (_, code) = added(&office, "long-login-name", &["expert"], None).await;
    assert_eq!(
        choose(&server, &code, "Long-Login-Name").await.refusal(),
        (400, "password.is_login".into())
    );
    assert_eq!(
        choose(&server, &code, CHOSEN).await.status,
        200,
        "a refused password does not use it up"
    );
}

#[tokio::test]
async fn a_hostile_choice_is_refused_by_name_and_never_repeated() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    let long = "x".repeat(1001);
    for (body, told) in [
        (json!(["code", "password"]), (400, "json.malformed")),
        (json!({"code": "echo-71c2"}), (400, "json.malformed")),
        (json!({"code": "echo-71c2", "password": 1}), (400, "json.malformed")),
        (
            json!({"code": "echo-71c2", "password": CHOSEN, "login": "a"}),
            (400, "json.malformed"),
        ),
        (json!({"code": "echo-71c2\0", "password": CHOSEN}), (400, "text.nul")),
        (
            json!({"code": "echo-71c2".repeat(20), "password": CHOSEN}),
            (400, "value.invalid"),
        ),
        (json!({"code": "echo-71c2", "password": long}), (400, "value.invalid")),
        (json!({"code": "", "password": CHOSEN}), (404, "enrolment.unusable")),
        (
            json!({"code": "echo-71c2' OR '1'='1", "password": CHOSEN}),
            (404, "enrolment.unusable"),
        ),
    ] {
        let reply = stranger.post_json(ENROLMENT, &body).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()), "{body}");
        assert!(!reply.text.contains("echo-71c2"), "{}", reply.text);
    }
    let other_site = stranger
        .request(Method::POST, ENROLMENT)
        .header("sec-fetch-site", "cross-site");
    assert_eq!(stranger.send(other_site).await.refusal(), (403, "csrf".into()));
}

#[tokio::test]
async fn guessing_links_is_slowed_down() {
    let server = TestServer::start().await;
    let mut told = Vec::new();
    for _ in 0..7 {
        told.push(choose(&server, "no-such-code", CHOSEN).await.code());
    }
    assert_eq!(told[0], "enrolment.unusable");
    assert_eq!(told[6], "session.too_many_tries");
}

#[tokio::test]
async fn changed_roles_refuse_the_old_token_at_once_and_reach_the_phones() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let mut b = server.sign_in(&district.b).await;
    let a = server.sign_in(&district.a).await;
    let path = of(district.b.id);
    let renamed = ask(&office, &path, json!({"name": "更名"})).await;
    assert_eq!(renamed.json()["name"], "更名", "{}", renamed.text);
    assert_eq!(b.pull(&[]).await.status, 200, "a name is no right");
    assert!(a.pull(&[]).await.text.contains("更名"));
    assert_eq!(ask(&office, &path, json!({"name": "再更名"})).await.status, 200);
    let carried = a.pull(&[]).await.text;
    assert!(carried.contains("再更名"), "{carried}");
    assert!(
        !carried.contains("\"更名\""),
        "the new name takes the place of the old one"
    );

    let made = ask(&office, &path, json!({"roles": ["committee"], "zone": null})).await;
    assert_eq!(
        (&made.json()["roles"], &made.json()["zone"]),
        (&json!(["committee"]), &Value::Null)
    );
    assert_eq!(b.pull(&[]).await.refusal(), (401, "token.stale".into()));
    assert_eq!(b.refresh().await.status, 200);
    assert_eq!(b.get("/api/v1/results?month=2026-11").await.status, 200);
    assert!(a.pull(&[]).await.text.contains("committee"));
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_still_hands_in_work() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let mut a = server.sign_in(&district.a).await;
    let (path, link) = (of(district.a.id), format!("{}/enrolment", of(district.a.id)));
    let code = ask(&office, &link, json!({})).await.json()["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let reply = ask(&office, &path, json!({"status": "disabled"})).await;
    assert_eq!(reply.json()["status"], "disabled", "{}", reply.text);
    assert_eq!(a.pull(&[]).await.refusal(), (401, "person.disabled".into()));
    assert_eq!(a.refresh().await.refusal(), (401, "person.disabled".into()));
    assert_eq!(choose(&server, &code, CHOSEN).await.code(), "enrolment.unusable");
    let work = a.group(
        &district.bucket(0),
        GroupKind::Edit,
        new_record(Uuid::new_v4(), "visit", &[]),
    );
    let handed_in = a.push(&[work]).await;
    assert_eq!(
        handed_in.json()["outcomes"][0]["outcome"],
        "quarantined",
        "{}",
        handed_in.text
    );
    assert_eq!(ask(&office, &path, json!({"status": "active"})).await.status, 200);
    assert_eq!(a.refresh().await.status, 200);
    assert_eq!(a.pull(&[]).await.status, 200);
}

#[tokio::test]
async fn a_phone_reported_lost_is_out_and_the_other_is_not() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let mut lost = server.sign_in(&district.a).await;
    let other = server.sign_in(&district.a).await;
    let whose = json!({"person": district.a.id});
    let revoke = format!("/api/v1/devices/{}/revoke", lost.device);
    let reply = ask(&office, &revoke, whose.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(lost.pull(&[]).await.refusal(), (401, "device.revoked".into()));
    assert_eq!(lost.refresh().await.refusal(), (401, "device.revoked".into()));
    assert_eq!(other.pull(&[]).await.status, 200);
    // What is on the phone may still come, even after a new password was chosen because of the loss.
    let link = format!("{}/enrolment", of(district.a.id));
    let code = ask(&office, &link, json!({})).await.json()["code"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(choose(&server, &code, CHOSEN).await.status, 200);
    assert_eq!(other.pull(&[]).await.code(), "session.expired");
    let work = lost.group(
        &district.bucket(0),
        GroupKind::Edit,
        new_record(Uuid::new_v4(), "visit", &[]),
    );
    assert_eq!(lost.push(&[work]).await.json()["outcomes"][0]["outcome"], "quarantined");

    for (device, person) in [(lost.device, district.b.id), (Uuid::new_v4(), district.a.id)] {
        let path = format!("/api/v1/devices/{device}/revoke");
        let reply = ask(&office, &path, json!({"person": person})).await;
        assert_eq!(reply.refusal(), (404, "not_found".into()));
    }
    let restore = format!("/api/v1/devices/{}/restore", lost.device);
    assert_eq!(ask(&office, &restore, whose).await.status, 200);
    assert_eq!(lost.refresh().await.status, 200, "found again, its sign-in goes on");
    let mine = format!("/api/v1/devices/{}/revoke", office.device);
    let reply = ask(&office, &mine, json!({"person": district.coordinator.id})).await;
    assert_eq!(reply.refusal(), (403, "person.yourself".into()));
}

#[tokio::test]
async fn the_office_sees_what_would_be_lost_with_a_phone() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let phone = server.sign_in(&district.a).await;
    let pending = async || {
        let page = office.get("/api/v1/people").await.json();
        let people = page["people"].as_array().expect("people").clone();
        let person = people.into_iter().find(|one| one["id"] == district.a.id.to_string());
        person.expect("they are listed")["devices"][0]["pending"].clone()
    };
    assert_eq!(pending().await, 0);
    let pull = json!({"protocol": 1, "epoch": null, "want": {}, "at": {}, "budget": 1000, "acked": [], "mend": {}});
    for (said, known) in [
        ("12", 12),
        ("3", 3),
        ("-1", 3),
        ("many", 3),
        ("0", 0),
        ("4294967295", i32::MAX),
    ] {
        let asked = phone.request(Method::POST, "/api/v1/sync/pull");
        let reply = phone.send(asked.header("X-Duxing-Pending", said).json(&pull)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(pending().await, known, "{said}");
    }
}

#[tokio::test]
async fn a_phone_reported_lost_is_lost_for_everybody_who_used_it() {
    let server = TestServer::start().await;
    let district = server.district.clone();
    let office = server.sign_in(&district.coordinator).await;
    let mut first = server.sign_in(&district.a).await;
    let mut second = server.stranger();
    second.device = first.device;
    assert_eq!(second.sign_in(&district.b.login, PASSWORD).await.status, 200);
    let device = first.device;
    let path = |what: &str| format!("/api/v1/devices/{device}/{what}");
    let lost = ask(&office, &path("revoke"), json!({"person": district.a.id})).await;
    assert_eq!(lost.status, 200, "{}", lost.text);
    for client in [&mut first, &mut second] {
        assert_eq!(client.refresh().await.refusal(), (401, "device.revoked".into()));
    }
    // Found again: each is let in again by name.
    let found = ask(&office, &path("restore"), json!({"person": district.b.id})).await;
    assert_eq!(found.status, 200, "{}", found.text);
    assert_eq!(second.refresh().await.status, 200);
    assert_eq!(first.refresh().await.refusal(), (401, "device.revoked".into()));
}

#[tokio::test]
async fn every_change_asks_for_the_password_again_and_guessing_it_is_slowed_down() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let changes = changes(&server);
    for (path, body) in &changes[..4] {
        let mut body = body.clone();
        body["password"] = json!("not this one");
        assert_eq!(
            office.post_json(path, &body).await.refusal(),
            (403, "password.wrong".into()),
            "{path}"
        );
    }
    for (path, body) in &changes {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove("password");
        assert_eq!(
            office.post_json(path, &body).await.refusal(),
            (400, "json.malformed".into()),
            "{path}"
        );
    }
    let mut told = Vec::new();
    for _ in 0..4 {
        let body = json!({"name": "x", "password": "not this one"});
        told.push(office.post_json(&of(district.a.id), &body).await.code());
    }
    assert_eq!(told.last().unwrap(), "session.too_many_tries", "{told:?}");
    let audit = office.get("/api/v1/audit").await.json();
    assert_eq!(audit["events"], json!([]), "nothing was changed");
}

/// Every changing call with a good body for the coordinator.
fn changes(server: &TestServer) -> Vec<(String, Value)> {
    let district = &server.district;
    let (a, school) = (district.a.id, district.schools[2]);
    let device = Uuid::new_v4();
    vec![
        (
            PEOPLE.into(),
            json!({"login": "x", "name": "x", "roles": ["expert"], "zone": null, "password": PASSWORD}),
        ),
        (of(a), json!({"name": "x", "password": PASSWORD})),
        (format!("{}/enrolment", of(a)), json!({"password": PASSWORD})),
        (
            format!("{}/assignments", of(a)),
            json!({"school": school, "from": today(), "password": PASSWORD}),
        ),
        (
            format!("{}/assignments/end", of(a)),
            json!({"school": district.schools[0], "from": today(), "to": today(), "password": PASSWORD}),
        ),
        (
            format!("/api/v1/devices/{device}/revoke"),
            json!({"person": a, "password": PASSWORD}),
        ),
        (
            format!("/api/v1/devices/{device}/restore"),
            json!({"person": a, "password": PASSWORD}),
        ),
    ]
}

#[tokio::test]
async fn nobody_but_the_office_sees_or_changes_people() {
    let server = TestServer::start().await;
    let district = &server.district;
    server
        .execute(&format!(
            "INSERT INTO person (district_id, id, login, password_hash, name, roles) \
             SELECT district_id, gen_random_uuid(), role, password_hash, role, ARRAY[role] FROM person, \
             unnest('{{department,school,expert,third_party}}'::text[]) AS role WHERE login = '{}'",
            district.a.login
        ))
        .await
        .unwrap();
    let logins = [
        "a",
        "c",
        "lead",
        "other-lead",
        "committee",
        "department",
        "school",
        "expert",
        "third_party",
    ];
    for login in logins {
        let mut client = server.stranger();
        assert_eq!(client.sign_in(login, PASSWORD).await.status, 200, "{login}");
        for path in [PEOPLE, "/api/v1/audit"] {
            assert_eq!(
                client.get(path).await.refusal(),
                (403, "forbidden".into()),
                "{login} {path}"
            );
        }
        for (path, body) in changes(&server) {
            let reply = client.post_json(&path, &body).await;
            assert_eq!(reply.refusal(), (403, "forbidden".into()), "{login} {path}");
        }
    }
    for (path, body) in changes(&server) {
        let reply = server.stranger().post_json(&path, &body).await;
        assert_eq!(reply.refusal(), (401, "token.missing".into()), "{path}");
    }
    let office = server.sign_in(&district.coordinator).await;
    assert_eq!(office.get("/api/v1/audit").await.json()["events"], json!([]));
    // An administrator manages people and sees nothing of the work.
    let admin = server.sign_in(&district.admin).await;
    assert_eq!(admin.get(PEOPLE).await.status, 200);
    assert_eq!(
        admin.get("/api/v1/results?month=2026-11").await.refusal(),
        (403, "forbidden".into())
    );
    assert_eq!(
        scope(&admin, &[district.bucket(0)]).await,
        (vec![], vec![district.bucket(0)])
    );
}

#[tokio::test]
async fn a_coordinator_makes_no_administrators_and_the_last_one_stays() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let admin = server.sign_in(&district.admin).await;
    let admin_only = (403, "person.admin_only".to_owned());
    let body = json!({"login": "x", "name": "x", "roles": ["admin"], "zone": null});
    assert_eq!(ask(&office, PEOPLE, body).await.refusal(), admin_only);
    let roles = json!({"roles": ["supervisor", "admin"]});
    assert_eq!(ask(&office, &of(district.a.id), roles).await.refusal(), admin_only);
    let admins = of(district.admin.id);
    for (path, body) in [
        (admins.clone(), json!({"status": "disabled"})),
        (format!("{admins}/enrolment"), json!({})),
        (
            format!("/api/v1/devices/{}/revoke", admin.device),
            json!({"person": district.admin.id}),
        ),
    ] {
        assert_eq!(ask(&office, &path, body).await.refusal(), admin_only, "{path}");
    }

    let yourself = (403, "person.yourself".to_owned());
    for change in [
        json!({"status": "disabled"}),
        json!({"roles": ["supervisor"]}),
        json!({"roles": ["coordinator", "committee"]}),
    ] {
        assert_eq!(
            ask(&office, &of(district.coordinator.id), change).await.refusal(),
            yourself
        );
    }
    // A second administrator who has not chosen a password yet is none.
    let (second, code) = added(&admin, "second", &["admin", "coordinator"], None).await;
    let step_back = json!({"roles": ["coordinator"]});
    assert_eq!(choose(&server, &code, CHOSEN).await.status, 200);
    let mut second_admin = server.stranger();
    assert_eq!(second_admin.sign_in("second", CHOSEN).await.status, 200);
    let with_own = async |path: String, mut body: Value| {
        body["password"] = json!(CHOSEN);
        second_admin.post_json(&path, &body).await
    };
    server
        .execute("UPDATE person SET password_hash = NULL WHERE login = 'admin'")
        .await
        .unwrap();
    let reply = with_own(of(&second), step_back.clone()).await;
    assert_eq!(reply.refusal(), (409, "person.last_admin".into()));
    let reply = with_own(admins.clone(), json!({"status": "disabled"})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let reply = with_own(of(&second), step_back).await;
    assert_eq!(reply.refusal(), (409, "person.last_admin".into()));
}

#[tokio::test]
async fn two_administrators_who_disable_each_other_at_once_do_not_leave_the_district_alone() {
    let server = TestServer::start().await;
    let admin = server.sign_in(&server.district.admin).await;
    let (second, code) = added(&admin, "second", &["admin"], None).await;
    assert_eq!(choose(&server, &code, PASSWORD).await.status, 200);
    let mut other = server.stranger();
    assert_eq!(other.sign_in("second", PASSWORD).await.status, 200);
    let (mine, theirs) = (of(server.district.admin.id), of(&second));
    let disable = || json!({"status": "disabled"});
    let (one, two) = tokio::join!(ask(&admin, &theirs, disable()), ask(&other, &mine, disable()));
    let mut told = [one.refusal(), two.refusal()];
    told.sort();
    assert_eq!(told[0], (200, String::new()), "{told:?}");
    assert!([401, 403].contains(&told[1].0), "{told:?}");
}

#[tokio::test]
async fn odd_accounts_are_refused_by_name() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let new = |login: &str, name: &str, roles: Value, zone: Value| json!({"login": login, "name": name, "roles": roles, "zone": zone});
    let expert = || json!(["expert"]);
    let none = Value::Null;
    for (body, told) in [
        (new("A", "x", expert(), none.clone()), (409, "person.login_taken")),
        (new("", "x", expert(), none.clone()), (400, "value.invalid")),
        (new("a b", "x", expert(), none.clone()), (400, "value.invalid")),
        (new("张三", "x", expert(), none.clone()), (400, "value.invalid")),
        (
            new(&"x".repeat(65), "x", expert(), none.clone()),
            (400, "value.invalid"),
        ),
        (new("n", "", expert(), none.clone()), (400, "value.invalid")),
        (new("n", " x", expert(), none.clone()), (400, "value.invalid")),
        (new("n", "a\u{202e}b", expert(), none.clone()), (400, "value.invalid")),
        (
            new("n", &"长".repeat(101), expert(), none.clone()),
            (400, "value.invalid"),
        ),
        (new("n", "a\0b", expert(), none.clone()), (400, "text.nul")),
        (new("n", "x", json!([]), none.clone()), (400, "value.invalid")),
        (new("n", "x", json!(["king"]), none.clone()), (400, "value.invalid")),
        (
            new("n", "x", json!(["expert", "expert"]), none.clone()),
            (400, "value.invalid"),
        ),
        (new("n", "x", json!("expert"), none.clone()), (400, "json.malformed")),
        (
            new("n", "x", json!(["zone_lead"]), none.clone()),
            (400, "person.zone_missing"),
        ),
        (new("n", "x", expert(), json!(Uuid::new_v4())), (404, "not_found")),
        (new("n", "x", expert(), json!("first")), (400, "json.malformed")),
    ] {
        let reply = ask(&office, PEOPLE, body.clone()).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()), "{body}");
    }
    let (a, expert) = (of(district.a.id), added(&office, "expert-1", &["expert"], None).await.0);
    let school = |school: Uuid, from: &str| json!({"school": school, "from": from});
    let day = today().to_string();
    for (path, body, told) in [
        (of(Uuid::new_v4()), json!({"name": "x"}), (404, "not_found")),
        (of("nonsense"), json!({"name": "x"}), (404, "not_found")),
        (a.clone(), json!({"status": "king"}), (400, "value.invalid")),
        (a.clone(), json!({"stamp": 1}), (400, "json.malformed")),
        (a.clone(), json!({"zone": Uuid::new_v4()}), (404, "not_found")),
        (
            format!("{a}/assignments"),
            school(Uuid::new_v4(), &day),
            (404, "not_found"),
        ),
        (
            format!("{a}/assignments"),
            school(district.schools[2], "2026-02-30"),
            (400, "value.invalid"),
        ),
        (
            format!("{a}/assignments"),
            school(district.schools[2], "1969-01-01"),
            (400, "value.invalid"),
        ),
        (
            format!("{a}/assignments"),
            school(district.schools[0], &day),
            (409, "assignment.overlaps"),
        ),
        (
            format!("{}/assignments", of(expert)),
            school(district.schools[0], &day),
            (409, "assignment.not_supervisor"),
        ),
    ] {
        let reply = ask(&office, &path, body.clone()).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()), "{path} {body}");
    }
    for query in ["?before=x", "?after=1", "?before=1&before=2"] {
        let reply = office.get(&format!("/api/v1/audit{query}")).await;
        assert_eq!(reply.refusal(), (400, "query.malformed".into()), "{query}");
    }
    let gone = office.send(office.request(Method::DELETE, &a)).await;
    assert_eq!(gone.refusal(), (405, "method".into()), "nobody is deleted");
}

#[tokio::test]
async fn whoever_the_command_line_adds_is_told_in_the_audit_and_signs_in_with_the_printed_password() {
    let server = TestServer::start().await;
    let pool = server::db::connect(&server.database_url, 1).unwrap();
    let password = server::people::add(&pool, "added", "命令行新增", &["admin", "supervisor"], None)
        .await
        .unwrap();
    let mut admin = server.stranger();
    assert_eq!(admin.sign_in("added", &password).await.status, 200);
    let events = admin.get("/api/v1/audit").await.json()["events"].clone();
    assert_eq!(
        (&events[1]["what"], &events[1]["actor_name"]),
        (&json!("person.added"), &Value::Null)
    );
    assert_eq!(events[0]["what"], "appointment.added");
    let listed = admin.get(PEOPLE).await.json();
    let people = listed["people"].as_array().unwrap();
    let added = people.iter().find(|person| person["login"] == "added").unwrap();
    assert_eq!(
        (&added["appointments"][0]["from"], &added["appointments"][0]["to"]),
        (&json!(today()), &Value::Null)
    );
    assert!(!events.to_string().contains(&password));
}

#[tokio::test]
async fn the_audit_tells_who_changed_what_and_names_an_edited_row() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let (id, code) = added(&office, "told", &["supervisor"], Some(district.zones[0])).await;
    assert_eq!(choose(&server, &code, CHOSEN).await.status, 200);
    let assign = json!({"school": district.schools[0], "from": today()});
    assert_eq!(
        ask(&office, &format!("{}/assignments", of(&id)), assign).await.status,
        200
    );
    assert_eq!(ask(&office, &of(&id), json!({"status": "disabled"})).await.status, 200);
    assert_eq!(
        ask(&office, &of(&id), json!({"status": "disabled"})).await.status,
        200,
        "nothing new"
    );
    let page = office.get("/api/v1/audit").await;
    assert!(
        !page.text.contains(&code) && !page.text.contains(CHOSEN),
        "no secrets: {}",
        page.text
    );
    let page = page.json();
    let events = page["events"].as_array().unwrap();
    let whats: Vec<&str> = events.iter().filter_map(|event| event["what"].as_str()).collect();
    assert_eq!(
        whats,
        [
            "person.changed",
            "assignment.added",
            "enrolment.used",
            "enrolment.opened",
            "person.added"
        ]
    );
    assert_eq!(events[0]["detail"], json!({"status": ["active", "disabled"]}));
    assert_eq!(events[0]["actor_name"], district.coordinator.name.as_str());
    assert_eq!(
        (&events[2]["actor"], &events[2]["subject_name"]),
        (&json!(id), &json!("新 told"))
    );
    let older = office.get("/api/v1/audit?before=2").await.json();
    assert_eq!(
        (older["events"].as_array().unwrap().len(), &older["more"]),
        (1, &json!(false))
    );

    let verify = async || {
        let mut conn = server.connect().await;
        server::store::audit::verify(&mut conn).await.unwrap()
    };
    let whole = verify().await;
    assert!(whole.broken.is_empty() && whole.events == 5, "{whole:?}");
    for (edit, told) in [
        (
            "DELETE FROM audit_event WHERE seq = 5",
            "ends at event 4 and says that it is at 5",
        ),
        (
            "UPDATE audit_event SET detail = '{\"status\": [\"disabled\", \"active\"]}' WHERE seq = 4",
            "event 4 is not",
        ),
        (
            "UPDATE audit_event SET at = at + interval '1 microsecond' WHERE seq = 3",
            "event 3 is not",
        ),
        ("DELETE FROM audit_event WHERE seq = 2", "event 2 is missing"),
        (
            "UPDATE audit_event SET actor = gen_random_uuid() WHERE seq = 1",
            "event 1 is not",
        ),
    ] {
        server.execute(edit).await.unwrap();
        let found = verify().await;
        assert!(
            found.broken.len() == 1 && found.broken[0].contains(told),
            "{edit}: {found:?}"
        );
    }
}
