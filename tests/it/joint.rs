//! Several people, one truth: settling, signing, amending, returning, and who may.

use serde_json::{Value as Json, json};
use sync_protocol::{GroupKind, Value};
use tests::phone::{Phone, Visit};
use tests::server::op;
use uuid::Uuid;

use crate::sync::World;
use crate::visit_story::replays_to_what_the_office_keeps;

async fn both(world: &World) -> (Phone, Phone, Visit) {
    let (mut a, mut b) = (world.phone("zhang").await, world.phone("li").await);
    let at = a.start_visit(world.school_a);
    a.sync().await.unwrap();
    b.sync().await.unwrap();
    (a, b, at)
}

async fn rest(phones: &mut [&mut Phone]) {
    for _ in 0..2 {
        for phone in phones.iter_mut() {
            phone.sync().await.unwrap();
        }
    }
}

fn answers(phone: &Phone, at: &Visit, item: &str) -> Vec<String> {
    let mut values: Vec<String> = phone
        .see(&at.response, item)
        .values()
        .iter()
        .filter_map(Value::text)
        .map(str::to_owned)
        .collect();
    values.sort();
    values
}

/// What the visit's history replays to is what the office keeps.
async fn history_agrees(world: &World, at: &Visit) {
    let office = world.server.sign_in(&world.server.district.coordinator).await;
    replays_to_what_the_office_keeps(&office, at.visit.as_str().parse().unwrap()).await;
}

#[tokio::test]
async fn a_member_does_not_decide_between_their_own_word_and_the_leads() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    a.answer(&at, "SF1.1", "yes");
    b.answer(&at, "SF1.1", "no");
    rest(&mut [&mut a, &mut b]).await;
    b.settle(&at, "SF1.1", "no", "我看得清楚");
    b.sync().await.unwrap();
    assert_eq!(b.set_aside(), ["conflict.not_yours"], "kept for the office, not lost");
    rest(&mut [&mut a]).await;
    assert_eq!(answers(&a, &at, "SF1.1"), ["no", "yes"]);
    // Their own word is theirs to change: giving in is no decision.
    let (mut c, mut d) = (world.phone("zhang").await, world.phone("li").await);
    rest(&mut [&mut c, &mut d]).await;
    d.say_again(&at, "SF1.1", "yes");
    rest(&mut [&mut d, &mut c]).await;
    assert!(!c.see(&at.response, "SF1.1").conflict(), "both say yes");
    assert_eq!(d.set_aside(), Vec::<String>::new());
}

#[tokio::test]
async fn a_choice_that_nothing_hangs_on_is_nobodys_to_settle_and_any_member_goes_on_from_there() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    let lesson: sync_protocol::RecordId = Uuid::now_v7().to_string().parse().unwrap();
    // The subject: nothing hangs on it, so the last word shows and nobody has to settle it.
    let subject = "LO-A1";
    let new =
        |path: &str, value: Value| sync_protocol::Edit::new(&lesson, path, value, sync_protocol::Shown::nothing());
    let made = vec![
        new("@kind", "response".into()),
        new("visit", at.visit.to_string().into()),
        new("template", "lesson-observation".into()),
        new("version", 1.into()),
        new("on", "2026-11-20".into()),
    ];
    a.change(&at.bucket, GroupKind::Edit, made);
    rest(&mut [&mut a, &mut b]).await;
    for (phone, word) in [(&mut a, "maths"), (&mut b, "chinese")] {
        let edit = phone.edit(&lesson, subject, word);
        phone.change(&at.bucket, GroupKind::Edit, vec![edit]);
    }
    rest(&mut [&mut a, &mut b]).await;
    assert_eq!(world.count("SELECT count(*) FROM difference").await, 0);
    let edit = b.edit(&lesson, subject, "english");
    b.change(&at.bucket, GroupKind::Edit, vec![edit]);
    rest(&mut [&mut b, &mut a]).await;
    assert_eq!(b.set_aside(), Vec::<String>::new());
    assert_eq!(a.see(&lesson, subject).siblings.len(), 1);
}

