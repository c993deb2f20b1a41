//! A coordinator sets up a second factor, signs in with it, and gets in without the phone that makes the codes.

use catalog::Lang;
use tests::authenticator::Device;
use tests::browser::{Browser, View};
use tests::people::PASSWORD;

use crate::people::{is_clear, picture, pictures};
use crate::stage::Stage;
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
