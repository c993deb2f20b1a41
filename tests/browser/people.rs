//! The office makes an account and passes on a link; its owner chooses a password, works, loses the phone; nothing of the work is lost.

use std::path::PathBuf;

use catalog::Lang;
use chrono::Utc;
use serde_json::{Value, json};
use server::auth::actor::today;
use server::store::anchor::{Anchor, missing};
use tests::browser::{Browser, View};
use tests::people::PASSWORD;
use tests::proxy::Line;
use uuid::Uuid;

use crate::inspector::Inspector;
use crate::stage::Stage;
use crate::words::word;

const CHOSEN: &str = "green bicycle lake";

/// Pictures of the way, when somebody wants to look: `DUXING_PICTURES` names a folder.
pub async fn picture(browser: &Browser, name: &str) {
    if let Ok(folder) = std::env::var("DUXING_PICTURES") {
        browser.still().await;
        browser
            .picture(&PathBuf::from(folder).join(format!("{name}.png")))
            .await;
    }
}

/// The same, wide and narrow.
pub async fn pictures(desk: &Browser, name: &str) {
    picture(desk, &format!("{name}-1440")).await;
    if std::env::var_os("DUXING_PICTURES").is_some() {
        desk.resize((360, 640)).await;
        picture(desk, &format!("{name}-360")).await;
        desk.resize((1440, 900)).await;
    }
}

/// Nothing stands in anybody's way, whatever is open.
pub async fn is_clear(browser: &Browser) {
    let found: Vec<String> = browser.violations().await.iter().map(ToString::to_string).collect();
    assert_eq!(found, Vec::<String>::new());
}

/// Confirms what the desk asks with the coordinator's password.
async fn confirm(desk: &Browser) {
    desk.type_into("[data-testid=own-password]", PASSWORD).await;
    desk.tap("[data-testid=do-it]").await;
    desk.see_no("dialog[open]").await;
}

async fn choose(desk: &Browser, css: &str, value: &str) {
    let choose = "const box = document.querySelector(arguments[0]); box.value = arguments[1];
        box.dispatchEvent(new Event('change', { bubbles: true })); return box.value";
    let chosen: String = desk.js(choose, &[json!(css), json!(value)]).await;
    assert_eq!(chosen, value, "{css} has such an option");
}

