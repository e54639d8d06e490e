//! Starting an export.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use daybook_entity::{
    artifact,
    job::{self, JobState},
};
use futures::TryStreamExt;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    AuditLogs, Export, Format, NotesSource, Plan, Source,
    audit_logs::{Continuation, open_continuation},
    format::Properties,
};
use crate::{
    Error, Fault, Permission, Problem, ProblemCode, Result, Scope, Subscription, Topic,
    artifacts::{self},
    audit::{self, Filter, Order},
    idempotency,
    jobs::{self, Enqueued, Kind, NewJob},
    notes,
    page::Part,
    store::Compression,
    workload,
};

/// Longest time that the response waits for a small export to finish.
const MAX_RESPONSE_WAIT: Duration = Duration::from_secs(10);
/// Attempts at planning an export before planning it under the lock that blocks pruning.
const MAX_OPTIMISTIC_PLANS: usize = 3;
/// Size in bytes of the largest file that is returned inline.
const INLINE_BYTES: i64 = 1024 * 1024;

/// A request to start an export.
#[derive(Clone, Debug)]
pub struct StartExport {
    /// Records to export.
    pub source: ExportSource,
    /// Format of the file.
    pub format: Format,
    /// Compression of the file.
    pub compression: Compression,
    /// True if a CSV file begins with a byte order mark. Allowed for CSV only.
    pub csv_byte_order_mark: bool,
    /// True if no cell of a CSV file begins a formula. False is allowed for CSV only.
    pub csv_neutralize: bool,
    /// Continuation of an earlier, truncated export of the same source; absent to export from the
    /// beginning.
    pub after: Option<String>,
    /// Idempotency key of the caller: repeating the request with the same key starts no other
    /// export.
    pub idempotency_key: Option<String>,
}

/// The records that a request asks to export.
#[derive(Clone, Debug, Serialize)]
pub enum ExportSource {
    /// Entries of the audit log.
    AuditLogs {
        /// Filter that the entries match.
        filter: Box<Filter>,
        /// Order of the entries in the file.
        order_by: Order,
    },
    /// A workspace's notes.
    Notes {
        /// ID of the workspace.
        workspace_id: Uuid,
    },
}

impl ExportSource {
    /// Returns the permission that exporting the source requires.
    #[must_use]
    pub fn export_permission(&self) -> Permission {
        match self {
            Self::AuditLogs { .. } => Permission::ExportAuditLog,
            Self::Notes { .. } => Permission::ExportNotes,
        }
    }

    /// Returns the permission that counting the source's records requires.
    #[must_use]
    pub fn read_permission(&self) -> Permission {
        match self {
            Self::AuditLogs { .. } => Permission::ReadAuditLog,
            Self::Notes { .. } => Permission::ReadNotes,
        }
    }
}

/// An export that was started.
#[derive(Clone, Debug)]
pub struct Started {
    /// Job of the export. A small export has usually finished; a larger one is queued.
    pub job: job::Model,
    /// True if an earlier identical request started the export.
    pub replayed: bool,
}

/// Starts an export. A small one (see `Settings::export_inline_records`) is a job like any other,
/// run by the same workers, but the response waits for it to finish, for up to ten seconds.
///
/// # Errors
/// Fails if the request is invalid, with every problem by field; with `RATE_LIMITED` if the hourly
/// limit is exceeded; or on a database fault.
pub async fn start(scope: &Scope, request: StartExport) -> Result<Started> {
    scope.require(request.source.export_permission())?;
    check(&request)?;
    // Subscribes before the job is queued, so that no notification of it is missed.
    let news = scope.core().notifier.subscribe(Topic::Jobs(scope.organization_id()));
    let (Enqueued { job, replayed }, total) = enqueue(scope, request).await?;
    let is_small = total <= scope.core().settings.export_inline_records;
    let job = if is_small { wait(scope, job, news).await? } else { job };
    Ok(Started { job, replayed })
}

