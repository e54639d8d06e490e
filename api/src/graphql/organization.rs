//! Organizations.

pub(super) mod query;
pub(super) mod types;
