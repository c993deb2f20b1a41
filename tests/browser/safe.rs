//! The phone as a safe: what is on its disk is of use to nobody but its owner, and work that cannot be opened here still arrives.

use std::path::Path;

use catalog::Lang;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use serde_json::json;
use tests::Person;
use tests::browser::{PATIENCE, poll};
use tests::people::PASSWORD;
use uuid::Uuid;

use crate::disk;
use crate::inspector::{DURABLE, Inspector, unlock};
use crate::people::{is_clear, picture};
use crate::stage::{Stage, give_password};
use crate::words::word;

const NOTE: &str = "textarea[data-field='SF1.2/note']";

/// Words that are nowhere else, as a canary in a mine.
fn canary() -> String {
    format!("canary{}", Uuid::new_v4().simple())
}

/// In which files below the folder one of the words stands in the clear, as UTF-8 or as UTF-16.
fn readable(folder: &Path, words: &[String]) -> Vec<String> {
    let wide = |word: &String| word.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let needles: Vec<Vec<u8>> = words
        .iter()
        .flat_map(|word| [word.clone().into_bytes(), wide(word)])
        .collect();
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                let has = |needle: &Vec<u8>| bytes.windows(needle.len()).any(|part| part == &needle[..]);
                if needles.iter().any(has) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    found
}

/// Writes a note under a no, with this word in it, and leaves the box.
async fn note(inspector: &Inspector, words: &str) {
    inspector.answer("SF1.2", "no").await;
    inspector.phone.type_into(NOTE, words).await;
    tokio::time::sleep(DURABLE).await;
    inspector.answer("SF1.3", "yes").await;
}

/// So many schools more for this person, each with a name.
async fn more_schools(stage: &Stage, person: &Person, how_many: usize) -> Vec<Uuid> {
    let mut schools = Vec::new();
    for nth in 0..how_many {
        schools.push(stage.one_more_school(person, &format!("示例第 {} 中学", nth + 1)).await);
    }
    stage.describe(&schools).await;
    schools
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

async fn count(stage: &Stage, sql: &str) -> i64 {
    let row: Count = diesel::sql_query(sql)
        .get_result(&mut stage.server.connect().await)
        .await
        .expect("it can be counted");
    row.n
}

#[tokio::test]
async fn after_a_days_work_nothing_on_the_disk_can_be_read() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    let (sent, kept, typed) = (canary(), canary(), canary());
    note(&inspector, &sent).await;
    inspector.is_synced().await;
    inspector.lose_network().await;
    inspector.answer("SF2.2", "no").await;
    inspector
        .phone
        .type_into("textarea[data-field='SF2.2/note']", &kept)
        .await;
    inspector.answer("SF2.3", "no").await;
    inspector
        .phone
        .type_into("textarea[data-field='SF2.3/note']", &typed)
        .await;
    tokio::time::sleep(DURABLE).await;
    // Pages that show it, and a reload in the middle.
    inspector.phone.go("/problems").await;
    inspector.phone.go("/sync").await;
    inspector.phone.see("[data-testid=sync-list]").await;
    let (_, file) = inspector.phone.save_by("[data-testid=export]").await;
    inspector.phone.go("/me").await;
    inspector.phone.tap("[data-testid=lock]").await;
    inspector.phone.see("[data-testid=unlock-password]").await;
    picture(&inspector.phone, "safe-door-360").await;
    is_clear(&inspector.phone).await;

    let words = [sent, kept, typed, "示例第 1 小学".to_owned()];
    for word in &words[..3] {
        assert!(!file.contains(word.as_str()), "nor in the file");
    }
    assert_eq!(
        readable(inspector.phone.profile(), &words),
        Vec::<String>::new(),
        "while it runs"
    );
    inspector.phone.close().await;
    assert_eq!(
        readable(inspector.phone.profile(), &words),
        Vec::<String>::new(),
        "after it was closed"
    );
    // The search finds what is in the clear: whose safe it is stands at its door.
    let name = stage.server.district.a.name.clone();
    assert!(
        !readable(inspector.phone.profile(), &[name]).is_empty(),
        "the search works"
    );
    // Its owner still has all of it.
    inspector.phone.reopen().await;
    unlock(&inspector.phone).await;
    let stored = inspector.stored("outbox").await;
    let stored = serde_json::to_string(&stored).expect("JSON");
    for word in &words[1..3] {
        assert!(stored.contains(word.as_str()));
    }
    inspector.regain_network().await;
    inspector.is_synced().await;
    inspector.is_content().await;
}

