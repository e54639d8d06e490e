//! Exports of a workspace: a ZIP with one Markdown file per note, an index, and a report of broken
//! links.
//!
//! Notes change in place, so they are read in one short snapshot into a temporary file, from which
//! the ZIP is made. The paths and titles of all notes, and the bodies of one segment, are held in
//! memory. The same notes give the same bytes: the ZIP depends on the notes alone.

mod archive;
mod front_matter;
mod index;
mod links;
mod names;
mod snapshot;
mod spool;

use std::sync::Arc;

use daybook_entity::{job::JobErrorCode, workspace};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::{
    archive::{Archive, Summary},
    spool::Spool,
};
use super::{NotesSource, Outcome, written::Written};
use crate::{
    Fault, GlobalId,
    jobs::{Attempt, AttemptError},
};

/// Writes the notes of a workspace to the attempt's file.
pub(super) async fn write(
    attempt: &mut Attempt,
    source: &NotesSource,
) -> Result<Written, AttemptError> {
    let key = (attempt.job.organization_id, source.workspace_id);
    let found = workspace::Entity::find_by_id(key).one(attempt.core.db.bulk()).await?;
    let Some(workspace) = found else {
        let reason = "the workspace is no longer there".to_owned();
        return Err(AttemptError::Fail(JobErrorCode::SourceChanged, reason));
    };
    let spool = spool::fill(attempt, source.workspace_id).await?;
    let note_count = spool.listed.len() as u64;
    let summary = zip(attempt, &workspace, spool).await?;
    Ok(Written {
        name: "notes",
        record_count: note_count,
        manifest: manifest(&workspace, note_count, &summary),
        outcome: Outcome::default(),
    })
}

/// Builds the ZIP on a separate thread, and writes each chunk as it comes.
async fn zip(
    attempt: &mut Attempt,
    workspace: &workspace::Model,
    spool: Spool,
) -> Result<Summary, AttemptError> {
    let core = Arc::clone(&attempt.core);
    let (sender, mut chunks) = mpsc::channel(1);
    let workspace = workspace.clone();
    let building =
        core.tasks.spawn_blocking(move || Archive::new(workspace, spool, sender).build());
    // If this ends early, the channel closes, and the thread ends.
    while let Some(archive::Chunk { bytes, done }) = chunks.recv().await {
        attempt.write(bytes).await?;
        attempt.advanced(done).await?;
    }
    Ok(building.await.map_err(|error| crate::Error::from(Fault::Task(error)))??)
}

fn manifest(workspace: &workspace::Model, note_count: u64, summary: &Summary) -> Value {
    let workspace::Model { organization_id, id, ref name, created_at: _ } = *workspace;
    let Summary { broken_links, renamed_files } = summary;
    json!({
        "kind": "notes",
        "workspace": {
            "id": GlobalId::Workspace { organization_id, id }.to_string(),
            "name": name,
        },
        "noteCount": note_count,
        "brokenLinks": broken_links,
        "renamedFiles": renamed_files,
        "truncated": false,
    })
}
