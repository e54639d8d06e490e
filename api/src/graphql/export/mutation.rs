//! The `startExport` field.

use std::sync::Arc;

use async_graphql::{
    ComplexObject, Context, ID, InputObject, Object, OneofObject, Result, SimpleObject,
};
use daybook_service::{
    Error, GlobalId, Instance, Permission, Scope,
    exports::{self, Export, StartExport, Wanted},
    jobs::{self, Kind as _, Quota},
};
use uuid::Uuid;

use super::{
    query::ExportQuota,
    types::{ExportCompression, ExportFormat, ExportJob},
};
use crate::graphql::{
    audit_log::input::{AuditLogFilter, AuditLogOrder},
    context::{enter, instance},
    error::{UserError, split, to_error},
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
        let path = ["input", "organizationId"];
        let entered =
            enter(ctx, &input.organization_id, input.source.export_permission(), &path).await;
        let (scope, user_errors) = split(entered)?;
        let Some(scope) = scope else {
            let instance = Arc::clone(instance(ctx));
            return Ok(StartExportPayload { user_errors, ..StartExportPayload::nothing(instance) });
        };
        let started = async { exports::start(&scope, request(&scope, input)?).await };
        let (started, user_errors) = split(started.await)?;
        let counted = (Arc::clone(&scope.instance), Some(scope.organization_id));
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
        after,
        idempotency_key,
    } = input;
    Ok(StartExport {
        source: wanted(scope, source, &["input", "source"])?,
        format: format.into(),
        compression: compression.unwrap_or_default().into(),
        csv_byte_order_mark: csv_byte_order_mark.unwrap_or_default(),
        after,
        idempotency_key,
    })
}

/// What `source`, an argument under `root`, names.
pub(super) fn wanted(scope: &Scope, source: ExportSource, root: &[&str]) -> Result<Wanted, Error> {
    match source {
        ExportSource::AuditLogs(AuditLogsSource { filter, order_by }) => Ok(Wanted::AuditLogs {
            filter: AuditLogFilter::read(filter, &[root, &["auditLogs", "filter"]].concat())?,
            order_by: order_by.unwrap_or_default().into(),
        }),
        ExportSource::Notes(NotesSource { workspace_id }) => {
            let path = [root, &["notes", "workspaceId"]].concat();
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
pub(super) enum ExportSource {
    /// An audit log's entries.
    AuditLogs(AuditLogsSource),
    /// A workspace's notes.
    Notes(NotesSource),
}

/// A workspace's notes.
#[derive(InputObject)]
pub(super) struct NotesSource {
    /// Which workspace.
    workspace_id: ID,
}

impl ExportSource {
    /// Returns what it takes to export the source.
    fn export_permission(&self) -> Permission {
        match self {
            Self::AuditLogs(_) => Permission::ExportAuditLog,
            Self::Notes(_) => Permission::ExportNotes,
        }
    }

    /// Returns what it takes to count what is in the source.
    pub(super) fn read_permission(&self) -> Permission {
        match self {
            Self::AuditLogs(_) => Permission::ReadAuditLog,
            Self::Notes(_) => Permission::ReadNotes,
        }
    }
}

/// An audit log's entries.
#[derive(InputObject)]
pub(super) struct AuditLogsSource {
    /// Which entries.
    filter: Option<AuditLogFilter>,
    /// In which order.
    #[graphql(default_with = "Some(AuditLogOrder::RecordedDesc)")]
    order_by: Option<AuditLogOrder>,
}

/// The export that was started.
#[derive(SimpleObject)]
#[graphql(complex)]
struct StartExportPayload {
    /// Null only where userErrors says why.
    job: Option<ExportJob>,
    /// True where an identical request had already started this job.
    replayed: bool,
    /// What the caller has to put right; then nothing was started.
    user_errors: Vec<UserError>,
    /// Where exports are counted, and whose.
    #[graphql(skip)]
    counted: (Arc<Instance>, Option<Uuid>),
}

impl StartExportPayload {
    fn nothing(instance: Arc<Instance>) -> Self {
        Self { job: None, replayed: false, user_errors: Vec::new(), counted: (instance, None) }
    }
}

#[ComplexObject]
impl StartExportPayload {
    /// The file itself as a `data:` URL, if the export was small enough to finish at once. Asking for
    /// it is a download, which the log says. Null otherwise.
    async fn inline_data_url(&self) -> Result<Option<String>> {
        let Some(ExportJob(JobFields { scope, job })) = &self.job else { return Ok(None) };
        exports::inline_data_url(scope, job).await.map_err(to_error)
    }

    /// How many exports the organization may start after this. Of one in which the viewer may start
    /// none, or that does not exist: 0.
    async fn quota(&self) -> Result<ExportQuota> {
        let (instance, organization_id) = &self.counted;
        match organization_id {
            Some(id) => {
                Ok(jobs::quota(instance, *id, Export::NAME).await.map_err(to_error)?.into())
            }
            None => Ok(Quota {
                limit: instance.settings.exports_per_hour,
                remaining: 0,
                resets_at: instance.clock.now(),
            }
            .into()),
        }
    }
}
