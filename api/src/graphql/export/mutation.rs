//! The `startExport` field.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, Result, SimpleObject};
use daybook_service::{
    Error, GlobalId, Permission, Scope,
    exports::{self, StartExport, Wanted},
};

use super::types::{ExportCompression, ExportFormat, ExportJob};
use crate::graphql::{
    audit_log::input::{AuditLogFilter, AuditLogOrder},
    context::enter,
    error::{UserError, split},
    job::types::JobFields,
};

#[derive(Default)]
pub(crate) struct ExportMutation;

#[Object]
impl ExportMutation {
    /// Starts an export. Small ones (at most 1,000 records) are finished when this returns; larger
    /// ones are queued.
    async fn start_export(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to export, and as what.")] input: StartExportInput,
    ) -> Result<StartExportPayload> {
        let (started, user_errors) = split(start(ctx, input).await)?;
        let (job, inline_data_url, replayed) = match started {
            Some((job, started)) => (Some(job), started.inline_data_url, started.replayed),
            None => (None, None, false),
        };
        Ok(StartExportPayload { job, inline_data_url, replayed, user_errors })
    }
}

async fn start(
    ctx: &Context<'_>,
    input: StartExportInput,
) -> Result<(ExportJob, exports::Started), daybook_service::Error> {
    let StartExportInput {
        organization_id,
        source,
        format,
        compression,
        csv_byte_order_mark,
        after,
        idempotency_key,
    } = input;
    let path = ["input", "organizationId"];
    let permission = match source {
        ExportSource::AuditLogs(_) => Permission::ExportAuditLog,
        ExportSource::Notes(_) => Permission::ExportNotes,
    };
    let scope = enter(ctx, &organization_id, permission, &path).await?;
    let request = StartExport {
        source: wanted(&scope, source)?,
        format: format.into(),
        compression: compression.unwrap_or_default().into(),
        csv_byte_order_mark: csv_byte_order_mark.unwrap_or_default(),
        after,
        idempotency_key,
    };
    let started = exports::start(&scope, request).await?;
    let job = ExportJob(JobFields { scope, job: started.job.clone() });
    Ok((job, started))
}

fn wanted(scope: &Scope, source: ExportSource) -> Result<Wanted, daybook_service::Error> {
    match source {
        ExportSource::AuditLogs(AuditLogsSource { filter, order_by }) => Ok(Wanted::AuditLogs {
            filter: filter.map(Into::into).unwrap_or_default(),
            order_by: order_by.unwrap_or_default().into(),
        }),
        ExportSource::Notes(NotesSource { workspace_id }) => {
            let path = ["input", "source", "notes", "workspaceId"];
            match workspace_id.parse() {
                Ok(GlobalId::Workspace { organization_id, id })
                    if organization_id == scope.organization_id =>
                {
                    Ok(Wanted::Notes { workspace_id: id })
                }
                // Another organization's looks like one that doesn't exist.
                Ok(GlobalId::Workspace { .. }) => Err(Error::not_found(&path, "workspace")),
                _ => Err(Error::invalid(&path, "is not a workspace's ID")),
            }
        }
    }
}

/// What to export.
#[derive(InputObject)]
struct StartExportInput {
    /// Of which organization.
    organization_id: ID,
    /// What.
    source: ExportSource,
    /// As what.
    format: ExportFormat,
    /// Compress the file.
    #[graphql(default_with = "Some(ExportCompression::None)")]
    compression: Option<ExportCompression>,
    /// Begin a CSV with a byte order mark, so that Excel reads it as UTF-8.
    #[graphql(default_with = "Some(false)")]
    csv_byte_order_mark: Option<bool>,
    /// A `continuation` of an earlier export of the same source.
    after: Option<String>,
    /// Repeating it starts nothing and returns the first job. 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// What to export.
#[derive(OneofObject)]
enum ExportSource {
    /// An audit log's entries.
    AuditLogs(AuditLogsSource),
    /// A workspace's notes.
    Notes(NotesSource),
}

/// A workspace's notes.
#[derive(InputObject)]
struct NotesSource {
    /// Which workspace.
    workspace_id: ID,
}

/// An audit log's entries.
#[derive(InputObject)]
struct AuditLogsSource {
    /// Which entries.
    filter: Option<AuditLogFilter>,
    /// In which order.
    #[graphql(default_with = "Some(AuditLogOrder::RecordedDesc)")]
    order_by: Option<AuditLogOrder>,
}

/// The export that was started.
#[derive(SimpleObject)]
struct StartExportPayload {
    /// Null only where userErrors says why.
    job: Option<ExportJob>,
    /// The file itself as a data: URL, where the export was small enough to finish at once.
    inline_data_url: Option<String>,
    /// True where an identical request had already started this job.
    replayed: bool,
    /// What the caller has to put right; then nothing was started.
    user_errors: Vec<UserError>,
}
