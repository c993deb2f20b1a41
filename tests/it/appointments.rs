//! Somebody is appointed for a time: without it a supervisor has no school, at once and in both locks, and nothing they did is lost.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};
use server::auth::actor::today;
use tests::people::PASSWORD;
use tests::phone::Phone;
use tests::server::Reply;
use tests::{Client, TestServer};
use uuid::Uuid;

async fn ask(client: &Client, path: &str, mut body: Value) -> Reply {
    body["password"] = json!(PASSWORD);
    client.post_json(&format!("/api/v1/people{path}"), &body).await
}

fn term(from: NaiveDate, to: Option<NaiveDate>) -> Value {
    json!({"employment": "part", "from": from, "to": to, "decision_ref": "示例区教督〔2026〕1号"})
}

/// The newest appointment of somebody as the office sees it.
async fn newest(office: &Client, person: Uuid) -> Value {
    let listed = office.get("/api/v1/people").await.json();
    let people = listed["people"].as_array().unwrap();
    let found = people.iter().find(|one| one["id"] == json!(person)).unwrap();
    found["appointments"][0].clone()
}

fn schools(phone: &Phone) -> Vec<String> {
    let buckets = phone.replica.buckets().keys().map(ToString::to_string);
    buckets.filter(|bucket| bucket.starts_with("school/")).collect()
}

#[tokio::test]
async fn an_ended_appointment_takes_the_schools_at_once_and_what_was_kept_is_admitted_after_a_renewal() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let mut phone = Phone::of(&server, &district.a).await;
    let at = phone.start_visit(district.schools[0]);
    phone.answer(&at, "SF1.1", "yes");
    phone.sync().await.unwrap();
    let visit = format!("visits/{}", at.visit);
    assert_eq!(phone.get(&visit).await.unwrap().0, 200);
    let held = schools(&phone);
    assert_eq!(held.len(), 2);

    let open = newest(&office, district.a.id).await;
    assert_eq!((&open["from"], &open["to"]), (&json!("2020-01-01"), &Value::Null));
    let yesterday = today() - Days::new(1);
    let path = format!("/{}/appointments", district.a.id);
    let end = json!({"appointment": open["id"], "to": yesterday});
    let ended = ask(&office, &format!("{path}/end"), end.clone()).await;
    assert_eq!(
        ended.json()["appointments"][0]["to"],
        json!(yesterday),
        "{}",
        ended.text
    );
    assert_eq!(
        ended.json()["assignments"].as_array().unwrap().len(),
        2,
        "the assignments stay"
    );
    let again = ask(&office, &format!("{path}/end"), end).await;
    assert_eq!(again.refusal(), (404, "not_found".into()));

    // The very next request knows.
    assert_eq!(phone.get(&visit).await.unwrap().0, 404);
    phone.answer(&at, "SF1.2", "no");
    phone.sync().await.unwrap();
    assert_eq!(phone.set_aside(), ["scope.denied"]);
    assert_eq!(schools(&phone), [""; 0]);

    // Appointed anew: the schools come back, and the office lets in what waited.
    let renewed = ask(&office, &path, term(today(), Some(today() + Days::new(364)))).await;
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    assert_eq!(
        renewed.json()["appointments"][0]["decision_ref"],
        "示例区教督〔2026〕1号"
    );
    phone.sync().await.unwrap();
    assert_eq!(schools(&phone), held);
    let kept = office.get("/api/v1/quarantine").await.json();
    assert_eq!(kept["groups"].as_array().unwrap().len(), 1);
    let id = kept["groups"][0]["id"].as_str().unwrap();
    let admitted = office
        .post_json(&format!("/api/v1/quarantine/{id}/admit"), &json!({}))
        .await;
    assert_eq!(admitted.json()["outcome"], "applied", "{}", admitted.text);
    let ids = phone.replica.in_quarantine();
    phone.have(&ids).await.unwrap();
    phone.sync().await.unwrap();
    assert_eq!(phone.set_aside(), [""; 0]);
    let shown = phone.get(&visit).await.unwrap();
    assert!(shown.1.to_string().contains("SF1.2"), "{}", shown.1);

    let audit = office.get("/api/v1/audit").await.json();
    let events = audit["events"].as_array().unwrap();
    let whats: Vec<&str> = events.iter().filter_map(|event| event["what"].as_str()).collect();
    assert_eq!(whats, ["appointment.added", "appointment.ended"]);
    assert_eq!(events[0]["detail"]["employment"], "part");
    assert_eq!(events[1]["detail"], json!({"from": "2020-01-01", "to": yesterday}));
}

