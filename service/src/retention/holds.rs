//! Holds, such as legal holds: while a log has one, nothing is removed from it.

use daybook_entity::{TenantTable, hold};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, ModelTrait, PaginatorTrait,
    QueryFilter, QueryOrder,
};
use uuid::Uuid;

use crate::{Error, Permission, ProblemCode, Result, Scope, audit, database, input};

/// Maximum number of characters in a hold's name and in its reason.
const MAX_TEXT_CHARS: usize = 200;

/// Places a hold on the scope's log: nothing is removed from it until the hold is released.
///
/// # Errors
/// An invalid name or reason; `CONFLICT` if there is a hold of this name already; a database fault.
pub async fn place_hold(scope: &Scope, name: &str, reason: &str) -> Result<()> {
    scope.require(Permission::PlaceHolds)?;
    for (field, text) in [("name", name), ("reason", reason)] {
        input::check_name(text, MAX_TEXT_CHARS, &[field])?;
    }
    let context = (scope.clone(), name.to_owned(), reason.to_owned());
    let placed = scope.core().db.transaction(context, |tx, (scope, name, reason)| {
        Box::pin(async move {
            // Pruning takes this lock, too: once this is committed, nothing more is removed.
            super::lock(tx, scope.organization_id()).await?;
            let holds = scope.find::<hold::Entity>();
            if holds.filter(hold::Column::Name.eq(name.as_str())).one(tx).await?.is_some() {
                let message = format!("there is a hold {name} already");
                return Err(Error::problem(ProblemCode::Conflict, &["name"], message));
            }
            let hold = hold::Model {
                organization_id: scope.organization_id(),
                name: name.clone(),
                reason: reason.clone(),
                placed_by: scope.viewer().subject.clone(),
                placed_at: database::now(tx, &scope.core().clock).await?,
            };
            hold::Entity::insert(hold.into_active_model()).exec_without_returning(tx).await?;
            record_change(tx, scope, "hold.placed", name, reason).await
        })
    });
    placed.await
}

/// Releases a hold on the scope's log. Returns false if there is no hold of this name.
///
/// # Errors
/// An invalid name; a database fault.
pub async fn release_hold(scope: &Scope, name: &str) -> Result<bool> {
    scope.require(Permission::ReleaseHolds)?;
    input::check_text(name, &["name"])?;
    let context = (scope.clone(), name.to_owned());
    let released = scope.core().db.transaction(context, |tx, (scope, name)| {
        Box::pin(async move {
            super::lock(tx, scope.organization_id()).await?;
            let holds = scope.find::<hold::Entity>();
            let hold = holds.filter(hold::Column::Name.eq(name.as_str())).one(tx).await?;
            let Some(hold) = hold else {
                return Ok(false);
            };
            let reason = hold.reason.clone();
            hold.delete(tx).await?;
            record_change(tx, scope, "hold.released", name, &reason).await?;
            Ok(true)
        })
    });
    released.await
}

/// Returns the holds on the scope's log, ordered by name.
///
/// # Errors
/// A database fault.
pub async fn holds(scope: &Scope) -> Result<Vec<hold::Model>> {
    scope.require_one_of(&super::PERMISSIONS_TO_READ)?;
    let holds = scope.find::<hold::Entity>().order_by_asc(hold::Column::Name);
    Ok(holds.all(scope.core().db.reader()).await?)
}

/// True if there is a hold on the organization's log.
pub(super) async fn is_held<C: ConnectionTrait>(
    db: &C,
    organization_id: Uuid,
) -> Result<bool, DbErr> {
    let holds = hold::Entity::of(organization_id);
    Ok(holds.count(db).await? > 0)
}

async fn record_change(
    tx: &sea_orm::DatabaseTransaction,
    scope: &Scope,
    action: &str,
    name: &str,
    reason: &str,
) -> Result<()> {
    let mut entry = super::entry(scope.viewer(), action, scope.organization_id());
    entry.resource.name = Some(name.to_owned());
    audit::append_own(tx, scope, entry.with_extra(serde_json::json!({ "reason": reason }))).await
}
