//! The office's side of the safes on phones: it locks their keys, gives them back to their owners, and opens what they hand in.

use serde_json::{Value as Json, json};
use sync_protocol::safe::{Envelope, EnvelopeHeader, EnvelopeReply, SafeKey, SealedRow, Store};
use sync_protocol::{Draft, GroupId, GroupKind, OutcomeKind, Phase, SavedGroup};
use tests::people::PASSWORD;
use tests::server::{Reply, new_record};
use tests::{Client, Person, TestServer};
use uuid::Uuid;

/// A phone with a safe.
struct Phone {
    client: Client,
    key: SafeKey,
    header: EnvelopeHeader,
}

impl Phone {
    async fn of(server: &TestServer, person: &Person) -> Self {
        let client = server.sign_in(person).await;
        let key = SafeKey::new(rand::random());
        let locked = client
            .post_json("/api/v1/session/key", &json!({ "key": key.to_text() }))
            .await;
        assert_eq!(locked.status, 200, "{}", locked.text);
        let header = EnvelopeHeader {
            duxing_sealed: 1,
            district: server.district.id.to_string(),
            person: person.id.to_string().parse().unwrap(),
            device: client.device.to_string().parse().unwrap(),
            key: locked.json()["locked"].as_str().expect("the locked key").to_owned(),
            rows: 0,
        };
        Self { client, key, header }
    }

    /// A visit begun offline: what it writes, sealed as on the disk, and the record's id.
    fn visit(&self, server: &TestServer, nth_school: usize, order: i64) -> (SealedRow, Uuid, String) {
        let id = Uuid::now_v7();
        let school = server.district.schools[nth_school];
        let fields = [("school", json!(school)), ("visit_kind", json!("regular"))];
        let bucket = server.district.bucket(nth_school);
        let line = self
            .client
            .group(&bucket, GroupKind::Edit, new_record(id, "visit", &fields));
        (self.row(&line, order), id, line)
    }

    fn row(&self, line: &str, order: i64) -> SealedRow {
        let saved = SavedGroup {
            id: GroupId::of(line.as_bytes()),
            order,
            line: line.to_owned(),
            phase: Phase::Frozen,
        };
        let plain = serde_json::to_vec(&saved).unwrap();
        SealedRow::new(Store::Outbox, order, &self.key.seal("outbox", &plain, rand::random()))
    }

    fn envelope(&self, rows: Vec<SealedRow>) -> Envelope {
        Envelope::new(&self.header, rows)
    }
}

async fn hand_in(server: &TestServer, envelope: &Envelope) -> Reply {
    // Whoever carries it is nobody here.
    let carrier = server.stranger();
    carrier
        .post("/api/v1/sync/sealed", "application/x-ndjson", envelope.to_text())
        .await
}

async fn handed_in(server: &TestServer, envelope: &Envelope) -> EnvelopeReply {
    let reply = hand_in(server, envelope).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_str(&reply.text).expect("an answer to an envelope")
}

fn ends(reply: &EnvelopeReply) -> Vec<String> {
    let word = |kind: &OutcomeKind| match kind {
        OutcomeKind::Quarantined { code } => format!("kept: {code}"),
        OutcomeKind::Refused { code } => format!("refused: {code}"),
        OutcomeKind::Applied { .. } => "applied".to_owned(),
        OutcomeKind::Duplicate { .. } => "there".to_owned(),
        OutcomeKind::Retry { .. } => "later".to_owned(),
    };
    let outcomes = reply.outcomes.iter();
    outcomes
        .map(|outcome| {
            outcome
                .as_ref()
                .map_or("shut".to_owned(), |outcome| word(&outcome.kind))
        })
        .collect()
}

#[tokio::test]
async fn sealed_work_counts_under_its_authors_name_once_whoever_carries_it() {
    let server = TestServer::start().await;
    let phone = Phone::of(&server, &server.district.a).await;
    let (row, visit, line) = phone.visit(&server, 0, 1);
    let envelope = phone.envelope(vec![row]);
    assert!(!envelope.to_text().contains("regular"), "nobody reads it on the way");
    assert_eq!(ends(&handed_in(&server, &envelope).await), ["applied"]);
    assert_eq!(ends(&handed_in(&server, &envelope).await), ["there"]);
    // The author's own phone sends it, too.
    let own = phone.client.push(&[line]).await.json();
    assert_eq!(own["outcomes"][0]["outcome"], "duplicate");
    let office = server.sign_in(&server.district.coordinator).await;
    let history = office
        .get(&format!("/api/v1/records/{visit}/history?field=visit_kind"))
        .await
        .json();
    let entries = history["entries"].as_array().expect("a history").clone();
    assert_eq!(entries.len(), 1, "{history}");
    assert_eq!(entries[0]["author"], server.district.a.id.to_string());
}