#[tokio::test]
async fn a_new_supervisor_is_appointed_in_the_same_step_and_the_schools_wait_for_the_first_day() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let add = async |login: &str, role: &str, appointment: Value| {
        let body = json!({
            "login": login, "name": "新督学", "roles": [role], "zone": district.zones[0], "appointment": appointment,
        });
        ask(&office, "", body).await
    };
    for (login, appointment, carried) in [
        ("now", term(today(), None), vec![district.bucket(0)]),
        ("later", term(today() + Days::new(1), None), vec![]),
        ("never", Value::Null, vec![]),
    ] {
        let added = add(login, "supervisor", appointment.clone()).await.json();
        let given = added["person"]["appointments"].as_array().unwrap().len();
        assert_eq!(given, usize::from(!appointment.is_null()), "{login}");
        let id = added["person"]["id"].as_str().unwrap();
        let school = json!({"school": district.schools[0], "from": today()});
        assert_eq!(ask(&office, &format!("/{id}/assignments"), school).await.status, 200);
        let mut phone = server.stranger();
        let choice = json!({"code": added["code"], "password": "eleven or so"});
        assert_eq!(phone.post_json("/api/v1/enrolment", &choice).await.status, 200);
        assert_eq!(phone.sign_in(login, "eleven or so").await.status, 200);
        let pulled = phone.pull(&[]).await.text;
        assert_eq!(
            pulled.contains(&district.bucket(0)),
            !carried.is_empty(),
            "{login}: {pulled}"
        );
    }
    for (login, role, appointment, told) in [
        ("x", "expert", term(today(), None), (409, "assignment.not_supervisor")),
        (
            "x",
            "supervisor",
            term(today(), Some(today() - Days::new(1))),
            (400, "value.invalid"),
        ),
    ] {
        let reply = add(login, role, appointment).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()), "{role}");
    }
    assert!(!office.get("/api/v1/people").await.text.contains("\"login\":\"x\""));
}

#[tokio::test]
async fn an_appointment_may_be_taken_back_and_be_given_anew_for_the_same_days() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let path = format!("/{}/appointments", district.c.id);
    let open = newest(&office, district.c.id).await;
    let last = json!({"appointment": open["id"], "to": today()});
    assert_eq!(ask(&office, &format!("{path}/end"), last).await.status, 200);
    let (from, to) = (today() + Days::new(1), today() + Days::new(365));
    let next = ask(&office, &path, term(from, Some(to))).await;
    let id = next.json()["appointments"][0]["id"].clone();
    let ending = |to: NaiveDate| json!({"appointment": id, "to": to});
    let early = ask(&office, &format!("{path}/end"), ending(from - Days::new(2))).await;
    assert_eq!(early.refusal(), (400, "value.invalid".into()));
    let longer = ask(&office, &format!("{path}/end"), ending(to + Days::new(1))).await;
    assert_eq!(longer.refusal(), (404, "not_found".into()), "this makes none longer");
    let overlapping = ask(&office, &path, term(to, None)).await;
    assert_eq!(overlapping.refusal(), (409, "appointment.overlaps".into()));
    let back = ask(&office, &format!("{path}/end"), ending(from - Days::new(1))).await;
    assert_eq!(back.status, 200, "{}", back.text);
    assert_eq!(ask(&office, &path, term(from, None)).await.status, 200);
}

#[tokio::test]
async fn odd_appointments_are_refused_by_name() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let c = district.c.id;
    let good = || term(today(), None);
    let with = |name: &str, value: Value| {
        let mut body = good();
        body[name] = value;
        body
    };
    for (person, body, told) in [
        (c, good(), (409, "appointment.overlaps")),
        (c, with("employment", json!("half")), (400, "value.invalid")),
        (c, with("from", json!("2026-02-30")), (400, "value.invalid")),
        (c, with("to", json!(today() - Days::new(1))), (400, "value.invalid")),
        (c, with("decision_ref", json!("号".repeat(201))), (400, "value.invalid")),
        (c, with("decision_ref", json!("a\u{202e}b")), (400, "value.invalid")),
        (c, with("role", json!("supervisor")), (400, "json.malformed")),
        (Uuid::new_v4(), good(), (404, "not_found")),
        (district.zone_lead.id, good(), (409, "assignment.not_supervisor")),
        (district.admin.id, good(), (403, "person.admin_only")),
        (district.coordinator.id, good(), (403, "person.yourself")),
    ] {
        let reply = ask(&office, &format!("/{person}/appointments"), body.clone()).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()), "{body}");
    }
    let end = json!({"appointment": newest(&office, district.a.id).await["id"], "to": today()});
    let path = format!("/{c}/appointments/end");
    let of_another = ask(&office, &path, end.clone()).await;
    assert_eq!(of_another.refusal(), (404, "not_found".into()));
    let mut wrong = good();
    wrong["password"] = json!("wrong");
    let reply = office
        .post_json(&format!("/api/v1/people/{c}/appointments"), &wrong)
        .await;
    assert_eq!(reply.refusal(), (403, "password.wrong".into()));
    let colleague = server.sign_in(&district.b).await;
    for (path, body) in [(format!("/{c}/appointments"), good()), (path, end)] {
        assert_eq!(ask(&colleague, &path, body).await.refusal(), (403, "forbidden".into()));
    }
}
