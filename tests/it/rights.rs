//! Nobody sees or does what they may not: the same visit asked for by everybody, on every URL that could show it.

use serde_json::{Value, json};
use sync_protocol::GroupKind;
use tests::server::{new_record, op};
use tests::{Client, TestServer};
use uuid::Uuid;

/// A word that stands in the visit and nowhere else: whoever receives it has seen the visit.
const CANARY: &str = "canary-3f9c";

struct Story {
    server: TestServer,
    visit: Uuid,
    response: Uuid,
}

/// Supervisor `a` has begun a visit to the first school.
async fn begun() -> Story {
    let server = TestServer::start().await;
    let a = server.sign_in(&server.district.a).await;
    let (visit, response) = (Uuid::now_v7(), Uuid::now_v7());
    let mut ops = new_record(
        visit,
        "visit",
        &[
            ("school", json!(server.district.schools[0])),
            ("visit_kind", json!("regular")),
            ("lead", json!(server.district.a.id)),
            ("visit_date", json!("2026-11-20")),
            ("informed", json!(CANARY)),
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
    let group = a.group(&server.district.bucket(0), GroupKind::Command, ops);
    let reply = a.push(&[group]).await;
    assert_eq!(outcome(&reply.json(), 0), "applied", "{}", reply.text);
    Story {
        server,
        visit,
        response,
    }
}

fn outcome(reply: &Value, nth: usize) -> &str {
    reply["outcomes"][nth]["outcome"].as_str().unwrap_or("none")
}

#[tokio::test]
async fn a_visit_is_shown_to_those_it_concerns_and_does_not_exist_for_others() {
    let story = begun().await;
    let district = &story.server.district;
    let urls = [
        format!("/api/v1/visits/{}", story.visit),
        format!("/api/v1/visits/{}/history", story.visit),
        format!("/api/v1/records/{}/history", story.visit),
        format!("/api/v1/records/{}/history?field=informed", story.visit),
    ];
    for person in district.everybody() {
        let client = story.server.sign_in(person).await;
        let concerned = !["c", "other-lead", "admin"].contains(&person.login.as_str());
        for url in &urls {
            let reply = client.get(url).await;
            if concerned {
                assert_eq!(reply.status, 200, "{} {url}: {}", person.login, reply.text);
                assert!(reply.text.contains(CANARY), "{} {url}", person.login);
            } else {
                let unknown = client
                    .get(&url.replace(&story.visit.to_string(), &Uuid::now_v7().to_string()))
                    .await;
                assert_eq!(reply.refusal(), (404, "not_found".into()), "{} {url}", person.login);
                assert_eq!(reply.refusal(), unknown.refusal(), "out of reach looks like unknown");
                assert!(!reply.text.contains(CANARY));
            }
        }
    }
    let stranger = story.server.stranger();
    for url in &urls {
        assert_eq!(stranger.get(url).await.refusal(), (401, "token.missing".into()));
    }
}

#[tokio::test]
async fn the_results_show_the_office_everything_and_a_zone_lead_their_own_zone() {
    let story = begun().await;
    let district = &story.server.district;
    let seen = async |client: &Client, filter: &str| {
        let reply = client.get(&format!("/api/v1/results?month=2026-11{filter}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    };
    for person in [&district.coordinator, &district.committee, &district.zone_lead] {
        let client = story.server.sign_in(person).await;
        let results = seen(&client, "").await;
        assert_eq!(results["visits"][0]["id"], story.visit.to_string(), "{}", person.login);
        assert_eq!(results["visits"][0]["responses"][0]["id"], story.response.to_string());
        assert_eq!(results["visits"][0]["zone"], district.zones[0].to_string());
    }
    let office = story.server.sign_in(&district.coordinator).await;
    let whole = seen(&office, "").await;
    assert_eq!(
        (
            whole["zones"].as_array().unwrap().len(),
            whole["schools"].as_array().unwrap().len()
        ),
        (2, 3)
    );
    assert_eq!(whole["coverage"].as_array().unwrap().len(), 3);
    assert_eq!(whole["coverage"][0]["months"].as_array().unwrap().len(), 12);
    for (filter, count) in [
        (format!("&school={}", district.schools[0]), 1),
        (format!("&school={}", district.schools[1]), 0),
        (format!("&zone={}", district.zones[1]), 0),
        (format!("&supervisor={}", district.a.id), 1),
        (format!("&supervisor={}", district.b.id), 0),
        ("&checklist=campus-safety".into(), 1),
        ("&checklist=none".into(), 0),
    ] {
        assert_eq!(
            seen(&office, &filter).await["visits"].as_array().unwrap().len(),
            count,
            "{filter}"
        );
    }

    let other = story.server.sign_in(&district.other_zone_lead).await;
    let theirs = seen(&other, "").await;
    assert_eq!(theirs["visits"], json!([]));
    assert_eq!(theirs["zones"].as_array().unwrap().len(), 1);
    assert_eq!(theirs["schools"].as_array().unwrap().len(), 1);
    assert!(!theirs.to_string().contains(&district.schools[0].to_string()));
    for filter in [
        format!("&zone={}", district.zones[0]),
        format!("&school={}", district.schools[0]),
    ] {
        let reply = other.get(&format!("/api/v1/results?month=2026-11{filter}")).await;
        assert_eq!(reply.refusal(), (404, "not_found".into()), "{filter}");
    }
    for person in [&district.a, &district.c, &district.admin] {
        let client = story.server.sign_in(person).await;
        let reply = client.get("/api/v1/results?month=2026-11").await;
        assert_eq!(reply.refusal(), (403, "forbidden".into()), "{}", person.login);
    }
}

#[tokio::test]
async fn a_pull_brings_only_what_the_person_may_read_even_when_more_is_asked_for() {
    let story = begun().await;
    let district = &story.server.district;
    let everything: Vec<String> = (0..3)
        .map(|nth| district.bucket(nth))
        .chain([format!("district/{}", district.id), format!("office/{}", district.id)])
        .chain([
            format!("person/{}", district.a.id),
            format!("zone/{}", district.zones[0]),
        ])
        .collect();
    for person in district.everybody() {
        let client = story.server.sign_in(person).await;
        let concerned = !["c", "other-lead", "admin"].contains(&person.login.as_str());
        let reply = client.pull(&everything).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(
            reply.text.contains(CANARY),
            concerned,
            "{}: {}",
            person.login,
            reply.text
        );
    }
    let a = story.server.sign_in(&district.a).await;
    assert!(
        a.pull(&[]).await.text.contains(CANARY),
        "a supervisor's phone carries the school unasked"
    );
    let office = story.server.sign_in(&district.coordinator).await;
    assert!(
        !office.pull(&[]).await.text.contains(CANARY),
        "the office's browser does not"
    );
}

#[tokio::test]
async fn a_push_into_another_zone_changes_nothing() {
    let story = begun().await;
    let district = &story.server.district;
    let bucket = district.bucket(0);
    for person in [
        &district.c,
        &district.other_zone_lead,
        &district.committee,
        &district.admin,
    ] {
        let client = story.server.sign_in(person).await;
        let overwrite = client.group(
            &bucket,
            GroupKind::Edit,
            vec![op(story.visit, "informed", &json!("overwritten"))],
        );
        let reply = client.push(&[overwrite]).await;
        assert_ne!(outcome(&reply.json(), 0), "applied", "{}: {}", person.login, reply.text);
        assert!(!reply.text.contains(CANARY));
    }
    // A record that lives in a bucket out of reach is not reached through one's own bucket either.
    let c = story.server.sign_in(&district.c).await;
    let smuggled = c.group(
        &district.bucket(2),
        GroupKind::Edit,
        vec![op(story.visit, "informed", &json!("smuggled"))],
    );
    let reply = c.push(&[smuggled]).await;
    assert_ne!(outcome(&reply.json(), 0), "applied", "{}", reply.text);

    let a = story.server.sign_in(&district.a).await;
    let page = a.get(&format!("/api/v1/visits/{}", story.visit)).await.text;
    assert!(
        page.contains(CANARY) && !page.contains("overwritten") && !page.contains("smuggled"),
        "{page}"
    );
}

#[tokio::test]
async fn nobody_writes_in_another_persons_name() {
    let story = begun().await;
    let district = &story.server.district;
    let b = story.server.sign_in(&district.b).await;
    let mut masked = b.clone();
    masked.person = Some(district.a.clone());
    let forged = masked.group(
        &district.bucket(0),
        GroupKind::Edit,
        vec![op(story.visit, "informed", &json!("forged"))],
    );
    let reply = b.push(&[forged]).await;
    assert_ne!(outcome(&reply.json(), 0), "applied", "{}", reply.text);
}

#[tokio::test]
async fn an_ended_appointment_ends_the_right_to_every_school_and_leaves_the_office_its_own() {
    let story = begun().await;
    let district = &story.server.district;
    let (b, lead) = (
        story.server.sign_in(&district.b).await,
        story.server.sign_in(&district.zone_lead).await,
    );
    let office = story.server.sign_in(&district.coordinator).await;
    let url = format!("/api/v1/visits/{}", story.visit);
    assert_eq!(b.get(&url).await.status, 200);
    story
        .server
        .execute("UPDATE appointment SET to_date = '2020-12-31'")
        .await
        .unwrap();
    assert_eq!(b.get(&url).await.status, 404);
    assert!(!b.pull(&[district.bucket(0)]).await.text.contains(CANARY));
    let late = b.group(
        &district.bucket(0),
        GroupKind::Edit,
        vec![op(story.visit, "informed", &json!("late"))],
    );
    assert_ne!(outcome(&b.push(&[late]).await.json(), 0), "applied");
    for client in [&lead, &office] {
        assert_eq!(client.get(&url).await.status, 200, "who is no supervisor needs none");
    }
}

#[tokio::test]
async fn an_ended_assignment_ends_the_right_to_read_and_write() {
    let story = begun().await;
    let district = &story.server.district;
    let b = story.server.sign_in(&district.b).await;
    let url = format!("/api/v1/visits/{}", story.visit);
    assert_eq!(b.get(&url).await.status, 200);
    story
        .server
        .execute("UPDATE assignment SET from_date = '2020-01-01', to_date = '2020-12-31'")
        .await
        .unwrap();
    assert_eq!(b.get(&url).await.status, 404);
    assert!(!b.pull(&[district.bucket(0)]).await.text.contains(CANARY));
    let late = b.group(
        &district.bucket(0),
        GroupKind::Edit,
        vec![op(story.visit, "informed", &json!("late"))],
    );
    assert_ne!(outcome(&b.push(&[late]).await.json(), 0), "applied");
}
