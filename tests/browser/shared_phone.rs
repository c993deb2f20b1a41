//! One phone, two people (bar L16): each has a safe of their own, and unsent work arrives under its author's name.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::browser::{PATIENCE, poll};

use crate::disk;
use crate::inspector::{DURABLE, Inspector};
use crate::stage::{Stage, give_password};

#[tokio::test]
async fn work_left_unsent_at_a_sign_out_arrives_under_its_authors_name_while_another_works() {
    let stage = Stage::set().await;
    let (a, b) = (stage.server.district.a.clone(), stage.server.district.b.clone());
    let mut phone = Inspector::arrive(&stage, &a).await;
    phone.start_visit(stage.school()).await;
    let (_, response) = phone.visit_and_response().await;
    phone.is_synced().await;
    phone.lose_network().await;
    phone.answer("SF1.1", "yes").await;
    phone.answer("SF1.2", "no").await;
    phone
        .phone
        .type_into("textarea[data-field='SF1.2/note']", "应急灯不亮")
        .await;
    tokio::time::sleep(DURABLE).await;
    let unsent = sign_out(&phone).await;
    assert!(unsent >= 3, "{unsent} pieces wait");
    phone.phone.read(&a.name).await;
    assert_eq!(authors_on_disk(&phone, &a).await, [a.id.to_string()]);

    phone.regain_network().await;
    give_password(&phone.phone, &b).await;
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    for (field, value) in [("SF1.1", "yes"), ("SF1.2", "no"), ("SF1.2/note", "应急灯不亮")] {
        let arrived = poll(PATIENCE, async || {
            let entries = history(&office, response, field).await;
            (entries.len() == 1 && entries[0]["value"] == value).then(|| entries[0]["author"].clone())
        });
        let author = arrived.await.unwrap_or_else(|| panic!("{field} arrives"));
        assert_eq!(author, a.id.to_string(), "{field}");
    }
    phone.is_synced().await;
    assert!(
        authors_on_disk(&phone, &b).await.is_empty(),
        "in her database is no work of his"
    );
    assert_eq!(stage.outcomes(&a).await.get("quarantined"), None);

    // Back in his own safe, his phone finds that the office has it: each once.
    sign_out(&phone).await;
    assert_eq!(
        phone.phone.count("[data-testid=left-work]").await,
        0,
        "nothing waits any more"
    );
    give_password(&phone.phone, &a).await;
    phone.is_synced().await;
    for field in ["SF1.1", "SF1.2", "SF1.2/note"] {
        assert_eq!(history(&office, response, field).await.len(), 1, "{field} once");
    }
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
    assert!(authors_on_disk(&phone, &b).await.is_empty(), "nothing of his is hers");
    assert_eq!(authors_on_disk(&phone, &a).await, [a.id.to_string()]);
    let arrived = poll(PATIENCE, async || {
        (stage.outcomes(&a).await.get("applied") >= Some(&2)).then_some(())
    })
    .await;
    arrived.expect("his work goes out meanwhile, under his own name");
    assert_eq!(stage.outcomes(&a).await.get("quarantined"), None, "and not under hers");
    sign_out(&phone).await;
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
    let mut authors = BTreeSet::new();
    for store in ["outbox", "journal"] {
        for (_, row) in disk::rows(&phone.phone, person, store).await {
            let line = row["line"].as_str().expect("a line");
            let group: Value = serde_json::from_str(line).expect("a group");
            authors.insert(group["author"].as_str().expect("an author").to_owned());
        }
    }
    authors.into_iter().collect()
}

async fn history(office: &tests::Client, record: uuid::Uuid, field: &str) -> Vec<Value> {
    let path = format!("/api/v1/records/{record}/history?field={field}");
    let history = office.get(&path).await.json();
    history["entries"].as_array().cloned().unwrap_or_default()
}
