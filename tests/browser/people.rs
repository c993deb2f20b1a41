//! The office makes an account and passes on a link; its owner chooses a password, works, loses the phone; nothing of the work is lost.

use std::path::PathBuf;

use catalog::Lang;
use serde_json::json;
use tests::browser::{Browser, View};
use tests::people::PASSWORD;
use tests::proxy::Line;

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
