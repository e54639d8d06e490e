//! Runs a backup: streams a snapshot's rows into the store, and back again for comparison.

use daybook_entity::{artifact, job::JobErrorCode};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Outcome, Plan, TableDigest,
    fill_script::{self, FillScript},
    manifest::{self, Manifest},
    markers::{DATA, DATA_END, first_line},
    plan::{scope, summaries},
    progress::Progress,
    snapshot::{Piece, Reading, Start},
    source,
    tables::{BackupScope, parts, tables},
    verify,
    written::Written,
};
use crate::{
    Engine, Fault, Settings,
    jobs::{ArtifactLifetime, Attempt, AttemptError, Kind, NewArtifact, Success},
    permission::JobWork,
    store::{Compression, Ending, Stored},
};

/// The job kind that writes a snapshot of the database to a file, and optionally verifies it.
#[derive(Debug)]
pub struct Backup;

impl Kind for Backup {
    type Payload = Plan;
    const NAME: &'static str = "BACKUP";
    const PLURAL: &'static str = "backups";
    const READS_AUDIT_LOG: bool = false;

    fn work(_: &Plan) -> JobWork {
        JobWork::BackUp
    }

    fn hourly_limit(settings: &Settings) -> u32 {
        settings.backups_per_hour
    }

    async fn run(attempt: &mut Attempt, plan: Plan) -> Result<Success, AttemptError> {
        run(attempt, &plan).await
    }
}

async fn run(attempt: &mut Attempt, plan: &Plan) -> Result<Success, AttemptError> {
    attempt.open("backups", (plan.compression, Ending::Sealed))?;
    let written = write(attempt, plan).await?;
    let stored = attempt.close().await?;
    let verification = match plan.verify {
        true => Some(verify::verify(attempt, &stored, &written).await?),
        false => None,
    };
    let tables = summaries(&written.manifest.tables);
    success(attempt, plan, stored, &written.manifest, &Outcome { tables, verification })
}

/// Writes the file, including the manifest.
async fn write(attempt: &mut Attempt, plan: &Plan) -> Result<Written, AttemptError> {
    let scope = scope(&attempt.job);
    let mut reading = source::read(&attempt.core, scope);
    let Some(Piece::Start(start)) = next(attempt, &mut reading, None).await? else {
        return Err(incomplete());
    };
    if !start.migrations.iter().all(|name| attempt.core.settings.migrations.contains(name)) {
        return Err(newer());
    }
    let engine = attempt.core.db.engine();
    let script = script(attempt, engine, scope, &start);
    let mut content = Sha256::new();
    let head = format!("{}\n{}{}{DATA}\n", first_line(engine), opening(engine), script.prologue);
    put(attempt, &mut content, head.into_bytes()).await?;
    let mut progress = Progress::begin(attempt, start.rows, plan.verify);
    let rows = Rows { content: &mut content, reading: &mut reading, progress: &progress };
    let tables = write_rows(attempt, rows, scope).await?;
    progress.know(attempt, tables.iter().map(|(_, digest)| digest.rows).sum());
    let tail = format!("{DATA_END}\n{}COMMIT;\n", script.epilogue);
    put(attempt, &mut content, tail.into_bytes()).await?;
    let Start { taken_at, migrations, head: (sequence, hash), .. } = *start;
    let hash = hash.try_into().map_err(|_| Fault::decode("a log's hash", "it is not 32 bytes"))?;
    let is_name =
        |name: &String| name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if !migrations.iter().all(is_name) {
        return Err(Fault::decode("a migration's name", "Daybook has no such migrations").into());
    }
    let manifest = Manifest {
        engine,
        scope,
        job: attempt.job.id,
        taken_at,
        migrations,
        tables,
        head: (sequence, hash),
        content: content.finalize().into(),
    };
    let sealed = manifest.seal(&attempt.core.secret);
    attempt.write(sealed.into_bytes()).await?;
    Ok(Written { manifest, script, progress })
}

/// Context for writing rows.
struct Rows<'a> {
    content: &'a mut Sha256,
    reading: &'a mut Reading,
    progress: &'a Progress,
}

/// Writes the rows of all tables. Returns the index and digest of each table.
async fn write_rows(
    attempt: &mut Attempt,
    Rows { content, reading, progress }: Rows<'_>,
    scope: BackupScope,
) -> Result<Vec<(usize, TableDigest)>, AttemptError> {
    let (mut found, mut done) = (Vec::new(), 0);
    for (index, table, _) in parts(scope) {
        attempt.job.progress_phase = Some(format!("write {}", table.name));
        loop {
            match next(attempt, reading, Some(table.name)).await? {
                Some(Piece::Rows { table, bytes, rows }) if table == index => {
                    let buffer = put(attempt, content, bytes).await;
                    reading.buffers.give_back(buffer.map_err(|end| at(end, tables()[table].name))?);
                    done += rows;
                    attempt.advanced(progress.written(done)).await?;
                }
                Some(Piece::End { table, digest }) if table == index => {
                    found.push((index, digest));
                    break;
                }
                Some(Piece::Start(_) | Piece::Rows { .. } | Piece::End { .. }) | None => {
                    return Err(at(incomplete(), table.name));
                }
            }
        }
    }
    // Only the end of the snapshot follows, which may fail, too.
    match next(attempt, reading, None).await? {
        None => Ok(found),
        Some(_) => Err(incomplete()),
    }
}

/// Returns the next piece; none once the snapshot has been read to its end.
async fn next(
    attempt: &mut Attempt,
    reading: &mut Reading,
    table: Option<&str>,
) -> Result<Option<Piece>, AttemptError> {
    let piece = attempt.during(reading.pieces.recv()).await?;
    piece.transpose().map_err(|error| {
        let end = AttemptError::from(error);
        match table {
            Some(table) => at(end, table),
            None => end,
        }
    })
}

