//! GraphQL types and fields of the audit log.

pub(super) mod activity;
pub(super) mod input;
pub(super) mod mutation;
pub(super) mod query;
pub(super) mod subscription;
pub(super) mod types;
