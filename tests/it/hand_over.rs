//! Somebody's schools go to somebody else in one action: what is open there comes along by itself.

use chrono::Days;
use serde_json::{Value, json};
use server::auth::actor::today;
use sync_protocol::BucketId;
use tests::people::PASSWORD;
use tests::phone::{Phone, wire};
use tests::server::Reply;
use tests::{Client, TestServer};
use uuid::Uuid;

async fn hand_over(client: &Client, person: Uuid, to: Uuid, from: impl serde::Serialize) -> Reply {
    let body = json!({"to": to, "from": from, "password": PASSWORD});
    client
        .post_json(&format!("/api/v1/people/{person}/hand-over"), &body)
        .await
}

/// Somebody's assignments as school, first and last day.
async fn schools_of(office: &Client, person: Uuid) -> Vec<(Value, Value, Value)> {
    let listed = office.get("/api/v1/people").await.json();
    let people = listed["people"].as_array().unwrap();
    let one = people.iter().find(|one| one["id"] == json!(person)).unwrap();
    let rows = one["assignments"].as_array().unwrap().iter();
    rows.map(|row| (row["school"].clone(), row["from"].clone(), row["to"].clone()))
        .collect()
}

#[tokio::test]
async fn the_new_supervisor_sees_the_open_visits_and_the_old_one_no_more() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let (mut old, mut new) = (
        Phone::of(&server, &district.a).await,
        Phone::of(&server, &district.c).await,
    );
    let at = old.start_visit(district.schools[0]);
    old.answer(&at, "SF3.4", "no");
    old.sync().await.unwrap();
    new.sync().await.unwrap();
    let carries = |phone: &Phone, nth: usize| {
        phone
            .replica
            .buckets()
            .contains_key(&BucketId::school(&wire(district.schools[nth])))
    };
    assert!(carries(&old, 0) && !carries(&new, 0) && new.replica.view(&at.visit).is_none());

    let reply = hand_over(&office, district.a.id, district.c.id, today()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    old.answer(&at, "SF1.1", "yes");
    for phone in [&mut old, &mut new] {
        phone.sync().await.unwrap();
    }
    assert!(!carries(&old, 0) && carries(&new, 0) && carries(&new, 1) && carries(&new, 2));
    let seen = new.replica.view(&at.response).expect("the sheet came along");
    assert!(!seen.field("SF3.4").siblings.is_empty(), "{:?}", seen.field("SF3.4"));
    assert_eq!(
        old.set_aside().len(),
        1,
        "late work of the old one is kept for the office"
    );
    new.answer(&at, "SF1.2", "yes");
    new.sync().await.unwrap();
    assert!(new.set_aside().is_empty(), "the new one goes on with it");

    let yesterday = json!(today() - Days::new(1));
    assert!(
        schools_of(&office, district.a.id)
            .await
            .iter()
            .all(|(.., to)| *to == yesterday)
    );
    let audit = office.get("/api/v1/audit").await.json();
    let told: Vec<(&Value, &Value)> = audit["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["what"], &event["subject"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("schools.taken_over"), &json!(district.c.id)),
            (&json!("schools.handed_over"), &json!(district.a.id))
        ]
    );
}

#[tokio::test]
async fn a_school_that_the_new_one_has_already_is_not_given_twice_and_a_later_day_changes_nothing_today() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let a = server.sign_in(&district.a).await;
    let (tomorrow, day_after) = (today() + Days::new(1), today() + Days::new(2));
    let bounded = json!({"school": district.schools[1], "from": today(), "to": day_after, "password": PASSWORD});
    let end = format!("/api/v1/people/{}/assignments/end", district.a.id);
    assert_eq!(office.post_json(&end, &bounded).await.status, 200);
    let reply = hand_over(&office, district.a.id, district.b.id, tomorrow).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let mut theirs = schools_of(&office, district.b.id).await;
    theirs.retain(|(school, ..)| *school == json!(district.schools[1]));
    assert_eq!(
        theirs,
        [(json!(district.schools[1]), json!(tomorrow), json!(day_after))],
        "what was to end does so with the new one"
    );
    assert_eq!(schools_of(&office, district.b.id).await.len(), 2);
    assert!(
        schools_of(&office, district.a.id)
            .await
            .iter()
            .all(|(.., to)| *to == json!(today()))
    );
    assert!(
        a.pull(&[]).await.text.contains(&district.bucket(0)),
        "today they are still theirs"
    );
    let again = hand_over(&office, district.a.id, district.b.id, tomorrow).await;
    assert_eq!(again.refusal(), (404, "not_found".into()), "nothing is left");
}

#[tokio::test]
async fn schools_go_to_an_active_supervisor_who_keeps_away_from_none_of_them() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let before = schools_of(&office, district.a.id).await;
    let recusal =
        json!({"school": district.schools[1], "reason": "other", "from": today(), "to": null, "password": PASSWORD});
    let path = format!("/api/v1/people/{}/recusals", district.c.id);
    assert_eq!(office.post_json(&path, &recusal).await.status, 200);
    let recused = hand_over(&office, district.a.id, district.c.id, today()).await;
    assert_eq!(recused.refusal(), (409, "hand_over.recused".into()));
    assert_eq!(recused.json()["school"], json!(district.schools[1]), "it says which");
    server
        .execute("UPDATE person SET status = 'disabled' WHERE login = 'b'")
        .await
        .unwrap();
    for (to, told) in [
        (district.b.id, (409, "assignment.not_supervisor")),
        (district.committee.id, (409, "assignment.not_supervisor")),
        (district.a.id, (400, "value.invalid")),
        (Uuid::new_v4(), (404, "not_found")),
    ] {
        let reply = hand_over(&office, district.a.id, to, today()).await;
        assert_eq!(reply.refusal(), (told.0, told.1.to_owned()), "{to}");
    }
    let colleague = server.sign_in(&district.zone_lead).await;
    let reply = hand_over(&colleague, district.a.id, district.c.id, today()).await;
    assert_eq!(reply.refusal(), (403, "forbidden".into()));
    assert_eq!(schools_of(&office, district.a.id).await, before, "nothing was changed");
}