#[tokio::test]
async fn what_was_being_typed_counts_once_too() {
    let server = TestServer::start().await;
    let phone = Phone::of(&server, &server.district.a).await;
    let (row, visit, _) = phone.visit(&server, 0, 1);
    let draft = Draft {
        record: visit.to_string().parse().unwrap(),
        path: "purpose".parse().unwrap(),
        bucket: server.district.bucket(0).parse().unwrap(),
        value: "午间巡查".into(),
        base: vec![],
        at: 5,
    };
    let plain = serde_json::to_vec(&draft).unwrap();
    let typed = SealedRow::new(Store::Draft, i64::MAX, &phone.key.seal("draft", &plain, rand::random()));
    let envelope = phone.envelope(vec![row, typed]);
    assert_eq!(ends(&handed_in(&server, &envelope).await), ["applied", "applied"]);
    assert_eq!(ends(&handed_in(&server, &envelope).await), ["there", "there"]);
}

#[tokio::test]
async fn the_work_of_somebody_withdrawn_is_kept_and_the_phone_hears_why() {
    let server = TestServer::start().await;
    let phone = Phone::of(&server, &server.district.a).await;
    let asks = phone.envelope(vec![]);
    assert_eq!(handed_in(&server, &asks).await.withdrawn, None);
    let office = server.sign_in(&server.district.coordinator).await;
    let lost = json!({ "person": server.district.a.id, "password": PASSWORD });
    let path = format!("/api/v1/devices/{}/revoke", phone.client.device);
    assert_eq!(office.post_json(&path, &lost).await.status, 200);
    let (row, _, _) = phone.visit(&server, 0, 1);
    let reply = handed_in(&server, &phone.envelope(vec![row])).await;
    assert_eq!(reply.withdrawn.as_deref(), Some("device.revoked"));
    assert_eq!(ends(&reply), ["kept: scope.denied"]);
    let kept = office.get("/api/v1/quarantine").await.json();
    assert_eq!(kept["groups"].as_array().map(Vec::len), Some(1), "{kept}");
}

#[tokio::test]
async fn a_disabled_persons_sealed_work_is_kept_for_the_office() {
    let server = TestServer::start().await;
    let phone = Phone::of(&server, &server.district.a).await;
    server
        .execute("UPDATE person SET status = 'disabled' WHERE login = 'a'")
        .await
        .unwrap();
    let (row, _, _) = phone.visit(&server, 0, 1);
    let reply = handed_in(&server, &phone.envelope(vec![row])).await;
    assert_eq!(reply.withdrawn.as_deref(), Some("person.disabled"));
    assert_eq!(ends(&reply), ["kept: scope.denied"]);
}

#[tokio::test]
async fn an_envelope_gives_no_right_its_author_has_not() {
    let server = TestServer::start().await;
    let phone = Phone::of(&server, &server.district.a).await;
    // A school of the other zone, and another person's name.
    let (foreign, ..) = phone.visit(&server, 2, 1);
    let other = Phone::of(&server, &server.district.c).await;
    let (_, _, others_line) = other.visit(&server, 2, 2);
    let borrowed = phone.row(&others_line, 2);
    let reply = handed_in(&server, &phone.envelope(vec![foreign, borrowed])).await;
    assert_eq!(ends(&reply), ["kept: scope.denied", "kept: group.author"]);
}

