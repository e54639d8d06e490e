//! Verification: restores the stored file into a scratch database and compares every table.
//!
//! The scratch database is temporary for the engine itself (an unnamed file on SQLite, temporary
//! tables on PostgreSQL), so that a process that dies leaves nothing behind.
//!
//! The schema in the file is compared, not executed. Only the schema that this process wrote is
//! executed, so a store that was tampered with can make a verification fail but do no harm.

use std::sync::Arc;

use daybook_entity::job::JobErrorCode;
use futures::StreamExt;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    RestoreError, TableDigest, Verification,
    batch::{Batch, Batches},
    decompress::Decompressor,
    fill_script::FillScript,
    portable::Portable,
    postgres,
    progress::Progress,
    reader::Reader,
    sqlite,
    written::Written,
};
use crate::{
    Core, Engine, Error, Fault, Result,
    jobs::{Attempt, AttemptError},
    store::Stored,
    tenancy,
};

/// Number of compressed bytes that are decompressed at once. It is small because they may expand to
/// very many.
const DECOMPRESS_BYTES: usize = 8 * 1024;

/// Restores the stored file and compares the copy with what was written.
pub(super) async fn verify(
    attempt: &mut Attempt,
    stored: &Stored,
    written: &Written,
) -> Result<Verification, AttemptError> {
    let mut reader = Reader::new();
    let (sender, batches) = reader.batches();
    let filling = fill(&attempt.core, written.script.clone(), batches);
    let progress = &written.progress;
    attempt.job.progress_phase = Some("restore".to_owned());
    read(attempt, (stored, progress), &mut reader, sender).await?;
    attempt.job.progress_phase = Some("compare".to_owned());
    let digests = attempt.during(filling).await?.map_err(Fault::Task)?;
    let digests = digests.map_err(unrestorable)?;
    let secret = &attempt.core.secret;
    let checked = reader.finish(Some(secret)).map_err(refused)?;
    if checked.manifest != written.manifest {
        return Err(refused(RestoreError::file("its manifest is not the one that was written")));
    }
    let indices = written.script.parts.iter().map(|part| part.index);
    let found: Vec<_> = indices.zip(digests).collect();
    written.manifest.compare(&found, "the restored copy").map_err(refused)?;
    Ok(Verification {
        ok: true,
        verified_at: attempt.core.clock.now(),
        restored_rows: found.iter().map(|(_, digest)| digest.rows).sum(),
        message: None,
    })
}

/// Reads the file from the store and sends its rows to `sender`.
async fn read(
    attempt: &mut Attempt,
    (stored, progress): (&Stored, &Progress),
    reader: &mut Reader,
    sender: mpsc::Sender<Batch>,
) -> Result<(), AttemptError> {
    let (mut plain, mut portable) = (Decompressor::new(), Portable::default());
    let mut bytes = attempt.core.store.read(&stored.key, None).await?;
    while let Some(chunk) = attempt.during(bytes.next()).await? {
        let chunk = chunk.map_err(Error::from)?;
        for slice in chunk.chunks(DECOMPRESS_BYTES) {
            let slice = plain.push(slice).map_err(refused)?;
            for batch in reader.push(slice).map_err(refused)? {
                portable.check(&batch).map_err(unportable)?;
                // If filling has ended early, its own result has the reason.
                if attempt.during(sender.send(batch)).await?.is_err() {
                    return Ok(());
                }
            }
        }
        attempt.advanced(progress.restored(reader.rows())).await?;
    }
    plain.finish().map_err(refused)
}

fn fill(
    core: &Arc<Core>,
    script: FillScript,
    batches: Batches,
) -> JoinHandle<Result<Vec<TableDigest>>> {
    let filling = Arc::clone(core);
    match core.db.engine() {
        Engine::Sqlite => {
            core.tasks.spawn_blocking(move || sqlite::fill::scratch(&script, batches))
        }
        Engine::Postgres => core.tasks.spawn(tenancy::inherit(async move {
            postgres::fill::scratch(filling.db.bulk(), &script, batches).await
        })),
    }
}

/// Fails the job because the file is not what was written: the storage changed it.
fn refused(error: RestoreError) -> AttemptError {
    AttemptError::Fail(JobErrorCode::Storage, format!("verification failed: {error}"))
}

/// Fails the job because the other engine can't hold some content. The file itself is intact.
fn unportable(error: RestoreError) -> AttemptError {
    let reason = format!(
        "verification failed: {error}. Mend the row, or make a backup without verification, \
         which only this engine takes back"
    );
    AttemptError::Fail(JobErrorCode::Internal, reason)
}

fn unrestorable(error: Error) -> AttemptError {
    match AttemptError::from(error) {
        AttemptError::Fail(code, _) => {
            let reason = "verification failed: the file can't be restored; the log says why";
            AttemptError::Fail(code, reason.to_owned())
        }
        end => end,
    }
}
