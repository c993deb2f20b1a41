//! The harness: a real Postgres, a real server in this process, a small district, and clients that sign in.
//! Tests in `it/`, `crash/` and `browser/` share it and nothing else: each has its own database.

pub mod authenticator;
pub mod bad_line;
pub mod browser;
pub mod cluster;
pub mod faulty;
pub mod hostile;
pub mod load;
pub mod people;
pub mod phone;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod reading_room;
pub mod server;

pub use people::{District, Person};
pub use server::{Client, Reply, TestServer};
