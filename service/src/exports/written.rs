//! The records of an export, as written.

use serde_json::Value;

use super::Outcome;

/// Result of writing all records of a source.
pub(super) struct Written {
    /// Beginning of the file's name.
    pub(super) name: &'static str,
    /// Number of records in the file.
    pub(super) record_count: u64,
    /// Fields of the manifest that describe the source.
    pub(super) manifest: Value,
    /// Outcome of the job.
    pub(super) outcome: Outcome,
}
