//! Every picture-word of the screens: one stroked path each, drawn beside a word or named by its button.

use leptos::prelude::*;

/// An icon by what it means here, not by what it looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icon {
    Back,
    Forward,
    Yes,
    No,
    NotApplicable,
    Search,
    Phone,
    Call,
    Offline,
    Server,
    Warning,
    Clock,
    Note,
    Problem,
    Looked,
    Capped,
    Plus,
    Today,
    School,
    Person,
    People,
    Visit,
    Results,
    Conflict,
    Sync,
    Close,
    Feedback,
    Language,
    Info,
    Leave,
    Show,
    Hide,
    Save,
    Open,
    Lock,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Back => "M14.5 5l-7 7 7 7",
            Self::Forward => "M9.5 5l7 7-7 7",
            Self::Yes => "M5 12.5l4.5 4.5L19 7.5",
            Self::No | Self::Close => "M6.5 6.5l11 11M17.5 6.5l-11 11",
            Self::NotApplicable => "M6 12h12",
            Self::Search => "M17.5 11a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0zM16 16l4.5 4.5",
            Self::Phone => "M9 3h6a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM11 18h2",
            Self::Call => {
                "M6 3.5h3.5l1.5 5-2 1.5a12 12 0 0 0 5 5l1.5-2 5 1.5V18a2 2 0 0 1-2 2A15.5 15.5 0 0 1 4 5.5a2 2 0 0 1 2-2z"
            }
            Self::Offline => "M4 4l16 16M8.2 8.4A5 5 0 0 0 7 18.5h10M10.5 6.6a6 6 0 0 1 7.2 5 3.5 3.5 0 0 1 2 5.6",
            Self::Server => {
                "M7 18.5a4.5 4.5 0 0 1-.6-8.96 6 6 0 0 1 11.5 1.5A3.8 3.8 0 0 1 17.5 18.5zM9 13.5l2.2 2.2 4-4"
            }
            Self::Warning => "M12 4.5l8.5 15h-17zM12 10.5v4M12 17h.01",
            Self::Clock => "M20.5 12a8.5 8.5 0 1 1-17 0 8.5 8.5 0 0 1 17 0zM12 7.5V12l3 2",
            Self::Note => "M4.5 19.5l1-4.5L16 4.5l3.5 3.5L9 18.5z",
            Self::Problem => "M6 21V4M6 4.5h11.5l-2.5 4 2.5 4H6",
            Self::Looked | Self::Show => {
                "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM15 12a3 3 0 1 1-6 0 3 3 0 0 1 6 0z"
            }
            Self::Hide => {
                "M4 4l16 16M9.5 5.9A9.6 9.6 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-3 3.7M6 7.7A16 16 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 3.5-.7"
            }
            Self::Lock => {
                "M6.5 10.5h11a1.5 1.5 0 0 1 1.5 1.5v6.5a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5V12a1.5 1.5 0 0 1 1.5-1.5zM8 10.5V8a4 4 0 0 1 8 0v2.5M12 14v2.5"
            }
            Self::Capped => {
                "M6.5 10.5h11a1.5 1.5 0 0 1 1.5 1.5v6.5a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5V12a1.5 1.5 0 0 1 1.5-1.5zM8 10.5V8a4 4 0 0 1 8 0v2.5"
            }
            Self::Plus => "M12 5.5v13M5.5 12h13",
            Self::Today => {
                "M6.5 5.5h11A2.5 2.5 0 0 1 20 8v9.5a2.5 2.5 0 0 1-2.5 2.5h-11A2.5 2.5 0 0 1 4 17.5V8a2.5 2.5 0 0 1 2.5-2.5zM4 10h16M8.5 3.5v4M15.5 3.5v4M9 14.8l2.2 2.2 4-4"
            }
            Self::School => "M3.5 20h17M5.5 20v-9.5L12 6l6.5 4.5V20M12 6V3h4v2h-4M10 20v-5h4v5",
            Self::Person => "M16 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0zM4.5 20.5c1-4.5 4-6 7.5-6s6.5 1.5 7.5 6",
            Self::People => {
                "M12.5 8.5a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0zM2.8 19.5c.8-4 3.2-5.5 6.2-5.5s5.4 1.5 6.2 5.5M15.5 5.4a3.5 3.5 0 0 1 0 6.2M17.5 14.5c2 .6 3.2 2.2 3.7 5"
            }
            Self::Visit => {
                "M12 21s-6.5-6-6.5-11a6.5 6.5 0 0 1 13 0c0 5-6.5 11-6.5 11zM14.4 10a2.4 2.4 0 1 1-4.8 0 2.4 2.4 0 0 1 4.8 0z"
            }
            Self::Results => "M4 20h16M7 20v-7M12 20V5M17 20v-10",
            Self::Conflict => "M4 8h12l-3.5-3.5M20 16H8l3.5 3.5",
            Self::Sync => "M5 10a7.2 7.2 0 0 1 13-2.5M19 4v4h-4M19 14a7.2 7.2 0 0 1-13 2.5M5 20v-4h4",
            Self::Feedback => "M4.5 5.5h15v10.5h-8l-4.5 4v-4h-2.5zM8 9.5h8M8 12.5h5",
            Self::Language => {
                "M20.5 12a8.5 8.5 0 1 1-17 0 8.5 8.5 0 0 1 17 0zM3.5 12h17M12 3.5c3 3 3 14 0 17M12 3.5c-3 3-3 14 0 17"
            }
            Self::Info => "M20.5 12a8.5 8.5 0 1 1-17 0 8.5 8.5 0 0 1 17 0zM12 11v5M12 8h.01",
            Self::Save => "M12 4v11M7.5 10.5L12 15l4.5-4.5M5 19.5h14",
            Self::Open => "M12 15V4M7.5 8.5L12 4l4.5 4.5M5 19.5h14",
            Self::Leave => "M14 4.5H6.5v15H14M10.5 12H20M17 8.5l3.5 3.5-3.5 3.5",
        }
    }
}

/// The icon at text size; what it means is said by the words beside it.
pub fn icon(icon: Icon) -> impl IntoView {
    drawn(icon, "i")
}

/// The icon at small size.
pub fn small(icon: Icon) -> impl IntoView {
    drawn(icon, "i s")
}

fn drawn(icon: Icon, class: &'static str) -> impl IntoView {
    view! {
        <svg class=class viewBox="0 0 24 24" aria-hidden="true">
            <path d=icon.path()></path>
        </svg>
    }
}
