//! A coordinator makes a checklist from nothing in the browser, publishes it, a phone gets it at the next sync, fills it in without a
//! network, and the office has the score. And two versions at once: a draft stays on the one it was begun with.

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Nullable, Text};
use diesel_async::RunQueryDsl;
use sync_protocol::GroupKind;
use tests::browser::Browser;
use tests::reading_room::reading_room;
use tests::server::new_record;
use uuid::Uuid;

use crate::inspector::Inspector;
use crate::stage::Stage;

#[derive(Debug, PartialEq, Eq, QueryableByName)]
struct Filled {
    #[diesel(sql_type = Text)]
    template: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Nullable<Text>)]
    score: Option<String>,
}

/// What the office has of the district's own checklists.
async fn filled(stage: &Stage) -> Vec<Filled> {
    diesel::sql_query(
        "SELECT template, version, score::text AS score FROM response WHERE template = 'reading-room' ORDER BY version",
    )
    .load(&mut stage.server.connect().await)
    .await
    .expect("the responses")
}

async fn write(desk: &Browser, key: &str, words: &str) {
    desk.type_into(&format!(".piece-form [data-key='{key}']"), words).await;
}

#[tokio::test]
async fn a_checklist_made_from_nothing_in_the_office_is_filled_in_offline_and_scored() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive_rested(&stage, &stage.server.district.a).await;
    let desk = stage.desk("/templates").await;
    desk.type_into("#new-code", "reading-room").await;
    desk.tap("[data-testid=begin-template]").await;
    write(&desk, "title.zh", "阅览室检查").await;
    write(&desk, "title.en", "Reading room").await;
    desk.tap("[data-testid=add-section]").await;
    write(&desk, "title.zh", "开放与照明").await;
    write(&desk, "title.en", "Opening and light").await;
    write(&desk, "short.zh", "开放").await;
    write(&desk, "short.en", "Open").await;
    let whole = "const box = document.querySelector(\".piece-form [data-key='weight']\"); box.value = '100';
        box.dispatchEvent(new Event('change', { bubbles: true })); return true";
    desk.js::<bool>(whole, &[]).await;
    for (zh, en) in [("照度达标", "Bright enough"), ("图书完好", "Books in good order")] {
        desk.tap("[data-testid=add-item]").await;
        write(&desk, "title.zh", zh).await;
        write(&desk, "title.en", en).await;
    }
    desk.tap("[data-testid=preview]").await;
    desk.see("[data-testid=preview-phone]").await;
    desk.tap("[data-testid=publish]").await;
    desk.see("[data-testid=retire]").await;
    desk.see("[data-testid=sync-badge][data-pending='0']").await;

    let phone = &inspector.phone;
    phone.tap(&format!("a[href='/school/{}']", stage.school())).await;
    phone.tap("[data-testid=start-visit]").await;
    phone.see("[data-add='reading-room']").await;
    inspector.lose_network().await;
    inspector.phone.tap("[data-add='reading-room']").await;
    inspector.answer("S1.1", "yes").await;
    inspector.answer("S1.2", "no").await;
    inspector
        .explain("S1.2", [("note", "三本缺页"), ("place", ""), ("told", "")])
        .await;
    assert_eq!(inspector.phone.text("[data-testid=score]").await, "50.0");
    inspector.finish().await;
    inspector.restart().await;
    inspector.phone.see("[data-testid=handed-in]").await;
    inspector.regain_network().await;
    inspector.is_synced().await;
    let expected = Filled {
        template: "reading-room".into(),
        version: 1,
        score: Some("50.0".into()),
    };
    assert_eq!(filled(&stage).await, [expected]);
    desk.go("/results").await;
    desk.read("阅览室检查").await;
    inspector.is_content().await;
    assert_eq!(desk.complaints().await, Vec::<String>::new(), "the desk's console");
}

#[tokio::test]
async fn a_limit_of_the_districts_own_reaches_the_phone_with_its_basis() {
    let stage = Stage::set().await;
    let inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.phone.type_into("input[data-field='SF2.9/n']", "5").await;
    inspector.phone.see("article[id='SF2.9'][data-verdict=pass]").await;
    inspector.is_synced().await;

    let desk = stage.desk("/limits").await;
    desk.see("#limit-code").await;
    let choose = "const box = document.querySelector('#limit-code'); box.value = 'PATROL';
        box.dispatchEvent(new Event('change', { bubbles: true })); return true";
    desk.js::<bool>(choose, &[]).await;
    for (key, words) in [
        ("limit", "6"),
        ("basis.zh", "本区 3 号文"),
        ("basis.en", "The district's notice 3"),
    ] {
        write(&desk, key, words).await;
    }
    desk.tap("[data-testid=publish-limit]").await;
    desk.see("[data-testid=own-limit]").await;
    desk.see("[data-testid=sync-badge][data-pending='0']").await;

    inspector.phone.see("article[id='SF2.9'][data-verdict=fail]").await;
    inspector.is_content().await;
    assert_eq!(desk.complaints().await, Vec::<String>::new(), "the desk's console");
}

/// Publishes a version as the office's own device would.
async fn publish(stage: &Stage, version: u32) {
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let bucket = format!("district/{}", stage.server.district.id);
    let mut fields = reading_room(version);
    fields.retain(|(path, _)| *path != "state");
    fields.push(("state", "draft".into()));
    let template = Uuid::now_v7();
    let draft = office.group(&bucket, GroupKind::Command, new_record(template, "template", &fields));
    let publish = office.group(
        &bucket,
        GroupKind::Command,
        tests::reading_room::move_state(template, "published", &draft),
    );
    for group in [draft, publish] {
        let reply = office.push(&[group]).await;
        assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
    }
}

#[tokio::test]
async fn a_draft_survives_a_newer_version_and_another_is_taken_over_to_it() {
    let stage = Stage::set().await;
    publish(&stage, 3).await;
    let inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    let phone = &inspector.phone;
    phone.tap(&format!("a[href='/school/{}']", stage.school())).await;
    phone.tap("[data-testid=start-visit]").await;
    phone.tap("[data-add='reading-room']").await;
    inspector.answer("RR1.1", "yes").await;
    let (_, first) = inspector.visit_and_response().await;
    inspector.is_synced().await;

    publish(&stage, 4).await;
    phone.see("[data-testid=upgrade]").await;
    inspector.answer("RR1.2", "yes").await;
    assert_eq!(phone.text("[data-testid=score]").await, "100.0");
    inspector.is_synced().await;
    assert_eq!(filled(&stage).await[0].version, 3, "nothing moves by itself");

    phone.tap("[data-testid=upgrade]").await;
    phone.see("[data-testid=upgrade-stays]").await;
    phone.tap("[data-testid=upgrade-go]").await;
    phone.see_no("[data-testid=upgrade]").await;
    phone.see("[id='RR1.1'] [data-answer=yes][aria-checked=true]").await;
    inspector.is_synced().await;
    let now = filled(&stage).await;
    assert_eq!((now.len(), now[0].version), (1, 4), "response {first}");
    inspector.is_content().await;
}
