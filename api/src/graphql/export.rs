//! GraphQL types and fields of exports.

pub(super) mod mutation;
pub(super) mod query;
pub(super) mod quota;
mod source;
pub(super) mod types;
