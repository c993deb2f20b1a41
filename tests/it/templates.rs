//! Checklists that a district makes itself: drafted, checked, published for good, filled in and scored.

use serde_json::{Value, json};
use sync_protocol::GroupKind;
use tests::TestServer;
use tests::reading_room::{move_state, reading_room, section};
use tests::server::{Client, new_record, op};
use uuid::Uuid;

async fn push(client: &Client, group: String) -> (String, Value) {
    let reply = client.push(&[group]).await;
    let outcome = reply.json()["outcomes"][0].clone();
    (
        outcome["outcome"].as_str().unwrap_or_default().to_owned(),
        outcome["code"].clone(),
    )
}

async fn score_of(server: &TestServer, response: Uuid) -> Option<String> {
    use diesel_async::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        score: Option<String>,
    }
    let row: Row = diesel::sql_query("SELECT score::text AS score FROM response WHERE id = $1")
        .bind::<diesel::sql_types::Uuid, _>(response)
        .get_result(&mut server.connect().await)
        .await
        .expect("the response is there");
    row.score
}

/// A response of this version with these answers, pushed by a supervisor.
async fn fill(server: &TestServer, phone: &Client, version: u32, answers: &[(&str, &str)]) -> Uuid {
    let (visit, response) = (Uuid::now_v7(), Uuid::now_v7());
    let school = server.district.schools[0];
    let mut ops = new_record(
        visit,
        "visit",
        &[
            ("school", json!(school)),
            ("lead", json!(server.district.a.id)),
            ("visit_date", json!("2026-11-20")),
            ("state", json!("checked_in")),
        ],
    );
    let mut fields = vec![
        ("visit", json!(visit)),
        ("template", json!("reading-room")),
        ("version", json!(version)),
        ("on", json!("2026-11-20")),
        ("fact/boarders", json!(0)),
    ];
    fields.extend(answers.iter().map(|(item, answer)| (*item, json!(answer))));
    ops.extend(new_record(response, "response", &fields));
    let group = phone.group(&server.district.bucket(0), GroupKind::Command, ops);
    assert_eq!(push(phone, group).await.0, "applied");
    response
}

#[tokio::test]
async fn a_checklist_of_the_districts_own_is_published_filled_in_and_scored() {
    let server = TestServer::start().await;
    let bucket = format!("district/{}", server.district.id);
    let office = server.sign_in(&server.district.coordinator).await;
    let phone = server.sign_in(&server.district.a).await;
    let template = Uuid::now_v7();
    let draft = office.group(
        &bucket,
        GroupKind::Command,
        new_record(template, "template", &reading_room(1)),
    );
    assert_eq!(push(&office, draft.clone()).await.0, "applied");
    // Filled in before it is published, as a phone with another clock might: kept, not scored.
    let early = fill(&server, &phone, 1, &[("RR1.1", "yes")]).await;
    assert_eq!(score_of(&server, early).await, None);

    let publish = office.group(&bucket, GroupKind::Command, move_state(template, "published", &draft));
    assert_eq!(push(&office, publish).await.0, "applied");
    let seen = phone.pull(std::slice::from_ref(&bucket)).await.text;
    assert!(seen.contains("reading-room"), "a phone gets it with the next pull");
    let response = fill(&server, &phone, 1, &[("RR1.1", "yes"), ("RR1.2", "no")]).await;
    assert_eq!(score_of(&server, response).await.as_deref(), Some("75.0"));
}

#[tokio::test]
async fn a_definition_with_a_mistake_is_not_published_and_a_published_one_never_changes() {
    let server = TestServer::start().await;
    let bucket = format!("district/{}", server.district.id);
    let office = server.sign_in(&server.district.coordinator).await;
    let template = Uuid::now_v7();
    let draft = office.group(
        &bucket,
        GroupKind::Command,
        new_record(template, "template", &reading_room(1)),
    );
    push(&office, draft.clone()).await;
    let edit = |text: String| {
        office.group(
            &bucket,
            GroupKind::Edit,
            vec![op(template, "section/RR1", &json!(text))],
        )
    };
    let publish = || office.group(&bucket, GroupKind::Command, move_state(template, "published", &draft));

    let broken = section("").to_string();
    assert_eq!(
        push(&office, edit(broken)).await.0,
        "applied",
        "a draft may be unfinished"
    );
    assert_eq!(
        push(&office, publish()).await,
        ("refused".into(), json!("definition.broken"))
    );
    // Two versions of one section that nobody has settled are no definition either.
    push(&office, edit(section("照度达标").to_string())).await;
    assert_eq!(push(&office, publish()).await.1, json!("definition.broken"));
}

