//! Two supervisors, two phones, no network, one item, two answers: both are kept, both are shown, the worse one counts.

use catalog::Lang;

use crate::inspector::Inspector;
use crate::stage::Stage;
use crate::words::word;

#[tokio::test]
async fn two_answers_to_one_item_are_both_shown_and_the_worse_one_counts() {
    let stage = Stage::set().await;
    let mut first = Inspector::arrive(&stage, &stage.server.district.a).await;
    first.start_visit(stage.school()).await;
    let (visit, response) = first.visit_and_response().await;
    first.is_synced().await;
    let mut second = Inspector::arrive(&stage, &stage.server.district.b).await;
    second.phone.go(&format!("/visit/{visit}/checklist/{response}")).await;
    second.phone.see("[id='SF3.4']").await;

    first.lose_network().await;
    second.lose_network().await;
    first.answer("SF3.4", "yes").await;
    first.answer("SF3.3", "yes").await;
    second.answer("SF3.4", "no").await;
    second
        .explain(
            "SF3.4",
            [("note", "三楼应急灯不亮"), ("place", "三楼"), ("told", "示例主任")],
        )
        .await;
    second.answer("SF3.5", "yes").await;

    first.regain_network().await;
    first.is_synced().await;
    second.regain_network().await;
    second.is_synced().await;
    for (phone, other) in [(&first, "示例 b"), (&second, "示例 a")] {
        phone.phone.see("[id='SF3.4'] .conflict").await;
        let told = phone.phone.text("[id='SF3.4'] .conflict").await;
        assert!(
            told.contains(word(Lang::ZhCn, "answer.yes")) && told.contains(word(Lang::ZhCn, "answer.no")),
            "{told}"
        );
        phone.phone.read(other).await;
    }
    // Different items never contradict each other.
    for item in ["SF3.3", "SF3.5"] {
        first
            .phone
            .see(&format!("[id='{item}'] [data-answer=yes][aria-checked=true]"))
            .await;
        assert_eq!(first.phone.count(&format!("[id='{item}'] .conflict")).await, 0);
    }
    first.is_content().await;
    second.is_content().await;
    drop((first, second));

    let desk = stage.desk(&format!("/record/{visit}")).await;
    desk.see("tr[data-item='SF3.4']").await;
    let rows: Vec<String> = desk
        .js(
            "return [...document.querySelectorAll(\"tr[data-item='SF3.4']\")].map((row) => row.innerText)",
            &[],
        )
        .await;
    assert_eq!(rows.len(), 2, "a row an answer: {rows:?}");
    let both = rows.join("\n");
    for words in [
        word(Lang::ZhCn, "answer.yes"),
        word(Lang::ZhCn, "answer.no"),
        word(Lang::ZhCn, "conflict.title"),
        "示例 a",
        "示例 b",
    ] {
        assert!(both.contains(words), "{words} in {both}");
    }
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let month = &tests::phone::today()[..7];
    let results = office.get(&format!("/api/v1/results?month={month}")).await.json();
    let judged = &results["visits"][0]["responses"][0];
    assert_eq!(
        judged["failed"],
        serde_json::json!(["SF3.4"]),
        "the worse answer counts: {judged}"
    );
    desk.go("/results").await;
    let row = format!("tr[data-visit='{visit}']");
    assert!(
        desk.text(&row).await.contains("SF3.4"),
        "the failed item is named in the results"
    );
    assert_eq!(desk.complaints().await, Vec::<String>::new(), "the desk's console");
}
