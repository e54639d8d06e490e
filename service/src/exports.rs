//! Exports: snapshots of an audit log, or of a workspace's notes, as a file.
//!
//! An export of a log is bounded by the log's last sequence at the time of the request: it never
//! contains later entries, whenever and wherever it runs. If the record limit cuts an export off,
//! its outcome says so and has a continuation, which starts the next export exactly after the last
//! record, up to the same bound: the pieces concatenate to the whole. Notes change in place: an
//! export of notes is always complete, and shows them as they are when it runs.

mod audit_logs;
mod cells;
mod estimate;
mod format;
mod manifest;
mod notes;
mod plan;
mod run;
mod start;
mod written;

pub use estimate::{Estimate, estimate};
pub use plan::{AuditLogs, Format, NotesSource, Outcome, Plan, Source};
pub use run::Export;
pub use start::{ExportSource, StartExport, Started, inline_data_url, start};
