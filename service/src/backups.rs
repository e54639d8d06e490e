//! Backups: a snapshot of the database as a file that the engine's own client can load.
//!
//! ```text
//! one snapshot ─▶ rows ─▶ file in the store ─▶ reader ─▶ scratch copy ─▶ rows
//!                  │                             │                        │
//!                  └── counts, checksums ────────┴─────── the same? ──────┘
//! ```
//!
//! A row has one canonical form on both engines: the line that PostgreSQL's COPY writes for it.
//! Checksums are computed from these lines, the reader returns them, and both engines are filled
//! from them. A copy on the other engine is therefore compared as strictly as one on the same.
//!
//! Daybook never executes anything from a file. It only loads the rows, as data, into a schema that
//! this process wrote or migrated itself.

mod after_restore;
mod batch;
mod checksum;
mod cron;
mod decompress;
mod fill_script;
mod manifest;
mod markers;
pub mod on_host;
mod plan;
mod portable;
mod postgres;
mod progress;
mod reader;
pub mod restore;
mod restore_error;
mod row;
mod run;
pub mod schedule;
mod snapshot;
mod source;
mod sqlite;
mod start;
mod tables;
mod verify;
mod written;

pub(crate) use after_restore::after_restore;
pub use checksum::TableDigest;
pub use cron::Cron;
pub use manifest::Coverage;
pub use plan::{Outcome, Plan, TableSummary, Verification};
pub use restore_error::RestoreError;
pub use run::Backup;
pub use schedule::Schedule;
pub use start::{StartBackup, start};
pub use tables::{LEFT_OUT, Table, tables};
