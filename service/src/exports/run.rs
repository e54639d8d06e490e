//! Running an export: rows stream through the encoder into the store.

use std::sync::Arc;

use daybook_entity::{artifact, audit_log};
use futures::TryStreamExt;
use sea_orm::{DatabaseConnection, QuerySelect, Select};

use super::{
    Outcome, Plan,
    encoder::Encoder,
    manifest::{Counts, Manifest},
    plan::{continuation, open_continuation},
    start::BYTE_ORDER_MARK,
};
use crate::{
    Error, Fault,
    artifacts::{Stored, Writer},
    audit,
    jobs::{Attempt, End, Success},
    page::{Keyset, Part},
};

/// Rows of one query: short, so that no snapshot is held open; long, so that its start doesn't
/// matter.
const SEGMENT: u64 = 2_000;
/// Bytes after which a segment ends early, whatever its rows.
const CHUNK: usize = 1024 * 1024;

/// One attempt at an export. The file is the same at every attempt.
pub(crate) async fn run(attempt: &mut Attempt) -> Result<Success, End> {
    let plan = Plan::of(&attempt.job)?;
    let keyset = plan.keyset(&attempt.job);
    let started_at = attempt.instance.clock.now();
    let job = &attempt.job;
    // Job and claim are in the key: no attempt can write over another's object.
    let key = format!("exports/{}/{}-{}", job.organization_id, job.id, job.claim);
    attempt.object_key = Some(key.clone());
    attempt.writer = Some(attempt.instance.store.write(&key).await?);
    attempt.job.progress_phase = Some("records".to_owned());

    let (counts, last) = write_records(attempt, &plan, &keyset).await?;
    let writer = attempt.writer.take().ok_or_else(no_writer)?;
    let stored = writer.finish().await?;
    let finished_at = attempt.instance.clock.now();
    let manifest = Manifest::new(&plan, &counts, &stored, (started_at, finished_at));
    let truncated = manifest.truncated;
    let secret = &attempt.instance.secret;
    let next = last.filter(|_| truncated);
    let outcome = Outcome {
        truncated,
        continuation: next.map(|key| continuation(secret, &keyset, plan.through, &key)),
    };
    success(attempt, &plan, stored, &manifest, &outcome)
}

/// Writes all records, segment by segment; what was counted, and the last record's key.
async fn write_records(
    attempt: &mut Attempt,
    plan: &Plan,
    keyset: &Keyset<audit_log::Entity>,
) -> Result<(Counts, Option<Vec<Part>>), End> {
    let mark = plan.csv_byte_order_mark.then_some(BYTE_ORDER_MARK);
    let mut encoder = Encoder::new(plan.format, mark)?;
    let mut counts = Counts::default();
    let mut key = match &plan.after {
        None => None,
        Some(text) => {
            let opened = open_continuation(&attempt.instance.secret, keyset, text);
            let unreadable = || Fault::Stored("an export's continuation can't be read".to_owned());
            Some(opened.ok_or_else(unreadable).map_err(Error::from)?.1)
        }
    };
    let total = plan.max_records.min(plan.records_matched);
    let organization_id = attempt.job.organization_id;
    let instance = Arc::clone(&attempt.instance);
    let db = instance.db.bulk();
    while counts.records < total {
        let before = counts.records;
        let limit = SEGMENT.min(total - before);
        let rows =
            audit::rows_after(keyset, organization_id, &plan.filter, plan.through, key.clone());
        let last = encode(db, rows.limit(limit), &mut encoder, &mut counts).await?;
        key = last.map(|row| (keyset.key)(&row)).or(key);
        if counts.records == before {
            // Fewer records than there were: the log was pruned since the export was asked for.
            let reason = "entries that it was to hold are no longer in the log".to_owned();
            return Err(End::Fail(daybook_entity::job::JobErrorCode::SourceChanged, reason));
        }
        let chunk = encoder.take()?;
        writer(attempt)?.write(&chunk).await?;
        attempt.advanced(counts.records).await?;
    }
    encoder.end();
    let rest = encoder.take()?;
    writer(attempt)?.write(&rest).await?;
    counts.cells_neutralized = encoder.cells_neutralized();
    Ok((counts, key))
}

/// Encodes the rows of one query, or fewer where they are long; the last of them.
async fn encode(
    db: &DatabaseConnection,
    rows: Select<audit_log::Entity>,
    encoder: &mut Encoder,
    counts: &mut Counts,
) -> Result<Option<audit_log::Model>, End> {
    let mut rows = rows.stream(db).await?;
    let mut last = None;
    while let Some(row) = rows.try_next().await? {
        encoder.record(&row)?;
        counts.records += 1;
        let (first, end) = counts.sequences.unwrap_or((row.sequence, row.sequence));
        counts.sequences = Some((first.min(row.sequence), end.max(row.sequence)));
        last = Some(row);
        if encoder.len() >= CHUNK {
            break;
        }
        // Rows come from a buffer: nothing else here ever gives the thread to other tasks.
        tokio::task::coop::consume_budget().await;
    }
    Ok(last)
}

fn success(
    attempt: &Attempt,
    plan: &Plan,
    stored: Stored,
    manifest: &Manifest<'_>,
    outcome: &Outcome,
) -> Result<Success, End> {
    let json = |error: serde_json::Error| Error::from(Fault::Stored(format!("manifest: {error}")));
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let job = &attempt.job;
    let time = job.created_at.format("%Y%m%dT%H%M%SZ");
    let artifact = artifact::Model {
        organization_id: job.organization_id,
        job_id: job.id,
        object_key: stored.key,
        file_name: format!("audit-logs-{time}.{}", plan.format.extension()),
        content_type: plan.format.content_type().to_owned(),
        size_bytes: signed(stored.size_bytes),
        sha256: stored.sha256.to_vec(),
        record_count: signed(manifest.record_count),
        manifest: serde_json::to_string(manifest).map_err(json)?,
        created_at: job.created_at,
        expires_at: job.created_at,
        removed_at: None,
    };
    Ok(Success { artifact, outcome: serde_json::to_string(outcome).map_err(json)? })
}

fn writer(attempt: &mut Attempt) -> Result<&mut Writer, End> {
    attempt.writer.as_mut().ok_or_else(no_writer)
}

fn no_writer() -> End {
    Error::from(Fault::Stored("the attempt has no object to write to".to_owned())).into()
}
