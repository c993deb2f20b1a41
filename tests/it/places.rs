//! Zones and schools made and moved in the office: at once for rights, with the next sync for what phones carry, and never half.

use serde_json::{Value, json};
use tests::people::PASSWORD;
use tests::phone::Phone;
use tests::server::Reply;
use tests::{Client, TestServer};
use uuid::Uuid;

async fn ask(client: &Client, path: &str, mut body: Value) -> Reply {
    body["password"] = json!(PASSWORD);
    client.post_json(&format!("/api/v1/{path}"), &body).await
}

fn school_of<'a>(places: &'a Value, code: &str) -> &'a Value {
    let schools = places["schools"].as_array().unwrap();
    schools.iter().find(|school| school["code"] == code).unwrap()
}

async fn whats(office: &Client) -> Vec<String> {
    let audit = office.get("/api/v1/audit").await.json();
    let events = audit["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["what"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_new_school_in_a_new_zone_reaches_the_phone_of_who_gets_it() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let new = json!({
        "zones": ["新责任区"],
        "schools": [
            {"code": "N-1", "name": "示例新学校", "zone": "新责任区", "facts": {"type": "primary", "bands": ["P12"], "students": 820, "has_lab": true}},
            {"code": "N-2", "name": "示例第二新学校", "zone": "第 1 责任区"},
        ],
    });
    let reply = ask(&office, "schools", new).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let places = reply.json();
    let school = school_of(&places, "N-1");
    assert_eq!(
        (&school["name"], &school["facts"]["students"]),
        (&json!("示例新学校"), &json!(820))
    );
    assert_eq!(school["facts"].as_object().unwrap().len(), 4, "{school}");
    assert_eq!(school_of(&places, "N-2")["zone"], json!(district.zones[0]));
    assert_eq!(office.get("/api/v1/places").await.json(), places);

    let assign = json!({"school": school["id"], "from": server::auth::actor::today()});
    let path = format!("people/{}/assignments", district.a.id);
    assert_eq!(ask(&office, &path, assign).await.status, 200);
    let mut phone = Phone::of(&server, &district.a).await;
    phone.sync().await.unwrap();
    let id = school["id"].as_str().unwrap().parse().unwrap();
    let record = phone.replica.view(&id).expect("the phone carries it");
    assert_eq!(record.text("name"), "示例新学校");
    assert_eq!(json!(record.text("zone")), school["zone"]);

    // What it is told of is changed, the rest stays; nothing new is no event.
    let path = format!("schools/{}", school["id"].as_str().unwrap());
    let change = json!({"name": "示例新名字", "facts": {"students": 900, "has_lab": null}});
    let changed = ask(&office, &path, change.clone()).await.json();
    let now = school_of(&changed, "N-1");
    assert_eq!(now["name"], "示例新名字");
    assert_eq!(
        now["facts"],
        json!({"type": "primary", "bands": ["P12"], "students": 900})
    );
    assert_eq!(ask(&office, &path, change).await.status, 200);
    phone.sync().await.unwrap();
    assert_eq!(phone.see(&id, "name").text(), "示例新名字");
    assert_eq!(
        whats(&office).await,
        [
            "school.changed",
            "assignment.added",
            "school.added",
            "school.added",
            "zone.added"
        ]
    );
}

#[tokio::test]
async fn a_school_that_moves_to_another_zone_changes_hands_between_the_leads_at_once() {
    let server = TestServer::start().await;
    let district = &server.district;
    // Whoever administers accounts looks after places, too, and sees nothing of what is known about a school.
    let admin = server.sign_in(&district.admin).await;
    let mut phone = Phone::of(&server, &district.a).await;
    let at = phone.start_visit(district.schools[0]);
    phone.sync().await.unwrap();
    let (from, to) = (
        server.sign_in(&district.zone_lead).await,
        server.sign_in(&district.other_zone_lead).await,
    );
    let visit = format!("/api/v1/visits/{}", at.visit);
    let seen = async || {
        (
            from.get(&visit).await.status.as_u16(),
            to.get(&visit).await.status.as_u16(),
        )
    };
    assert_eq!(seen().await, (200, 404));
    let path = format!("schools/{}", district.schools[0]);
    let moved = ask(
        &admin,
        &path,
        json!({"zone": district.zones[1], "facts": {"students": 7}}),
    )
    .await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    assert_eq!(school_of(&moved.json(), "S0")["facts"], json!({}));
    assert_eq!(seen().await, (404, 200));
    // The supervisor keeps it, and reads where it is now.
    phone.sync().await.unwrap();
    let id = district.schools[0].to_string().parse().unwrap();
    assert_eq!(phone.see(&id, "zone").text(), district.zones[1].to_string());
    let office = server.sign_in(&district.coordinator).await;
    let places = office.get("/api/v1/places").await.json();
    assert_eq!(school_of(&places, "S0")["facts"], json!({"students": 7}));
    let audit = office.get("/api/v1/audit").await.json();
    assert_eq!(
        audit["events"][0]["detail"]["zone"],
        json!([district.zones[0], district.zones[1]])
    );
    assert_eq!(audit["events"][0]["detail"]["facts"], json!(["students"]));
}

