//! The head of a log: its last sequence and hash.

use daybook_entity::audit_log_head::{Entity, Model};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QuerySelect};
use uuid::Uuid;

/// Locks the head of an organization's log until the transaction ends, and returns it.
pub(crate) async fn lock_head(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
) -> Result<Model, DbErr> {
    // SQLite ignores the lock clause; its immediate transaction is the only writer anyway.
    let head = Entity::find_by_id(organization_id).lock_exclusive().one(tx).await?;
    head.ok_or_else(|| DbErr::RecordNotFound(format!("log of organization {organization_id}")))
}

/// Returns the sequence of the last entry of an organization's log; 0 if the log is empty.
pub(crate) async fn head_sequence<C: ConnectionTrait>(
    db: &C,
    organization_id: Uuid,
) -> Result<i64, DbErr> {
    let head = Entity::find_by_id(organization_id).one(db).await?;
    Ok(head.map_or(0, |head| head.sequence))
}
