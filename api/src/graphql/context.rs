//! From the context of a request to a scope.

use std::sync::Arc;

use async_graphql::{Context, Error, ID};
use daybook_entity::organization::INSTANCE;
use daybook_service::{GlobalId, Instance, Permission, Scope, Viewer};
use uuid::Uuid;

use super::error::{FieldError, to_error};

/// The viewer that the transport has authenticated. None if the request has no credential.
#[derive(Clone, Debug, Default)]
pub struct Caller(pub Option<Viewer>);

/// Returns the instance that answers the request.
pub(super) fn instance<'a>(ctx: &Context<'a>) -> &'a Arc<Instance> {
    ctx.data_unchecked::<Arc<Instance>>()
}

/// Returns the viewer of the request.
///
/// # Errors
/// UNAUTHENTICATED if the request has no credential.
pub(super) fn viewer<'a>(ctx: &Context<'a>) -> Result<&'a Viewer, daybook_service::Error> {
    let caller = ctx.data_opt::<Caller>().and_then(|caller| caller.0.as_ref());
    let message = "Authentication is required: send a bearer token or an API key in the \
                   Authorization header (on a WebSocket: in connection_init)";
    caller.ok_or(daybook_service::Error::Unauthenticated(message))
}

/// Enters the organization that the argument at `path` names, with `permission`.
pub(super) async fn enter(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
    path: &[&str],
) -> Result<Scope, daybook_service::Error> {
    let viewer = viewer(ctx)?;
    let organization_id = organization_id(id, path)?;
    instance(ctx).enter(viewer, organization_id, permission, path).await
}

/// Enters the organization of an object that the viewer already sees, to read one of its fields.
pub(super) async fn enter_for_field(
    ctx: &Context<'_>,
    organization_id: Uuid,
    permission: Permission,
) -> Result<Scope, Error> {
    let viewer = viewer(ctx).map_err(to_error)?;
    let scope = instance(ctx).enter(viewer, organization_id, permission, &[]).await;
    scope.map_err(to_error)
}

/// Enters the organization of the object that the argument at `path` names. `kind` is the object's
/// kind in errors.
///
/// # Errors
/// The object is not found if the viewer does not belong to its organization.
pub(super) async fn enter_to_change(
    ctx: &Context<'_>,
    (organization_id, permission): (Uuid, Permission),
    (path, kind): (&[&str], &str),
) -> Result<Scope, daybook_service::Error> {
    let scope = instance(ctx).enter(viewer(ctx)?, organization_id, permission, path).await;
    scope.map_err(|error| match error.is_not_found() {
        true => daybook_service::Error::not_found(path, kind),
        false => error,
    })
}

/// Enters the instance itself, because the argument at `path` names no organization.
///
/// # Errors
/// The argument is required of viewers who are not operators; `message` says so.
pub(super) async fn enter_instance(
    ctx: &Context<'_>,
    permission: Permission,
    path: &[&str],
    message: &str,
) -> Result<Scope, daybook_service::Error> {
    let scope = instance(ctx).enter(viewer(ctx)?, INSTANCE, permission, path).await;
    scope.map_err(|error| match error.is_not_found() {
        true => daybook_service::Error::invalid(path, message),
        false => error,
    })
}

/// Enters the organization that an object's ID names, to read the object. Returns none if the
/// viewer does not belong to the organization, as if the object did not exist.
pub(super) async fn enter_to_see(
    ctx: &Context<'_>,
    organization_id: Uuid,
    permission: Permission,
) -> Result<Option<Scope>, Error> {
    let viewer = viewer(ctx).map_err(to_error)?;
    let scope = instance(ctx).enter(viewer, organization_id, permission, &["id"]).await;
    match scope {
        Ok(scope) => Ok(Some(scope)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(to_error(error)),
    }
}

/// Returns the organization that an ID names.
///
/// # Errors
/// An ID of another type.
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
        | Err(_) => Err(daybook_service::Error::invalid(path, "must be the ID of an organization")),
    }
}

/// Returns the object that an ID names, whatever its type.
///
/// # Errors
/// A text that is not an ID.
pub(super) fn global_id(id: &ID, path: &[&str]) -> Result<GlobalId, Error> {
    id.parse().map_err(|_| FieldError::invalid(path, "is not an ID").into())
}
