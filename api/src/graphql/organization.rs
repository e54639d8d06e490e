//! Organizations.

pub(super) mod api_key;
pub(super) mod member;
pub(super) mod mutation;
pub(super) mod query;
pub(super) mod types;
