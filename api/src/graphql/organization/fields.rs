//! The fields of `Organization`.

use async_graphql::{Context, ID, Object, Result};
use daybook_service::{
    GlobalId, Permission,
    exports::Export,
    jobs::{self, Kind as _},
};

use super::{
    api_key::{ApiKeyConnection, api_keys},
    member::{MemberConnection, members},
    retention::Retention,
    types::Organization,
};
use crate::graphql::{
    context::{enter_for_field, instance},
    error::to_error,
    export::quota::ExportQuota,
    note::types::{WorkspaceConnection, workspaces},
    page::args,
};

/// An organization: a tenant of Daybook, with its own members, audit log, jobs and workspaces.
#[Object]
impl Organization {
    /// Global ID of the organization, an opaque text.
    pub(in crate::graphql) async fn id(&self) -> ID {
        GlobalId::Organization(self.0.id).to_string().into()
    }

    /// Unique short name of the organization, for URLs and the command line.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Display name of the organization.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The number of exports that the organization can still start.
    async fn export_quota(&self, ctx: &Context<'_>) -> Result<ExportQuota> {
        let quota = jobs::quota(instance(ctx), self.0.id, Export::NAME).await;
        Ok(quota.map_err(to_error)?.into())
    }

    /// The retention of the organization's audit log, and the holds on it. For ADMIN and AUDITOR.
    async fn retention(&self, ctx: &Context<'_>) -> Result<Retention> {
        Retention::of(enter_for_field(ctx, self.0.id, Permission::ReadRetention).await?).await
    }

    /// Lists the members of the organization, by subject. A page has 50 members by default and at
    /// most 100; a larger page is an error. For ADMIN.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<MemberConnection> {
        members(ctx, self.0.id, &args(first, after, last, before)).await
    }

    /// Lists the organization's API keys, newest first, including expired and revoked ones. A page
    /// has 50 keys by default and at most 100; a larger page is an error. For ADMIN.
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<ApiKeyConnection> {
        api_keys(ctx, self.0.id, &args(first, after, last, before)).await
    }

    /// Lists the organization's workspaces, by name. A page has 50 workspaces by default and at
    /// most 100; a larger page is an error. For ADMIN and MEMBER.
    async fn workspaces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<WorkspaceConnection> {
        let scope = enter_for_field(ctx, self.0.id, Permission::ReadWorkspaces).await?;
        workspaces(scope, &args(first, after, last, before)).await
    }
}
