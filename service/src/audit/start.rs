//! The start of a log from which retention has removed entries.

use daybook_entity::retention;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QuerySelect};
use uuid::Uuid;

use super::GENESIS;
use crate::{Error, Result};

/// Keeps entries of an organization's log from being removed until the transaction ends, and gives the
/// sequence through which it was removed. Before the end of its log, where both are locked.
///
/// An organization without retention needs no lock: removing begins with an entry of the log, for
/// which the end of the log is locked.
pub(crate) async fn hold_back(tx: &DatabaseTransaction, organization_id: Uuid) -> Result<i64> {
    let found = retention::Entity::find_by_id(organization_id).lock_exclusive().one(tx).await?;
    Ok(found.map_or(0, |found| found.pruned))
}

/// Sequence through which an organization's log was removed, and the hash of that entry.
pub(crate) async fn pruned<C: ConnectionTrait>(
    db: &C,
    organization_id: Uuid,
) -> std::result::Result<(i64, Vec<u8>), DbErr> {
    let found = retention::Entity::find_by_id(organization_id).one(db).await?;
    Ok(found.map_or((0, GENESIS.to_vec()), |found| (found.pruned, found.pruned_hash)))
}

/// What is said where a position of `field` is before the log's start.
pub(crate) fn no_longer_kept(field: &[&str]) -> Error {
    let message = "goes on where the log is no longer kept: entries in between were removed";
    Error::invalid(field, message)
}
