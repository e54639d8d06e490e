//! Organizations.

pub(super) mod api_key;
mod member;
pub(super) mod mutation;
pub(super) mod query;
pub(super) mod types;
