//! Work carried out of a dead spot by hand: saved as a file on one phone, brought in on another, and still its author's.

use catalog::Lang;
use serde_json::json;
use sync_protocol::safe::Envelope;
use sync_protocol::{Author, Export};

use crate::disk;
use crate::inspector::Inspector;
use crate::stage::Stage;
use crate::words::word;

const LIST: &str = "[data-testid=import-list]";

#[tokio::test]
async fn waiting_work_is_carried_by_file_and_goes_out_under_its_authors_name() {
    let stage = Stage::set().await;
    let mut zhang = Inspector::arrive(&stage, &stage.server.district.a).await;
    zhang.start_visit(stage.school()).await;
    let (visit, response) = zhang.visit_and_response().await;
    zhang.is_synced().await;
    zhang.lose_network().await;
    for item in ["SF1.1", "SF1.3", "SF2.2"] {
        zhang.answer(item, "yes").await;
    }
    zhang.has_pending(3).await;
    let waiting = zhang.stored("outbox").await;
    zhang.phone.go("/sync").await;
    let (name, text) = zhang.phone.save_by("[data-testid=export]").await;
    assert!(name.starts_with("duxing-") && name.ends_with("-3.ndjson"), "{name}");
    assert!(!text.contains("SF1.1"), "whoever finds the file reads nothing in it");
    let envelope = Envelope::read(&text).expect("a file of ours");
    assert_eq!(envelope.header.person.as_str(), stage.server.district.a.id.to_string());
    let mut on_phone: Vec<(i64, &str)> = waiting
        .iter()
        .map(|row| (row["order"].as_i64().unwrap(), row["line"].as_str().unwrap()))
        .collect();
    on_phone.sort_unstable();
    let on_phone: Vec<&str> = on_phone.into_iter().map(|(_, line)| line).collect();
    let lines = disk::lines(&zhang.phone, &zhang.person, &text).await;
    assert_eq!(lines, on_phone, "byte for byte, oldest first");
    zhang.phone.tap("[data-testid=with-journal]").await;
    let (_, with_journal) = zhang.phone.save_by("[data-testid=export]").await;
    let with_journal = disk::lines(&zhang.phone, &zhang.person, &with_journal).await;
    let journal = zhang.stored("journal").await;
    assert_eq!(with_journal.len(), 3 + journal.len(), "and what the phone still keeps");
    assert!(!journal.is_empty());

    // Li has work of her own waiting, and no network either.
    let mut li = Inspector::arrive(&stage, &stage.server.district.b).await;
    li.phone.go(&format!("/visit/{visit}/checklist/{response}")).await;
    li.phone.see("[id='SF2.3']").await;
    li.lose_network().await;
    li.answer("SF2.3", "yes").await;
    let own = li.stored("outbox").await;
    li.phone.go("/sync").await;
    for (bad, why) in [
        ("a letter", "import.not_ours"),
        (text.rsplit_once("\n{").expect("two lines").0, "import.incomplete"),
        ("{\"duxing_sealed\":2}", "import.newer"),
        ("{\"duxing_export\":2}", "import.newer"),
    ] {
        li.phone.choose_file("[data-testid=import]", "bad.ndjson", bad).await;
        li.phone.read(word(Lang::ZhCn, why)).await;
        assert!(li.stored("import").await.is_empty(), "nothing changes");
    }
    li.phone.choose_file("[data-testid=import]", "work.ndjson", &text).await;
    li.phone.wait("three waiting", &fates("waits", 3)).await;
    assert_eq!(li.stored("outbox").await, own, "her own outbox is as it was");
    // It is on the disk: a killed phone knows it still.
    li.restart().await;
    li.phone.go("/sync").await;
    li.phone.wait("three waiting", &fates("waits", 3)).await;
    li.has_pending(4).await;

    li.regain_network().await;
    sign_in_again_if_asked(&li, &stage).await;
    li.phone.go("/sync").await;
    // The office opens it, and knows by the seal that it is his.
    li.phone.wait("three taken", &fates("taken", 3)).await;
    li.is_synced().await;
    // The same file again is no new work.
    li.phone
        .choose_file("[data-testid=import]", "again.ndjson", &text)
        .await;
    li.phone
        .wait(
            "what was said of it",
            "document.querySelector('[data-testid=import-said]').innerText.includes('0')",
        )
        .await;
    assert_eq!(li.phone.count(&format!("{LIST} > li")).await, 3);
    assert_eq!(stage.outcomes(&stage.server.district.a).await.get("quarantined"), None);
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    for item in ["SF1.1", "SF1.3", "SF2.2"] {
        let history = office
            .get(&format!("/api/v1/records/{response}/history?field={item}"))
            .await
            .json();
        let entries = history["entries"].as_array().expect("a history");
        assert_eq!(entries.len(), 1, "{item} once");
        assert_eq!(
            entries[0]["author"],
            stage.server.district.a.id.to_string(),
            "{history}"
        );
    }
    // Brought in once more, sealed or in a file of an older program, the office has had it all along.
    let author = Author {
        person: envelope.header.person.clone(),
        device: envelope.header.device.clone(),
    };
    let plain = Export::new(&author, 7, lines.iter().map(String::as_str)).to_text();
    for text in [&text, &plain] {
        li.phone.tap("[data-testid=forget-imports]").await;
        li.phone.see_no(LIST).await;
        li.phone.choose_file("[data-testid=import]", "late.ndjson", text).await;
        li.phone.wait("three there already", &fates("there", 3)).await;
    }

    // The author's own phone comes back: the office has his work once.
    zhang.regain_network().await;
    zhang.phone.see("[data-testid=sync-badge][data-pending='0']").await;
    zhang.phone.go(&format!("/visit/{visit}")).await;
    zhang.phone.tap("[data-testid=sync-badge]").await;
    zhang.phone.tap("[data-testid=sync-now]").await;
    zhang.is_synced().await;
    zhang.is_content().await;
}

