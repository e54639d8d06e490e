//! Daybook's domain: who may do what, the audit log, jobs, exports, artifacts, notes.
//!
//! Everything of a tenant is reached through a [`Scope`], and every function here that reads or
//! changes a tenant's rows takes one first.

pub mod access;
pub mod artifacts;
pub mod audit;
pub mod backups;
pub mod binding;
mod clock;
mod database;
pub mod doctor;
mod doorbell;
mod error;
pub mod exports;
#[cfg(test)]
mod fuzz;
mod id;
mod input;
mod instance;
mod instant;
pub mod job_kinds;
pub mod jobs;
pub mod metrics;
pub mod notes;
pub mod organizations;
pub mod page;
pub mod private;
mod random;
pub mod reach;
pub mod replica;
pub mod retention;
mod secret;
mod spares;
mod text;
pub mod trace;
mod watchers;
pub mod workload;

pub use access::{Permission, Scope, Viewer};
pub use clock::{Clock, to_micros};
pub use database::{Database, Engine, Lock, Reader, Work};
pub use doorbell::{Doorbell, Nats, Ticket, Topic};
pub use error::{Error, Fault, Problem, ProblemCode, Result};
pub use id::{GlobalId, NotAnId};
pub use instance::{Instance, Settings};
pub use instant::{InstantError, MAX_INSTANT, parse_instant};
pub use metrics::Metrics;
pub use random::bytes as random_bytes;
pub use secret::{Purpose, Secret};
pub use text::hex;
