//! The phone has no room left in the middle of an entry (bar L14): it says so, keeps what is on the screen, and goes on when there is room.

use std::time::Duration;

use serde_json::json;
use tests::browser::{PATIENCE, poll};

use crate::inspector::Inspector;
use crate::stage::Stage;

/// A browser trusts what it knew of the room for a while.
const FULL: Duration = Duration::from_secs(150);
const NOTE: &str = "textarea[data-field='SF1.2/note']";

#[tokio::test]
async fn a_full_phone_says_so_and_loses_nothing() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    let (_, response) = inspector.visit_and_response().await;
    inspector.is_synced().await;
    inspector.lose_network().await;
    inspector.answer("SF1.1", "yes").await;
    inspector.answer("SF1.2", "no").await;
    inspector.phone.type_into(NOTE, "三楼应急灯不亮。").await;
    let draft = poll(PATIENCE, async || {
        (inspector.stored("draft").await.len() == 1).then_some(())
    })
    .await;
    draft.expect("the note is stored while it is typed");
    let stored = inspector.stored("outbox").await;

    quota(&inspector, Some(1_000)).await;
    let whole = type_until_full(&inspector).await;
    inspector.answer("SF1.3", "yes").await;
    assert_eq!(
        inspector.phone.value(NOTE).await,
        whole,
        "what was typed is still on the screen"
    );
    assert_eq!(inspector.answers().await.len(), 3);
    assert_eq!(inspector.stored("outbox").await, stored, "what was stored is as it was");
    // Nothing is sent that is not stored, and nobody can be signed out over it.
    inspector.regain_network().await;
    inspector.phone.tap("[data-testid=sync-badge]").await;
    inspector.phone.tap(".nav a[href='/me']").await;
    inspector.phone.tap("[data-testid=sign-out]").await;
    inspector.phone.tap("dialog[open] [data-testid=confirm]").await;
    inspector.phone.see(".errnote").await;
    inspector.phone.see("[data-testid=storage-failed]").await;

    quota(&inspector, None).await;
    inspector.phone.see_no("[data-testid=storage-failed]").await;
    inspector.is_synced().await;
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    for (field, value) in [
        ("SF1.1", "yes"),
        ("SF1.2", "no"),
        ("SF1.3", "yes"),
        ("SF1.2/note", whole.as_str()),
    ] {
        let history = office
            .get(&format!("/api/v1/records/{response}/history?field={field}"))
            .await
            .json();
        let last = history["entries"]
            .as_array()
            .and_then(|entries| entries.last())
            .expect("a history");
        assert_eq!(last["value"], value, "{field}");
    }
    inspector.restart().await;
    inspector.phone.see("[data-testid=sync-badge][data-pending='0']").await;
}

/// Goes on with the note until the phone says that it is full; answers what is on the screen then. A browser looks at the room that is
/// left now and then only.
async fn type_until_full(inspector: &Inspector) -> String {
    let more = "const box = document.querySelector(arguments[0]); box.focus(); box.value += '走廊堆放杂物，当场清理。';
        box.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise((next) => setTimeout(next, 200));
        return !!document.querySelector('[data-testid=storage-failed]')";
    let full = poll(FULL, async || {
        inspector
            .phone
            .js_async::<bool>(more, &[json!(NOTE)])
            .await
            .then_some(())
    })
    .await;
    full.expect("the phone says that it is full");
    inspector.phone.value(NOTE).await
}

/// Gives the site so much room, or as much as before.
async fn quota(inspector: &Inspector, bytes: Option<u64>) {
    let mut asked = json!({"origin": inspector.line.url});
    if let Some(bytes) = bytes {
        asked["quotaSize"] = json!(bytes);
    }
    inspector.phone.cdp("Storage.overrideQuotaForOrigin", asked).await;
}
