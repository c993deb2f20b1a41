//! The promise itself: a checklist filled without a network, through a killed browser, is on the coordinator's open page when the
//! network returns, with the score that the paper says (domain F10, worked checks 1 and 2).

use std::collections::BTreeMap;
use std::time::Instant;

use tests::browser::Browser;
use tests::phone::applicable_items;
use uuid::Uuid;

use crate::dice::Dice;
use crate::inspector::{DURABLE, Inspector};
use crate::stage::Stage;
use crate::words::band;

#[tokio::test]
async fn a_safety_check_filled_offline_reaches_the_coordinators_open_page() {
    let mut dice = Dice::new("headline");
    let stage = Stage::set().await;
    let desk = stage.desk("/results").await;
    let mut inspector = Inspector::arrive_rested(&stage, &stage.server.district.a).await;

    inspector.lose_network().await;
    inspector.phone.reload().await;
    inspector.start_visit(stage.school()).await;
    let (visit, _) = inspector.visit_and_response().await;

    let items = applicable_items();
    let killed_after = dice.between(1, items.len() - 1);
    let began = Instant::now();
    let mut given = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        if at == killed_after {
            killed_at(&mut inspector, &items[at - 1], &given).await;
        }
        let answer = if item == "SF3.4" { "no" } else { "yes" };
        inspector.answer(item, answer).await;
        given.insert(item.clone(), answer.to_owned());
        if answer == "no" {
            let told = [("note", "三楼应急灯不亮"), ("place", "三楼走廊"), ("told", "示例主任")];
            inspector.explain(item, told).await;
        }
    }
    println!(
        "{} items answered offline, killed after {killed_after}, in {:.1} s",
        items.len(),
        began.elapsed().as_secs_f64()
    );
    assert_eq!(inspector.answers().await, given);
    assert_eq!(inspector.phone.text("[data-testid=score]").await, "98.4");
    inspector.finish().await;
    inspector.restart().await;
    inspector.phone.see("[data-testid=handed-in]").await;
    assert_eq!(desk.count(&row(visit)).await, 0, "nothing can have left the phone");

    mark(&desk).await;
    let returned = Instant::now();
    inspector.regain_network().await;
    desk.see(&row(visit)).await;
    desk.wait(
        "the whole visit",
        &format!("document.querySelector(\"{}\").innerText.includes('98.4')", row(visit)),
    )
    .await;
    let shown = returned.elapsed();
    inspector.is_synced().await;
    println!(
        "network back to the coordinator's page: {shown:.2?}; to the phone's clear badge: {:.2?}",
        returned.elapsed()
    );
    office_says(&desk, visit, "98.4", "A").await;
    assert!(
        desk.text(&row(visit)).await.contains("SF3.4"),
        "the failed item is named"
    );
    assert!(
        desk.js::<bool>("return window.untouched === true", &[]).await,
        "the page was never loaded again"
    );
    inspector.is_content().await;
    assert_eq!(desk.complaints().await, Vec::<String>::new(), "the desk's console");
}

#[tokio::test]
async fn a_blocked_escape_route_caps_the_band_on_the_phone_and_in_the_office() {
    let stage = Stage::set().await;
    let desk = stage.desk("/results").await;
    let inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    let (visit, _) = inspector.visit_and_response().await;

    for item in applicable_items() {
        if item == "SF3.1" {
            inspector.answer(&item, "no").await;
            let told = [
                ("note", "一楼东侧疏散门上锁"),
                ("place", "教学楼一楼东侧"),
                ("told", "示例主任"),
            ];
            inspector.explain(&item, told).await;
        } else {
            inspector.answer(&item, "yes").await;
        }
    }
    let score = inspector.phone.text(".score").await;
    assert!(
        score.contains("96.0") && score.contains(band("D")),
        "the cap is named beside the score: {score}"
    );
    inspector.finish().await;
    let handed_in = inspector.phone.text("[data-testid=handed-in]").await;
    assert!(
        handed_in.contains("96.0") && handed_in.contains(band("D")),
        "{handed_in}"
    );
    inspector.is_synced().await;
    office_says(&desk, visit, "96.0", "D").await;
    assert!(desk.text(&row(visit)).await.contains("SF3.1"));
    inspector.is_content().await;
}

/// The browser dies without warning; opened again, still without a network, it is where it was and has what it had.
async fn killed_at(inspector: &mut Inspector, item: &str, given: &BTreeMap<String, String>) {
    tokio::time::sleep(DURABLE).await;
    let killed = Instant::now();
    inspector.restart().await;
    inspector.is_at(item).await;
    println!(
        "killed at {item}, {} answers, at the item again after {:.1} s",
        given.len(),
        killed.elapsed().as_secs_f64()
    );
    assert_eq!(&inspector.answers().await, given, "every answer given before the kill");
}

fn row(visit: Uuid) -> String {
    format!("tr[data-visit='{visit}']")
}

/// So that a reload would be noticed.
async fn mark(desk: &Browser) {
    desk.js::<bool>("return window.untouched = true", &[]).await;
}

async fn office_says(desk: &Browser, visit: Uuid, score: &str, code: &str) {
    let row = row(visit);
    let submitted = format!(
        "document.querySelector(\"{row}\")?.innerText.includes('{}')",
        crate::words::submitted()
    );
    desk.wait("the visit as submitted", &submitted).await;
    assert_eq!(desk.text(&format!("{row} .score")).await, score);
    let shown = desk.text(&row).await;
    assert!(shown.contains(band(code)), "band {code} in: {shown}");
}
