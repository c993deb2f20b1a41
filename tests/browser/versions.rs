//! The program changes under a form, the storage passes to a newer version, or is gone: what was typed is there, and the person is told.

use serde_json::json;
use tests::faulty::{Fault, Faulty};

use crate::inspector::Inspector;
use crate::stage::{Stage, give_password};

const NOTE: &str = "textarea[data-field='SF1.2/note']";

#[tokio::test]
async fn a_new_version_of_the_app_waits_while_somebody_types() {
    let stage = Stage::set().await;
    let faulty = Faulty::before(&stage.server.url).await;
    let inspector = Inspector::arrive_over(&faulty.url, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.answer("SF1.2", "no").await;
    inspector.phone.type_into(NOTE, "写到一半").await;
    inspector.phone.js::<bool>("window.same = true; return true", &[]).await;

    let worker = stage.server.stranger().get("/sw.js").await.text;
    let newer = worker.replacen("const VERSION = '", "const VERSION = 'newer-", 1);
    assert_ne!(newer, worker);
    faulty.on("/sw.js", Fault::body("text/javascript", newer));
    let update = "const here = await navigator.serviceWorker.getRegistration(); await here.update();
        while (!here.waiting) await new Promise((next) => setTimeout(next, 50)); return true";
    inspector.phone.js_async::<bool>(update, &[]).await;
    inspector.phone.keys("，接着写").await;
    assert_eq!(inspector.phone.value(NOTE).await, "写到一半，接着写");
    assert!(
        inspector.phone.js::<bool>("return window.same === true", &[]).await,
        "the page is the same"
    );

    // A tap, not the program, swaps the version; the form is where it was.
    let form = inspector.phone.place().await;
    inspector.phone.tap("[data-testid=sync-badge]").await;
    inspector.phone.tap(".nav a[href='/me']").await;
    inspector.phone.tap("[data-testid=update-now]").await;
    inspector
        .phone
        .wait(
            "the page loaded anew",
            "window.same !== true && document.querySelector('h1')",
        )
        .await;
    inspector.phone.go(&form).await;
    assert_eq!(inspector.phone.value(NOTE).await, "写到一半，接着写");
    inspector.is_synced().await;
    inspector.is_content().await;
}

#[tokio::test]
async fn a_tab_gives_way_to_a_newer_version_of_the_storage_with_everything_stored() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.is_synced().await;
    inspector.lose_network().await;
    inspector.answer("SF1.2", "no").await;
    inspector.phone.type_into(NOTE, "还没写完").await;
    let first = inspector.phone.this_tab().await;
    let _second = inspector.phone.new_tab().await;
    inspector.phone.go("/manifest.webmanifest").await;
    // What a newer version of the app does when it opens. It would wait for ever for a tab that does not give way.
    let newer =
        "const name = (await indexedDB.databases()).map((db) => db.name).find((name) => name !== 'duxing-device');
        return await new Promise((good, bad) => {
            const opening = indexedDB.open(name, 99);
            opening.onsuccess = () => { opening.result.close(); good(true); };
            opening.onerror = () => bad(opening.error);
        })";
    assert!(inspector.phone.js_async::<bool>(newer, &[]).await);
    let outbox = inspector.stored("outbox").await;
    let outbox = serde_json::to_string(&outbox).expect("JSON");
    assert!(outbox.contains("还没写完"), "what was typed is stored: {outbox}");
    inspector.phone.to_tab(&first).await;
    inspector.phone.see("[data-testid=outdated]").await;
    assert_eq!(
        inspector.phone.count("textarea, input").await,
        0,
        "nothing can be typed that could not be stored"
    );
    // The old program, loaded once more, does not touch what the newer one left.
    inspector.phone.tap("[data-testid=load-anew]").await;
    inspector.phone.see("[data-testid=outdated]").await;
}

#[tokio::test]
async fn a_person_whose_storage_was_cleared_is_told_what_the_office_holds() {
    let stage = Stage::set().await;
    let inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    let (visit, _) = inspector.visit_and_response().await;
    inspector.is_synced().await;
    inspector.phone.go("/today").await;
    inspector.phone.see("[data-testid=resume-card]").await;
    assert_eq!(
        inspector.phone.count("[data-testid=began-empty]").await,
        0,
        "who begins here has lost nothing"
    );

    let everything = json!({"origin": inspector.line.url, "storageTypes": "all"});
    inspector.phone.cdp("Storage.clearDataForOrigin", everything).await;
    inspector.phone.go("/").await;
    give_password(&inspector.phone, &stage.server.district.a).await;
    let told = "[data-testid=began-empty][data-visits='1']";
    inspector.phone.see(told).await;
    inspector.phone.tap(&format!("{told} summary")).await;
    inspector.phone.see(&format!("{told} a[href='/visit/{visit}']")).await;
    inspector.phone.reload().await;
    inspector.phone.see(told).await;
    inspector.phone.tap("[data-testid=began-empty-read]").await;
    inspector.phone.see_no(told).await;
    inspector.phone.reload().await;
    inspector.phone.see("[data-testid=resume-card]").await;
    assert_eq!(inspector.phone.count(told).await, 0, "said once");
}
