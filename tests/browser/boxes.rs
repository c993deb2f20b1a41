//! Boxes that are written in one after the other, while answers go out and come back underneath: each keeps what was typed in it.

use serde_json::Value;

use crate::inspector::Inspector;
use crate::stage::Stage;

const WRITTEN: [(&str, &str); 5] = [
    ("textarea[data-field='SF3.1/note']", "综合楼一层北门挂链锁，室内有人。"),
    ("textarea[data-field='SF3.1/place']", "综合楼一层北门"),
    ("textarea[data-field='SF3.1/told']", "安全副校长"),
    ("textarea[data-field='SF3.4/note']", "二层东侧两盏应急灯不亮。"),
    ("input[data-field='SF2.1/n']", "1"),
];

#[tokio::test]
async fn every_box_keeps_what_was_typed_while_the_next_one_is_typed_in() {
    let stage = Stage::set().await;
    let inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    let (_, response) = inspector.visit_and_response().await;
    inspector.answer("SF3.1", "no").await;
    inspector.answer("SF3.4", "no").await;
    for (css, words) in WRITTEN {
        inspector.phone.type_into(css, words).await;
        assert_eq!(inspector.phone.value(css).await, words, "{css} as soon as it is typed");
    }
    boxes_hold(&inspector, "a moment later").await;
    inspector.phone.reload().await;
    inspector.phone.see("[id='SF1.1']").await;
    boxes_hold(&inspector, "after a reload").await;
    inspector.is_synced().await;
    inspector.phone.reload().await;
    inspector.phone.see("[id='SF1.1']").await;
    boxes_hold(&inspector, "after the office has it").await;

    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    for (field, words) in [
        ("SF3.1/note", WRITTEN[0].1),
        ("SF3.1/told", WRITTEN[2].1),
        ("SF3.4/note", WRITTEN[3].1),
    ] {
        let history = office
            .get(&format!("/api/v1/records/{response}/history?field={field}"))
            .await
            .json();
        let last = history["entries"]
            .as_array()
            .and_then(|entries| entries.last())
            .map(|entry| entry["value"].clone());
        assert_eq!(last, Some(Value::from(words)), "{field} in the office");
    }
    inspector.is_content().await;
}

async fn boxes_hold(inspector: &Inspector, when: &str) {
    for (css, words) in WRITTEN {
        assert_eq!(inspector.phone.value(css).await, words, "{css} {when}");
    }
}
