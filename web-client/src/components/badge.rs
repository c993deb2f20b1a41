//! A small word for a state, always with a shape beside it.

use catalog::Severity;
use leptos::prelude::*;

use super::words::{severity_word, state_word};
use crate::icons::{Icon, small};

/// The colour family of a state; the word and the shape say the same without it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    Idle,
    Ok,
    Warn,
    Bad,
    Act,
}

impl Tone {
    pub fn class(self) -> &'static str {
        match self {
            Self::Idle => "",
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Act => "act",
        }
    }
}

#[component]
pub fn Badge(tone: Tone, mark: Icon, #[prop(into)] text: Signal<String>) -> impl IntoView {
    view! {
        <span class=format!("badge {}", tone.class())>
            {small(mark)} {move || text.get()}
        </span>
    }
}

/// "L4 重大隐患": how bad a finding is.
#[component]
pub fn SeverityBadge(severity: Severity) -> impl IntoView {
    let (tone, mark) = match severity {
        Severity::L4 => (Tone::Bad, Icon::Warning),
        Severity::L3 => (Tone::Warn, Icon::Warning),
        Severity::L2 => (Tone::Idle, Icon::Problem),
        Severity::L1 => (Tone::Idle, Icon::Info),
    };
    view! { <Badge tone mark text=Signal::derive(move || severity_word(severity)) /> }
}

/// The band of a score; `None` while there is none.
#[component]
pub fn BandBadge(band: usize, #[prop(into)] text: Signal<String>) -> impl IntoView {
    let (tone, mark) = match band {
        0 | 1 => (Tone::Ok, Icon::Yes),
        2 => (Tone::Warn, Icon::NotApplicable),
        _ => (Tone::Bad, Icon::Warning),
    };
    view! { <Badge tone mark text /> }
}

/// Where a visit stands.
#[component]
pub fn StateBadge(#[prop(into)] state: String) -> impl IntoView {
    let (tone, mark) = match state.as_str() {
        "planned" => (Tone::Idle, Icon::Clock),
        "checked_in" => (Tone::Act, Icon::Visit),
        "in_progress" => (Tone::Act, Icon::Note),
        "feedback_given" => (Tone::Act, Icon::Feedback),
        "submitted" => (Tone::Ok, Icon::Yes),
        "reviewed" => (Tone::Ok, Icon::Looked),
        "returned" => (Tone::Warn, Icon::Back),
        "archived" => (Tone::Idle, Icon::Capped),
        "missed" => (Tone::Warn, Icon::No),
        _ => (Tone::Idle, Icon::Info),
    };
    view! { <Badge tone mark text=Signal::derive(move || state_word("visit", &state)) /> }
}
