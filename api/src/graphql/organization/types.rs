//! `Organization`, `Role`.

use async_graphql::Enum;
use daybook_entity::{membership, organization};

/// A tenant of Daybook. Its fields are resolved in [`super::fields`], which depends on the types of
/// the objects that an organization has.
pub(in crate::graphql) struct Organization(pub(in crate::graphql) organization::Model);

/// A role in an organization, which determines what a member or API key may do there.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "membership::Role")]
pub(in crate::graphql) enum Role {
    /// May do everything in the organization.
    Admin,
    /// May read and export the audit log, and see jobs.
    Auditor,
    /// May only record audit log entries.
    Writer,
    /// May read, write and export workspaces and notes.
    Member,
}