/// Appends to the file. Returns an empty buffer for reuse.
async fn put(
    attempt: &mut Attempt,
    content: &mut Sha256,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, AttemptError> {
    content.update(&bytes);
    attempt.write(bytes).await
}

/// Returns the statements that the file begins with. The whole file is one transaction, so that
/// loading a truncated file leaves nothing behind.
fn opening(engine: Engine) -> &'static str {
    match engine {
        // Without `.bail on`, the shell would continue after an error and reach COMMIT.
        Engine::Sqlite => ".bail on\nPRAGMA foreign_keys = OFF;\nBEGIN;\n",
        Engine::Postgres => {
            "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\
             SET check_function_bodies = off;\nSET client_min_messages = warning;\n\
             SET datestyle = 'ISO, YMD';\nSET timezone = 'UTC';\nBEGIN;\n"
        }
    }
}

fn script(attempt: &Attempt, engine: Engine, scope: BackupScope, start: &Start) -> FillScript {
    let mut prologue = start.prologue.clone();
    if let BackupScope::Organization(_) = scope {
        prologue.push_str(fill_script::seeds(engine));
    }
    let mark = fill_script::mark(engine, attempt.job.id, start.taken_at);
    let parts = fill_script::all_parts(scope);
    FillScript { parts, prologue, epilogue: format!("{}{mark}", start.epilogue) }
}

fn success(
    attempt: &Attempt,
    plan: &Plan,
    file: Stored,
    manifest: &Manifest,
    outcome: &Outcome,
) -> Result<Success, AttemptError> {
    let job = &attempt.job;
    let name = match manifest.scope {
        BackupScope::Instance => "instance",
        BackupScope::Organization(_) => "organization",
    };
    let (extension, content_type) = match plan.compression {
        Compression::None => ("sql", "application/sql"),
        Compression::Gzip => ("sql.gz", "application/gzip"),
        Compression::Zstd => ("sql.zst", "application/zstd"),
    };
    let rows: u64 = manifest.tables.iter().map(|(_, digest)| digest.rows).sum();
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let artifact = artifact::Model {
        organization_id: job.organization_id,
        job_id: job.id,
        object_key: file.key.clone(),
        file_name: format!(
            "daybook-{name}-{}-{}.{extension}",
            manifest.taken_at.format("%Y%m%dT%H%M%SZ"),
            job.short_id()
        ),
        content_type: content_type.to_owned(),
        size_bytes: signed(file.size_bytes),
        sha256: file.sha256.to_vec(),
        record_count: signed(rows),
        manifest: describe(attempt, plan, &file, manifest, outcome).to_string(),
        created_at: job.created_at,
        expires_at: job.created_at,
        removed_at: None,
        store_id: file.store.clone(),
    };
    let outcome = serde_json::to_string(outcome);
    let outcome = outcome.map_err(|error| Fault::encode("the backup's outcome", error))?;
    let is_scheduled = plan.scheduled_for.is_some();
    let lifetime =
        if is_scheduled { ArtifactLifetime::UntilRemoved } else { ArtifactLifetime::Ttl };
    Ok(Success { artifact: Some(NewArtifact { row: artifact, lifetime }), outcome })
}

/// Renders the manifest for the API: the content of the file's own manifest, with the length and
/// hash of the file.
fn describe(
    attempt: &Attempt,
    plan: &Plan,
    file: &Stored,
    manifest: &Manifest,
    outcome: &Outcome,
) -> serde_json::Value {
    let Manifest { engine, scope, job, taken_at, migrations, tables: _, head, content } = manifest;
    let hex = |bytes: &[u8]| crate::hex(bytes);
    json!({
        "formatVersion": manifest::FORMAT,
        "kind": "backup",
        "scope": match scope {
            BackupScope::Instance => "INSTANCE",
            BackupScope::Organization(_) => "ORGANIZATION",
        },
        "engine": manifest::engine_name(*engine),
        "jobId": job,
        "takenAt": taken_at,
        "compression": plan.compression,
        "migrations": migrations,
        "tables": outcome.tables,
        "lastSequence": head.0.to_string(),
        "lastHash": hex(&head.1),
        "contentSha256": hex(content),
        "sizeBytes": file.size_bytes,
        "sha256": hex(&file.sha256),
        "startedAt": attempt.job.started_at,
        "finishedAt": attempt.core.clock.now(),
        "software": concat!("daybook ", env!("CARGO_PKG_VERSION")),
    })
}

/// Adds the table concerned to the reason of `end`.
fn at(end: AttemptError, table: &str) -> AttemptError {
    match end {
        AttemptError::Retry(code, reason) => {
            AttemptError::Retry(code, format!("table {table}: {reason}"))
        }
        AttemptError::Fail(code, reason) => {
            AttemptError::Fail(code, format!("table {table}: {reason}"))
        }
        AttemptError::Interrupted | AttemptError::Canceled | AttemptError::Lost => end,
    }
}

/// Leaves the job to another attempt, because the schema is newer than this process. The backup
/// would lack tables and columns that this version doesn't know, and a restore would lose them
/// silently.
fn newer() -> AttemptError {
    let reason = "the process that tried is older than the database's schema, whose backup is for a \
                  process of the next version";
    AttemptError::Retry(JobErrorCode::Internal, reason.to_owned())
}

fn incomplete() -> AttemptError {
    AttemptError::Retry(JobErrorCode::Internal, "the snapshot ended before all was read".to_owned())
}
