//! GraphQL types and fields of organizations, their members, API keys and retention.

pub(super) mod api_key;
mod fields;
pub(super) mod member;
pub(super) mod mutation;
pub(super) mod query;
mod retention;
pub(super) mod types;
