//! `ApiKey`: credentials of programs.

use async_graphql::{Context, ID, Object, Result};
use daybook_entity::api_key;
use daybook_service::{GlobalId, Permission, Scope, access, access::api_keys, page::PageArgs};
use uuid::Uuid;

use super::types::Role;
use crate::graphql::{
    context::{instance, viewer},
    error::to_error,
    page::{ConnectionWith, connection},
    scalar::Instant,
};

/// A credential of a program, with one role in one organization.
pub(in crate::graphql) struct ApiKey(pub(in crate::graphql) api_key::Model);

/// A credential of a program, with one role in one organization. The key itself is shown once, by
/// createApiKey.
#[Object]
impl ApiKey {
    /// Opaque and typed.
    pub(in crate::graphql) async fn id(&self) -> ID {
        let api_key::Model { organization_id, id, .. } = self.0;
        GlobalId::ApiKey { organization_id, id }.to_string().into()
    }

    /// For people to recognize the key by.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The part of the key after `dbk_`, which finds it and is no secret.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Whom the key names, in the log as elsewhere: `api-key:` and the prefix.
    async fn subject(&self) -> String {
        api_keys::subject(&self.0)
    }

    /// As what: AUDITOR or WRITER.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// The subject that made it.
    async fn created_by(&self) -> &str {
        &self.0.created_by
    }

    /// When it was made.
    async fn created_at(&self) -> Instant {
        self.0.created_at.into()
    }

    /// From when on it doesn't hold; null where it does until it is revoked.
    async fn expires_at(&self) -> Option<Instant> {
        self.0.expires_at.map(Instant::from)
    }

    /// Since when it doesn't hold because it was revoked.
    async fn revoked_at(&self) -> Option<Instant> {
        self.0.revoked_at.map(Instant::from)
    }

    /// When it was last shown, to about a minute; null where it never was.
    async fn last_used_at(&self) -> Option<Instant> {
        self.0.last_used_at.map(Instant::from)
    }
}

/// A part of a list of API keys.
pub(in crate::graphql) type ApiKeyConnection = ConnectionWith<ApiKey, ApiKeyTotal>;

/// Counts API keys where it's asked to.
pub(in crate::graphql) struct ApiKeyTotal(Scope);

#[Object]
impl ApiKeyTotal {
    /// Exact. Counted only when asked for.
    async fn total_count(&self) -> Result<i32> {
        Ok(i32::try_from(api_keys::count(&self.0).await.map_err(to_error)?)?)
    }
}

/// The API keys of an organization, for those who may make some.
pub(super) async fn api_keys(
    ctx: &Context<'_>,
    organization_id: Uuid,
    args: &PageArgs,
) -> Result<ApiKeyConnection> {
    let (viewer, permission) = (viewer(ctx).map_err(to_error)?, Permission::ReadApiKeys);
    let scope = access::enter(instance(ctx), viewer, organization_id, permission, &[]).await;
    let scope = scope.map_err(to_error)?;
    let page = api_keys::page(&scope, args).await.map_err(to_error)?;
    Ok(connection(page, ApiKeyTotal(scope), ApiKey))
}
