//! `Organization`, `Role`.

use async_graphql::{Context, Enum, ID, Object, Result};
use daybook_entity::{membership, organization};
use daybook_service::{
    GlobalId, Permission, Scope, access,
    exports::Export,
    jobs::{self, Kind as _},
};

use super::{
    api_key::{ApiKeyConnection, api_keys},
    member::{MemberConnection, members},
    retention::Retention,
};
use crate::graphql::{
    context::{instance, viewer},
    error::to_error,
    export::query::ExportQuota,
    note::types::{WorkspaceConnection, workspaces},
    page::args,
};

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

    /// How many exports may still be started.
    async fn export_quota(&self, ctx: &Context<'_>) -> Result<ExportQuota> {
        let quota = jobs::quota(instance(ctx), self.0.id, Export::NAME).await;
        Ok(quota.map_err(to_error)?.into())
    }

    /// How long the log is kept, and what holds it. For ADMIN and AUDITOR.
    async fn retention(&self, ctx: &Context<'_>) -> Result<Retention> {
        Retention::of(self.enter(ctx, Permission::ReadRetention).await?).await
    }

    /// Who may do what, by subject. 50 a page by default, 100 at the most; more is an error, not a
    /// clamp. For ADMIN.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items to return from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Number of items to return from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<MemberConnection> {
        members(ctx, self.0.id, &args(first, after, last, before)).await
    }

    /// Credentials of programs, the newest first, those that hold no more included. 50 a page by
    /// default, 100 at the most; more is an error, not a clamp. For ADMIN.
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items to return from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Number of items to return from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<ApiKeyConnection> {
        api_keys(ctx, self.0.id, &args(first, after, last, before)).await
    }

    /// Places for notes, by name. 50 a page by default, 100 at the most; more is an error, not a
    /// clamp. For MEMBER and ADMIN.
    async fn workspaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items to return from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Number of items to return from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<WorkspaceConnection> {
        let scope = self.enter(ctx, Permission::ReadWorkspaces).await?;
        workspaces(scope, &args(first, after, last, before)).await
    }
}

impl Organization {
    async fn enter(&self, ctx: &Context<'_>, permission: Permission) -> Result<Scope> {
        let viewer = viewer(ctx).map_err(to_error)?;
        let scope = access::enter(instance(ctx), viewer, self.0.id, permission, &[]).await;
        scope.map_err(to_error)
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
