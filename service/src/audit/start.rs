//! The start of a log from which retention has removed entries.

use daybook_entity::retention;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QuerySelect};
use uuid::Uuid;

use super::hash::GENESIS;
use crate::{Error, Result};

/// Keeps entries of an organization's log from being removed until the transaction ends, and
/// returns the sequence through which the log has been removed. If a transaction locks both, it
/// takes this lock before the log's head.
///
/// An organization without retention needs no lock: removal begins by recording an entry in the
/// log, which locks the log's head.
pub(crate) async fn hold_back(tx: &DatabaseTransaction, organization_id: Uuid) -> Result<i64> {
    let found = retention::Entity::find_by_id(organization_id).lock_exclusive().one(tx).await?;
    Ok(found.map_or(0, |found| found.pruned))
}

/// Returns the sequence through which an organization's log was removed, and the hash of that
/// entry.
pub(crate) async fn pruned<C: ConnectionTrait>(
    db: &C,
    organization_id: Uuid,
) -> Result<(i64, Vec<u8>), DbErr> {
    let found = retention::Entity::find_by_id(organization_id).one(db).await?;
    Ok(found.map_or((0, GENESIS.to_vec()), |found| (found.pruned, found.pruned_hash)))
}

/// Returns the error for a position of `field` that is before the log's start.
pub(crate) fn no_longer_kept(field: &[&str]) -> Error {
    let message = "goes on where the log is no longer kept: entries in between were removed";
    Error::invalid(field, message)
}
