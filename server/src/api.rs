//! The handlers, one file a noun: each shows who may call, what is asked and what is answered.

pub mod about;
pub mod differences;
pub mod health;
pub mod live;
pub mod quarantine;
pub mod query;
pub mod results;
pub mod session;
pub mod sync;
pub mod visits;
