//! The `startExport` field.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_service::{
    Core, Error, Scope,
    exports::{self, Export, StartExport},
    jobs::{self, Kind as _, Quota},
};
use uuid::Uuid;

use super::{
    quota::ExportQuota,
    source::{self, ExportSource},
    types::{ExportFormat, ExportJob},
};
use crate::graphql::{
    context::{enter, instance},
    error::{UserError, split, to_error},
    job::{compression::Compression, types::JobFields},
};

#[derive(Default)]
pub(crate) struct ExportMutation;

#[Object]
impl ExportMutation {
    /// Starts an export of audit log entries or notes. By default, exports of at most 1,000 records
    /// are finished when this returns, and larger ones are queued. For ADMIN and AUDITOR (audit
    /// log), or ADMIN and MEMBER (notes).
    async fn start_export(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Source, format and options of the export.")] input: StartExportInput,
    ) -> Result<StartExportPayload> {
        let path = ["input", "organizationId"];
        let entered =
            enter(ctx, &input.organization_id, input.source.export_permission(), &path).await;
        let (scope, user_errors) = split(entered)?;
        let Some(scope) = scope else {
            let core = Arc::clone(&instance(ctx).core);
            return Ok(StartExportPayload { user_errors, ..StartExportPayload::nothing(core) });
        };
        let started = async { exports::start(&scope, request(&scope, input)?).await };
        let (started, user_errors) = split(started.await)?;
        let counted = (Arc::clone(scope.core()), Some(scope.organization_id()));
        let (job, replayed) = match started {
            Some(exports::Started { job, replayed }) => {
                (Some(ExportJob(JobFields { scope, job })), replayed)
            }
            None => (None, false),
        };
        Ok(StartExportPayload { job, replayed, user_errors, counted })
    }
}

fn request(scope: &Scope, input: StartExportInput) -> Result<StartExport, Error> {
    let StartExportInput {
        organization_id: _,
        source,
        format,
        compression,
        csv_byte_order_mark,
        csv_neutralize,
        after,
        idempotency_key,
    } = input;
    Ok(StartExport {
        source: source::read(scope, source, &["input", "source"])?,
        format: format.into(),
        compression: compression.unwrap_or_default().into(),
        csv_byte_order_mark: csv_byte_order_mark.unwrap_or_default(),
        csv_neutralize: csv_neutralize.unwrap_or(true),
        after,
        idempotency_key,
    })
}

/// Input of `startExport`.
#[derive(InputObject)]
struct StartExportInput {
    /// ID of the organization whose data is exported.
    organization_id: ID,
    /// The data to export.
    source: ExportSource,
    /// File format of the export. MARKDOWN is for notes, all others are for audit logs.
    format: ExportFormat,
    /// Compression of the file.
    #[graphql(default_with = "Some(Compression::None)")]
    compression: Option<Compression>,
    /// Starts a CSV file with a byte order mark, so that Excel reads it as UTF-8.
    #[graphql(default_with = "Some(false)")]
    csv_byte_order_mark: Option<bool>,
    /// Inserts an apostrophe wherever a spreadsheet could begin a cell of a CSV file with a formula.
    /// The manifest counts these cells as `cellsNeutralized`. Set to false, which other formats do
    /// not accept, if a program reads the file: its cells then hold the exact values.
    #[graphql(default_with = "Some(true)")]
    csv_neutralize: Option<bool>,
    /// The `continuation` of an earlier export of the same source, to export the records after it.
    after: Option<String>,
    /// A key that makes the request safe to repeat: a second request with the same key starts
    /// nothing and returns the first job. 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// Result of `startExport`.
#[derive(SimpleObject)]
#[graphql(complex)]
struct StartExportPayload {
    /// The export job. Null only if `userErrors` is not empty.
    job: Option<ExportJob>,
    /// True if an identical earlier request already started this job.
    replayed: bool,
    /// Problems that the caller can fix. Nothing was started if there are any.
    user_errors: Vec<UserError>,
    /// The instance and organization whose exports `quota` counts.
    #[graphql(skip)]
    counted: (Arc<Core>, Option<Uuid>),
}

impl StartExportPayload {
    fn nothing(core: Arc<Core>) -> Self {
        Self { job: None, replayed: false, user_errors: Vec::new(), counted: (core, None) }
    }
}

#[ComplexObject]
impl StartExportPayload {
    /// The file as a `data:` URL, if the export was small enough to finish at once. Null otherwise.
    /// Selecting this field downloads the file, which the audit log records.
    async fn inline_data_url(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let Some(ExportJob(JobFields { scope, job })) = &self.job else { return Ok(None) };
        exports::inline_data_url(&instance(ctx).recorder, scope, job).await.map_err(to_error)
    }

    /// The number of exports that the organization can start after this one. `remaining` is 0 if
    /// the viewer may not start any there or the organization does not exist.
    async fn quota(&self) -> Result<ExportQuota> {
        let (core, organization_id) = &self.counted;
        match organization_id {
            Some(id) => Ok(jobs::quota(core, *id, Export::NAME).await.map_err(to_error)?.into()),
            None => Ok(Quota {
                limit: core.settings.exports_per_hour,
                remaining: 0,
                resets_at: core.clock.now(),
            }
            .into()),
        }
    }
}
