//! GraphQL types and fields of workspaces and notes.

mod allowance;
pub(super) mod mutation;
pub(super) mod types;

pub use allowance::BodyAllowance;
