//! Texts that break programs, in every text field of every kind of record: they come back as they were, or are refused before they go anywhere.

use std::collections::BTreeSet;

use catalog::{FieldKind, Kind, catalog};
use serde_json::{Value, json};
use sync_protocol::{GroupKind, MAX_PUSH_GROUPS};
use tests::hostile::naughty_texts;
use tests::phone::{Phone, wire};
use tests::server::{new_record, op};
use tests::{Client, TestServer};
use uuid::Uuid;

/// Fields that nobody writes by pushing yet: cases have no screens and no readers, and names of people come from the office's page,
/// which has its own rules (`odd_accounts_are_refused_by_name`).
const NOT_PUSHED: [(&str, &str); 8] = [
    ("complaint", "note/*"),
    ("complaint", "text"),
    ("escalation_slip", "asks"),
    ("escalation_slip", "facts"),
    ("escalation_slip", "note/*"),
    ("escalation_slip", "number/official"),
    ("escalation_slip", "number/provisional/*"),
    ("person", "name"),
];

/// Each kind's fields that hold a text, with a path for each.
fn text_fields() -> Vec<(&'static Kind, &'static str, String)> {
    let kinds = catalog().kinds.iter();
    kinds
        .flat_map(|kind| {
            let texts = kind.fields.iter().filter(|field| field.kind == FieldKind::Text);
            texts.map(move |field| (kind, field.path.as_str(), field.path.replace('*', "x")))
        })
        .collect()
}

/// Everybody who may write somewhere, and the buckets of each sort that they may write to.
struct Authors {
    clients: Vec<Client>,
    server: TestServer,
}

impl Authors {
    async fn sign_in() -> Self {
        let server = TestServer::start().await;
        let district = &server.district;
        let mut clients = Vec::new();
        for person in [&district.coordinator, &district.a, &district.zone_lead, &district.admin] {
            clients.push(server.sign_in(person).await);
        }
        Self { clients, server }
    }

    fn bucket(&self, kind: &Kind, client: &Client) -> String {
        let district = &self.server.district;
        match kind.bucket.as_str() {
            "school" => district.bucket(0),
            "district" => format!("district/{}", district.id),
            "person" => format!("person/{}", client.person.as_ref().unwrap().id),
            other => format!("{other}/{}", district.id),
        }
    }

    /// Lets each author write a new record a text into this field, until the office takes it: record and text of those it took.
    async fn write(&self, kind: &Kind, path: &str, texts: &[String]) -> Vec<(Uuid, String)> {
        let mut left: Vec<String> = texts.to_vec();
        let mut taken = Vec::new();
        for client in &self.clients {
            for part in left.split_off(0).chunks(MAX_PUSH_GROUPS) {
                let records: Vec<Uuid> = part.iter().map(|_| Uuid::now_v7()).collect();
                let groups: Vec<String> = part
                    .iter()
                    .zip(&records)
                    .map(|(text, record)| self.group(client, kind, *record, path, text))
                    .collect();
                let reply = client.push(&groups).await;
                assert_eq!(reply.status, 200, "{}.{path}: {}", kind.code, reply.text);
                let reply = reply.json();
                let outcomes = reply["outcomes"].as_array().expect("outcomes");
                for ((text, record), outcome) in part.iter().zip(records).zip(outcomes) {
                    match outcome["outcome"] == "applied" {
                        true => taken.push((record, text.clone())),
                        false => left.push(text.clone()),
                    }
                }
            }
        }
        taken
    }

    fn group(&self, client: &Client, kind: &Kind, record: Uuid, path: &str, text: &str) -> String {
        let required = kind.fields.iter().filter(|field| field.required && field.path != path);
        let mut fields: Vec<(&str, Value)> = required
            .map(|field| (field.path.as_str(), self.value_of(field, client)))
            .collect();
        if let Some(workflow) = &kind.workflow {
            let first = workflow.transitions.iter().find(|way| way.from.is_none());
            fields.retain(|(path, _)| *path != workflow.field);
            fields.extend(first.map(|way| (workflow.field.as_str(), json!(way.to))));
        }
        let mut ops = new_record(record, &kind.code, &fields);
        ops.push(op(record, path, &json!(text)));
        client.group(&self.bucket(kind, client), GroupKind::Command, ops)
    }

