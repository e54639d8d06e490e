//! Jobs: the queue, the worker, and the feed of transitions.
//!
//! ```text
//!              claim                    finish
//! requested ─▶ QUEUED ─────▶ RUNNING ─────────▶ SUCCEEDED
//!                │  ▲          │ │ │
//!                │  └──────────┘ │ └──────────▶ FAILED
//!                │  retry, rescue,
//!                │  interruption │
//!                └───────────────┴────────────▶ CANCELED
//! ```
//!
//! The jobs table is the queue. An attempt holds its job by a lease and a claim number. Each write
//! of the attempt names that number, so that an attempt that has lost its lease can no longer
//! change anything. Each transition is one transaction, which locks the job's row, the audit log
//! and the feed, in that order.

mod attempt;
mod cancel;
mod claim;
mod enqueue;
mod feed;
mod file;
mod finish;
mod kind;
mod lease;
mod list;
mod prune;
mod quota;
mod record;
mod required_permission;
mod worker;

pub(crate) use attempt::{ArtifactLifetime, NewArtifact};
pub use attempt::{Attempt, AttemptError, Success};
pub use cancel::cancel;
pub(crate) use cancel::cancel_unfinished;
pub use enqueue::{Enqueued, retry};
pub(crate) use enqueue::{NewJob, add, enqueue, enqueue_if_kept};
pub use feed::{Update, UpdateKind, Watch, watch};
pub use kind::{Kind, Kinds, RegisteredKind};
pub use list::{Filter, count, feed_cursor, find, is_everywhere, list, retried, transitions};
pub(crate) use prune::prune;
pub use quota::{Quota, quota};
pub use required_permission::{required_permission, right_to_see, work_of};
pub use worker::{state::Worker, work};

/// The steps of [`work`], one at a time, for a test that takes them in every order.
pub mod steps {
    pub use super::{
        attempt::{Attempt, AttemptError, Success},
        claim::{Capacity, claim},
        finish::rescue,
        lease::{LeaseStatus, heartbeat},
        worker::{conclude, execute},
    };
}
