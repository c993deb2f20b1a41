//! The parts every page is made of.

mod badge;
mod copy_button;
mod empty;
mod exchange;
mod meter;
mod password_box;
mod qr;
mod screen;
mod sheet;
mod sync;
mod words;

pub use badge::{Badge, BandBadge, SeverityBadge, StateBadge, Tone};
pub use copy_button::CopyButton;
pub use empty::{EmptyState, ErrorNote};
pub use exchange::{ExportCard, ImportCard, ImportList};
pub use meter::{Meter, Ring};
pub use password_box::PasswordBox;
pub use qr::QrPicture;
pub use screen::{Rail, Screen};
pub use sheet::{ConfirmSheet, SidePanel};
pub use sync::SyncList;
pub use words::{error_words, kept_words, option_word, role_word, severity_word, state_word};