#[tokio::test]
async fn a_published_definition_takes_no_more_changes_but_can_be_retired() {
    let server = TestServer::start().await;
    let bucket = format!("district/{}", server.district.id);
    let office = server.sign_in(&server.district.coordinator).await;
    let template = Uuid::now_v7();
    let draft = office.group(
        &bucket,
        GroupKind::Command,
        new_record(template, "template", &reading_room(1)),
    );
    push(&office, draft.clone()).await;
    let publish = office.group(&bucket, GroupKind::Command, move_state(template, "published", &draft));
    push(&office, publish.clone()).await;
    let late = office.group(
        &bucket,
        GroupKind::Edit,
        vec![op(template, "section/RR1", &json!(section("改过").to_string()))],
    );
    assert_eq!(push(&office, late).await, ("refused".into(), json!("record.sealed")));
    let retire = office.group(&bucket, GroupKind::Command, move_state(template, "retired", &publish));
    assert_eq!(push(&office, retire).await.0, "applied");
}

#[tokio::test]
async fn only_the_office_makes_checklists() {
    let server = TestServer::start().await;
    let bucket = format!("district/{}", server.district.id);
    let phone = server.sign_in(&server.district.a).await;
    let draft = new_record(Uuid::now_v7(), "template", &reading_room(1));
    let (outcome, code) = push(&phone, phone.group(&bucket, GroupKind::Command, draft)).await;
    assert_eq!((outcome.as_str(), code), ("quarantined", json!("scope.denied")));
}

#[tokio::test]
async fn a_limit_of_the_districts_own_is_judged_by_from_its_day_on() {
    let server = TestServer::start().await;
    let bucket = format!("district/{}", server.district.id);
    let office = server.sign_in(&server.district.coordinator).await;
    let phone = server.sign_in(&server.district.a).await;
    let rule = |limit: &str| {
        json!({
            "code": "PATROL", "title": ["每日巡查次数", "Patrols a day"], "op": "at_least", "unit": ["次/日", "a day"], "level": "red",
            "effective_from": "2026-11-10", "basis": ["本区 3 号文", "The district's notice 3"], "limit": limit,
        })
        .to_string()
    };
    let publish = async |limit: &str| {
        let id = Uuid::now_v7();
        let fields = [("rule", json!(rule(limit))), ("state", json!("draft"))];
        let draft = office.group(&bucket, GroupKind::Command, new_record(id, "threshold", &fields));
        push(&office, draft.clone()).await;
        push(
            &office,
            office.group(&bucket, GroupKind::Command, move_state(id, "published", &draft)),
        )
        .await
    };
    let patrols = async |on: &str| {
        let (visit, response) = (Uuid::now_v7(), Uuid::now_v7());
        let mut ops = new_record(
            visit,
            "visit",
            &[
                ("school", json!(server.district.schools[0])),
                ("lead", json!(server.district.a.id)),
                ("visit_date", json!(on)),
                ("state", json!("checked_in")),
            ],
        );
        let fields = [
            ("visit", json!(visit)),
            ("template", json!("campus-safety")),
            ("version", json!(1)),
            ("on", json!(on)),
            ("SF2.9/n", json!(5)),
        ];
        ops.extend(new_record(response, "response", &fields));
        let group = phone.group(&server.district.bucket(0), GroupKind::Command, ops);
        assert_eq!(push(&phone, group).await.0, "applied");
        score_of(&server, response).await
    };
    assert_eq!(
        patrols("2026-11-20").await.as_deref(),
        Some("100.0"),
        "five patrols keep the limit for all"
    );
    assert_eq!(publish("six").await, ("refused".into(), json!("definition.broken")));
    assert_eq!(publish("6").await.0, "applied");
    assert_eq!(
        patrols("2026-11-20").await.as_deref(),
        Some("0.0"),
        "and break the district's own"
    );
    assert_eq!(
        patrols("2026-11-09").await.as_deref(),
        Some("100.0"),
        "which was not in force before its day"
    );
}
