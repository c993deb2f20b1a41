//! The device's clock, waiting, and chance: what the pure crates ask to be given.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// The device's clock, ms since 1970.
pub fn now_ms() -> i64 {
    js_sys::Date::now() as i64
}

/// Milliseconds since the page opened: goes on evenly when somebody sets the device's clock.
pub fn steady_ms() -> f64 {
    let performance = web_sys::window().and_then(|window| window.performance());
    performance.map_or_else(js_sys::Date::now, |performance| performance.now())
}

/// 64 random bits from the browser's cryptographic source.
pub fn random_u64() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0 ^ uuid::Uuid::new_v4().as_u64_pair().1
}

/// Random bytes from the same source.
///
/// # Panics
/// In a browser without one, which could not have started this program.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let source = web_sys::window().and_then(|window| window.crypto().ok());
    let source = source.expect("a browser has a source of randomness");
    source
        .get_random_values_with_u8_array(&mut bytes)
        .expect("some bytes are not too many");
    bytes
}

/// Between 0 and 1, for spreading retries.
pub fn fraction() -> f64 {
    js_sys::Math::random()
}

/// Waits at least this long; a sleeping phone may wait longer.
pub async fn sleep(ms: i32) {
    let wait = js_sys::Promise::new(&mut |resolve, _| {
        if let Some(window) = web_sys::window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
        }
    });
    let _ = JsFuture::from(wait).await;
}

/// Calls `act` whenever `target` fires `event`, for as long as the page lives.
pub fn on(target: &web_sys::EventTarget, event: &str, act: impl FnMut() + 'static) {
    let listener = Closure::<dyn FnMut()>::new(act);
    let _ = target.add_event_listener_with_callback(event, listener.as_ref().unchecked_ref());
    listener.forget();
}
