//! The state of a worker.

use std::sync::Arc;

use crate::{
    Core,
    jobs::{Kinds, finish::Finisher, kind::UnreadableJobs},
};

/// Claims jobs and runs their attempts.
#[derive(Debug)]
pub struct Worker {
    pub(in crate::jobs) core: Arc<Core>,
    /// The kinds of jobs that the worker can run.
    pub(super) kinds: Kinds,
    /// Stores the outcomes of attempts.
    pub(super) finisher: Finisher,
    /// Jobs that the worker found to be unreadable.
    pub(in crate::jobs) unreadable: UnreadableJobs,
}

impl Worker {
    pub(crate) fn new(core: Arc<Core>, kinds: Kinds) -> Self {
        let (finisher, unreadable) = (Finisher::new(&core), UnreadableJobs::default());
        Self { core, kinds, finisher, unreadable }
    }
}
