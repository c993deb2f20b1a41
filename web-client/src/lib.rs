//! The screens of Duxing, for phone and desk: a Leptos client that works without a network. Starts the session, mounts the app.

mod app;
mod clock;
mod components;
mod difference;
mod files;
mod form;
mod http;
mod i18n;
mod icons;
mod known;
mod local_store;
mod pages;
mod passkeys;
mod prefs;
mod seal;
mod service_worker;
mod session;
mod sync_driver;

use wasm_bindgen::prelude::*;

/// Called by the boot script once the module is there.
#[wasm_bindgen(start)]
pub fn main() {
    console_error_panic_hook::set_once();
    service_worker::register();
    leptos::mount::mount_to_body(app::App);
    wasm_bindgen_futures::spawn_local(session::use_session().start());
}
