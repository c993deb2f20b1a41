//! All the SQL, one file a noun. Takes a connection and plain values, returns rows; knows nothing of HTTP.

pub mod accounts;
pub mod anchor;
pub mod appointments;
pub mod audit;
pub mod differences;
pub mod enrolments;
pub mod identities;
pub mod passkeys;
pub mod people;
pub mod places;
pub mod pokes;
mod prepared;
pub mod purpose;
pub mod recusals;
pub mod results;
pub mod retention;
pub mod rights;
pub mod roster;
pub mod second_factors;
pub mod secrets;
pub mod sessions;
pub mod sync;
pub mod visits;
