//! Reading a workspace's notes as of one moment, in segments, within one read transaction.

use daybook_entity::note::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::Result;

/// Keys that are read at once.
const KEYS: u64 = 1_000;
/// Bytes of bodies after which a segment ends.
const SEGMENT: i64 = 1024 * 1024;
/// Most notes of a segment.
const NOTES: usize = 250;

/// What to read, and where the segments go.
pub(super) struct Reading {
    pub(super) organization_id: Uuid,
    pub(super) workspace_id: Uuid,
    pub(super) segments: mpsc::Sender<Vec<Model>>,
}

/// Sends the workspace's notes by path; ends early where nobody takes them any more.
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

/// Ids, paths and lengths of the next notes. Lengths first: a segment of rows of unknown length
/// could be a thousand mebibytes.
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
        .limit(KEYS);
    let keys = match after {
        Some(after) => keys.filter(Column::Path.gt(after)),
        None => keys,
    };
    Ok(keys.into_tuple().all(tx).await?)
}

/// The ids, cut where the bodies come to a segment.
fn segments(keys: &[(Uuid, String, i64)]) -> Vec<Vec<Uuid>> {
    let (mut segments, mut segment, mut bytes) = (Vec::new(), Vec::new(), 0);
    for (id, _, length) in keys {
        segment.push(*id);
        bytes += length;
        if bytes >= SEGMENT || segment.len() >= NOTES {
            segments.push(std::mem::take(&mut segment));
            bytes = 0;
        }
    }
    if !segment.is_empty() {
        segments.push(segment);
    }
    segments
}
