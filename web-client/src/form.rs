//! The checklist as it is filled in: what is on the sheet, what a tap writes, how an item is drawn.

mod amend;
mod answers;
mod draw;
mod facts;
mod finding;
mod inputs;
mod item;
mod lesson;
mod paper;
mod said;
mod samples;
mod scale;
mod section;
mod sheet;
mod upgrade;
mod values;
mod whole;

pub use draw::{DrawBlock, proof_words};
pub use facts::FactsBlock;
pub use inputs::{TextBox, TickBox, input_label};
pub use lesson::{LessonBar, QuickNotes, snap_words};
pub use paper::{answer_words, classes_words, details, duration_words, points_words};
pub use said::{op_words, other_words, plain_words, sample_words, value_words};
pub use section::SectionBlock;
pub use sheet::{Sheet, SheetPlace};
pub use upgrade::{Orphans, UpgradeBlock, orphans};
pub use values::{answers_of, to_catalog};
pub use whole::{FlagsBlock, ScopeBlock, flag_words, whole_notes};
