//! Somebody keeps away from a school: at once, in both locks, for as long as it lasts.

use chrono::Days;
use serde_json::{Value, json};
use server::auth::actor::today;
use tests::people::PASSWORD;
use tests::phone::Phone;
use tests::server::Reply;
use tests::{Client, TestServer};
use uuid::Uuid;

async fn ask(client: &Client, person: Uuid, what: &str, mut body: Value) -> Reply {
    body["password"] = json!(PASSWORD);
    client
        .post_json(&format!("/api/v1/people/{person}/{what}"), &body)
        .await
}

fn from_today(school: Uuid) -> Value {
    json!({"school": school, "reason": "kin", "from": today(), "to": null})
}

#[tokio::test]
async fn a_recused_supervisor_is_out_of_the_school_at_once_and_what_they_send_is_kept_for_the_office() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let mut phone = Phone::of(&server, &district.a).await;
    let at = phone.start_visit(district.schools[0]);
    phone.answer(&at, "SF1.1", "yes");
    phone.sync().await.unwrap();
    let visit = format!("visits/{}", at.visit);
    assert_eq!(phone.get(&visit).await.unwrap().0, 200);

    let reply = ask(&office, district.a.id, "recusals", from_today(district.schools[0])).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let shown = reply.json()["recusals"][0].clone();
    assert_eq!(
        (&shown["school"], &shown["reason"], &shown["to"]),
        (&json!(district.schools[0]), &json!("kin"), &Value::Null)
    );
    assert_eq!(
        reply.json()["assignments"].as_array().unwrap().len(),
        2,
        "the assignments stay"
    );
    // The very next request knows.
    assert_eq!(phone.get(&visit).await.unwrap().0, 404);
    phone.answer(&at, "SF1.2", "no");
    phone.sync().await.unwrap();
    assert_eq!(phone.set_aside().len(), 1, "{:?}", phone.set_aside());
    let kept = office.get("/api/v1/quarantine").await;
    assert!(kept.text.contains(&district.a.id.to_string()), "{}", kept.text);
    let schools = |phone: &Phone| {
        phone
            .replica
            .buckets()
            .keys()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert!(!schools(&phone).contains(&district.bucket(0)), "{:?}", schools(&phone));

    // It ends, and the school is there again.
    let yesterday = today() - Days::new(1);
    let end = json!({"recusal": shown["id"], "to": yesterday});
    let ended = ask(&office, district.a.id, "recusals/end", end.clone()).await;
    assert_eq!(ended.json()["recusals"][0]["to"], json!(yesterday), "{}", ended.text);
    assert_eq!(phone.get(&visit).await.unwrap().0, 200);
    phone.sync().await.unwrap();
    assert!(schools(&phone).contains(&district.bucket(0)));
    let again = ask(&office, district.a.id, "recusals/end", end).await;
    assert_eq!(again.refusal(), (404, "not_found".into()));

    let audit = office.get("/api/v1/audit").await.json();
    let whats: Vec<&str> = audit["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["what"].as_str())
        .collect();
    assert_eq!(whats, ["recusal.ended", "recusal.added"]);
    assert_eq!(audit["events"][1]["detail"]["reason"], "kin");
}

#[tokio::test]
async fn a_recused_zone_lead_loses_the_school_and_a_recused_coordinator_keeps_the_district() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let admin = server.sign_in(&district.admin).await;
    let lead = server.sign_in(&district.zone_lead).await;
    let mut phone = Phone::of(&server, &district.a).await;
    let visits = [0, 1].map(|nth| phone.start_visit(district.schools[nth]));
    phone.sync().await.unwrap();
    let see = async |client: &Client, nth: usize| {
        let visit: &tests::phone::Visit = &visits[nth];
        client
            .get(&format!("/api/v1/visits/{}", visit.visit))
            .await
            .status
            .as_u16()
    };
    for person in [district.zone_lead.id, district.coordinator.id] {
        let reply = ask(&admin, person, "recusals", from_today(district.schools[0])).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    assert_eq!((see(&lead, 0).await, see(&lead, 1).await), (404, 200));
    assert_eq!((see(&office, 0).await, see(&office, 1).await), (200, 200));
    let month = today().format("%Y-%m").to_string();
    let results = lead.get(&format!("/api/v1/results?month={month}")).await.json();
    let schools: Vec<&Value> = results["schools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|school| &school["id"])
        .collect();
    assert_eq!(schools, [&json!(district.schools[1])]);
    assert_eq!(results["visits"].as_array().unwrap().len(), 1);
    // Nobody takes their own back.
    let mine = ask(
        &office,
        district.coordinator.id,
        "recusals/end",
        json!({"recusal": Uuid::new_v4(), "to": today()}),
    );
    assert_eq!(mine.await.refusal(), (403, "person.yourself".into()));
}

#[tokio::test]
async fn a_recusal_blocks_an_assignment_in_its_time_and_no_other() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let (c, school) = (district.c.id, district.schools[0]);
    let day = |days: u64| today() + Days::new(days);
    let spell = json!({"school": school, "reason": "former_head", "from": day(10), "to": day(20)});
    assert_eq!(ask(&office, c, "recusals", spell).await.status, 200);
    let assign = async |from| ask(&office, c, "assignments", json!({"school": school, "from": from})).await;
    for from in [day(0), day(10), day(20)] {
        assert_eq!(
            assign(from).await.refusal(),
            (409, "assignment.recused".into()),
            "{from}"
        );
    }
    assert_eq!(assign(day(21)).await.status, 200);
    let other = json!({"school": district.schools[1], "from": day(10)});
    assert_eq!(
        ask(&office, c, "assignments", other).await.status,
        200,
        "another school"
    );
}

#[tokio::test]
async fn odd_recusals_are_refused_by_name() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let (c, school) = (district.c.id, district.schools[0]);
    assert_eq!(ask(&office, c, "recusals", from_today(school)).await.status, 200);
    let with = |name: &str, value: Value| {
        let mut body = from_today(school);
        body[name] = value;
        body
    };
    let yesterday = today() - Days::new(1);
    for (person, body, told) in [
        (c, from_today(school), (409, "recusal.overlaps")),
        (c, with("reason", json!("dislike")), (400, "value.invalid")),
        (c, with("from", json!("2026-02-30")), (400, "value.invalid")),
        (c, with("to", json!(yesterday)), (400, "value.invalid")),
        (c, with("school", json!(Uuid::new_v4())), (404, "not_found")),
        (Uuid::new_v4(), from_today(school), (404, "not_found")),
        (district.admin.id, from_today(school), (403, "person.admin_only")),
    ] {
        let reply = ask(&office, person, "recusals", body.clone()).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()), "{body}");
    }
    let mut wrong = from_today(district.schools[1]);
    wrong["password"] = json!("wrong");
    let reply = office.post_json(&format!("/api/v1/people/{c}/recusals"), &wrong).await;
    assert_eq!(reply.refusal(), (403, "password.wrong".into()));
    let colleague = server.sign_in(&district.b).await;
    let reply = ask(&colleague, c, "recusals", from_today(school)).await;
    assert_eq!(reply.refusal(), (403, "forbidden".into()));
    let listed = office.get("/api/v1/people").await.json();
    let recused = listed["people"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|person| person["recusals"] != json!([]));
    assert_eq!(recused.count(), 1);
}
