//! Stories in a real browser against a real server: what a supervisor does on a phone and what the office sees of it.
//! One story, one server, one database, browsers of its own. `cargo xtask test --ring browser` brings what they need.

mod access;
mod boxes;
mod checklists;
mod conflict;
mod damaged;
mod dice;
mod disk;
mod exchange;
mod faults;
mod full;
mod headline;
mod history;
mod inspector;
mod joint;
mod keyboard;
mod kills;
mod language;
mod people;
mod poisoned;
mod quarantine;
mod random;
mod safe;
mod same_score;
mod second_factor;
mod shared_phone;
mod shots;
mod stage;
mod strict;
mod tabs;
mod templates;
mod versions;
mod words;
