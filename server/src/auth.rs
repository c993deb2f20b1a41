//! Who is calling and what they may see. Everything but the signature of a token is looked up in the database on each request.

pub mod actor;
pub mod csrf;
pub mod grants;
pub mod keys;
pub mod office;
pub mod pace;
pub mod passkeys;
pub mod password;
pub mod second_factor;
pub mod session;
pub mod throttle;
pub mod token;
