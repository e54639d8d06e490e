//! `ExportSource`: the data to export.

use async_graphql::{ID, InputObject, OneofObject};
use daybook_service::{Error, GlobalId, Permission, Scope, exports};

use crate::graphql::audit_log::input::{AuditLogFilter, AuditLogOrder};

/// The data to export: exactly one of its fields must be given.
#[derive(OneofObject)]
pub(super) enum ExportSource {
    /// Exports the entries of the organization's audit log.
    AuditLogs(AuditLogsSource),
    /// Exports the notes of a workspace.
    Notes(NotesSource),
}

/// The notes of a workspace, as the source of an export.
#[derive(InputObject)]
pub(super) struct NotesSource {
    /// ID of the workspace whose notes are exported.
    workspace_id: ID,
}

impl ExportSource {
    /// Returns the permission that exporting the source requires.
    pub(super) fn export_permission(&self) -> Permission {
        match self {
            Self::AuditLogs(_) => Permission::ExportAuditLog,
            Self::Notes(_) => Permission::ExportNotes,
        }
    }

    /// Returns the permission that counting the source's records requires.
    pub(super) fn read_permission(&self) -> Permission {
        match self {
            Self::AuditLogs(_) => Permission::ReadAuditLog,
            Self::Notes(_) => Permission::ReadNotes,
        }
    }
}

/// The entries of an audit log, as the source of an export.
#[derive(InputObject)]
pub(super) struct AuditLogsSource {
    /// Conditions that entries must meet. All entries if absent.
    filter: Option<Box<AuditLogFilter>>,
    /// Order of the entries in the file.
    #[graphql(default_with = "Some(AuditLogOrder::RecordedDesc)")]
    order_by: Option<AuditLogOrder>,
}

/// Reads the source of the argument at `root`.
///
/// # Errors
/// A filter or workspace that can't be used.
pub(super) fn read(
    scope: &Scope,
    source: ExportSource,
    root: &[&str],
) -> Result<exports::ExportSource, Error> {
    match source {
        ExportSource::AuditLogs(AuditLogsSource { filter, order_by }) => {
            Ok(exports::ExportSource::AuditLogs {
                filter: AuditLogFilter::read(
                    filter.map(|filter| *filter),
                    &[root, &["auditLogs", "filter"]].concat(),
                )?
                .into(),
                order_by: order_by.unwrap_or_default().into(),
            })
        }
        ExportSource::Notes(NotesSource { workspace_id }) => {
            let path = [root, &["notes", "workspaceId"]].concat();
            match workspace_id.parse() {
                Ok(GlobalId::Workspace { organization_id, id })
                    if organization_id == scope.organization_id() =>
                {
                    Ok(exports::ExportSource::Notes { workspace_id: id })
                }
                // A workspace of another organization looks as if it did not exist.
                Ok(GlobalId::Workspace { .. }) => Err(Error::not_found(&path, "workspace")),
                _ => Err(Error::invalid(&path, "must be the ID of a workspace")),
            }
        }
    }
}
