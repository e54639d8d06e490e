//! Exports: a moment of an audit log, or of a workspace's notes, as a file.
//!
//! An export of a log is bounded by the log's last sequence when it was asked for: what is recorded later
//! is not in it, whenever and wherever it runs. A piece that the cap cuts off says so and gives a
//! continuation that goes on exactly after its last record, up to the same bound: the pieces
//! concatenate to the whole. Notes change in place: an export of them is whole, and of the moment
//! when it runs.

mod audit_logs;
mod estimate;
mod format;
mod manifest;
mod notes;
mod plan;
mod run;
mod start;

pub use estimate::{Estimate, estimate};
pub use format::Format;
pub use plan::{AuditLogs, NotesSource, Outcome, Plan, Source};
pub use run::Export;
pub use start::{StartExport, Started, Wanted, inline_data_url, start};
