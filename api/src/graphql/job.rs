//! GraphQL types and fields of jobs of every kind.

mod artifact;
mod availability;
pub(super) mod compression;
pub(super) mod interface;
pub(super) mod list;
pub(super) mod mutation;
pub(super) mod query;
pub(super) mod subscription;
pub(super) mod types;
