//! How a visit came to be as it is: who did what, what they had seen, and what differs between two moments.

use catalog::Lang;
use serde_json::json;
use sync_protocol::{Dot, GroupKind, Op};
use tests::browser::Browser;
use tests::server::op;
use uuid::Uuid;

use crate::inspector::Inspector;
use crate::stage::Stage;
use crate::words::{item_title, word};

/// The two lists that choose a moment, and the line that says how much differs.
const THEN: &str = "select[data-moment=then]";
const NOW: &str = "select[data-moment=now]";
const DIFFERENCES: &str = "[data-testid=differences]";

/// Pictures of the tab at both sizes, when somebody wants to look: `DUXING_PICTURES` names a folder.
async fn picture(desk: &Browser, name: &str, at: &str) {
    let Ok(folder) = std::env::var("DUXING_PICTURES") else {
        return;
    };
    for (width, height) in [(360, 640), (1440, 900)] {
        desk.resize((width, height)).await;
        let top = "document.querySelector(arguments[0]).scrollIntoView({ block: 'start', behavior: 'instant' })";
        desk.js::<()>(top, &[json!(at)]).await;
        desk.still().await;
        let file = format!("{width}-{name}.png");
        desk.picture(&std::path::Path::new(&folder).join(file)).await;
    }
}

/// Chooses the moment whose words have this in them.
async fn choose(desk: &Browser, list: &str, words: &str) {
    let choose = "const list = document.querySelector(arguments[0]);
        list.value = [...list.options].find((one) => one.innerText.includes(arguments[1])).value;
        list.dispatchEvent(new Event('change', { bubbles: true }))";
    desk.js::<()>(choose, &[json!(list), json!(words)]).await;
}

/// Answers what is still open: a look a section, and a tap where only a number could judge.
async fn the_rest_is_fine(inspector: &Inspector) {
    for section in 1..=11 {
        let looked = format!("[data-testid=looked-SF{section}]");
        if inspector.phone.count(&looked).await > 0 {
            inspector.phone.tap(&looked).await;
        }
    }
    let open = "return [...document.querySelectorAll('article.item[data-verdict=unanswered]')]
        .filter((item) => item.querySelector('[data-answer=yes]')).map((item) => item.id)";
    for item in inspector.phone.js::<Vec<String>>(open, &[]).await {
        inspector.answer(&item, "yes").await;
    }
}

/// A note beside each of forty items.
fn notes(response: Uuid) -> impl Iterator<Item = Op> {
    let checklist = catalog::catalog()
        .latest("campus-safety")
        .expect("a built-in checklist");
    let items = checklist.sections.iter().flat_map(|section| &section.items);
    let noted = items.filter(|item| item.code != "SF3.4").take(40);
    noted.map(move |item| op(response, &format!("{}/note", item.code), &json!("看过")))
}

