//! One phone, two people (bar L16): each has a database of their own, and unsent work waits for its author.

use serde_json::json;

use crate::inspector::{DURABLE, Inspector};
use crate::stage::{Stage, give_password};

#[tokio::test]
async fn work_left_unsent_at_a_sign_out_waits_for_its_author_and_for_nobody_else() {
    let stage = Stage::set().await;
    let (a, b) = (stage.server.district.a.clone(), stage.server.district.b.clone());
    let mut phone = Inspector::arrive(&stage, &a).await;
    phone.start_visit(stage.school()).await;
    let (visit, response) = phone.visit_and_response().await;
    phone.is_synced().await;
    phone.lose_network().await;
    phone.answer("SF1.1", "yes").await;
    phone.answer("SF1.2", "no").await;
    phone
        .phone
        .type_into("textarea[data-field='SF1.2/note']", "只有张看得到")
        .await;
    tokio::time::sleep(DURABLE).await;
    let unsent = sign_out(&phone).await;
    assert!(unsent >= 3, "{unsent} pieces wait");
    phone.phone.read(&a.name).await;

    phone.regain_network().await;
    give_password(&phone.phone, &b).await;
    phone.phone.go(&format!("/visit/{visit}/checklist/{response}")).await;
    phone.phone.see("[id='SF1.3']").await;
    assert!(phone.answers().await.is_empty(), "she sees nothing of his");
    phone.answer("SF1.3", "yes").await;
    phone.is_synced().await;
    let words: String = phone.phone.js("return document.body.innerText", &[]).await;
    assert!(!words.contains("只有张看得到"), "she sees nothing of his");
    assert_eq!(
        authors_on_disk(&phone, &b).await,
        [b.id.to_string()],
        "in her database is her work"
    );
    assert_eq!(authors_on_disk(&phone, &a).await, [a.id.to_string()], "in his is his");
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    assert_eq!(authors(&office, response, "SF1.3").await, [b.id.to_string()]);
    assert!(
        authors(&office, response, "SF1.1").await.is_empty(),
        "his work is still on the phone"
    );
    assert_eq!(
        stage.outcomes(&a).await.get("quarantined"),
        None,
        "nor went it out under her name"
    );

    sign_out(&phone).await;
    give_password(&phone.phone, &a).await;
    phone.is_synced().await;
    for (field, value) in [("SF1.1", "yes"), ("SF1.2", "no"), ("SF1.2/note", "只有张看得到")] {
        assert_eq!(authors(&office, response, field).await, [a.id.to_string()], "{field}");
        let history = office
            .get(&format!("/api/v1/records/{response}/history?field={field}"))
            .await
            .json();
        assert_eq!(history["entries"][0]["value"], value);
    }
    phone.phone.go("/me").await;
    sign_out(&phone).await;
    assert_eq!(
        phone.phone.count("[data-testid=left-work]").await,
        0,
        "nothing waits any more"
    );
    phone.is_content().await;
}

/// Somebody else gives their password where a sign-in had ended: the first one's work stays theirs.
#[tokio::test]
async fn another_person_who_signs_in_in_the_middle_takes_over_nothing() {
    let stage = Stage::set().await;
    let (a, b) = (stage.server.district.a.clone(), stage.server.district.b.clone());
    let mut phone = Inspector::arrive(&stage, &a).await;
    phone.start_visit(stage.school()).await;
    phone.is_synced().await;
    phone.lose_network().await;
    phone.answer("SF1.1", "yes").await;
    phone.has_pending(1).await;
    stage
        .server
        .execute("UPDATE session SET revoked_at = now()")
        .await
        .unwrap();
    phone.regain_network().await;
    phone.phone.tap("a[href='/signin']").await;
    give_password(&phone.phone, &b).await;
    phone.is_synced().await;
    assert!(
        authors_on_disk(&phone, &b)
            .await
            .iter()
            .all(|author| *author == b.id.to_string())
    );
    assert_eq!(authors_on_disk(&phone, &a).await, [a.id.to_string()]);
    assert_eq!(
        stage.outcomes(&a).await.get("quarantined"),
        None,
        "nothing of his went out under her name"
    );
    sign_out(&phone).await;
    phone.phone.see("[data-testid=left-work][data-pieces='1']").await;
    give_password(&phone.phone, &a).await;
    phone.is_synced().await;
    phone.is_content().await;
}

/// Answers how many pieces of work the sign-in page says are left.
async fn sign_out(phone: &Inspector) -> usize {
    phone.phone.go("/me").await;
    phone.phone.tap("[data-testid=sign-out]").await;
    phone.phone.tap("dialog[open] [data-testid=confirm]").await;
    phone.phone.see("[data-testid=login]").await;
    match phone.phone.count("[data-testid=left-work]").await {
        0 => 0,
        _ => phone
            .phone
            .attribute("[data-testid=left-work]", "data-pieces")
            .await
            .parse()
            .expect("a number"),
    }
}

/// Who wrote what lies in one person's outbox and journal on this phone.
async fn authors_on_disk(phone: &Inspector, person: &tests::Person) -> Vec<String> {
    let script = "const wait = (request) => new Promise((good, bad) => { request.onsuccess = () => good(request.result); request.onerror = () => bad(request.error); });
        const name = (await indexedDB.databases()).map((db) => db.name).find((name) => name.endsWith(arguments[0]));
        const db = await wait(indexedDB.open(name));
        const rows = [];
        for (const store of ['outbox', 'journal']) rows.push(...await wait(db.transaction(store).objectStore(store).getAll()));
        db.close();
        return [...new Set(rows.map((row) => JSON.parse(JSON.parse(row).line).author))]";
    phone.phone.js_async(script, &[json!(person.id.to_string())]).await
}

async fn authors(office: &tests::Client, record: uuid::Uuid, field: &str) -> Vec<String> {
    let history = office
        .get(&format!("/api/v1/records/{record}/history?field={field}"))
        .await
        .json();
    let entries = history["entries"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| entry["author"].as_str().map(str::to_owned))
        .collect()
}
