//! A coordinator sets up a second factor, signs in with it, and gets in without the phone that makes the codes; is led there where one is
//! demanded; shows it at the door of their safe; has a passkey.

use catalog::Lang;
use serde_json::json;
use server::auth::second_factor::FactorRule;
use tests::authenticator::Device;
use tests::browser::{Browser, View};
use tests::people::PASSWORD;

use crate::people::{is_clear, picture, pictures};
use crate::stage::{Stage, sign_in};
use crate::words::word;

#[tokio::test]
async fn a_coordinator_signs_in_with_a_code_and_without_the_phone_with_a_recovery_code() {
    let stage = Stage::set().await;
    let desk = stage.desk("/me").await;
    desk.tap("[data-testid=factor-begin]").await;
    desk.type_into("[data-testid=factor-password]", "not this one").await;
    desk.tap("[data-testid=factor-go]").await;
    desk.read(word(Lang::ZhCn, "error.password.wrong")).await;
    let empty = "const box = document.querySelector('[data-testid=factor-password]'); box.value = '';
        box.dispatchEvent(new Event('input', { bubbles: true })); return true";
    desk.js::<bool>(empty, &[]).await;
    desk.type_into("[data-testid=factor-password]", PASSWORD).await;
    desk.tap("[data-testid=factor-go]").await;
    let secret = desk.text("[data-testid=factor-secret]").await;
    pictures(&desk, "factor-begun").await;
    is_clear(&desk).await;
    let device = Device::of(&secret);
    desk.type_into("[data-testid=factor-code]", &device.code(0)).await;
    desk.tap("[data-testid=factor-go]").await;
    desk.see("[data-testid=recovery-codes] li").await;
    assert_eq!(desk.count("[data-testid=recovery-codes] li").await, 8);
    let recovery = desk.text("[data-testid=recovery-codes] li").await;
    pictures(&desk, "factor-codes").await;
    desk.tap("[data-testid=factor-noted]").await;
    desk.see("[data-testid=factor-active]").await;
    pictures(&desk, "factor-active").await;
    is_clear(&desk).await;
    drop(desk);

    // On another device the password is not enough, nor is a wrong code.
    let other = Browser::open(&stage.server.url, View::Phone).await;
    other.go("/").await;
    other
        .type_into("[data-testid=login]", &stage.server.district.coordinator.login)
        .await;
    other.type_into("[data-testid=password]", PASSWORD).await;
    other.tap("[data-testid=sign-in]").await;
    other.see("[data-testid=code]").await;
    picture(&other, "factor-asked-360").await;
    is_clear(&other).await;
    other.type_into("[data-testid=code]", &device.wrong()).await;
    other.tap("[data-testid=sign-in]").await;
    other.read(word(Lang::ZhCn, "error.session.code_refused")).await;
    // The phone is not at hand: one of the eight.
    let empty = "const box = document.querySelector('[data-testid=code]'); box.value = '';
        box.dispatchEvent(new Event('input', { bubbles: true })); return true";
    other.js::<bool>(empty, &[]).await;
    other.type_into("[data-testid=code]", &recovery).await;
    other.tap("[data-testid=sign-in]").await;
    other.see("[data-phase=ready]").await;
    other.go("/me").await;
    other.see("[data-testid=factor-active]").await;
    let said = other.text("[data-testid=factor-active]").await;
    assert!(said.contains('7'), "one is used up: {said}");
    other.go("/people?tab=audit").await;
    other
        .see("[data-testid=audit] [data-what='second_factor.recovery_used']")
        .await;
}

#[tokio::test]
async fn an_office_without_the_demanded_factor_is_led_to_set_one_up_and_back() {
    let stage = Stage::set_as(|app| app.second_factor = FactorRule::Demanded).await;
    let desk = Browser::open(&stage.server.url, View::Desk).await;
    sign_in(&desk, &stage.server.district.coordinator).await;
    desk.see("[data-testid=demanded]").await;
    // No other address gets round it.
    desk.go("/people").await;
    desk.see("[data-testid=demanded]").await;
    desk.see_no(".rail").await;
    pictures(&desk, "factor-demanded").await;
    is_clear(&desk).await;
    desk.tap("[data-testid=factor-begin]").await;
    desk.type_into("[data-testid=factor-password]", PASSWORD).await;
    desk.tap("[data-testid=factor-go]").await;
    let device = Device::of(&desk.text("[data-testid=factor-secret]").await);
    desk.type_into("[data-testid=factor-code]", &device.code(0)).await;
    desk.tap("[data-testid=factor-go]").await;
    desk.see("[data-testid=recovery-codes] li").await;
    desk.tap("[data-testid=factor-noted]").await;
    // Back where they wanted to go, and it works.
    desk.see(".rail").await;
    desk.see_no("[data-testid=demanded]").await;
    assert_eq!(desk.place().await, "/people");
    desk.read(&stage.server.district.committee.name).await;
    // The last one stays.
    desk.go("/me").await;
    desk.tap("[data-testid=factor-remove]").await;
    desk.type_into("[data-testid=factor-password]", PASSWORD).await;
    desk.type_into("[data-testid=factor-code]", &device.code(1)).await;
    desk.tap("[data-testid=factor-go]").await;
    desk.read(word(Lang::ZhCn, "error.second_factor.last")).await;
}

