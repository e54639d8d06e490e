//! Daybook's domain: permissions, the audit log, jobs, exports, artifacts and notes.
//!
//! All data of a tenant is reached through a [`Scope`]: every function here that reads or changes a
//! tenant's rows takes one as its first argument.

pub mod access;
pub mod artifacts;
pub mod audit;
pub mod backups;
mod batcher;
pub mod binding;
mod buffer_pool;
mod clock;
mod core;
mod database;
pub mod doctor;
mod error;
pub mod exports;
mod follower;
#[cfg(test)]
mod fuzz;
pub mod gauges;
mod id;
mod idempotency;
mod input;
mod instance;
mod instant;
pub mod janitor;
pub mod job_kinds;
pub mod jobs;
mod json_text;
pub mod metrics;
pub mod notes;
mod notifier;
pub mod oidc;
pub mod organizations;
pub mod page;
pub mod permission;
pub mod private;
mod random;
pub mod retention;
mod secret;
pub mod store;
mod subscription_limit;
pub mod tenancy;
mod text;
pub mod trace;
pub mod transition;
pub mod workload;

pub use access::{Scope, Viewer};
pub use clock::{Clock, to_micros};
pub use core::{Core, Settings};
pub use database::{Database, Engine, Lock, Reader, Work};
pub use error::{Cause, Error, Fault, Problem, ProblemCode, Result, chain};
pub use id::{GlobalId, NotAnId};
pub use instance::{Instance, Options};
pub use instant::{InstantError, MAX_INSTANT, parse_instant};
pub use json_text::JsonText;
pub use metrics::Metrics;
pub use notifier::{Nats, Notifier, Subscription, Topic};
pub use permission::Permission;
pub use random::bytes as random_bytes;
pub use secret::{Purpose, Secret};
pub use text::hex;
pub use transition::Transition;
