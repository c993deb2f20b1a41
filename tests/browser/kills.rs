//! What is typed is on the disk before the next breath: the browser dies at keystrokes chosen by chance (bar T10).

use std::time::Duration;

use crate::dice::Dice;
use crate::inspector::{DURABLE, Inspector};
use crate::stage::{Stage, give_password};

const ROUNDS: usize = 8;
const NOTE: &str = "textarea[data-field='SF1.2/note']";
/// Never the same two letters at one place, so that a lost or doubled one is seen.
const TEXT: &str =
    "三楼东侧应急灯不亮 abc 灭火器 2 具失压 defg 走廊堆放杂物 hij 已告知总务主任 klmn 要求当日整改 opq 拍照留存";

#[tokio::test]
async fn kill_at_any_keystroke_loses_nothing() {
    let mut dice = Dice::new("kills");
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive_rested(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.answer("SF1.2", "no").await;
    inspector.lose_network().await;

    let mut typed = String::new();
    let mut kept = 0;
    for round in 1..=ROUNDS {
        let left: Vec<char> = TEXT.chars().skip(typed.chars().count()).collect();
        let safe = dice.between(1, (left.len() / (ROUNDS + 1 - round)).clamp(1, 9));
        // Sometimes the phone dies while the thumb is still moving.
        let hasty = dice.between(0, 2).min(left.len() - safe);
        to_the_end_of_the_note(&inspector).await;
        for letter in &left[..safe] {
            inspector.phone.keys(letter.to_string()).await;
            typed.push(*letter);
        }
        tokio::time::sleep(DURABLE).await;
        let hasty: String = left[safe..safe + hasty].iter().collect();
        if !hasty.is_empty() {
            inspector.phone.keys(hasty.as_str()).await;
        }
        inspector.restart().await;
        inspector.is_at("SF1.2").await;
        let found = inspector.phone.value(NOTE).await;
        assert!(
            found.starts_with(&typed),
            "round {round}: “{typed}” was on the screen for 100 ms, “{found}” is there"
        );
        let whole = format!("{typed}{hasty}");
        assert!(
            whole.starts_with(&found),
            "round {round}: “{whole}” was typed, “{found}” is there"
        );
        typed = found;
        kept += safe;
    }
    println!("{ROUNDS} kills, {kept} letters kept of {kept}");
    inspector.regain_network().await;
    inspector.is_synced().await;
    let (_, response) = inspector.visit_and_response().await;
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let history = office
        .get(&format!("/api/v1/records/{response}/history?field=SF1.2/note"))
        .await
        .json();
    let last = history["entries"]
        .as_array()
        .and_then(|entries| entries.last())
        .expect("the note has a history");
    assert_eq!(last["value"], typed.as_str(), "the office reads what was typed");
}

/// The cursor behind the last letter, as after reading it again.
async fn to_the_end_of_the_note(inspector: &Inspector) {
    inspector.phone.tap(NOTE).await;
    let put = format!(
        "const box = document.querySelector(\"{NOTE}\"); box.setSelectionRange(box.value.length, box.value.length); return true"
    );
    inspector.phone.js::<bool>(&put, &[]).await;
}

/// The shortest life: a tap, the promised tenth of a second, death. The sign-in is so young that it dies with the browser: the work
/// goes on without it, and goes out after the password.
#[tokio::test]
async fn an_answer_outlives_a_kill_and_a_lost_sign_in() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.lose_network().await;
    for (item, answer) in [("SF1.1", "yes"), ("SF1.2", "no"), ("SF1.3", "na")] {
        inspector.answer(item, answer).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        inspector.restart().await;
        inspector.is_at(item).await;
        assert_eq!(inspector.answers().await.get(item).map(String::as_str), Some(answer));
    }
    assert_eq!(inspector.answers().await.len(), 3);

    inspector.regain_network().await;
    inspector.phone.tap("a[href='/signin']").await;
    give_password(&inspector.phone, &stage.server.district.a).await;
    inspector.is_at("SF1.3").await;
    inspector.is_synced().await;
    assert_eq!(inspector.answers().await.len(), 3);
}