/// Returns the file of an export as a `data:` URL (RFC 2397), or `None` if the job has not
/// succeeded, or if the file is too large, has expired or can't be read. Records the download in
/// the audit log.
///
/// # Errors
/// Fails on a database fault.
pub async fn inline_data_url(
    recorder: &audit::Recorder,
    scope: &Scope,
    job: &job::Model,
) -> Result<Option<String>> {
    scope.require(jobs::required_permission(scope.core(), job))?;
    if job.state != JobState::Succeeded {
        return Ok(None);
    }
    let Some(artifact) = artifacts::find(scope, job).await? else {
        return Ok(None);
    };
    if artifact.size_bytes > INLINE_BYTES
        || artifact.record_count
            > i64::try_from(scope.core().settings.export_inline_records).unwrap_or(i64::MAX)
    {
        return Ok(None);
    }
    match read(scope, &artifact).await {
        Ok(_) if !artifacts::record_inline(recorder, scope, &artifact).await? => Ok(None),
        Ok(bytes) => {
            let content_type = artifact.content_type.replace(' ', "");
            Ok(Some(format!("data:{content_type};base64,{}", STANDARD.encode(bytes))))
        }
        Err(error) => {
            tracing::warn!(%error, job.id = %job.id, "a finished export is not given inline");
            Ok(None)
        }
    }
}

/// Plans an export of the source as it is now.
async fn plan<C: ConnectionTrait>(db: &C, scope: &Scope, request: &StartExport) -> Result<Plan> {
    let StartExport { source, format, compression, after, .. } = request.clone();
    let StartExport { csv_byte_order_mark, csv_neutralize, .. } = *request;
    let organization_id = scope.organization_id();
    let (source, records_matched) = match source {
        ExportSource::AuditLogs { filter, order_by } => {
            let (pruned, _) = audit::pruned(db, organization_id).await?;
            let position = (after.as_deref(), pruned);
            let (through, key) = moment(db, scope, (&filter, order_by), position).await?;
            let keyset = audit::order_keys(organization_id, &filter, order_by);
            let rows = audit::rows_after(&keyset, organization_id, &filter, through, key);
            let matched = workload::scan(rows.count(db)).await?;
            let source = AuditLogs {
                filter: *filter,
                order_by,
                through,
                after,
                pruned: Some(pruned),
                csv_byte_order_mark,
                csv_neutralize,
            };
            (Source::AuditLogs(Box::new(source)), matched)
        }
        ExportSource::Notes { workspace_id } => {
            let path = ["input", "source", "notes", "workspaceId"];
            let found = notes::workspace::get(scope, workspace_id).await?;
            found.ok_or_else(|| Error::not_found(&path, "workspace"))?;
            let matched = notes::count(scope, workspace_id).await?;
            (Source::Notes(NotesSource { workspace_id }), matched)
        }
    };
    let max_records = scope.core().settings.export_max_records;
    Ok(Plan { source, format, compression, max_records, records_matched })
}

/// Checks a request, and refuses it with all its problems if there are any.
fn check(request: &StartExport) -> Result<()> {
    let StartExport { source, idempotency_key, .. } = request;
    let mut problems = match source {
        ExportSource::AuditLogs { filter, .. } => {
            filter.problems(&["input", "source", "auditLogs", "filter"])
        }
        ExportSource::Notes { .. } => Vec::new(),
    };
    problems.extend(mismatches(request));
    problems.extend(idempotency::problem_of_key(idempotency_key.as_ref()));
    if problems.is_empty() { Ok(()) } else { Err(Error::Refused(problems)) }
}

/// Lists the options of a request that its source does not support.
fn mismatches(request: &StartExport) -> Vec<Problem> {
    let StartExport { source, format, compression, after, .. } = request;
    let Properties { file, write_log } = format.properties();
    let is_csv = *format == Format::Csv;
    let is_twice = file.is_compressed && *compression != Compression::None;
    let twice = ("compression", "files of this format are compressed already", is_twice);
    let told = match source {
        ExportSource::AuditLogs { .. } => {
            vec![("format", "MARKDOWN takes notes", write_log.is_none()), twice]
        }
        ExportSource::Notes { .. } => vec![
            ("format", "notes are exported as MARKDOWN", *format != Format::Markdown),
            twice,
            ("after", "an export of notes is whole: it has no continuation", after.is_some()),
        ],
    };
    let csv_only = "is for CSV only";
    let options = [
        ("csvByteOrderMark", csv_only, request.csv_byte_order_mark && !is_csv),
        ("csvNeutralize", csv_only, !request.csv_neutralize && !is_csv),
    ];
    let told = told.into_iter().chain(options).filter(|(.., is_so)| *is_so);
    let problem = |(field, message, _): (&str, &str, bool)| {
        Problem::new(ProblemCode::Unsupported, &["input", field], message)
    };
    told.map(problem).collect()
}

