//! What the office refuses by a field's policy, of the rows of `domain.md` §7.2 that the catalog alone cannot keep.

use sync_protocol::{GroupKind, Value};
use tests::phone::{Phone, Visit};

use crate::sync::World;

async fn begun() -> (World, Phone, Visit) {
    let world = World::new().await;
    let mut a = world.phone("zhang").await;
    let at = a.start_visit(world.school_a);
    a.sync().await.unwrap();
    (world, a, at)
}

/// The code with which the office answers this change of one field.
async fn told(
    phone: &mut Phone,
    at: &Visit,
    record: &sync_protocol::RecordId,
    path: &str,
    value: impl Into<Value>,
) -> String {
    let edit = phone.edit(record, path, value);
    phone.change(&at.bucket, GroupKind::Edit, vec![edit]);
    phone.sync().await.unwrap();
    phone.set_aside().pop().unwrap_or_else(|| "applied".to_owned())
}

#[tokio::test]
async fn a_visits_school_is_fixed() {
    let (_world, mut a, at) = begun().await;
    let other = "0190a2b4-7c3d-7e11-8f00-0123456789ab";
    assert_eq!(
        told(&mut a, &at, &at.visit.clone(), "school", other).await,
        "field.fixed"
    );
    assert_ne!(a.see(&at.visit, "school").text(), other);
}

#[tokio::test]
async fn a_visits_date_is_the_offices_and_a_supervisor_asks() {
    let (_world, mut a, at) = begun().await;
    assert_eq!(
        told(&mut a, &at, &at.visit.clone(), "visit_date", "2026-12-01").await,
        "field.office_only"
    );
    let mut b = Phone::of(&_world.server, &_world.server.district.b).await;
    b.sync().await.unwrap();
    assert_eq!(
        told(
            &mut b,
            &at,
            &at.visit.clone(),
            "asked/visit_date",
            "2026-12-01｜校方有考试"
        )
        .await,
        "applied"
    );
    let mut lead = Phone::of(&_world.server, &_world.server.district.zone_lead).await;
    lead.sync().await.unwrap();
    assert_eq!(
        told(&mut lead, &at, &at.visit.clone(), "visit_date", "2026-12-01").await,
        "applied"
    );
}

#[tokio::test]
async fn a_supervisor_raises_a_grade_and_the_zone_lowers_it() {
    let (world, mut a, at) = begun().await;
    let finding: sync_protocol::RecordId = uuid::Uuid::now_v7().to_string().parse().unwrap();
    let new =
        |path: &str, value: Value| sync_protocol::Edit::new(&finding, path, value, sync_protocol::Shown::nothing());
    let edits = vec![
        new("@kind", "finding".into()),
        new("visit", at.visit.to_string().into()),
        new("severity", "L2".into()),
    ];
    a.change(&at.bucket, GroupKind::Edit, edits);
    assert_eq!(told(&mut a, &at, &finding, "severity", "L3").await, "applied");
    assert_eq!(told(&mut a, &at, &finding, "severity", "L1").await, "field.only_upward");
    let mut lead = Phone::of(&world.server, &world.server.district.zone_lead).await;
    lead.sync().await.unwrap();
    assert_eq!(told(&mut lead, &at, &finding, "severity", "L1").await, "applied");
}

#[tokio::test]
async fn a_supervisor_asks_for_a_correction_of_the_schools_data() {
    let (world, mut a, at) = begun().await;
    let school: sync_protocol::RecordId = world.school_a.to_string().parse().unwrap();
    let office = world.server.sign_in(&world.server.district.coordinator).await;
    let made = tests::server::new_record(
        world.school_a,
        "school",
        &[
            ("name", serde_json::json!("示例小学")),
            ("students", serde_json::json!(860)),
        ],
    );
    let made = office.group(at.bucket.as_str(), GroupKind::Edit, made);
    assert_eq!(office.push(&[made]).await.json()["outcomes"][0]["outcome"], "applied");
    a.sync().await.unwrap();
    assert_eq!(told(&mut a, &at, &school, "students", 900).await, "rights.role");
    let mut b = Phone::of(&world.server, &world.server.district.b).await;
    b.sync().await.unwrap();
    assert_eq!(
        told(&mut b, &at, &school, "asked/students", "900｜新生已入学").await,
        "applied"
    );
}

#[tokio::test]
async fn whoever_moves_a_state_has_seen_the_present_one() {
    let (world, mut a, at) = begun().await;
    let mut b = Phone::of(&world.server, &world.server.district.b).await;
    b.sync().await.unwrap();
    a.command(&at, "in_progress");
    a.sync().await.unwrap();
    // Li still sees "checked in".
    b.command(&at, "feedback_given");
    b.sync().await.unwrap();
    assert_eq!(b.set_aside(), ["workflow.moved_on"]);
    assert_eq!(b.see(&at.visit, "state").text(), "in_progress");
    b.command(&at, "feedback_given");
    b.sync().await.unwrap();
    assert_eq!(b.set_aside().len(), 1, "having seen it, they may");
    assert_eq!(b.see(&at.visit, "state").text(), "feedback_given");
}
