//! One file a page, and what several pages ask of the records.

pub mod checklist;
pub mod difference;
pub mod differences;
pub mod duty;
pub mod enrol;
pub mod feedback;
pub mod limits;
pub mod me;
pub mod missing;
pub mod people;
pub mod print;
pub mod problems;
pub mod quarantine;
pub mod record;
pub mod results;
pub mod school;
pub mod schools;
pub mod sign_in;
pub mod submit;
pub mod sync;
pub mod template;
pub mod templates;
pub mod today;
pub mod unlock;
pub mod visit;
