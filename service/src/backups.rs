//! Backups: a moment of the database as a file that the engine's own client loads.
//!
//! ```text
//! one snapshot ─▶ rows ─▶ file in the store ─▶ reader ─▶ scratch copy ─▶ rows
//!                  │                             │                        │
//!                  └── counts, checksums ────────┴─────── the same? ──────┘
//! ```
//!
//! A row has one canonical form, whatever the engine: the line that PostgreSQL's COPY writes for
//! it. Checksums are of those lines, the reader gives those lines, and either engine is filled from
//! them. So a copy on the other engine is compared as strictly as one on the same.
//!
//! Nothing of a file is ever executed here but its rows, as data: a copy's schema is the one that
//! the process itself wrote or migrated.

mod checksum;
mod cron;
mod decompress;
mod manifest;
pub mod on_host;
mod plan;
mod portable;
mod postgres;
mod progress;
mod reader;
pub mod restore;
mod row;
mod run;
pub mod schedule;
mod settle;
mod source;
mod sqlite;
mod start;
mod tables;
mod verify;

pub use checksum::Tally;
pub use cron::Cron;
pub use manifest::Coverage;
pub use plan::{Outcome, Plan, TableSummary, Verification};
pub use reader::Damage;
pub use run::Backup;
pub use schedule::Schedule;
pub(crate) use settle::settle;
pub use start::{StartBackup, start};
pub use tables::{LEFT_OUT, Table, tables};
