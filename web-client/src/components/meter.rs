//! How far along something is: a bar under words, or a ring with its figure in the middle.

use leptos::prelude::*;

/// A bar; its words stand beside it, so it is hidden from screen readers.
#[component]
pub fn Meter(#[prop(into)] share: Signal<f64>) -> impl IntoView {
    view! {
        <span class="meter" aria-hidden="true">
            <i style:width=move || format!("{:.1}%", share.get().clamp(0.0, 1.0) * 100.0)></i>
        </span>
    }
}

/// A ring with "31/72" inside it.
#[component]
pub fn Ring(#[prop(into)] done: Signal<u32>, #[prop(into)] of: Signal<u32>) -> impl IntoView {
    const AROUND: f64 = 2.0 * std::f64::consts::PI * 22.0;
    let share = move || f64::from(done.get()) / f64::from(of.get().max(1));
    view! {
        <svg class="ring" viewBox="0 0 52 52" aria-hidden="true">
            <circle class="ring-all" cx="26" cy="26" r="22"></circle>
            <circle
                class="ring-done"
                cx="26"
                cy="26"
                r="22"
                stroke-dasharray=move || format!("{:.2} {AROUND:.2}", AROUND * share().clamp(0.0, 1.0))
            ></circle>
            <text x="26" y="31">
                {move || {
                    if of.get() > 0 && done.get() >= of.get() { "✓".to_owned() } else { format!("{:.0}%", (share() * 100.0).floor()) }
                }}
            </text>
        </svg>
    }
}
