//! `daybook import`: imports audit entries and notes from files.

mod audit_logs;
mod front_matter;
mod notes;
mod progress;
mod records;

pub use audit_logs::{Invalid, Options, audit_logs};
pub use notes::notes;
