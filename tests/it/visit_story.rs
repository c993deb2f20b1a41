//! A visit as the office reads it: the page, the results, and who changed what and when.

use serde_json::{Value, json};
use sync_protocol::{Dot, GroupId, GroupKind, Op};
use tests::TestServer;
use tests::server::{new_record, op};
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
