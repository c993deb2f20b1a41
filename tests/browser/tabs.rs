//! The same phone, the app open twice: one set of records, one outbox (bar L12).

use crate::inspector::Inspector;
use crate::stage::Stage;

#[tokio::test]
async fn two_tabs_of_one_phone_show_each_others_answers_and_send_each_once() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    let (visit, response) = inspector.visit_and_response().await;
    inspector.is_synced().await;

    let first = inspector.phone.this_tab().await;
    let second = inspector.phone.new_tab().await;
    inspector
        .phone
        .go(&format!("/visit/{visit}/checklist/{response}"))
        .await;
    inspector.phone.see("[id='SF1.1']").await;
    inspector.lose_network().await;

    inspector.answer("SF1.1", "yes").await;
    inspector.phone.to_tab(&first).await;
    shows(&inspector, "SF1.1", "yes").await;
    inspector.answer("SF1.2", "no").await;
    inspector
        .phone
        .type_into("textarea[data-field='SF1.2/note']", "预案未更新")
        .await;
    // Two tabs, the same item, one after the other: the later one saw the earlier one.
    inspector.answer("SF1.1", "no").await;

    inspector.phone.to_tab(&second).await;
    shows(&inspector, "SF1.2", "no").await;
    shows(&inspector, "SF1.1", "no").await;
    inspector.answer("SF1.3", "yes").await;
    inspector.phone.to_tab(&first).await;
    shows(&inspector, "SF1.3", "yes").await;

    inspector.regain_network().await;
    inspector.is_synced().await;
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    for (item, values) in [
        ("SF1.1", vec!["yes", "no"]),
        ("SF1.2", vec!["no"]),
        ("SF1.3", vec!["yes"]),
    ] {
        let history = office
            .get(&format!("/api/v1/records/{response}/history?field={item}"))
            .await
            .json();
        let entries = history["entries"].as_array().expect("a history");
        let said: Vec<&str> = entries.iter().filter_map(|entry| entry["value"].as_str()).collect();
        assert_eq!(said, values, "each answer of {item} once");
    }
    let page = office.get(&format!("/api/v1/visits/{visit}")).await.json();
    let record = page["records"].as_array().and_then(|records| {
        records
            .iter()
            .find(|record| record["id"] == response.to_string().as_str())
    });
    let siblings = record
        .and_then(|record| record["fields"]["SF1.1"]["w"].as_array())
        .map(Vec::len);
    assert_eq!(siblings, Some(1), "one person's two tabs do not contradict each other");
    inspector.is_content().await;
}

async fn shows(inspector: &Inspector, item: &str, answer: &str) {
    inspector
        .phone
        .see(&format!("[id='{item}'] [data-answer={answer}][aria-checked=true]"))
        .await;
}
