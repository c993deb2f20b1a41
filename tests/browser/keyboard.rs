//! Everything a finger reaches, the keyboard reaches: each page by Tab, answers by arrows, the desk's tables by j and k.

use std::collections::BTreeSet;

use tests::browser::{Browser, Key, View};
use tests::proxy::Line;

use crate::inspector::Inspector;
use crate::stage::{Stage, sign_in};

/// What can be used on the page as it stands, each marked with a number; a group of radio buttons is one stop.
const MARK: &str = "
    let next = 0;
    const usable = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')]
        .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0);
    const groups = new Map();
    for (const one of usable) {
        const group = one.type === 'radio' ? `radio ${one.name}` : one;
        if (!groups.has(group)) groups.set(group, String(next++));
        one.dataset.stop = groups.get(group);
    }
    return [...new Set(usable.map((one) => one.dataset.stop))];";

/// How many elements may take the focus now, marked or not.
const FOCUSABLE: &str =
    "return document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]').length";

#[tokio::test]
async fn every_page_is_reachable_by_tab() {
    let stage = Stage::set().await;
    let inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.answer("SF1.2", "no").await;
    let (visit, _) = inspector.visit_and_response().await;
    let school = stage.school();
    inspector.is_synced().await;
    let visit_page = format!("/visit/{visit}");
    for path in [
        "/today",
        "/schools",
        &format!("/school/{school}"),
        &visit_page,
        &format!("{visit_page}/feedback"),
        &format!("{visit_page}/submit"),
        "/problems",
        "/me",
        "/sync",
    ] {
        tab_reaches_everything(&inspector.phone, path, "main").await;
    }
    inspector.is_content().await;
    let desk = stage.desk("/results").await;
    let record = format!("/record/{visit}");
    let loaded = ".as-of";
    for (path, ready) in [
        ("/today", loaded),
        ("/visits", loaded),
        ("/problems", loaded),
        ("/results", loaded),
        ("/quarantine", "main"),
        ("/me", "main"),
        (&record, "tr[data-item]"),
        (&format!("{record}?tab=history"), "[data-testid=actions] summary"),
    ] {
        tab_reaches_everything(&desk, path, ready).await;
    }
    let line = Line::to(&stage.server.url).await;
    let stranger = Browser::open(&line.url, View::Phone).await;
    tab_reaches_everything(&stranger, "/", "[data-testid=login]").await;
}

/// Walks the page once it has what it needs, which `ready` tells: what comes later would be no stop of this walk.
async fn tab_reaches_everything(browser: &Browser, path: &str, ready: &str) {
    browser.go(path).await;
    browser.see(ready).await;
    browser
        .wait("a calm page", "!document.querySelector('[aria-busy=true]')")
        .await;
    let stops: BTreeSet<String> = browser.js(MARK, &[]).await;
    assert!(!stops.is_empty(), "{path} has something to use");
    let mut reached = BTreeSet::new();
    let mut steps = 0;
    // Rows may still come while the walk goes on, and they are stops too: three rounds of what the page has by then.
    while steps < 3 * browser.js::<usize>(FOCUSABLE, &[]).await + 10 {
        for _ in 0..10 {
            browser.keys(Key::Tab).await;
            steps += 1;
            let stop: Option<String> = browser
                .js("return document.activeElement?.dataset?.stop ?? null", &[])
                .await;
            reached.extend(stop);
        }
        if reached.is_superset(&stops) {
            return;
        }
    }
    let missed: Vec<&String> = stops.difference(&reached).collect();
    let words = "return arguments[0].map((stop) => document.querySelector(`[data-stop='${stop}']`)?.outerHTML.slice(0, 160) ?? `${stop} is gone`)";
    let missed: Vec<String> = browser.js(words, &[serde_json::json!(missed)]).await;
    panic!("on {path} the Tab key does not reach {missed:#?}");
}

#[tokio::test]
async fn answers_are_chosen_with_arrows_and_rows_walked_with_j_and_k() {
    let stage = Stage::set().await;
    let line = Line::to(&stage.server.url).await;
    let phone = Browser::open(&line.url, View::Phone).await;
    sign_in(&phone, &stage.server.district.a).await;
    let person = stage.server.district.a.clone();
    let inspector = Inspector { phone, line, person };
    inspector.start_visit(stage.school()).await;
    let focused = "return document.activeElement?.dataset?.answer ?? ''";
    for _ in 0..60 {
        inspector.phone.keys(Key::Tab).await;
        if !inspector.phone.js::<String>(focused, &[]).await.is_empty() {
            break;
        }
    }
    assert_eq!(
        inspector.phone.js::<String>(focused, &[]).await,
        "yes",
        "Tab stops at the first answer"
    );
    inspector.phone.keys(Key::Space).await;
    inspector.phone.see("[data-answer=yes][aria-checked=true]").await;
    for (key, answer) in [
        (Key::Right, "no"),
        (Key::Right, "na"),
        (Key::Right, "yes"),
        (Key::Left, "na"),
    ] {
        inspector.phone.keys(key).await;
        inspector
            .phone
            .see(&format!("[data-answer={answer}][aria-checked=true]"))
            .await;
        assert_eq!(
            inspector.phone.js::<String>(focused, &[]).await,
            answer,
            "the focus goes with the answer"
        );
    }
    let (visit, _) = inspector.visit_and_response().await;
    inspector.is_synced().await;

    let desk = stage.desk("/visits").await;
    desk.see(&format!("a.rowlink[href*='{visit}']")).await;
    desk.keys("j").await;
    let row = "return document.activeElement?.getAttribute('href') ?? ''";
    assert!(
        desk.js::<String>(row, &[]).await.contains(&visit.to_string()),
        "j goes to the first row"
    );
    desk.keys(Key::Enter).await;
    desk.see("tr[data-item]").await;
}