    fn value_of(&self, field: &catalog::KindField, client: &Client) -> Value {
        let district = &self.server.district;
        match (&field.kind, field.path.as_str()) {
            (_, "school") => json!(district.schools[0]),
            (FieldKind::Id, _) => json!(client.person.as_ref().unwrap().id),
            (FieldKind::Date, _) => json!("2026-11-20"),
            (FieldKind::Moment, _) => json!("2026-11-20T08:00:00Z"),
            (FieldKind::Count, _) => json!(1),
            (FieldKind::YesNo, _) => json!(true),
            (FieldKind::Many, _) => json!([field.options[0].code]),
            (FieldKind::One, _) => json!(field.options.first().map(|option| option.code.clone())),
            _ => json!("x"),
        }
    }
}

/// The values of a field in frames, pages or histories: wherever under `value` this record's field stands.
fn found(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Array(list) => list.iter().any(|one| found(one, text)),
        Value::Object(members) => members.values().any(|one| found(one, text)),
        _ => false,
    }
}

#[tokio::test]
async fn naughty_texts_go_round_through_every_text_field_of_every_kind() {
    let authors = Authors::sign_in().await;
    let office = &authors.clients[0];
    let texts = naughty_texts();
    let mut phone = Phone::of(&authors.server, &authors.server.district.a).await;
    let mut never: BTreeSet<(&str, &str)> = BTreeSet::new();
    let (mut written, mut looked_up) = (Vec::new(), 0);
    for (nth, (kind, field, path)) in text_fields().into_iter().enumerate() {
        let taken = authors.write(kind, &path, &texts).await;
        if taken.is_empty() {
            never.insert((kind.code.as_str(), field));
        }
        // A fifth of them in history and on pages, another fifth with each field.
        for (record, text) in taken.iter().skip(nth % 5).step_by(5) {
            let mut pages = vec![format!("records/{record}/history")];
            if kind.code == "visit" {
                pages.extend([format!("visits/{record}"), format!("visits/{record}/history")]);
            }
            for page in pages {
                let reader = if kind.bucket == "person" {
                    &authors.clients[1]
                } else {
                    office
                };
                let shown = reader.get(&format!("/api/v1/{page}")).await;
                assert_eq!(
                    shown.status, 200,
                    "{}.{field} {text:?} {page}: {}",
                    kind.code, shown.text
                );
                assert!(found(&shown.json(), text), "{}.{field} {text:?} on {page}", kind.code);
                looked_up += 1;
            }
        }
        written.extend(
            taken
                .into_iter()
                .map(|(record, text)| (kind, path.clone(), record, text)),
        );
    }
    assert_eq!(never, NOT_PUSHED.into(), "fields that take no text at all");

    // A phone that carries all of it shows each as it was written.
    phone.pull().await.unwrap();
    for (kind, path, record, text) in &written {
        let shown = phone.see(&wire(*record), path);
        assert_eq!(shown.text(), text, "{}.{path} on the phone", kind.code);
    }
    let results = office.get("/api/v1/results?month=2026-11").await;
    assert_eq!(results.status, 200, "the office's table bears it all: {}", results.text);
    println!(
        "{} texts came back from a phone, {looked_up} from pages and histories",
        written.len()
    );
    assert!(written.len() > 2_000);
}

#[tokio::test]
async fn nul_and_lone_surrogates_are_refused_in_every_text_field_before_they_go_anywhere() {
    let authors = Authors::sign_in().await;
    for (kind, _, path) in text_fields() {
        for client in &authors.clients {
            let (bucket, record) = (authors.bucket(kind, client), Uuid::now_v7());
            let mut ops = new_record(record, &kind.code, &[]);
            ops.push(op(record, &path, &json!("marker-71c2")));
            let good = client.group(&bucket, GroupKind::Command, ops);
            let lines: Vec<String> = ["a\\u0000b", "\\ud800", "\\udc00\\ud800", "x\\ud83d"]
                .map(|spelt| good.replace("marker-71c2", spelt))
                .into();
            let reply = client.push(&lines).await;
            for outcome in reply.json()["outcomes"].as_array().unwrap() {
                assert_eq!(outcome["outcome"], "refused", "{}.{path}: {outcome}", kind.code);
                let code = outcome["code"].as_str().unwrap();
                assert!(
                    ["group.malformed", "text.nul", "group.nul"].contains(&code),
                    "{}.{path}: {outcome}",
                    kind.code
                );
            }
        }
    }
}
