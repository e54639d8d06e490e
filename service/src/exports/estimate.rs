//! What an export would be, before anyone starts it.

use super::Wanted;
use crate::{Error, Result, Scope, audit, notes};

/// What an export would be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Records that match now.
    pub record_count: u64,
    /// Whether the answer that starts it would wait for its end.
    pub is_inline: bool,
    /// How many exports of the capped size it takes; an export of nothing is one, too.
    pub pieces: u64,
}

/// What an export of `wanted` would be.
///
/// # Errors
/// A filter that can't be used, by its place under `source`; a database fault.
pub async fn estimate(scope: &Scope, wanted: &Wanted) -> Result<Estimate> {
    let settings = &scope.core().settings;
    let (record_count, cap) = match wanted {
        Wanted::AuditLogs { filter, order_by: _ } => {
            let problems = filter.problems(&["source", "auditLogs", "filter"]);
            if !problems.is_empty() {
                return Err(Error::Refused(problems));
            }
            (audit::count(scope, filter).await?, settings.export_max_records)
        }
        Wanted::Notes { workspace_id } => {
            let path = ["source", "notes", "workspaceId"];
            let found = notes::workspace::get(scope, *workspace_id).await?;
            found.ok_or_else(|| Error::not_found(&path, "workspace"))?;
            // An export of notes is whole.
            (notes::count(scope, *workspace_id).await?, u64::MAX)
        }
    };
    Ok(Estimate {
        record_count,
        is_inline: record_count.min(cap) <= settings.export_inline_records,
        pieces: record_count.div_ceil(cap).max(1),
    })
}