#[tokio::test]
async fn a_key_that_this_office_did_not_lock_for_them_opens_nothing() {
    let server = TestServer::start().await;
    let phone = Phone::of(&server, &server.district.a).await;
    let other = Phone::of(&server, &server.district.b).await;
    let (row, ..) = phone.visit(&server, 0, 1);
    let mut bent = phone.header.key.clone();
    bent.replace_range(20..21, if &bent[20..21] == "A" { "B" } else { "A" });
    let headers: [EnvelopeHeader; 5] = [
        EnvelopeHeader {
            key: bent,
            ..phone.header.clone()
        },
        EnvelopeHeader {
            key: other.header.key.clone(),
            ..phone.header.clone()
        },
        EnvelopeHeader {
            person: other.header.person.clone(),
            ..phone.header.clone()
        },
        EnvelopeHeader {
            device: other.header.device.clone(),
            ..phone.header.clone()
        },
        EnvelopeHeader {
            district: Uuid::new_v4().to_string(),
            ..phone.header.clone()
        },
    ];
    for header in headers {
        let reply = hand_in(&server, &Envelope::new(&header, vec![row.clone()])).await;
        assert_eq!(reply.refusal(), (422, "safe.unusable".into()), "{header:?}");
    }
    // The key comes back to its owner on its phone, and to nobody else.
    let asked = json!({ "locked": phone.header.key });
    let opened = phone.client.post_json("/api/v1/session/key/open", &asked).await;
    assert_eq!(opened.json()["key"], phone.key.to_text());
    assert_eq!(opened.headers["cache-control"], "no-store");
    let same_person_elsewhere = server.sign_in(&server.district.a).await;
    for client in [&other.client, &same_person_elsewhere] {
        let reply = client.post_json("/api/v1/session/key/open", &asked).await;
        assert_eq!(reply.refusal(), (422, "safe.unusable".into()));
    }
    for path in ["/api/v1/session/key", "/api/v1/session/key/open"] {
        let body = json!({ "key": phone.key.to_text() });
        assert_eq!(
            server.stranger().post_json(path, &body).await.refusal(),
            (401, "token.missing".into())
        );
    }
    for key in ["", "AAAA", "…", &"A".repeat(44)] {
        let reply = phone
            .client
            .post_json("/api/v1/session/key", &json!({ "key": key }))
            .await;
        assert_eq!(reply.refusal(), (400, "value.invalid".into()), "{key}");
    }
}

#[tokio::test]
async fn damaged_rows_are_named_by_their_place_and_block_nothing() {
    let server = TestServer::start().await;
    let phone = Phone::of(&server, &server.district.a).await;
    let (whole, ..) = phone.visit(&server, 0, 1);
    let (mut damaged, ..) = phone.visit(&server, 0, 2);
    damaged.data.replace_range(40..44, "AAAA");
    let no_base64 = SealedRow {
        data: "§".into(),
        ..whole.clone()
    };
    let elsewhere = SealedRow {
        store: Store::Draft,
        ..whole.clone()
    };
    let no_group = phone.row("no group", 3);
    let rows = vec![damaged, no_base64, elsewhere, no_group, whole];
    let reply = handed_in(&server, &phone.envelope(rows)).await;
    assert_eq!(
        ends(&reply),
        ["shut", "shut", "shut", "refused: group.malformed", "applied"]
    );
}

#[tokio::test]
async fn what_is_no_envelope_is_refused_by_name() {
    let server = TestServer::start().await;
    let phone = Phone::of(&server, &server.district.a).await;
    let (row, ..) = phone.visit(&server, 0, 1);
    let stranger = server.stranger();
    let post = async |body: String| {
        stranger
            .post("/api/v1/sync/sealed", "application/x-ndjson", body)
            .await
            .refusal()
    };
    let whole = phone.envelope(vec![row.clone()]).to_text();
    let header: Json = serde_json::from_str(whole.lines().next().unwrap()).unwrap();
    let mut no_id = header.clone();
    no_id["district"] = json!("x");
    for body in [
        String::new(),
        "[]".into(),
        whole.lines().next().unwrap().to_owned(),
        whole.replace("\"rows\":1", "\"rows\":2"),
        format!("{no_id}\n{}", serde_json::to_string(&row).unwrap()),
    ] {
        assert_eq!(post(body.clone()).await, (400, "json.malformed".into()), "{body}");
    }
    let many = phone.envelope(vec![row; 65]);
    assert_eq!(post(many.to_text()).await, (413, "body.too_large".into()));
    let reply = stranger.post("/api/v1/sync/sealed", "application/json", whole).await;
    assert_eq!(reply.refusal(), (415, "body.content_type".into()));
}

#[tokio::test]
async fn a_server_restored_from_before_the_sign_in_still_opens_the_envelope() {
    let server = TestServer::start().await;
    let phone = Phone::of(&server, &server.district.a).await;
    let (row, ..) = phone.visit(&server, 0, 1);
    // The copy knows neither the sign-in nor the phone.
    server.execute("DELETE FROM session; DELETE FROM device").await.unwrap();
    let reply = handed_in(&server, &phone.envelope(vec![row])).await;
    assert_eq!(
        (ends(&reply), reply.withdrawn),
        (vec!["kept: scope.denied".to_owned()], None)
    );
}