/// Returns the last sequence that an export of the log may contain, and the key to start after.
async fn moment<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    (filter, order_by): (&Filter, Order),
    (after, pruned): (Option<&str>, i64),
) -> Result<(i64, Option<Vec<Part>>)> {
    let (core, organization_id) = (scope.core(), scope.organization_id());
    let Some(after) = after else {
        return Ok((audit::head_sequence(db, organization_id).await?, None));
    };
    let keyset = audit::order_keys(organization_id, filter, order_by);
    let continuation = open_continuation(&core.secret, &keyset, after);
    let message = "is not a continuation of an export of this source";
    let Continuation { through, key, pruned: known } =
        continuation.ok_or_else(|| Error::invalid(&["input", "after"], message))?;
    // In ascending order of recording, all entries after the key may still be there.
    let is_before = order_by == Order::RecordedAsc && pruned <= audit::key_sequence(&key);
    if pruned != known && !is_before {
        return Err(audit::no_longer_kept(&["input", "after"]));
    }
    Ok((through, Some(key)))
}

/// Returns the SHA-256 of a request without its idempotency key.
fn fingerprint(request: &StartExport) -> Vec<u8> {
    let StartExport { source, format, compression, after, idempotency_key: _, .. } = request;
    let StartExport { csv_byte_order_mark, csv_neutralize, .. } = request;
    let csv = (csv_byte_order_mark, csv_neutralize);
    idempotency::request_hash(&(source, format, compression, csv, after)).to_vec()
}

/// Queues the job, and returns it with the number of records to write.
///
/// Once the job is queued, no entry that it reads is pruned: pruning holds the lock of the
/// organization's retention and looks for unfinished exports, and the job is queued under that
/// lock, only if nothing was pruned since it was planned. Counting the records of a large log takes
/// long, so they are counted before the lock is taken. If pruning keeps outpacing the count, they
/// are counted under the lock.
async fn enqueue(scope: &Scope, request: StartExport) -> Result<(Enqueued, u64)> {
    let request_hash = fingerprint(&request);
    for _ in 0..MAX_OPTIMISTIC_PLANS {
        let plan = plan(scope.core().db.reader(), scope, &request).await?;
        let new = new_job(&plan, request_hash.clone(), &request)?;
        if let Some(enqueued) = jobs::enqueue_if_kept(scope, new, plan.pruned()).await? {
            return Ok((enqueued, plan.total()));
        }
    }
    let context = (scope.clone(), request, request_hash);
    let queued = scope.core().db.transaction(context, |tx, (scope, request, request_hash)| {
        Box::pin(async move {
            audit::hold_back(tx, scope.organization_id()).await?;
            let plan = plan(tx, scope, request).await?;
            let new = new_job(&plan, request_hash.clone(), request)?;
            Ok((jobs::add(tx, scope, &new).await?, plan.total()))
        })
    });
    let (queued, total) = queued.await?;
    Ok((queued.announce(scope.core()), total))
}

fn new_job(plan: &Plan, request_hash: Vec<u8>, request: &StartExport) -> Result<NewJob> {
    let fault = |error| Fault::encode("the export's plan", error);
    Ok(NewJob {
        kind: Export::NAME.to_owned(),
        payload: serde_json::to_string(plan).map_err(fault)?,
        request_hash,
        idempotency_key: request.idempotency_key.clone(),
        total: i64::try_from(plan.total()).ok(),
        retry_of: None,
    })
}

/// Waits until the job ends, the wait exceeds [`MAX_RESPONSE_WAIT`], or this process stops.
async fn wait(scope: &Scope, mut job: job::Model, mut news: Subscription) -> Result<job::Model> {
    let deadline = Instant::now() + MAX_RESPONSE_WAIT;
    while matches!(job.state, JobState::Queued | JobState::Running) {
        let look = Instant::now() + Duration::from_millis(500);
        tokio::select! {
            () = news.notified() => {}
            () = tokio::time::sleep_until(look.min(deadline)) => {}
            // This process runs no more jobs, and its shutdown waits for this response.
            () = scope.core().stopping.cancelled() => break,
        }
        let key = (job.organization_id, job.id);
        let found = job::Entity::find_by_id(key).one(scope.core().db.reader()).await?;
        job = found.unwrap_or(job);
        if Instant::now() >= deadline {
            break;
        }
    }
    Ok(job)
}

async fn read(scope: &Scope, artifact: &artifact::Model) -> Result<Vec<u8>> {
    let bytes = scope.core().store.read(&artifact.object_key, None).await?;
    let bytes = bytes.try_fold(Vec::new(), |mut bytes, chunk| async move {
        bytes.extend_from_slice(&chunk);
        Ok(bytes)
    });
    Ok(bytes.await?)
}
