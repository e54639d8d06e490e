//! `ApiKey`: credentials of programs.

use async_graphql::{Context, ID, Object, Result};
use daybook_entity::api_key;
use daybook_service::{GlobalId, Permission, Scope, organizations::api_keys, page::PageArgs};
use uuid::Uuid;

use super::types::Role;
use crate::graphql::{
    context::enter_for_field,
    error::to_error,
    page::{ConnectionWith, connection},
    scalar::Instant,
};

/// A credential of a program, with one role in one organization.
pub(in crate::graphql) struct ApiKey(pub(in crate::graphql) api_key::Model);

/// A credential of a program, with one role in one organization. The key itself is shown only once,
/// in the result of `createApiKey`.
#[Object]
impl ApiKey {
    /// Global ID of the API key, an opaque text.
    pub(in crate::graphql) async fn id(&self) -> ID {
        let api_key::Model { organization_id, id, .. } = self.0;
        GlobalId::ApiKey { organization_id, id }.to_string().into()
    }

    /// Display name of the API key.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The part of the key after `dbk_` that identifies it. Not a secret.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Subject that the key authenticates as, in the audit log and elsewhere: `api-key:` followed
    /// by the prefix.
    async fn subject(&self) -> String {
        api_keys::subject(&self.0)
    }

    /// Role of the API key: AUDITOR or WRITER.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// Subject that created the API key.
    async fn created_by(&self) -> &str {
        &self.0.created_by
    }

    /// The time at which the API key was created.
    async fn created_at(&self) -> Instant {
        self.0.created_at.into()
    }

    /// The API key is valid until this time. Null if it does not expire.
    async fn expires_at(&self) -> Option<Instant> {
        self.0.expires_at.map(Instant::from)
    }

    /// The time at which the API key was revoked. Null if it was not.
    async fn revoked_at(&self) -> Option<Instant> {
        self.0.revoked_at.map(Instant::from)
    }

    /// The time at which the API key was last used, accurate to about a minute. Null if it was
    /// never used.
    async fn last_used_at(&self) -> Option<Instant> {
        self.0.last_used_at.map(Instant::from)
    }
}

/// A page of API keys.
pub(in crate::graphql) type ApiKeyConnection = ConnectionWith<ApiKey, ApiKeyTotal>;

/// The number of an organization's API keys, counted only if selected.
pub(in crate::graphql) struct ApiKeyTotal(Scope);

#[Object]
impl ApiKeyTotal {
    /// Exact number of API keys on all pages. Counted only if selected.
    async fn total_count(&self) -> Result<i32> {
        Ok(i32::try_from(api_keys::count(&self.0).await.map_err(to_error)?)?)
    }
}

/// Returns a page of an organization's API keys, for viewers who may read them.
pub(super) async fn api_keys(
    ctx: &Context<'_>,
    organization_id: Uuid,
    args: &PageArgs,
) -> Result<ApiKeyConnection> {
    let scope = enter_for_field(ctx, organization_id, Permission::ReadApiKeys).await?;
    let page = api_keys::page(&scope, args).await.map_err(to_error)?;
    Ok(connection(page, ApiKeyTotal(scope), ApiKey))
}