#[tokio::test]
async fn a_stolen_phone_hands_its_ten_visits_to_the_office_and_keeps_nothing() {
    let stage = Stage::set().await;
    let owner = stage.server.district.a.clone();
    let schools = more_schools(&stage, &owner, 10).await;
    let mut inspector = Inspector::arrive_rested(&stage, &owner).await;
    inspector.phone.go("/schools").await;
    inspector.phone.see(&format!("a[href='/school/{}']", schools[9])).await;
    inspector.is_synced().await;
    inspector.lose_network().await;
    let mut canaries = Vec::new();
    for school in &schools {
        inspector.phone.go("/schools").await;
        inspector.start_visit(*school).await;
        let word = canary();
        note(&inspector, &word).await;
        canaries.push(word);
    }
    // The last words were still being typed.
    let last = canary();
    inspector.phone.type_into(NOTE, &last).await;
    tokio::time::sleep(DURABLE).await;
    canaries.push(last.clone());
    inspector.phone.kill();

    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let device: String = device_of(&stage, &owner).await;
    let lost = json!({ "person": owner.id, "password": PASSWORD });
    let reply = office
        .post_json(&format!("/api/v1/devices/{device}/revoke"), &lost)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);

    // Whoever has it now opens the browser where there is a network. They know no password.
    inspector.phone.reopen().await;
    inspector.phone.see("[data-testid=unlock-password]").await;
    inspector.regain_network().await;
    inspector.phone.see("[data-testid=withdrawn][data-gone=true]").await;
    inspector.phone.see_no("[data-testid=unlock-password]").await;
    picture(&inspector.phone, "safe-withdrawn-360").await;
    is_clear(&inspector.phone).await;
    let databases = "return (await indexedDB.databases()).map((db) => db.name).filter((name) => name.endsWith(arguments[0])).length";
    let left: usize = inspector.phone.js_async(databases, &[json!(owner.id)]).await;
    assert_eq!(left, 0, "their database is gone");
    assert_eq!(
        readable(inspector.phone.profile(), &canaries),
        Vec::<String>::new(),
        "while it runs"
    );
    inspector.phone.close().await;
    assert_eq!(
        readable(inspector.phone.profile(), &canaries),
        Vec::<String>::new(),
        "after it was closed"
    );

    let page = office.get("/api/v1/quarantine").await.json();
    let groups = page["groups"].as_array().expect("the quarantine").clone();
    let text = page.to_string();
    for word in &canaries {
        assert!(text.contains(word), "{word} is in the office's quarantine");
    }
    for group in &groups {
        assert_eq!(group["author"], owner.id.to_string());
        let admit = format!("/api/v1/quarantine/{}/admit", group["id"].as_str().expect("an id"));
        assert_eq!(office.post_json(&admit, &json!({})).await.json()["outcome"], "applied");
    }
    assert_eq!(count(&stage, "SELECT count(*) AS n FROM visit").await, 10, "ten visits");
    println!(
        "ten visits in {} groups handed in by a phone nobody opened",
        groups.len()
    );
}

async fn device_of(stage: &Stage, person: &Person) -> String {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        id: String,
    }
    let row: Row = diesel::sql_query("SELECT id::text AS id FROM device WHERE person_id = $1")
        .bind::<diesel::sql_types::Uuid, _>(person.id)
        .get_result(&mut stage.server.connect().await)
        .await
        .expect("one device");
    row.id
}

#[tokio::test]
async fn the_safe_opens_with_the_password_alone_and_shuts_when_nobody_touches_it() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive_rested(&stage, &stage.server.district.a).await;
    inspector.start_visit(stage.school()).await;
    inspector.is_synced().await;
    inspector.lose_network().await;
    inspector.answer("SF1.1", "yes").await;
    let place = inspector.phone.place().await;
    // A page that is loaded again does not ask.
    inspector.phone.reload().await;
    inspector.is_at("SF1.1").await;
    // A browser that was opened anew does, without a network, and leads back to where the work was.
    inspector.phone.kill();
    inspector.phone.reopen().await;
    inspector.phone.read(&stage.server.district.a.name).await;
    inspector
        .phone
        .type_into("[data-testid=unlock-password]", "not this one")
        .await;
    inspector.phone.tap("[data-testid=unlock]").await;
    inspector.phone.read(word(Lang::ZhCn, "error.safe.wrong")).await;
    let empty = "const box = document.querySelector('[data-testid=unlock-password]'); box.value = '';
        box.dispatchEvent(new Event('input', { bubbles: true })); return true";
    inspector.phone.js::<bool>(empty, &[]).await;
    unlock(&inspector.phone).await;
    inspector.is_at("SF1.1").await;
    assert_eq!(inspector.phone.place().await.split('#').next(), place.split('#').next());

    // Put away for a quarter of an hour.
    inspector.phone.go("/today").await;
    inspector.phone.see("[data-phase=ready]").await;
    let later = "const now = Date.now; Date.now = () => now() + 16 * 60000; document.dispatchEvent(new Event('visibilitychange')); return true";
    inspector.phone.js::<bool>(later, &[]).await;
    inspector.phone.see("[data-phase=locked]").await;
    let words: String = inspector.phone.js("return document.body.innerText", &[]).await;
    assert!(!words.contains("示例第 1 小学"), "{words}");
    unlock(&inspector.phone).await;

    // Locked by hand in one tab, it is locked in the other.
    let first = inspector.phone.this_tab().await;
    inspector.phone.new_tab().await;
    inspector.phone.go("/me").await;
    inspector.phone.tap("[data-testid=lock]").await;
    inspector.phone.see("[data-phase=locked]").await;
    inspector.phone.to_tab(&first).await;
    inspector.phone.see("[data-phase=locked]").await;
    unlock(&inspector.phone).await;
    inspector.regain_network().await;
    inspector.is_synced().await;
    inspector.is_content().await;
}

