//! `Organization`, `Role`.

use async_graphql::{Enum, ID, Object};
use daybook_entity::{membership, organization};
use daybook_service::GlobalId;

/// A tenant.
pub(in crate::graphql) struct Organization(pub(in crate::graphql) organization::Model);

/// A tenant: has members, an audit log, jobs.
#[Object]
impl Organization {
    /// Opaque and typed.
    pub(in crate::graphql) async fn id(&self) -> ID {
        GlobalId::Organization(self.0.id).to_string().into()
    }

    /// Unique name for people and command lines.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Display name.
    async fn name(&self) -> &str {
        &self.0.name
    }
}

/// ADMIN: everything in the organization. AUDITOR: reads and exports the audit log. WRITER: only
/// records audit entries. MEMBER: workspaces and notes.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "membership::Role")]
pub(in crate::graphql) enum Role {
    /// Everything in the organization.
    Admin,
    /// Reads and exports the audit log.
    Auditor,
    /// Only records audit entries.
    Writer,
    /// Workspaces and notes.
    Member,
}