#[tokio::test]
async fn a_decision_that_is_taken_back_is_on_the_offices_list_again() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    a.answer(&at, "SF1.1", "yes");
    b.answer(&at, "SF1.1", "no");
    rest(&mut [&mut a, &mut b]).await;
    a.settle(&at, "SF1.1", "no", "李看得对");
    rest(&mut [&mut a]).await;
    assert_eq!(world.count("SELECT count(*) FROM difference").await, 0);
    let back = Value::List(vec!["reopened".into(), "再看一次".into()]);
    let edit = a.edit(&at.response, "settled/SF1.1", back);
    a.change(&at.bucket, GroupKind::Edit, vec![edit]);
    rest(&mut [&mut a]).await;
    assert_eq!(world.count("SELECT count(*) FROM difference").await, 1);
}

#[tokio::test]
async fn the_lead_settles_with_a_reason_and_a_late_word_opens_it_again() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    let mut third = world.phone("li").await;
    rest(&mut [&mut third]).await;
    a.answer(&at, "SF1.1", "yes");
    b.answer(&at, "SF1.1", "no");
    third.answer(&at, "SF1.1", "na");
    rest(&mut [&mut a, &mut b]).await;
    assert_eq!(world.count("SELECT count(*) FROM difference").await, 1);
    a.settle(&at, "SF1.1", "no", "李看得对");
    rest(&mut [&mut a, &mut b]).await;
    assert_eq!(answers(&b, &at, "SF1.1"), ["no"]);
    assert_eq!(world.count("SELECT count(*) FROM difference").await, 0);
    // The other phone had not heard of any of this.
    rest(&mut [&mut third, &mut a]).await;
    assert_eq!(answers(&a, &at, "SF1.1"), ["na", "no"]);
    assert_eq!(world.count("SELECT count(*) FROM difference").await, 1);
}

#[tokio::test]
async fn the_office_settles_only_with_a_reason_and_writes_nothing_else() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    a.answer(&at, "SF1.1", "yes");
    b.answer(&at, "SF1.1", "no");
    rest(&mut [&mut a, &mut b]).await;
    let office = world.server.sign_in(&world.server.district.coordinator).await;
    let listed = office.get("/api/v1/differences").await.json();
    assert_eq!(listed["differences"][0]["path"], "SF1.1");
    assert_eq!(listed["differences"][0]["people"].as_array().map(Vec::len), Some(2));
    let (record, bucket) = (Uuid::parse_str(at.response.as_str()).unwrap(), at.bucket.as_str());
    let seen: Vec<_> = a
        .see(&at.response, "SF1.1")
        .siblings
        .iter()
        .filter_map(|said| said.dot)
        .collect();
    let with_base = |path: &str, value: Json| {
        let mut written = op(record, path, &value);
        written.3 = seen.clone();
        written
    };
    let bare = office.group(bucket, GroupKind::Edit, vec![with_base("SF1.1", json!("no"))]);
    assert_eq!(office.push(&[bare]).await.json()["outcomes"][0]["code"], "rights.role");
    let reason = json!(["settled", "现场照片为证"]);
    let settled = vec![with_base("SF1.1", json!("no")), op(record, "settled/SF1.1", &reason)];
    let settled = office.group(bucket, GroupKind::Edit, settled);
    assert_eq!(
        office.push(&[settled]).await.json()["outcomes"][0]["outcome"],
        "applied"
    );
    rest(&mut [&mut a]).await;
    assert_eq!(answers(&a, &at, "SF1.1"), ["no"]);
    let other = office.group(bucket, GroupKind::Edit, vec![op(record, "SF1.2", &json!("no"))]);
    assert_eq!(office.push(&[other]).await.json()["outcomes"][0]["code"], "rights.role");
}

