//! The handlers, one file a noun: each shows who may call, what is asked and what is answered.

pub mod about;
pub mod appointments;
pub mod audit;
pub mod differences;
pub mod enrolment;
pub mod hand_over;
pub mod health;
pub mod identities;
pub mod keeping;
pub mod live;
pub mod passkeys;
pub mod people;
pub mod places;
pub mod quarantine;
pub mod query;
pub mod recusals;
pub mod results;
pub mod safe;
pub mod second_factor;
pub mod session;
pub mod sync;
pub mod visits;