#[tokio::test]
async fn a_new_supervisor_comes_by_the_link_and_a_lost_phone_is_out_with_its_work_handed_in() {
    let stage = Stage::set().await;
    let district = &stage.server.district;
    let school = stage.school();
    let desk = stage.desk("/people").await;
    desk.see("[data-person='lead']").await;
    pictures(&desk, "people").await;

    desk.tap("[data-testid=new-person]").await;
    desk.type_into("[data-testid=person-login]", "qian").await;
    desk.type_into("[data-testid=person-name]", "钱督学").await;
    desk.tap("[data-role=supervisor]").await;
    choose(&desk, "[data-testid=person-zone]", &district.zones[0].to_string()).await;
    desk.see("[data-testid=new-term] [data-testid=term-to]").await;
    pictures(&desk, "people-new").await;
    is_clear(&desk).await;
    desk.tap("[data-testid=create]").await;
    desk.type_into("[data-testid=own-password]", "not mine").await;
    desk.tap("[data-testid=do-it]").await;
    desk.read(word(Lang::ZhCn, "error.password.wrong")).await;
    pictures(&desk, "people-password").await;
    is_clear(&desk).await;
    confirm(&desk).await;
    desk.see("[data-testid=link]").await;
    let address = desk.value("[data-testid=link-address]").await;
    desk.see("[data-testid=appointments] li").await;
    pictures(&desk, "people-link").await;
    is_clear(&desk).await;

    choose(&desk, "[data-testid=assign-school]", &school.to_string()).await;
    desk.tap("[data-testid=assign]").await;
    confirm(&desk).await;
    desk.see(&format!("[data-testid=schools] [data-school='{school}']"))
        .await;
    desk.see("[data-testid=link]").await;

    // Somewhere else, on the supervisor's own phone.
    let line = Line::to(&stage.server.url).await;
    let phone = Browser::open(&line.url, View::Phone).await;
    let (_, path) = address.split_once("/enrol").expect("a link");
    phone.go(&format!("/enrol{path}")).await;
    phone.type_into("[data-testid=new-password]", "short").await;
    phone.tap("[data-testid=enrol]").await;
    phone.read(word(Lang::ZhCn, "error.password.short")).await;
    picture(&phone, "enrol").await;
    is_clear(&phone).await;
    let empty = "for (const box of document.querySelectorAll('form input')) { box.value = '';
        box.dispatchEvent(new Event('input', { bubbles: true })) } return true";
    phone.js::<bool>(empty, &[]).await;
    phone.type_into("[data-testid=new-password]", CHOSEN).await;
    phone.type_into("[data-testid=password-again]", CHOSEN).await;
    phone.tap("[data-testid=enrol]").await;
    phone.see(&format!("a[href='/school/{school}']")).await;
    assert_eq!(phone.count("a[href^='/school/']").await, 1, "this school and no other");
    phone.read(word(Lang::ZhCn, "offline.ready")).await;
    let person = tests::Person {
        login: "qian".into(),
        ..stage.server.district.a.clone()
    };
    let mut supervisor = Inspector { phone, line, person };

    supervisor.lose_network().await;
    supervisor.start_visit(school).await;
    supervisor.answer("SF1.1", "yes").await;
    supervisor.answer("SF1.2", "no").await;
    desk.go("/people").await;
    desk.tap("[data-person='qian']").await;
    desk.see("[data-testid=devices] [data-state=active]").await;
    pictures(&desk, "people-open").await;
    is_clear(&desk).await;
    desk.tap("[data-testid=lost]").await;
    confirm(&desk).await;
    desk.see("[data-testid=devices] [data-state=revoked]").await;
    pictures(&desk, "people-lost").await;

    supervisor.regain_network().await;
    supervisor.phone.see("[data-testid=withdrawn][data-gone=true]").await;
    supervisor.phone.read(word(Lang::ZhCn, "withdrawn.device")).await;
    picture(&supervisor.phone, "lost-phone").await;
    desk.go("/today").await;
    desk.see("[data-testid=quarantine-row][data-count='3']").await;
    desk.go("/people?tab=audit").await;
    desk.see("[data-testid=audit] [data-what='device.revoked']").await;
    desk.see("[data-testid=audit] [data-what='enrolment.used']").await;
    pictures(&desk, "people-audit").await;
}

/// Puts the day before into a box that holds a day.
async fn day_before(desk: &Browser, css: &str) {
    desk.see(css).await;
    let back = "const box = document.querySelector(arguments[0]); const day = new Date(`${box.value}T12:00:00Z`);
        day.setUTCDate(day.getUTCDate() - 1); box.value = day.toISOString().slice(0, 10);
        box.dispatchEvent(new Event('input', { bubbles: true })); return true";
    desk.js::<bool>(back, &[json!(css)]).await;
}

/// Keeps whoever is open at the desk away from a school.
async fn recuse(desk: &Browser, school: Uuid) {
    desk.tap("[data-testid=new-recusal] > summary").await;
    choose(desk, "[data-testid=recuse-school]", &school.to_string()).await;
    choose(desk, "[data-testid=recuse-reason]", "former_head").await;
    desk.tap("[data-testid=recuse]").await;
    confirm(desk).await;
    desk.see(&format!("[data-testid=recusals] [data-school='{school}']"))
        .await;
}

