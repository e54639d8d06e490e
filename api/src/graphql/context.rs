//! From a request's context to a scope.

use std::sync::Arc;

use async_graphql::{Context, Error, ID};
use daybook_service::{GlobalId, Instance, Permission, Scope, Viewer, access};
use uuid::Uuid;

use super::error::{FieldError, to_error};

/// Who asks, as the transport found out; none where no credential came along.
#[derive(Clone, Debug, Default)]
pub struct Caller(pub Option<Viewer>);

/// This process.
pub(super) fn instance<'a>(ctx: &Context<'a>) -> &'a Arc<Instance> {
    ctx.data_unchecked::<Arc<Instance>>()
}

/// Who asks.
///
/// # Errors
/// UNAUTHENTICATED where no credential came along.
pub(super) fn viewer<'a>(ctx: &Context<'a>) -> Result<&'a Viewer, daybook_service::Error> {
    let caller = ctx.data_opt::<Caller>().and_then(|caller| caller.0.as_ref());
    let message = "give a bearer token or API key in the Authorization header (WebSocket: in connection_init)";
    caller.ok_or(daybook_service::Error::Unauthenticated(message))
}

/// The right to do something in the organization that the argument at `path` names.
pub(super) async fn enter(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
    path: &[&str],
) -> Result<Scope, daybook_service::Error> {
    let viewer = viewer(ctx)?;
    let organization_id = organization_id(id, path)?;
    access::enter(instance(ctx), viewer, organization_id, permission, path).await
}

/// The right to see something whose ID names its organization; none where the viewer does not
/// belong there, which looks as if it didn't exist.
pub(super) async fn enter_to_see(
    ctx: &Context<'_>,
    organization_id: Uuid,
    permission: Permission,
) -> Result<Option<Scope>, Error> {
    let viewer = viewer(ctx).map_err(to_error)?;
    let scope = access::enter(instance(ctx), viewer, organization_id, permission, &["id"]).await;
    match scope {
        Ok(scope) => Ok(Some(scope)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(to_error(error)),
    }
}

/// The organization that an ID names.
pub(super) fn organization_id(id: &ID, path: &[&str]) -> Result<Uuid, daybook_service::Error> {
    match id.parse() {
        Ok(GlobalId::Organization(id)) => Ok(id),
        Ok(
            GlobalId::AuditLog { .. }
            | GlobalId::Job { .. }
            | GlobalId::ApiKey { .. }
            | GlobalId::Workspace { .. }
            | GlobalId::Note { .. },
        )
        | Err(_) => Err(daybook_service::Error::invalid(path, "is not an organization's ID")),
    }
}

/// What an ID names, whatever its type.
pub(super) fn global_id(id: &ID, path: &[&str]) -> Result<GlobalId, Error> {
    id.parse().map_err(|_| FieldError::invalid(path, "is not an ID").into())
}
