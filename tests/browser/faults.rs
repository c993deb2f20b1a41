//! A server that answers with errors, cuts the line or asks for patience (bar T11): the work stays whole and arrives when that ends.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::browser::{PATIENCE, poll};
use tests::faulty::{Fault, Faulty};

use crate::disk;
use crate::inspector::Inspector;
use crate::stage::Stage;

const PUSH: &str = "/api/v1/sync/push";
const PULL: &str = "/api/v1/sync/pull";
const HAVE: &str = "/api/v1/sync/have";
const REFRESH: &str = "/api/v1/session/refresh";

async fn begin(stage: &Stage) -> (Faulty, Inspector) {
    let faulty = Faulty::before(&stage.server.url).await;
    let inspector = Inspector::arrive_over(&faulty.url, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.is_synced().await;
    (faulty, inspector)
}

/// The lines of every group on the phone, wherever it is on its way.
async fn lines(inspector: &Inspector) -> BTreeSet<String> {
    let mut rows = inspector.stored("outbox").await;
    rows.extend(inspector.stored("journal").await);
    rows.iter()
        .map(|row| row["line"].as_str().expect("a line").to_owned())
        .collect()
}

/// One more piece of work, on the disk.
async fn work(inspector: &Inspector, nth: usize) {
    let before = lines(inspector).await.len();
    inspector.answer("SF1.1", ["yes", "na"][nth % 2]).await;
    let stored = poll(PATIENCE, async || (lines(inspector).await.len() > before).then_some(())).await;
    stored.expect("the answer is stored");
}

async fn called_again(faulty: &Faulty, path: &str, before: usize) {
    let called = poll(PATIENCE, async || (faulty.calls(path).len() > before).then_some(())).await;
    called.unwrap_or_else(|| panic!("nobody asked {path} again"));
}

#[tokio::test]
async fn no_error_status_on_any_call_costs_a_piece_of_work() {
    let stage = Stage::set().await;
    let (faulty, inspector) = begin(&stage).await;
    let mut faults: Vec<Fault> = [401, 403, 404, 409, 410, 413, 426, 429, 500, 503]
        .map(Fault::status)
        .into();
    faults.extend([Fault::Cut, Fault::LostAnswer]);
    let mut known = lines(&inspector).await;
    let mut nth = 0;
    for path in [PUSH, PULL, HAVE, REFRESH] {
        for fault in &faults {
            let before = faulty.calls(path).len();
            faulty.on(path, fault.clone());
            match path {
                // Only asked for when the token has run out.
                REFRESH => faulty.on(PUSH, Fault::status(401)),
                HAVE => ask_about_the_journal(&inspector).await,
                _ => {}
            }
            nth += 1;
            work(&inspector, nth).await;
            called_again(&faulty, path, before).await;
            let now = lines(&inspector).await;
            assert!(known.is_subset(&now), "{path} with {fault:?}: work is missing");
            known = now;
            faulty.mend();
        }
    }
    // An end to all faults, and everything arrives.
    nth += 1;
    work(&inspector, nth).await;
    inspector.is_synced().await;
    let applied = stage.outcomes(&stage.server.district.a).await;
    assert_eq!(
        applied.get("applied"),
        Some(&i64::try_from(lines(&inspector).await.len()).unwrap()),
        "each once"
    );
    assert_eq!(applied.len(), 1, "{applied:?}");
    println!("{} faults, {nth} pieces of work, all arrived", 4 * faults.len());
}

/// The daily question about the journal, due now.
async fn ask_about_the_journal(inspector: &Inspector) {
    disk::put(
        &inspector.phone,
        &inspector.person,
        "meta",
        "journal_checked",
        &json!(1.0),
    )
    .await;
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it_from_everything_but_a_tap() {
    let stage = Stage::set().await;
    let (faulty, inspector) = begin(&stage).await;
    let pause = Duration::from_secs(4);
    let retry_outcome = {
        let office = stage.server.sign_in(&stage.server.district.coordinator).await;
        let hello = office.pull(&[]).await.text;
        let hello: serde_json::Value = serde_json::from_str(hello.lines().next().expect("a frame")).expect("JSON");
        let retry = json!({"group": "0".repeat(32), "outcome": "retry", "after_ms": pause.as_millis()});
        json!({"epoch": hello["hello"]["epoch"], "now": hello["hello"]["now"], "outcomes": [retry]})
    };
    for (nth, fault) in [
        Fault::come_again(503, pause.as_secs()),
        Fault::come_again(429, pause.as_secs()),
        Fault::body("application/json", retry_outcome.to_string()),
    ]
    .into_iter()
    .enumerate()
    {
        let before = faulty.calls(PUSH).len();
        faulty.on(PUSH, fault);
        work(&inspector, nth).await;
        called_again(&faulty, PUSH, before).await;
        // More work does not make the phone impatient.
        work(&inspector, nth + 1).await;
        work(&inspector, nth).await;
        faulty.mend();
        called_again(&faulty, PUSH, before + 1).await;
        let calls = faulty.calls(PUSH);
        let waited = calls[before + 1] - calls[before];
        assert!(waited >= pause, "asked again after {waited:?}");
        inspector.is_synced().await;
    }

    // A person who taps does not wait.
    let before = faulty.calls(PUSH).len();
    faulty.on(PUSH, Fault::come_again(503, 3_600));
    work(&inspector, 1).await;
    called_again(&faulty, PUSH, before).await;
    faulty.mend();
    inspector.phone.tap("[data-testid=sync-badge]").await;
    inspector.phone.tap("[data-testid=sync-now]").await;
    let tapped = Instant::now();
    inspector.is_synced().await;
    assert!(tapped.elapsed() < Duration::from_secs(3_600));
}

#[tokio::test]
async fn a_phone_too_old_to_receive_still_sends_and_says_so() {
    let stage = Stage::set().await;
    let (faulty, inspector) = begin(&stage).await;
    faulty.on(PULL, Fault::status(426));
    work(&inspector, 0).await;
    inspector.phone.see("[data-testid=too-old]").await;
    work(&inspector, 1).await;
    inspector.is_synced().await;
    let sent = stage.outcomes(&stage.server.district.a).await["applied"];
    assert_eq!(
        usize::try_from(sent).unwrap(),
        lines(&inspector).await.len(),
        "everything is at the office"
    );
    faulty.mend();
    work(&inspector, 0).await;
    inspector.phone.see_no("[data-testid=too-old]").await;
}
