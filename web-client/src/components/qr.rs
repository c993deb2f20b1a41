//! A QR code, drawn as one path.

use leptos::prelude::*;
use qrcode::{Color, QrCode};

/// What a camera reads from the screen. Nothing where the text is too long for a code.
#[component]
pub fn QrPicture(#[prop(into)] text: String, #[prop(into)] name: Signal<String>) -> impl IntoView {
    draw(&text).map(|(size, path)| {
        view! {
            <svg class="qr" role="img" aria-label=move || name.get() viewBox=format!("-4 -4 {0} {0}", size + 8)>
                <rect x="-4" y="-4" width=size + 8 height=size + 8></rect>
                <path d=path></path>
            </svg>
        }
    })
}

/// The dark squares, and how many squares there are in a row.
fn draw(text: &str) -> Option<(usize, String)> {
    let code = QrCode::new(text).ok()?;
    let size = code.width();
    let squares = code.to_colors().into_iter().enumerate();
    let dark = squares.filter(|(_, color)| *color == Color::Dark);
    let path = dark.map(|(at, _)| format!("M{} {}h1v1h-1z", at % size, at / size));
    Some((size, path.collect()))
}