#[tokio::test]
async fn differences_and_presence_are_for_those_the_visit_concerns() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    a.answer(&at, "SF1.1", "yes");
    b.answer(&at, "SF1.1", "no");
    rest(&mut [&mut a, &mut b]).await;
    let people = &world.server.district;
    for (person, sees) in [
        (&people.a, 1),
        (&people.zone_lead, 1),
        (&people.coordinator, 1),
        (&people.c, 0),
        (&people.other_zone_lead, 0),
        (&people.admin, 0),
    ] {
        let client = world.server.sign_in(person).await;
        let listed = client.get("/api/v1/differences").await.json();
        assert_eq!(
            listed["differences"].as_array().map(Vec::len),
            Some(sees),
            "{}",
            person.login
        );
        let here = client
            .post_json(&format!("/api/v1/visits/{}/here", at.visit), &json!({ "place": "S3" }))
            .await;
        assert_eq!(here.status, if sees == 1 { 200 } else { 404 }, "{}", person.login);
    }
    let li = world.server.sign_in(&people.b).await;
    let here = li
        .post_json(&format!("/api/v1/visits/{}/here", at.visit), &json!({ "place": "S4" }))
        .await
        .json();
    let others: Vec<&str> = here["people"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert!(
        others.contains(&people.a.name.as_str()) && !others.contains(&people.b.name.as_str()),
        "{others:?}"
    );
    for bad in [
        json!({ "place": "a b" }),
        json!({ "place": 1 }),
        json!({}),
        json!({ "place": "x".repeat(65) }),
    ] {
        let refused = li.post_json(&format!("/api/v1/visits/{}/here", at.visit), &bad).await;
        assert_eq!(refused.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_late_write_that_came_before_the_signature_stands_beside_it_too() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    a.answer(&at, "SF1.1", "yes");
    rest(&mut [&mut a, &mut b]).await;
    a.command(&at, "feedback_given");
    a.submit(&at);
    // Li's change of what Zhang signed reaches the office first.
    b.answer(&at, "SF1.1", "no");
    b.answer(&at, "SF1.2", "no");
    b.sync().await.unwrap();
    rest(&mut [&mut a, &mut b]).await;
    for phone in [&a, &b] {
        assert_eq!(
            answers(phone, &at, "SF1.1"),
            ["yes"],
            "the signed value is back in its place"
        );
        assert_eq!(phone.see(&at.response, "SF1.1").late.len(), 1);
        assert_eq!(
            (
                answers(phone, &at, "SF1.2").len(),
                phone.see(&at.response, "SF1.2").late.len()
            ),
            (0, 1)
        );
    }
    // What lives on after the signature is no late observation.
    let out = b.edit(
        &at.visit,
        &format!("check_out/{}", b.person),
        "2026-11-18T12:20:00+08:00",
    );
    b.change(&at.bucket, GroupKind::Edit, vec![out]);
    rest(&mut [&mut b, &mut a]).await;
    let out = a.see(&at.visit, &format!("check_out/{}", b.person));
    assert_eq!((out.siblings.len(), out.late.len()), (1, 0));
    history_agrees(&world, &at).await;
}

#[tokio::test]
async fn a_returned_visit_is_open_again_with_everything_that_came_late() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    a.answer(&at, "SF1.1", "yes");
    rest(&mut [&mut a, &mut b]).await;
    a.command(&at, "feedback_given");
    a.submit(&at);
    b.answer(&at, "SF1.2", "no");
    rest(&mut [&mut a, &mut b]).await;
    let mut lead = Phone::of(&world.server, &world.server.district.zone_lead).await;
    lead.sync().await.unwrap();
    let lift = |phone: &Phone, record| phone.edit(record, "@seal", Value::Null);
    let bare = vec![lead.edit(&at.visit, "state", "returned")];
    lead.change(&at.bucket, GroupKind::Command, bare);
    lead.sync().await.unwrap();
    assert_eq!(lead.set_aside(), ["workflow.needs_field"], "not without saying why");
    let back = vec![
        lead.edit(&at.visit, "state", "returned"),
        lead.edit(&at.visit, "return_reason", "请补二楼"),
        lift(&lead, &at.visit),
        lift(&lead, &at.response),
    ];
    lead.change(&at.bucket, GroupKind::Command, back);
    rest(&mut [&mut lead, &mut a, &mut b]).await;
    assert_eq!(a.see(&at.visit, "state").text(), "returned");
    assert_eq!(
        answers(&a, &at, "SF1.2"),
        ["no"],
        "what had come late is an answer like any other"
    );
    assert!(a.see(&at.response, "SF1.2").late.is_empty() && !a.replica.view(&at.response).unwrap().is_sealed());
    history_agrees(&world, &at).await;
    a.answer(&at, "SF1.3", "yes");
    a.submit(&at);
    rest(&mut [&mut a, &mut b]).await;
    assert!(b.replica.view(&at.response).unwrap().is_sealed());
    assert_eq!(answers(&b, &at, "SF1.3"), ["yes"]);
    history_agrees(&world, &at).await;
}

#[tokio::test]
async fn what_was_signed_is_never_removed() {
    let world = World::new().await;
    let (mut a, _, at) = both(&world).await;
    a.answer(&at, "SF1.1", "yes");
    a.command(&at, "feedback_given");
    a.submit(&at);
    a.sync().await.unwrap();
    a.remove(&at);
    a.sync().await.unwrap();
    assert_eq!(a.set_aside(), ["record.sealed"]);
    assert_eq!(world.count("SELECT count(*) FROM visit WHERE NOT removed").await, 1);
}

#[tokio::test]
async fn two_signatures_made_apart_are_both_kept() {
    let world = World::new().await;
    let (mut a, _, at) = both(&world).await;
    a.answer(&at, "SF1.1", "yes");
    a.command(&at, "feedback_given");
    a.sync().await.unwrap();
    // The lead's second phone, offline as well.
    let mut second = world.phone("zhang").await;
    second.sync().await.unwrap();
    second.answer(&at, "SF1.2", "no");
    a.answer(&at, "SF1.2", "yes");
    second.submit(&at);
    a.submit(&at);
    rest(&mut [&mut a, &mut second]).await;
    for phone in [&a, &second] {
        assert_eq!(phone.see(&at.visit, "seal").siblings.len(), 2);
        assert_eq!(answers(phone, &at, "SF1.2"), ["no", "yes"], "each signed their own");
        assert!(phone.see(&at.response, "SF1.2").late.is_empty());
    }
    assert_eq!(
        a.set_aside(),
        Vec::<String>::new(),
        "nobody's work is refused: both moved to the same state"
    );
    history_agrees(&world, &at).await;
}

#[tokio::test]
async fn only_the_lead_signs_and_anybody_elses_signature_waits_for_the_office() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    a.answer(&at, "SF1.1", "yes");
    a.command(&at, "feedback_given");
    rest(&mut [&mut a, &mut b]).await;
    b.submit(&at);
    b.sync().await.unwrap();
    assert_eq!(b.set_aside(), ["seal.not_yours"]);
    rest(&mut [&mut a]).await;
    assert_eq!(a.see(&at.visit, "state").text(), "feedback_given");
    assert!(!a.replica.view(&at.response).unwrap().is_sealed());
}

#[tokio::test]
async fn a_removed_visit_leaves_the_results_and_comes_back_with_a_late_answer() {
    let world = World::new().await;
    let (mut a, mut b, at) = both(&world).await;
    let office = world.server.sign_in(&world.server.district.coordinator).await;
    let month = tests::phone::today()[..7].to_owned();
    let shown = async || {
        office.get(&format!("/api/v1/results?month={month}")).await.json()["visits"]
            .as_array()
            .map_or(0, Vec::len)
    };
    assert_eq!(shown().await, 1);
    a.remove(&at);
    a.sync().await.unwrap();
    assert_eq!(shown().await, 0);
    b.answer(&at, "SF1.1", "no");
    rest(&mut [&mut b, &mut a]).await;
    assert_eq!(shown().await, 1, "somebody had work in it");
}
