//! Backups.

pub(super) mod mutation;
pub(super) mod types;