#[tokio::test]
async fn a_recusal_takes_the_school_off_the_phone_that_is_open_and_taking_it_back_brings_it_again() {
    let stage = Stage::set().await;
    let [school, other, _] = stage.server.district.schools;
    let Inspector { phone, .. } = &Inspector::arrive(&stage, &stage.server.district.a).await;
    let link = |school: Uuid| format!("a[href='/school/{school}']");
    phone.see(&link(school)).await;
    let desk = stage.desk("/people").await;
    desk.tap("[data-person='a']").await;
    desk.tap("[data-testid=new-recusal] > summary").await;
    pictures(&desk, "recusal-form").await;
    is_clear(&desk).await;
    desk.tap("[data-testid=new-recusal] > summary").await;
    recuse(&desk, school).await;
    desk.see(&format!(
        "[data-testid=schools] [data-school='{school}'] [data-testid=is-recused]"
    ))
    .await;
    assert_eq!(desk.count("[data-testid=is-recused]").await, 1);
    pictures(&desk, "recused").await;
    is_clear(&desk).await;
    phone.see_no(&link(school)).await;
    phone.see(&link(other)).await;

    desk.tap("[data-testid=end-recusal]").await;
    pictures(&desk, "recusal-end").await;
    is_clear(&desk).await;
    day_before(&desk, "[data-testid=recusals] input[type=date]").await;
    desk.tap("[data-testid=end-recusal-it]").await;
    confirm(&desk).await;
    desk.see_no("[data-testid=is-recused]").await;
    desk.see_no("[data-testid=recusals] [data-school]").await;
    phone.see(&link(school)).await;

    // Their own somebody else ends.
    desk.tap("[data-person='office']").await;
    desk.see("[data-testid=new-recusal]").await;
    recuse(&desk, school).await;
    desk.read(word(Lang::ZhCn, "people.own_recusal")).await;
    assert_eq!(desk.count("[data-testid=end-recusal]").await, 0);
    desk.go("/people?tab=audit").await;
    desk.see("[data-testid=audit] [data-what='recusal.ended']").await;
    desk.read(word(Lang::ZhCn, "people.reason_former_head")).await;
}

/// Puts the day so many days from today into a box.
async fn day_from_today(desk: &Browser, css: &str, days: i64) {
    desk.see(css).await;
    let day = (today() + chrono::Duration::days(days)).to_string();
    let put = "const box = document.querySelector(arguments[0]); box.value = arguments[1];
        box.dispatchEvent(new Event('input', { bubbles: true })); return true";
    desk.js::<bool>(put, &[json!(css), json!(day)]).await;
}

/// Who is in the list when it is narrowed to these appointments.
async fn listed(desk: &Browser, due: &str) -> Vec<String> {
    choose(desk, "[data-testid=filter-due]", due).await;
    desk.still().await;
    let logins =
        "return [...document.querySelectorAll('[data-testid=people] [data-person]')].map(row => row.dataset.person)";
    let logins = desk.js(logins, &[]).await;
    choose(desk, "[data-testid=filter-due]", "").await;
    logins
}

