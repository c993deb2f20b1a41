//! Registers the service worker and tells when a new version waits. Never swaps by itself: a form in progress is not reloaded.

use js_sys::Reflect;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    RegistrationOptions, ServiceWorker, ServiceWorkerContainer, ServiceWorkerRegistration, ServiceWorkerUpdateViaCache,
};

use crate::clock;

thread_local! {
    static CONTROLLED: ArcRwSignal<bool> = ArcRwSignal::new(false);
    static WAITING: ArcRwSignal<bool> = ArcRwSignal::new(false);
}

fn container() -> Option<ServiceWorkerContainer> {
    let navigator = web_sys::window()?.navigator();
    // Absent in private windows and on plain http.
    Reflect::has(&navigator, &"serviceWorker".into())
        .is_ok_and(|has| has)
        .then(|| navigator.service_worker())
}

/// Whether the app would start without a network. Reactive.
pub fn controlled() -> bool {
    CONTROLLED.with(|controlled| controlled.get())
}

/// Whether a newer version lies ready. Reactive.
pub fn update_waiting() -> bool {
    WAITING.with(|waiting| waiting.get())
}

/// Swaps to the version that waits and loads it; called on a tap only.
pub fn update_now() {
    spawn_local(async {
        let Some(container) = container() else { return };
        let Ok(registration) = JsFuture::from(container.get_registration()).await else {
            return;
        };
        let Ok(registration) = registration.dyn_into::<ServiceWorkerRegistration>() else {
            return;
        };
        if let Some(waiting) = registration.waiting() {
            clock::on(&container, "controllerchange", || {
                if let Some(window) = web_sys::window() {
                    let _ = window.location().reload();
                }
            });
            let _ = waiting.post_message(&"activate".into());
        }
    });
}

pub fn register() {
    let Some(container) = container() else { return };
    CONTROLLED.with(|controlled| controlled.set(container.controller().is_some()));
    let noticed = container.clone();
    clock::on(&container, "controllerchange", move || {
        CONTROLLED.with(|controlled| controlled.set(noticed.controller().is_some()));
    });
    spawn_local(async move {
        let options = RegistrationOptions::new();
        options.set_update_via_cache(ServiceWorkerUpdateViaCache::None);
        let Ok(registration) = JsFuture::from(container.register_with_options("/sw.js", &options)).await else {
            return;
        };
        let Ok(registration) = registration.dyn_into::<ServiceWorkerRegistration>() else {
            return;
        };
        let look = {
            let registration = registration.clone();
            move || {
                let waits = registration.waiting().is_some() && container.controller().is_some();
                WAITING.with(|waiting| waiting.set(waits));
            }
        };
        look();
        let found = registration.clone();
        clock::on(&registration, "updatefound", move || {
            if let Some(installing) = found.installing() {
                let look = look.clone();
                let worker: ServiceWorker = installing;
                clock::on(&worker, "statechange", look);
            }
        });
    });
}
