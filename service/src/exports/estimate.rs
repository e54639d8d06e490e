//! Estimates the size of an export without starting it.

use super::ExportSource;
use crate::{Error, Result, Scope, audit, notes};

/// Estimated size of an export.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Number of records that match now.
    pub record_count: u64,
    /// True if the export is small enough for the response that starts it to wait for its end.
    pub is_inline: bool,
    /// Number of exports needed, given the record limit of each; 1 if nothing matches.
    pub pieces: u64,
}

/// Estimates the size of an export of `wanted`.
///
/// # Errors
/// Fails if the filter is invalid, with each problem's path under `source`; if the workspace does
/// not exist; or on a database fault.
pub async fn estimate(scope: &Scope, source: &ExportSource) -> Result<Estimate> {
    scope.require(source.read_permission())?;
    let settings = &scope.core().settings;
    let (record_count, cap) = match source {
        ExportSource::AuditLogs { filter, order_by: _ } => {
            let problems = filter.problems(&["source", "auditLogs", "filter"]);
            if !problems.is_empty() {
                return Err(Error::Refused(problems));
            }
            (audit::count(scope, filter).await?, settings.export_max_records)
        }
        ExportSource::Notes { workspace_id } => {
            let path = ["source", "notes", "workspaceId"];
            let found = notes::workspace::get(scope, *workspace_id).await?;
            found.ok_or_else(|| Error::not_found(&path, "workspace"))?;
            // Exports of notes have no record limit.
            (notes::count(scope, *workspace_id).await?, u64::MAX)
        }
    };
    Ok(Estimate {
        record_count,
        is_inline: record_count.min(cap) <= settings.export_inline_records,
        pieces: record_count.div_ceil(cap).max(1),
    })
}
