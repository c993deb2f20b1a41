//! The checklist as it is filled in: what is on the sheet, what a tap writes, how an item is drawn.

mod answers;
mod facts;
mod finding;
mod inputs;
mod item;
mod said;
mod section;
mod sheet;
mod values;

pub use facts::FactsBlock;
pub use inputs::{TextBox, TickBox};
pub use said::{op_words, plain_words, value_words};
pub use section::SectionBlock;
pub use sheet::{Sheet, SheetPlace};
pub use values::answers_of;