/// The author's new phone takes the file of the old one, damaged line and all: what can be taken is taken, the rest is explained.
#[tokio::test]
async fn a_file_is_brought_in_by_its_author_on_a_new_phone() {
    let stage = Stage::set().await;
    let mut old = Inspector::arrive(&stage, &stage.server.district.a).await;
    old.start_visit(stage.school()).await;
    let (_, response) = old.visit_and_response().await;
    old.is_synced().await;
    old.lose_network().await;
    old.answer("SF1.1", "yes").await;
    old.answer("SF1.3", "yes").await;
    old.has_pending(2).await;
    // One line is damaged on the disk.
    let mut rows = disk::rows(&old.phone, &old.person, "outbox").await;
    rows.sort_by_key(|(_, row)| row["order"].as_i64());
    let (key, last) = rows.last_mut().expect("two rows");
    let line = last["line"].as_str().expect("a line");
    last["line"] = json!(line[..line.len() - 9]);
    disk::put(&old.phone, &old.person, "outbox", key, last).await;
    old.restart().await;
    old.phone.go("/sync").await;
    old.phone.see("[data-testid=sync-list] > [data-state='2']").await;
    old.phone.read(word(Lang::ZhCn, "refused.unreadable")).await;
    let (_, text) = old.phone.save_by("[data-testid=export]").await;
    assert_eq!(Envelope::read(&text).expect("a file of ours").rows.len(), 2);
    drop(old);

    let new = Inspector::arrive(&stage, &stage.server.district.a).await;
    new.phone.go("/sync").await;
    new.phone
        .choose_file("[data-testid=import]", "work.ndjson", &text)
        .await;
    new.phone.see("[data-testid=imported][data-fate=taken]").await;
    new.phone.see("[data-testid=imported][data-fate=refused]").await;
    new.phone.read(word(Lang::ZhCn, "refused.group.malformed")).await;
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let history = office
        .get(&format!("/api/v1/records/{response}/history?field=SF1.1"))
        .await
        .json();
    assert_eq!(history["entries"].as_array().map(Vec::len), Some(1), "{history}");
    new.is_content().await;
}

fn fates(fate: &str, count: usize) -> String {
    format!("document.querySelectorAll('[data-testid=imported][data-fate={fate}]').length === {count}")
}

/// The sign-in is so young that it died with the browser.
async fn sign_in_again_if_asked(inspector: &Inspector, stage: &Stage) {
    inspector.phone.tap("a[href='/signin']").await;
    crate::stage::give_password(&inspector.phone, &stage.server.district.b).await;
}
