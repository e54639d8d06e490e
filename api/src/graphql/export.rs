//! GraphQL types and fields of exports.

pub(super) mod mutation;
pub(super) mod query;
pub(super) mod types;