#[tokio::test]
async fn a_safe_opens_with_a_new_password_and_the_second_factor_at_its_door() {
    const CHOSEN: &str = "a new password, chosen elsewhere";
    let stage = Stage::set().await;
    let coordinator = &stage.server.district.coordinator;
    let desk = stage.desk("/me").await;
    // A second factor and a new password, both from another device.
    let client = stage.server.sign_in(coordinator).await;
    let begun = client
        .post_json("/api/v1/second-factor", &json!({"password": PASSWORD}))
        .await;
    let device = Device::of(begun.json()["secret"].as_str().expect("a secret"));
    let code = json!({"code": device.code(0)});
    let confirmed = client.post_json("/api/v1/second-factor/confirm", &code).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    let admin = stage.server.sign_in(&stage.server.district.admin).await;
    let path = format!("/api/v1/people/{}/enrolment", coordinator.id);
    let link = admin.post_json(&path, &json!({"password": PASSWORD})).await.json();
    let chosen = json!({"code": link["code"], "password": CHOSEN});
    let chosen = stage.server.stranger().post_json("/api/v1/enrolment", &chosen).await;
    assert_eq!(chosen.status, 200, "{}", chosen.text);

    desk.tap("[data-testid=lock]").await;
    desk.see("[data-testid=unlock-password]").await;
    desk.see_no("[data-testid=code]").await;
    desk.type_into("[data-testid=unlock-password]", CHOSEN).await;
    desk.tap("[data-testid=unlock]").await;
    desk.see("[data-testid=code]").await;
    pictures(&desk, "door-code").await;
    is_clear(&desk).await;
    desk.type_into("[data-testid=code]", &device.wrong()).await;
    desk.tap("[data-testid=unlock]").await;
    desk.read(word(Lang::ZhCn, "error.session.code_refused")).await;
    let empty = "const box = document.querySelector('[data-testid=code]'); box.value = '';
        box.dispatchEvent(new Event('input', { bubbles: true })); return true";
    desk.js::<bool>(empty, &[]).await;
    desk.type_into("[data-testid=code]", &device.code(1)).await;
    desk.tap("[data-testid=unlock]").await;
    desk.see("[data-phase=ready]").await;
    // From now on the new password opens it by itself.
    desk.go("/me").await;
    desk.tap("[data-testid=lock]").await;
    desk.type_into("[data-testid=unlock-password]", CHOSEN).await;
    desk.tap("[data-testid=unlock]").await;
    desk.see("[data-phase=ready]").await;
}

#[tokio::test]
async fn a_coordinator_adds_a_passkey_signs_in_with_it_and_takes_it_away() {
    let stage = Stage::set().await;
    let coordinator = &stage.server.district.coordinator;
    // Passkeys belong to a name.
    let home = stage.server.url.replace("127.0.0.1", "localhost");
    let desk = Browser::open(&home, View::Desk).await;
    desk.cdp("WebAuthn.enable", json!({})).await;
    let authenticator = json!({"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
        "isUserVerified": true, "automaticPresenceSimulation": true,
    }});
    let authenticator = desk.cdp("WebAuthn.addVirtualAuthenticator", authenticator).await;
    sign_in(&desk, coordinator).await;
    desk.see(".rail").await;
    desk.go("/me").await;
    desk.tap("[data-testid=passkey-add]").await;
    desk.type_into("[data-testid=passkey-password]", PASSWORD).await;
    pictures(&desk, "passkey-adding").await;
    is_clear(&desk).await;
    desk.tap("[data-testid=passkey-go]").await;
    desk.see("[data-testid=passkey]").await;
    pictures(&desk, "passkey-added").await;
    is_clear(&desk).await;

    desk.tap("[data-testid=sign-out]").await;
    desk.tap("[data-testid=confirm]").await;
    desk.type_into("[data-testid=login]", &coordinator.login).await;
    desk.type_into("[data-testid=password]", PASSWORD).await;
    desk.tap("[data-testid=sign-in]").await;
    desk.see("[data-testid=use-passkey]").await;
    desk.see_no("[data-testid=code]").await;
    pictures(&desk, "passkey-asked").await;
    is_clear(&desk).await;
    // Their finger is not known, then it is.
    let id = authenticator["authenticatorId"].clone();
    desk.cdp(
        "WebAuthn.setUserVerified",
        json!({"authenticatorId": id, "isUserVerified": false}),
    )
    .await;
    desk.tap("[data-testid=use-passkey]").await;
    desk.read(word(Lang::ZhCn, "passkey.not_used")).await;
    desk.cdp(
        "WebAuthn.setUserVerified",
        json!({"authenticatorId": id, "isUserVerified": true}),
    )
    .await;
    desk.tap("[data-testid=use-passkey]").await;
    desk.see("[data-phase=ready]").await;
    assert_eq!(desk.complaints().await, Vec::<String>::new());

    // Where the page stands at a number, it says why there is no button.
    let number = Browser::open(&stage.server.url, View::Phone).await;
    number.go("/").await;
    number.type_into("[data-testid=login]", &coordinator.login).await;
    number.type_into("[data-testid=password]", PASSWORD).await;
    number.tap("[data-testid=sign-in]").await;
    number.see("[data-testid=passkey-not-here]").await;
    picture(&number, "passkey-not-here-360").await;
    is_clear(&number).await;
    drop(number);

    desk.go("/me").await;
    desk.tap("[data-testid=passkey-remove]").await;
    desk.type_into("[data-testid=passkey-password]", PASSWORD).await;
    desk.tap("[data-testid=passkey-go]").await;
    desk.see_no("[data-testid=passkey]").await;
    desk.see("[data-testid=passkey-add]").await;
    desk.go("/people?tab=audit").await;
    desk.see("[data-testid=audit] [data-what='passkey.removed']").await;
}