#[tokio::test]
async fn an_appointment_that_ends_takes_the_schools_off_the_phone_and_a_renewal_brings_back_schools_and_work() {
    let stage = Stage::set().await;
    let school = stage.school();
    let mut inspector = Inspector::arrive(&stage, &stage.server.district.a).await;
    let link = format!("a[href='/school/{school}']");
    inspector.phone.see(&link).await;
    inspector.lose_network().await;
    inspector.start_visit(school).await;
    inspector.answer("SF1.1", "yes").await;
    inspector.answer("SF1.2", "no").await;

    let desk = stage.desk("/people").await;
    desk.tap("[data-person='a']").await;
    desk.see("[data-testid=appointments] li").await;
    desk.read(word(Lang::ZhCn, "people.open_appointment")).await;
    assert_eq!(desk.count("[data-testid=due]").await, 0);
    desk.tap("[data-testid=end-appointment]").await;
    pictures(&desk, "appointment-end").await;
    is_clear(&desk).await;
    day_before(&desk, "[data-testid=appointments] input[type=date]").await;
    desk.tap("[data-testid=end-appointment-it]").await;
    confirm(&desk).await;
    desk.see("[data-testid=due]").await;
    assert_eq!(listed(&desk, "missing").await, ["a"]);
    assert_eq!(listed(&desk, "soon").await, [""; 0]);

    inspector.regain_network().await;
    let badge = "[data-testid=sync-badge][data-pending='0'][data-attention='3']";
    inspector.phone.see(badge).await;
    inspector.phone.go("/today").await;
    inspector.phone.see(badge).await;
    inspector.phone.see_no(&link).await;
    picture(&inspector.phone, "appointment-ended-phone").await;

    // A year is proposed; nine together are remarked on, and this time twenty days are given.
    desk.see("[data-testid=appoint]").await;
    assert_eq!(desk.value("#appoint-from").await, today().to_string());
    assert_eq!(desk.count("[data-testid=nine-years]").await, 0);
    day_from_today(&desk, "#appoint-to", 3 * 365).await;
    desk.see("[data-testid=nine-years]").await;
    pictures(&desk, "appointment-form").await;
    is_clear(&desk).await;
    day_from_today(&desk, "#appoint-to", 20).await;
    desk.see_no("[data-testid=nine-years]").await;
    desk.type_into("#appoint-decision", "示例区教督〔2026〕1号").await;
    desk.tap("[data-testid=appoint]").await;
    confirm(&desk).await;
    desk.see("[data-testid=appointments] li").await;
    let proposed = today() + chrono::Duration::days(21);
    desk.wait(
        "the day after it is proposed next",
        &format!("document.querySelector('#appoint-from').value === '{proposed}'"),
    )
    .await;
    assert_eq!(listed(&desk, "soon").await, ["a"]);
    assert_eq!(listed(&desk, "missing").await, [""; 0]);
    pictures(&desk, "appointment-renewed").await;
    is_clear(&desk).await;

    inspector.phone.see(&link).await;
    desk.go("/today").await;
    desk.see("[data-testid=quarantine-row][data-count='3']").await;
    desk.tap("[data-testid=quarantine-row]").await;
    desk.tap("[data-testid=batch][data-count='3'] [data-testid=admit-all]")
        .await;
    desk.read(word(Lang::ZhCn, "quarantine.none_title")).await;
    inspector.phone.tap("[data-testid=sync-badge]").await;
    inspector.phone.tap("[data-testid=sync-now]").await;
    inspector.is_synced().await;
    inspector.is_content().await;
    desk.go("/people?tab=audit").await;
    desk.see("[data-testid=audit] [data-what='appointment.ended']").await;
    desk.read("示例区教督〔2026〕1号").await;
}