#[tokio::test]
async fn after_seven_days_without_the_office_only_work_in_progress_is_shown() {
    let stage = Stage::set().await;
    let mut inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    // A visit that was handed in, and one under way.
    let done = stage.a_submitted_visit(&stage.server.district.a).await;
    inspector.phone.go("/today").await;
    inspector.start_visit(stage.school()).await;
    inspector.is_synced().await;
    let (visit, response) = inspector.visit_and_response().await;
    inspector.phone.go(&format!("/visit/{done}")).await;
    inspector.phone.see("[data-testid=handed-in]").await;
    inspector.lose_network().await;

    inspector.phone.go("/today").await;
    inspector.phone.see("[data-phase=ready]").await;
    let later = "const now = Date.now; Date.now = () => now() + 8 * 86400000; return true";
    inspector.phone.js::<bool>(later, &[]).await;
    inspector.phone.see("[data-testid=lapsed], [data-phase=locked]").await;
    if inspector.phone.count("[data-phase=locked]").await > 0 {
        unlock(&inspector.phone).await;
    }
    inspector.phone.see("[data-testid=lapsed]").await;
    let inside = format!(
        "history.pushState(null, '', '/visit/{done}'); dispatchEvent(new PopStateEvent('popstate')); return true"
    );
    inspector.phone.js::<bool>(&inside, &[]).await;
    inspector.phone.read(word(Lang::ZhCn, "unknown.title")).await;
    // The visit under way goes on, and nothing of it is in the way.
    let inside = format!(
        "history.pushState(null, '', '/visit/{visit}/checklist/{response}'); dispatchEvent(new PopStateEvent('popstate')); return true"
    );
    inspector.phone.js::<bool>(&inside, &[]).await;
    inspector.answer("SF1.1", "yes").await;
    inspector.has_pending(1).await;
    picture(&inspector.phone, "safe-lapsed-360").await;
    is_clear(&inspector.phone).await;
    // The office is heard of: everything is back.
    inspector.regain_network().await;
    inspector.is_synced().await;
    inspector.phone.see_no("[data-testid=lapsed]").await;
    let inside = format!(
        "history.pushState(null, '', '/visit/{done}'); dispatchEvent(new PopStateEvent('popstate')); return true"
    );
    inspector.phone.js::<bool>(&inside, &[]).await;
    inspector.phone.see("[data-testid=handed-in]").await;
    inspector.is_content().await;
}

#[tokio::test]
async fn a_new_password_opens_the_old_safe_with_the_offices_help() {
    const CHOSEN: &str = "twelve brave herons";
    let stage = Stage::set().await;
    let owner = stage.server.district.a.clone();
    let mut inspector = Inspector::arrive_rested(&stage, &owner).await;
    inspector.start_visit(stage.school()).await;
    let (_, response) = inspector.visit_and_response().await;
    inspector.is_synced().await;
    inspector.lose_network().await;
    let word = canary();
    note(&inspector, &word).await;
    inspector.phone.kill();
    // They forgot it; the office gives them a link.
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    let path = format!("/api/v1/people/{}/enrolment", owner.id);
    let link = office.post_json(&path, &json!({ "password": PASSWORD })).await.json();
    let code = link["code"].as_str().expect("a code").to_owned();
    let chosen = json!({ "code": code, "password": CHOSEN });
    let reply = stage.server.stranger().post_json("/api/v1/enrolment", &chosen).await;
    assert_eq!(reply.status, 200, "{}", reply.text);

    inspector.phone.reopen().await;
    inspector.regain_network().await;
    inspector.phone.type_into("[data-testid=unlock-password]", CHOSEN).await;
    inspector.phone.tap("[data-testid=unlock]").await;
    inspector.is_at("SF1.3").await;
    assert_eq!(inspector.phone.value(NOTE).await, word);
    inspector.is_synced().await;
    let history = office
        .get(&format!("/api/v1/records/{response}/history?field=SF1.2/note"))
        .await
        .json();
    assert_eq!(history["entries"][0]["value"], word.as_str());
    // From now on the new one opens it without a network, too.
    inspector.lose_network().await;
    inspector.phone.kill();
    inspector.phone.reopen().await;
    inspector.phone.type_into("[data-testid=unlock-password]", CHOSEN).await;
    inspector.phone.tap("[data-testid=unlock]").await;
    inspector.is_at("SF1.3").await;
}

