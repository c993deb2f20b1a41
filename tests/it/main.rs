//! Stories against a real server over a real Postgres, each with a database of its own.

mod bad_input;
mod busy;
mod decoders;
mod every_endpoint;
mod faults;
mod flood;
mod house;
mod joint;
mod litmus;
mod live;
mod locales;
mod mend;
mod naughty;
mod people;
mod policies;
mod quarantine;
mod refresh;
mod restore;
mod rights;
mod safe;
mod second_factor;
mod session;
mod sync;
mod templates;
mod tokens;
mod visit_story;
