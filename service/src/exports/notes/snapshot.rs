//! Reads a snapshot of a workspace's notes, in segments, within one read transaction.

use daybook_entity::note::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::Result;

/// Number of keys read by one query.
const KEYS_PER_QUERY: u64 = 1_000;
/// Total size of bodies in bytes at which a segment ends.
const SEGMENT_BYTES: i64 = 1024 * 1024;
/// Maximum number of notes in a segment.
const NOTES: usize = 250;

/// Workspace to read, and the channel that its segments are sent to.
pub(super) struct Reading {
    pub(super) organization_id: Uuid,
    pub(super) workspace_id: Uuid,
    pub(super) segments: mpsc::Sender<Vec<Model>>,
}

/// Sends the workspace's notes, ordered by path. Ends early once the receiver is gone.
pub(super) async fn read(tx: &DatabaseTransaction, reading: &Reading) -> Result<()> {
    let mut after = None;
    loop {
        let keys = keys(tx, reading, after.as_deref()).await?;
        let Some((_, last, _)) = keys.last() else { return Ok(()) };
        after = Some(last.clone());
        for ids in segments(&keys) {
            let notes = Entity::find()
                .filter(Column::OrganizationId.eq(reading.organization_id))
                .filter(Column::Id.is_in(ids))
                .order_by_asc(Column::Path);
            if reading.segments.send(notes.all(tx).await?).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Returns the ids, paths and body lengths of the next notes. Lengths are read before bodies, since
/// the bodies of a thousand notes can have a mebibyte each.
async fn keys(
    tx: &DatabaseTransaction,
    reading: &Reading,
    after: Option<&str>,
) -> Result<Vec<(Uuid, String, i64)>> {
    let keys = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Path])
        .expr_as(Expr::cust("CAST(octet_length(body) AS bigint)"), "bytes")
        .filter(Column::OrganizationId.eq(reading.organization_id))
        .filter(Column::WorkspaceId.eq(reading.workspace_id))
        .order_by_asc(Column::Path)
        .limit(KEYS_PER_QUERY);
    let keys = match after {
        Some(after) => keys.filter(Column::Path.gt(after)),
        None => keys,
    };
    Ok(keys.into_tuple().all(tx).await?)
}

/// Splits the ids into segments by the lengths of the bodies.
fn segments(keys: &[(Uuid, String, i64)]) -> Vec<Vec<Uuid>> {
    let (mut segments, mut segment, mut bytes) = (Vec::new(), Vec::new(), 0);
    for (id, _, length) in keys {
        segment.push(*id);
        bytes += length;
        if bytes >= SEGMENT_BYTES || segment.len() >= NOTES {
            segments.push(std::mem::take(&mut segment));
            bytes = 0;
        }
    }
    if !segment.is_empty() {
        segments.push(segment);
    }
    segments
}
