//! GraphQL types and fields of backups.

pub(super) mod mutation;
pub(super) mod types;
