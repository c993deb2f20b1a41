//! One piece of work that no server can take, among a hundred: the others arrive, and it is shown, explained and can be carried away.

use catalog::Lang;
use serde_json::{Value, json};

use crate::access::Looks;
use crate::disk;
use crate::inspector::Inspector;
use crate::stage::Stage;
use crate::words::word;

const PIECES: usize = 100;

#[tokio::test]
async fn one_poisoned_group_among_a_hundred_is_named_and_the_others_arrive() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    let (visit, response) = inspector.visit_and_response().await;
    inspector.is_synced().await;
    let before = stage.outcomes(&stage.server.district.a).await["applied"];
    inspector.lose_network().await;
    inspector.answer("SF1.2", "no").await;
    inspector.phone.see("textarea[data-field='SF1.2/note']").await;
    poison(&inspector).await;
    fill_up(&inspector).await;

    inspector.regain_network().await;
    inspector
        .phone
        .see("[data-testid=sync-badge][data-pending='0'][data-attention='1']")
        .await;
    inspector.phone.go("/sync").await;
    let row = "[data-testid=sync-list] > [data-state='2']";
    inspector.phone.see(row).await;
    assert_eq!(
        inspector.phone.count(row).await,
        1,
        "only the poisoned one needs its author"
    );
    for lang in [Lang::ZhCn, Lang::En] {
        let looks = Looks {
            lang,
            theme: "light",
            senior: false,
        };
        looks.wear(&inspector.phone).await;
        inspector.phone.go("/sync").await;
        let said = inspector.phone.text(row).await;
        let wanted = [
            "示例第 1 小学",
            "SF1.2",
            "灯坏",
            word(lang, "refused.text.nul"),
            word(lang, "next.text.nul"),
        ];
        for words in wanted {
            assert!(said.contains(words), "“{words}” in “{said}”");
        }
        assert!(said.contains(':'), "it says when: “{said}”");
    }

    // Alone, and with everything that is not settled: here the same one.
    let (_, alone) = inspector
        .phone
        .save_by(&format!("{row} [data-testid=export-one]"))
        .await;
    let (_, together) = inspector.phone.save_by("[data-testid=export]").await;
    for text in [&alone, &together] {
        let lines = disk::lines(&inspector.phone, &inspector.person, text).await;
        let [line] = &lines[..] else {
            panic!("one group: {lines:?}")
        };
        let group: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(group["ops"][0][0], response.to_string());
        assert_eq!(group["ops"][0][2], "灯坏\0");
    }
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let page = office.get(&format!("/api/v1/visits/{visit}")).await.json();
    let records = page["records"].as_array().expect("the records of the visit");
    let filled = records
        .iter()
        .find(|record| record["id"] == response.to_string().as_str());
    let fields = filled
        .and_then(|record| record["fields"].as_object())
        .expect("the response");
    assert!(!fields.contains_key("SF1.2/note"), "what was refused has no effect");
    let outcomes = stage.outcomes(&stage.server.district.a).await;
    assert_eq!(outcomes.get("refused"), Some(&1));
    assert_eq!(
        outcomes["applied"],
        before + PIECES as i64 - 1,
        "the 99 others took effect"
    );
}

/// A character that no text may hold, as a bad paste brings it.
async fn poison(inspector: &Inspector) {
    let paste = "const box = document.querySelector(arguments[0]); box.focus(); box.value = '灯坏\\u0000';
        box.dispatchEvent(new Event('input', { bubbles: true })); box.blur(); return true";
    let note = json!("textarea[data-field='SF1.2/note']");
    inspector.phone.js::<bool>(paste, &[note]).await;
}

/// Answers one item after another until a hundred pieces wait.
async fn fill_up(inspector: &Inspector) {
    let tap = "const waits = () => Number(document.querySelector('[data-testid=sync-badge]').dataset.pending);
        const answers = [...document.querySelectorAll('article.item:not([id=\"SF1.2\"]) [data-answer=yes], article.item:not([id=\"SF1.2\"]) [data-answer=na]')];
        for (const answer of answers) {
            if (waits() >= arguments[0]) break;
            answer.click();
            await new Promise((next) => setTimeout(next, 10));
        }
        return waits()";
    let waits: usize = inspector.phone.js_async(tap, &[json!(PIECES)]).await;
    assert_eq!(waits, PIECES, "a hundred pieces wait");
}