/// One phone, two people, one day: each opens their own safe, and what one leaves behind arrives under their name meanwhile.
#[tokio::test]
async fn two_people_share_a_phone_for_a_day_and_neither_sees_a_byte_of_the_others() {
    let stage = Stage::set().await;
    let (a, b) = (stage.server.district.a.clone(), stage.server.district.b.clone());
    // Each goes to schools of their own.
    let his = more_schools(&stage, &a, 1).await[0];
    let mut phone = Inspector::arrive(&stage, &a).await;
    phone.phone.go("/schools").await;
    phone.start_visit(his).await;
    let (_, his_response) = phone.visit_and_response().await;
    phone.is_synced().await;
    phone.lose_network().await;
    let his_words = canary();
    note(&phone, &his_words).await;
    phone.phone.go("/me").await;
    phone.phone.tap("[data-testid=lock]").await;
    phone.phone.see("[data-testid=unlock-password]").await;

    // She comes back from the dead spot, signs in, and works; his queue goes out meanwhile, under his name.
    phone.regain_network().await;
    phone.phone.tap("[data-testid=other-person]").await;
    give_password(&phone.phone, &b).await;
    phone.start_visit(stage.school()).await;
    let (_, her_response) = phone.visit_and_response().await;
    let her_words = canary();
    note(&phone, &her_words).await;
    let office = stage.server.sign_in(&stage.server.district.coordinator).await;
    for (response, words, author) in [(his_response, &his_words, &a), (her_response, &her_words, &b)] {
        let arrived = poll(PATIENCE, async || {
            let path = format!("/api/v1/records/{response}/history?field=SF1.2/note");
            let history = office.get(&path).await.json();
            let entry = history["entries"].as_array()?.as_slice().first()?.clone();
            (entry["value"] == words.as_str()).then_some(entry)
        })
        .await;
        let entry = arrived.unwrap_or_else(|| panic!("the words of {} arrive", author.name));
        assert_eq!(entry["author"], author.id.to_string());
    }
    assert_eq!(stage.outcomes(&a).await.get("quarantined"), None);
    phone.phone.go("/problems").await;
    phone.phone.see("main").await;
    for path in ["/today", "/schools", "/problems", "/sync"] {
        phone.phone.go(path).await;
        phone.phone.see("[data-phase=ready]").await;
        let page: String = phone.phone.js("return document.documentElement.outerHTML", &[]).await;
        assert!(!page.contains(&his_words), "she sees nothing of his on {path}");
    }
    let hers = disk::rows(&phone.phone, &b, "record").await;
    assert!(!serde_json::to_string(&hers).expect("JSON").contains(&his_words));

    // He is back, where there is no network: his own door, his own password.
    phone.lose_network().await;
    phone.phone.go("/me").await;
    phone.phone.tap("[data-testid=lock]").await;
    picture(&phone.phone, "safe-two-doors-360").await;
    is_clear(&phone.phone).await;
    phone.phone.tap(&format!("[data-door='{}']", a.id)).await;
    phone
        .phone
        .wait_for(
            "his door",
            "document.querySelector('[data-testid=door]').innerText.includes(arguments[0])",
            &[json!(a.name)],
        )
        .await;
    unlock(&phone.phone).await;
    for path in ["/today", "/schools", "/problems", "/sync"] {
        phone.phone.go(path).await;
        phone.phone.see("[data-phase=ready]").await;
        let page: String = phone.phone.js("return document.documentElement.outerHTML", &[]).await;
        assert!(!page.contains(&her_words), "he sees nothing of hers on {path}");
    }
    let his_rows = disk::rows(&phone.phone, &a, "record").await;
    assert!(!serde_json::to_string(&his_rows).expect("JSON").contains(&her_words));
    phone.phone.go("/me").await;
    phone.phone.tap("[data-testid=lock]").await;
    phone.phone.see("[data-testid=unlock-password]").await;
    phone.phone.close().await;
    assert_eq!(
        readable(phone.phone.profile(), &[his_words, her_words]),
        Vec::<String>::new()
    );
}
