//! Runs an export: streams records through an encoder into the store.

use daybook_entity::artifact;
use serde_json::Value as Json;

use super::{Plan, Source, format, manifest::Manifest, notes, written::Written};
use crate::{
    Fault, Settings,
    jobs::{ArtifactLifetime, Attempt, AttemptError, Kind, NewArtifact, Success},
    permission::JobWork,
    store::{Ending, Stored},
};

/// The job kind `EXPORT`, which writes records to a file. Every attempt writes the same file,
/// unless notes have changed in between.
#[derive(Debug)]
pub struct Export;

impl Kind for Export {
    type Payload = Plan;
    const NAME: &'static str = "EXPORT";
    const PLURAL: &'static str = "exports";
    const READS_AUDIT_LOG: bool = true;

    fn work(plan: &Plan) -> JobWork {
        plan.work()
    }

    fn planned_after(plan: &Plan) -> Option<i64> {
        plan.pruned()
    }

    fn options(plan: &Plan) -> Option<Json> {
        Some(plan.options())
    }

    fn hourly_limit(settings: &Settings) -> u32 {
        settings.exports_per_hour
    }

    async fn run(attempt: &mut Attempt, plan: Plan) -> Result<Success, AttemptError> {
        run(attempt, &plan).await
    }
}

async fn run(attempt: &mut Attempt, plan: &Plan) -> Result<Success, AttemptError> {
    let started_at = attempt.core.clock.now();
    attempt.open("exports", (plan.compression, Ending::Plain))?;
    attempt.job.progress_phase = Some("records".to_owned());
    let written = match &plan.source {
        Source::AuditLogs(source) => {
            let write = plan.format.properties().write_log;
            let write = write.ok_or_else(|| Fault::Bug("a log in a format of notes".to_owned()))?;
            write(attempt, plan, source).await?
        }
        Source::Notes(source) => notes::write(attempt, source).await?,
    };
    let stored = attempt.close().await?;
    let finished_at = attempt.core.clock.now();
    success(attempt, plan, written, stored, (started_at, finished_at))
}

fn success(
    attempt: &Attempt,
    plan: &Plan,
    written: Written,
    stored: Stored,
    times: (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>),
) -> Result<Success, AttemptError> {
    let Written { name, record_count, manifest, outcome } = written;
    let as_written = (plan.format, plan.compression);
    let manifest = Manifest::new(as_written, (record_count, manifest), &stored, times);
    let unwritten = |what: &'static str| move |error| Fault::encode(what, error);
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let job = &attempt.job;
    let time = job.created_at.format("%Y%m%dT%H%M%SZ");
    let extension = format::extension(plan.format, plan.compression);
    let artifact = artifact::Model {
        organization_id: job.organization_id,
        job_id: job.id,
        object_key: stored.key,
        file_name: format!("{name}-{time}-{}.{extension}", job.short_id()),
        content_type: format::content_type(plan.format, plan.compression).to_owned(),
        size_bytes: signed(stored.size_bytes),
        sha256: stored.sha256.to_vec(),
        record_count: signed(record_count),
        manifest: serde_json::to_string(&manifest).map_err(unwritten("the export's manifest"))?,
        created_at: job.created_at,
        expires_at: job.created_at,
        removed_at: None,
        store_id: stored.store.clone(),
    };
    let outcome = serde_json::to_string(&outcome).map_err(unwritten("the export's outcome"))?;
    let artifact = NewArtifact { row: artifact, lifetime: ArtifactLifetime::Ttl };
    Ok(Success { artifact: Some(artifact), outcome })
}
