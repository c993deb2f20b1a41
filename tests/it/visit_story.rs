//! A visit as the office reads it: the page, the results, and who changed what and when.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sync_protocol::replay::{Change, replay};
use sync_protocol::{Dot, FieldPath, Group, GroupId, GroupKind, Late, Op, RecordState, Write};
use tests::server::{new_record, op};
use tests::{Client, TestServer};
use uuid::Uuid;

#[tokio::test]
async fn a_visits_page_shows_its_records_with_names_and_the_history_shows_every_hand() {
    let server = TestServer::start().await;
    let district = &server.district;
    let a = server.sign_in(&district.a).await;
    let b = server.sign_in(&district.b).await;
    let (visit, response, note) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let mut ops = new_record(
        visit,
        "visit",
        &[
            ("school", json!(district.schools[0])),
            ("visit_kind", json!("regular")),
            ("lead", json!(district.a.id)),
            (&format!("members/{}", district.b.id), json!("member")),
            ("visit_date", json!("2026-11-20")),
            ("state", json!("checked_in")),
        ],
    );
    ops.extend(new_record(
        response,
        "response",
        &[
            ("visit", json!(visit)),
            ("template", json!("campus-safety")),
            ("version", json!(1)),
            ("on", json!("2026-11-20")),
        ],
    ));
    let begin = a.group(&district.bucket(0), GroupKind::Command, ops);
    let first = a.group(
        &district.bucket(0),
        GroupKind::Edit,
        vec![op(response, "SF2.4", &json!("yes"))],
    );
    let seen = Dot {
        group: GroupId::of(first.as_bytes()),
        op: 0,
    };
    let Op(record, path, _, _) = op(response, "SF2.4", &json!("no"));
    let second = b.group(
        &district.bucket(0),
        GroupKind::Edit,
        vec![Op(record, path, "no".into(), vec![seen])],
    );
    let feedback = new_record(
        note,
        "feedback_note",
        &[
            ("visit", json!(visit)),
            ("note_kind", json!("highlight")),
            ("text", json!("好")),
        ],
    );
    let feedback = a.group(&district.bucket(0), GroupKind::Edit, feedback);
    for (client, group) in [(&a, begin), (&a, first), (&b, second), (&a, feedback)] {
        let reply = client.push(&[group]).await;
        assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
    }

    let office = server.sign_in(&district.coordinator).await;
    let page = office.get(&format!("/api/v1/visits/{visit}")).await.json();
    let ids: Vec<&str> = page["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["id"].as_str().unwrap())
        .collect();
    for id in [visit, response, note] {
        assert!(ids.contains(&id.to_string().as_str()), "{id} in {page}");
    }
    assert_eq!(page["people"][district.a.id.to_string()], "示例 a");
    assert_eq!(page["people"][district.b.id.to_string()], "示例 b");
    assert_eq!(page["devices"][b.device.to_string()], "test phone");

    let history = office
        .get(&format!("/api/v1/records/{response}/history?field=SF2.4"))
        .await
        .json();
    let entries = history["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{history}");
    assert_eq!(
        (&entries[0]["value"], &entries[0]["author"]),
        (&json!("yes"), &json!(district.a.id))
    );
    assert_eq!(
        (&entries[1]["value"], &entries[1]["author"]),
        (&json!("no"), &json!(district.b.id))
    );
    assert_eq!(entries[1]["base"], json!([seen.to_string()]));
    assert!(entries[0]["seq"].as_i64() < entries[1]["seq"].as_i64());
    assert_eq!(history["devices"][a.device.to_string()], "test phone");
    let whole = office.get(&format!("/api/v1/records/{response}/history")).await.json();
    assert!(whole["entries"].as_array().unwrap().len() > 2);

    // A response is no visit: its id finds no page.
    assert_eq!(office.get(&format!("/api/v1/visits/{response}")).await.status, 404);
    let results = office.get("/api/v1/results?month=2026-11").await.json();
    assert_eq!(results["visits"][0]["lead"], json!(district.a.id));
    let month = results["coverage"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["school"] == json!(district.schools[0]))
        .unwrap();
    let last = month["months"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last, json!({"month": "2026-11", "submitted": 0, "draft": 1}));
    assert!(results["as_of"].as_str().unwrap().ends_with('Z'));
    assert!(
        results["supervisors"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row: &Value| row["name"] == "示例 a")
    );
}

#[tokio::test]
async fn a_visits_history_tells_every_action_on_any_of_its_records_in_the_offices_order() {
    let server = TestServer::start().await;
    let district = &server.district;
    let (a, b) = (server.sign_in(&district.a).await, server.sign_in(&district.b).await);
    let bucket = district.bucket(0);
    let (visit, response, finding) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let (note, other) = (Uuid::now_v7(), Uuid::now_v7());
    let visit_fields = [
        ("school", json!(district.schools[0])),
        ("visit_kind", json!("regular")),
        ("lead", json!(district.a.id)),
        ("visit_date", json!("2026-11-20")),
        ("state", json!("checked_in")),
    ];
    let mut begin = new_record(visit, "visit", &visit_fields);
    begin.extend(new_record(
        response,
        "response",
        &[
            ("visit", json!(visit)),
            ("template", json!("campus-safety")),
            ("version", json!(1)),
            ("on", json!("2026-11-20")),
        ],
    ));
    let state = begin.iter().position(|op| op.path().as_str() == "state").unwrap();
    let begin = a.group(&bucket, GroupKind::Command, begin);
    let arrived = Group::dot(GroupId::of(begin.as_bytes()), state);
    let first = a.group(&bucket, GroupKind::Edit, vec![op(response, "SF3.4", &json!("yes"))]);
    let seen = Dot {
        group: GroupId::of(first.as_bytes()),
        op: 0,
    };
    // Who had seen it says otherwise, and a finding comes of it in the same action.
    let Op(record, path, value, _) = op(response, "SF3.4", &json!("no"));
    let mut second = vec![Op(record, path, value, vec![seen])];
    second.extend(new_record(
        finding,
        "finding",
        &[
            ("visit", json!(visit)),
            ("response", json!(response)),
            ("item", json!("SF3.4")),
            ("severity", json!("L3")),
        ],
    ));
    let second = b.group(&bucket, GroupKind::Edit, second);
    let praise = a.group(
        &bucket,
        GroupKind::Edit,
        new_record(
            note,
            "feedback_note",
            &[
                ("visit", json!(visit)),
                ("note_kind", json!("highlight")),
                ("text", json!("好")),
            ],
        ),
    );
    // Another visit to the same school in between is another story.
    let elsewhere = a.group(&bucket, GroupKind::Command, new_record(other, "visit", &visit_fields));
    let Op(record, path, value, _) = op(visit, "state", &json!("feedback_given"));
    let given = vec![Op(record, path, value, vec![arrived])];
    let given = a.group(&bucket, GroupKind::Command, given);
    let actions = [
        (&a, begin),
        (&a, first),
        (&b, second),
        (&a, elsewhere),
        (&a, praise),
        (&a, given),
    ];
    for (client, group) in &actions {
        let reply = client.push(std::slice::from_ref(group)).await;
        assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
    }

    let office = server.sign_in(&district.coordinator).await;
    let url = format!("/api/v1/visits/{visit}/history");
    let history = office.get(&url).await.json();
    let entries = history["entries"].as_array().unwrap();
    let mut told: Vec<&Value> = entries.iter().map(|entry| &entry["group"]).collect();
    told.dedup();
    let expected: Vec<Value> = [0, 1, 2, 4, 5]
        .map(|nth| json!(GroupId::of(actions[nth].1.as_bytes()).to_string()))
        .into();
    assert_eq!(
        told,
        expected.iter().collect::<Vec<_>>(),
        "each action once, oldest first"
    );
    assert!(entries.is_sorted_by_key(|entry| (entry["seq"].as_i64(), entry["op"].as_i64())));
    let records: BTreeSet<&str> = entries.iter().map(|entry| entry["record"].as_str().unwrap()).collect();
    assert_eq!(
        records,
        [visit, response, finding, note]
            .map(|id| id.to_string())
            .iter()
            .map(String::as_str)
            .collect()
    );

    let answers: Vec<&Value> = entries.iter().filter(|entry| entry["field"] == "SF3.4").collect();
    assert_eq!(
        answers
            .iter()
            .map(|entry| (&entry["value"], &entry["author"], &entry["base"]))
            .collect::<Vec<_>>(),
        [
            (&json!("yes"), &json!(district.a.id), &json!([])),
            (&json!("no"), &json!(district.b.id), &json!([seen.to_string()])),
        ],
        "what each wrote and had seen"
    );
    assert_eq!(history["people"][district.b.id.to_string()], "示例 b");
    assert_eq!(history["devices"][b.device.to_string()], "test phone");

    replays_to_what_the_office_keeps(&office, visit).await;

    // Nobody of another zone learns that there is such a visit, and nothing but a visit has this page.
    let c = server.sign_in(&district.c).await;
    assert_eq!(c.get(&url).await.refusal(), (404, "not_found".into()));
    let of_a_response = office.get(&format!("/api/v1/visits/{response}/history")).await;
    assert_eq!(of_a_response.refusal(), (404, "not_found".into()));
    let asked = office.get(&format!("{url}?field=SF3.4")).await;
    assert_eq!(asked.refusal(), (400, "query.malformed".into()));
}

/// Whoever replays a visit's history comes to what the office keeps, the late writes beside a seal among it.
pub async fn replays_to_what_the_office_keeps(office: &Client, visit: Uuid) {
    let history = office.get(&format!("/api/v1/visits/{visit}/history")).await.json();
    let entries = history["entries"].as_array().unwrap().iter();
    let changes: Vec<Change> = entries
        .map(|entry| serde_json::from_value(entry.clone()).unwrap())
        .collect();
    let outlives = |record: &RecordState, path: &FieldPath| {
        let kind = record.text("@kind").and_then(|code| catalog::catalog().kind(code));
        kind.is_some_and(|kind| kind.outlives_seal(path.as_str()))
    };
    let replayed = replay(&changes, outlives);
    let writes = |record: &RecordState| -> BTreeMap<String, (Vec<Write>, Vec<Late>)> {
        let fields = record.fields.iter();
        let there = fields.filter(|(_, field)| field.writes().next().is_some());
        there
            .map(|(path, field)| (path.to_string(), (field.live.clone(), field.late.clone())))
            .collect()
    };
    let page = office.get(&format!("/api/v1/visits/{visit}")).await.json();
    let kept = page["records"].as_array().unwrap().iter();
    let kept: Vec<RecordState> = kept
        .map(|record| serde_json::from_value(record.clone()).unwrap())
        .collect();
    let own = kept.iter().filter(|record| record.text("@kind") != Some("school"));
    let kept: BTreeMap<_, _> = own.map(|record| (record.id.clone(), writes(record))).collect();
    let replayed: BTreeMap<_, _> = replayed
        .iter()
        .map(|(id, record)| (id.clone(), writes(record)))
        .collect();
    assert_eq!(replayed, kept);
}