#[tokio::test]
async fn a_hand_over_moves_every_school_to_the_successors_phone_and_says_before_who_cannot_take_them() {
    let stage = Stage::set().await;
    let district = &stage.server.district;
    let [first, second, third] = district.schools;
    let old = Inspector::arrive(&stage, &district.a).await;
    let new = Inspector::arrive(&stage, &district.c).await;
    let link = |school: Uuid| format!("a[href='/school/{school}']");
    let office = stage.server.sign_in(&district.coordinator).await;
    let keep_away = async |person: Uuid| {
        let body = json!({"school": second, "reason": "kin", "from": "2026-01-01", "to": null, "password": PASSWORD});
        let reply = office
            .post_json(&format!("/api/v1/people/{person}/recusals"), &body)
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["recusals"][0]["id"].clone()
    };
    let take_back = async |person: Uuid, recusal: Value| {
        let body = json!({"recusal": recusal, "to": "2025-12-31", "password": PASSWORD});
        let path = format!("/api/v1/people/{person}/recusals/end");
        assert_eq!(office.post_json(&path, &body).await.status, 200);
    };
    let kept_away = keep_away(district.b.id).await;

    let desk = stage.desk("/people").await;
    desk.tap("[data-person='a']").await;
    desk.tap("[data-testid=hand-over-form] > summary").await;
    let option = format!("[data-testid=hand-over-to] option[value='{}']", district.b.id);
    let said: String = desk
        .js(
            "return document.querySelector(arguments[0]).textContent",
            &[json!(option)],
        )
        .await;
    assert!(
        said.contains("示例第 2 小学") && !said.contains("示例第 1 小学"),
        "{said}"
    );
    choose(&desk, "[data-testid=hand-over-to]", &district.b.id.to_string()).await;
    desk.see("[data-testid=plan][data-possible=false]").await;
    pictures(&desk, "hand-over-recused").await;
    is_clear(&desk).await;
    // The desk hears of it. One of the two schools is theirs already.
    take_back(district.b.id, kept_away).await;
    desk.see("[data-testid=plan][data-possible=true]").await;
    let plan = desk.text("[data-testid=plan]").await;
    let (given, had) = plan.split_once('\n').expect("a line each");
    assert!(
        given.contains("示例第 2 小学") && !given.contains("示例第 1 小学"),
        "{plan}"
    );
    assert!(had.contains("示例第 1 小学，照旧"), "{plan}");
    choose(&desk, "[data-testid=hand-over-to]", &district.c.id.to_string()).await;
    desk.see("[data-testid=plan][data-possible=true]").await;
    let plan = desk.text("[data-testid=plan]").await;
    for part in ["示例 a", "示例 c", "示例第 1 小学", "示例第 2 小学"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    pictures(&desk, "hand-over").await;
    is_clear(&desk).await;

    // Somebody else recuses the successor while this one types.
    desk.tap("[data-testid=hand-over]").await;
    desk.see("dialog[open]").await;
    let recusal = keep_away(district.c.id).await;
    desk.type_into("[data-testid=own-password]", PASSWORD).await;
    desk.tap("[data-testid=do-it]").await;
    desk.see("dialog .errnote").await;
    let said = desk.text("dialog .errnote").await;
    assert!(said.contains("示例第 2 小学"), "{said}");
    pictures(&desk, "hand-over-refused").await;
    take_back(district.c.id, recusal).await;

    confirm(&desk).await;
    desk.see_no("[data-testid=schools] [data-school]").await;
    for school in [first, second, third] {
        new.phone.see(&link(school)).await;
    }
    for school in [first, second] {
        old.phone.see_no(&link(school)).await;
    }
    desk.go("/people?tab=audit").await;
    desk.see("[data-testid=audit] [data-what='schools.taken_over']").await;
}

#[tokio::test]
async fn the_audit_page_says_what_is_kept_how_long_and_gives_the_line_that_proves_the_chain() {
    let stage = Stage::set().await;
    let server = &stage.server;
    let office = server.sign_in(&server.district.coordinator).await;
    let body = json!({"name": "更名", "password": PASSWORD});
    let changed = office
        .post_json(&format!("/api/v1/people/{}", server.district.b.id), &body)
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);

    let desk = stage.desk("/people?tab=audit").await;
    desk.see("[data-testid=keeping][data-state=new]").await;
    assert_eq!(desk.count("[data-testid=keeping] [data-rule]").await, 5);
    let identities = desk.text("[data-rule=complaint_identities]").await;
    assert!(identities.contains("3 年"), "{identities}");
    let end = desk.text("[data-testid=chain-end]").await;
    assert!(end.contains("第 1 条"), "{end}");
    let keep = "navigator.clipboard.writeText = async (text) => { window.copied = text }; return true";
    desk.js::<bool>(keep, &[]).await;
    desk.tap("[data-testid=copy-anchor]").await;
    desk.read(word(Lang::ZhCn, "people.copied")).await;
    let line: String = desk.js("return window.copied", &[]).await;
    let anchor = Anchor::read(&line).expect("the line of an anchor");
    assert_eq!(missing(&mut server.connect().await, &anchor).await.unwrap(), [""; 0]);
    pictures(&desk, "audit-new").await;
    is_clear(&desk).await;

    let pool = server::db::connect(&server.database_url, 1).unwrap();
    server::retention::run(&pool, Utc::now(), 3).await.unwrap();
    desk.reload().await;
    desk.see("[data-testid=keeping][data-state=done]").await;
    desk.see("[data-testid=audit] [data-what='retention.run']").await;
    pictures(&desk, "audit-done").await;
    is_clear(&desk).await;
    server
        .execute("UPDATE audit_event SET at = at - interval '2 days'")
        .await
        .unwrap();
    desk.reload().await;
    desk.see("[data-testid=keeping][data-state=overdue]").await;
    desk.read(word(Lang::ZhCn, "keeping.overdue_text")).await;
    pictures(&desk, "audit-overdue").await;
    is_clear(&desk).await;
}