#[tokio::test]
async fn a_list_of_schools_is_taken_whole_or_not_at_all() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let before = office.get("/api/v1/places").await.json();
    let good = json!({"code": "N-1", "name": "示例新学校", "zone": "第 1 责任区"});
    let with = |key: &str, value: Value| {
        let mut one = good.clone();
        one["code"] = json!("N-2");
        one[key] = value;
        json!({"schools": [good, one]})
    };
    for (body, status, code) in [
        (with("code", json!("S0")), 409, "school.code_taken"),
        (with("code", json!("N-1")), 400, "value.invalid"),
        (with("code", json!("学校")), 400, "value.invalid"),
        (with("name", json!("")), 400, "value.invalid"),
        (with("name", json!("a\u{202e}b")), 400, "value.invalid"),
        (with("zone", json!("第 9 责任区")), 404, "not_found"),
        (with("facts", json!({"type": "circus"})), 400, "value.invalid"),
        (with("facts", json!({"asked/students": "x"})), 400, "value.invalid"),
        (json!({"schools": []}), 400, "value.invalid"),
        (
            json!({"zones": ["第 1 责任区"], "schools": [good]}),
            409,
            "zone.name_taken",
        ),
    ] {
        let reply = ask(&office, "schools", body.clone()).await;
        assert_eq!(reply.refusal(), (status, code.into()), "{body}");
    }
    let many: Vec<Value> = (0..501)
        .map(|nth| json!({"code": format!("M-{nth}"), "name": "x", "zone": "第 1 责任区"}))
        .collect();
    let reply = ask(&office, "schools", json!({"schools": many})).await;
    assert_eq!(reply.refusal(), (400, "value.invalid".into()));
    assert_eq!(office.get("/api/v1/places").await.json(), before);
    assert!(whats(&office).await.is_empty());

    // A district of 120 schools in one go.
    let many: Vec<Value> = (0..120)
        .map(|nth| json!({"code": format!("M-{nth}"), "name": format!("示例第 {nth} 学校"), "zone": if nth % 2 == 0 { "第 1 责任区" } else { "新区" }}))
        .collect();
    let reply = ask(&office, "schools", json!({"zones": ["新区"], "schools": many})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["schools"].as_array().unwrap().len(), 123);
}

#[tokio::test]
async fn zones_have_names_of_their_own_and_only_the_office_gives_them() {
    let server = TestServer::start().await;
    let district = &server.district;
    let office = server.sign_in(&district.coordinator).await;
    let rename = async |id: Uuid, name: &str| ask(&office, &format!("zones/{id}"), json!({"name": name})).await;
    assert_eq!(
        ask(&office, "zones", json!({"name": "第 1 责任区"})).await.code(),
        "zone.name_taken"
    );
    assert_eq!(rename(district.zones[1], "第 1 责任区").await.code(), "zone.name_taken");
    assert_eq!(rename(Uuid::new_v4(), "x").await.refusal(), (404, "not_found".into()));
    let named = rename(district.zones[1], "东责任区").await.json();
    assert!(
        named["zones"]
            .as_array()
            .unwrap()
            .contains(&json!({"id": district.zones[1], "name": "东责任区"}))
    );
    assert_eq!(
        ask(&office, "zones", json!({"name": "第 2 责任区"})).await.status,
        200,
        "free again"
    );
    assert_eq!(whats(&office).await, ["zone.added", "zone.changed"]);

    let wrong = json!({"name": "x", "password": "guess"});
    assert_eq!(office.post_json("/api/v1/zones", &wrong).await.code(), "password.wrong");
    for person in [&district.a, &district.zone_lead, &district.committee] {
        let client = server.sign_in(person).await;
        assert_eq!(ask(&client, "zones", json!({"name": "x"})).await.code(), "forbidden");
        assert_eq!(client.get("/api/v1/places").await.code(), "forbidden");
    }
}
