//! Stories against a real server over a real Postgres, each with a database of its own.

mod bad_input;
mod busy;
mod house;
mod joint;
mod litmus;
mod live;
mod locales;
mod matrix;
mod mend;
mod people;
mod policies;
mod quarantine;
mod restore;
mod rights;
mod scope_in_motion;
mod second_lock;
mod session;
mod sync;
mod templates;
mod visit_story;