#[tokio::test]
async fn the_whole_history_tells_what_each_had_seen_and_two_moments_are_compared() {
    let stage = Stage::set().await;
    let first = Inspector::arrive(&stage, &stage.server.district.a).await;
    first.start_visit(stage.school()).await;
    let (visit, response) = first.visit_and_response().await;
    first.answer("SF3.3", "yes").await;
    first.answer("SF3.4", "yes").await;
    first.is_synced().await;
    // The second sees the first one's answer and says otherwise.
    let second = Inspector::arrive(&stage, &stage.server.district.b).await;
    second.phone.go(&format!("/visit/{visit}/checklist/{response}")).await;
    second
        .phone
        .see("[id='SF3.4'] [data-answer=yes][aria-checked=true]")
        .await;
    second.answer("SF3.4", "no").await;
    second
        .explain(
            "SF3.4",
            [("note", "三楼应急灯不亮"), ("place", "三楼"), ("told", "示例主任")],
        )
        .await;
    second.is_synced().await;
    first
        .phone
        .see("[id='SF3.4'] [data-answer=no][aria-checked=true]")
        .await;
    // More than one page of the list shows.
    let other_device = stage.server.sign_in(&stage.server.district.a).await;
    let notes: Vec<String> = notes(response)
        .map(|note| other_device.group(&stage.server.district.bucket(0), GroupKind::Edit, vec![note]))
        .collect();
    let reply = other_device.push(&notes).await.json();
    let outcomes = reply["outcomes"].as_array().expect("outcomes");
    assert!(outcomes.iter().all(|one| one["outcome"] == "applied"), "{reply}");
    the_rest_is_fine(&first).await;
    first.finish().await;
    first.is_synced().await;
    first.is_content().await;
    second.is_content().await;
    drop((first, second));

    let desk = stage.desk(&format!("/record/{visit}")).await;
    desk.tap("#tab-history").await;
    desk.see("[data-testid=actions] > li").await;
    assert_eq!(desk.place().await, format!("/record/{visit}?tab=history"));
    assert_eq!(desk.count("[data-testid=actions] > li").await, 50);
    desk.tap("[data-testid=more-actions]").await;
    desk.see("[data-testid=actions] > li:nth-child(51)").await;
    let actions: Vec<String> = desk
        .js(
            "return [...document.querySelectorAll('[data-testid=actions] > li')].map((row) => row.innerText)",
            &[],
        )
        .await;
    let at = |words: &str| {
        let found = actions.iter().position(|action| action.contains(words));
        found.unwrap_or_else(|| panic!("{words} in {actions:#?}"))
    };
    let says =
        |code: &str, answer: &str| format!("{code} {} → {}", item_title(Lang::ZhCn, code), word(Lang::ZhCn, answer));
    let (yes, no) = (at(&says("SF3.4", "answer.yes")), at(&says("SF3.4", "answer.no")));
    let (begun, submitted) = (
        at(word(Lang::ZhCn, "op.visit_started")),
        at(word(Lang::ZhCn, "op.submitted")),
    );
    assert!(submitted < no && no < yes && yes < begun, "newest first: {actions:#?}");
    assert!(
        actions[yes].contains("示例 a") && actions[no].contains("示例 b"),
        "{actions:#?}"
    );

    // Opened, an action tells what its author had seen, and what became of it.
    let row = |nth: usize| format!("[data-testid=actions] > li:nth-child({})", nth + 1);
    desk.tap(&format!("{} summary", row(no))).await;
    let answer = format!("{} [data-field='SF3.4']", row(no));
    let told = desk.text(&answer).await;
    assert!(told.contains("看到的是：是（示例 a"), "{told}");
    assert!(told.contains(word(Lang::ZhCn, "history.stands")), "{told}");
    picture(&desk, "history-opened", &row(no)).await;
    desk.tap(&format!("{} summary", row(yes))).await;
    let told = desk.text(&format!("{} [data-field='SF3.4']", row(yes))).await;
    assert!(told.contains(word(Lang::ZhCn, "history.first_entry")), "{told}");
    assert!(told.contains("已被替换：否（示例 b"), "{told}");

    // At first the last submission stands beside the newest action, and that is the same moment.
    desk.read(word(Lang::ZhCn, "history.same_moment")).await;
    choose(&desk, THEN, &says("SF3.4", "answer.yes")).await;
    // Most of the sheet was filled in since: the list is short until somebody asks for all of it.
    desk.see("tr[data-field='state']").await;
    assert_eq!(desk.count("tr[data-field='SF3.4']").await, 0);
    picture(&desk, "history-compared", ".tabs").await;
    desk.tap("[data-testid=all-differences]").await;
    desk.see("tr[data-field='SF3.4']").await;
    let compared = desk.text("tr[data-field='SF3.4']").await;
    let cells: Vec<&str> = compared.split('\t').map(str::trim).collect();
    let expected = [
        format!("SF3.4 {}", item_title(Lang::ZhCn, "SF3.4")),
        word(Lang::ZhCn, "answer.yes").to_owned(),
        word(Lang::ZhCn, "answer.no").to_owned(),
    ];
    assert_eq!(cells, expected.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(
        desk.count("tr[data-field='SF3.3']").await,
        0,
        "what did not change is not listed"
    );
    choose(&desk, NOW, &says("SF3.4", "answer.no")).await;
    desk.see_no("tr[data-field='state']").await;
    desk.see("tr[data-field='SF3.4']").await;

    // In the other language all is as it was.
    desk.tap(".rail-foot .linkbtn").await;
    desk.read(word(Lang::En, "history.all")).await;
    desk.see(&format!("{} details[open]", row(no))).await;
    desk.see("tr[data-field='SF3.4']").await;
    picture(&desk, "history-en", ".tabs").await;
    desk.tap(".rail-foot .linkbtn").await;

    // The office reviews the visit: the page hears of it, and who reads keeps their place, choice and tab.
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let page = office.get(&format!("/api/v1/visits/{visit}")).await.json();
    let mut records = page["records"].as_array().expect("records").iter();
    let kept = records.find(|record| record["id"] == json!(visit)).expect("the visit");
    let seen: Dot = serde_json::from_value(kept["fields"]["state"]["w"][0]["d"].clone()).expect("a dot");
    let Op(record, path, state, _) = op(visit, "state", &json!("reviewed"));
    let step = Op(record, path, state, vec![seen]);
    let reviewed = office.group(&stage.server.district.bucket(0), GroupKind::Command, vec![step]);
    let reply = office.push(&[reviewed]).await;
    assert_eq!(reply.json()["outcomes"][0]["outcome"], "applied", "{}", reply.text);
    desk.read("已审阅").await;
    desk.see(&format!(
        "[data-testid=actions] > li:nth-child({}) details[open]",
        no + 2
    ))
    .await;
    assert_eq!(desk.count("tr[data-field='state']").await, 0, "the chosen moments stay");
    assert_eq!(desk.count("#tab-history[aria-selected=true]").await, 1);
    desk.reload().await;
    desk.see("[data-testid=actions] > li").await;
    let line = desk.text(DIFFERENCES).await;
    assert!(
        line.contains('1'),
        "since the last submission one thing changed: {line}"
    );
    assert_eq!(desk.complaints().await, Vec::<String>::new(), "the desk's console");
}
