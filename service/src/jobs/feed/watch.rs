//! The request of a watcher.

use uuid::Uuid;

/// The jobs to watch, and the position to start from.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Watches only this job; the stream ends after its final transition.
    pub job_id: Option<Uuid>,
    /// Watches only jobs of these kinds.
    pub kinds: Option<Vec<String>>,
    /// Begins with everything after this cursor, instead of a snapshot.
    pub after: Option<String>,
}