#[tokio::test]
async fn a_pasted_list_makes_schools_and_zones_and_a_school_that_is_changed_reaches_the_phone() {
    let stage = Stage::set().await;
    let district = &stage.server.district;
    let desk = stage.desk("/people?tab=places").await;
    desk.see("[data-school='S0']").await;
    pictures(&desk, "places").await;
    is_clear(&desk).await;

    desk.tap("[data-testid=new-list]").await;
    let list = "N-1\t示例新学校\t新责任区\t小学\nS0,示例学校,新责任区\nN-1,示例学校,新责任区\nN-3,示例学校\nN-4,示例学校,新责任区,马戏团\n\nN-2,示例第二新学校,第 1 责任区";
    let paste = "const box = document.querySelector('[data-testid=school-list]'); box.value = arguments[0];
        box.dispatchEvent(new Event('input', { bubbles: true })); return true";
    desk.js::<bool>(paste, &[json!(list)]).await;
    for (line, wrong) in [
        (2, "places.bad_taken"),
        (3, "places.bad_twice"),
        (4, "places.bad_parts"),
        (5, "places.bad_type"),
    ] {
        desk.read(&format!("第 {line} 行：{}", word(Lang::ZhCn, wrong))).await;
    }
    desk.see("[data-testid=add-list]:disabled").await;
    pictures(&desk, "places-list").await;
    is_clear(&desk).await;
    let good: Vec<&str> = list.lines().filter(|line| line.contains("新学校")).collect();
    desk.js::<bool>(paste, &[json!(good.join("\n"))]).await;
    desk.see_no("[data-testid=list-read] .bad-line").await;
    desk.tap("[data-testid=add-list]").await;
    confirm(&desk).await;
    desk.see("[data-school='N-2']").await;

    desk.tap("[data-school='S0']").await;
    choose(&desk, "[data-fact=type]", "primary").await;
    desk.tap("[data-option=P12]").await;
    desk.type_into("[data-fact=students]", "1").await;
    pictures(&desk, "places-school").await;
    is_clear(&desk).await;
    let rename = "const box = document.querySelector('[data-testid=school-name]'); box.value = '示例改名小学';
        box.dispatchEvent(new Event('input', { bubbles: true })); return true";
    desk.js::<bool>(rename, &[]).await;
    let Inspector { phone, .. } = &Inspector::arrive(&stage, &district.a).await;
    desk.tap("[data-testid=save-school]").await;
    confirm(&desk).await;
    phone.read("示例改名小学").await;

    desk.tap("[data-testid=new-zone]").await;
    desk.type_into("[data-testid=zone-name]", "东责任区").await;
    desk.tap("[data-testid=save-zone]").await;
    confirm(&desk).await;
    desk.read("东责任区").await;
    desk.tap("[data-testid=to-audit]").await;
    desk.see("[data-what='school.changed']").await;
    desk.see("[data-what='zone.added']").await;
    picture(&desk, "places-audit-1440").await;
}
