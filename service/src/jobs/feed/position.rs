//! Positions in the feed, as cursors carry them.

use crate::{
    Scope,
    page::{self, Part},
};

/// The event after which a watcher goes on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::jobs) struct Position {
    /// The event's number; 0 stands before the first event.
    pub(super) feed: i64,
    /// The event's fingerprint, since a restored database has other events under the same numbers.
    pub(super) fingerprint: i32,
    /// True if the snapshot has not been sent in full, so that it must be sent again.
    pub(super) is_in_snapshot: bool,
}

impl Position {
    /// Returns the position right after an event.
    pub(in crate::jobs) fn at(feed: i64, fingerprint: i32) -> Self {
        Self { feed, fingerprint, is_in_snapshot: false }
    }

    /// Returns the same position, marked as within a snapshot.
    pub(super) fn in_snapshot(self) -> Self {
        Self { is_in_snapshot: true, ..self }
    }

    /// Returns the position as an opaque cursor of the scope's feed.
    pub(in crate::jobs) fn seal(self, scope: &Scope) -> String {
        let Self { feed, fingerprint, is_in_snapshot } = self;
        let numbers = [feed, i64::from(fingerprint), i64::from(is_in_snapshot)];
        page::seal(&scope.core().secret, &context(scope), &numbers.map(Part::Number))
    }

    /// Reads a position from a cursor; returns `None` if it is not a cursor of this feed.
    pub(super) fn open(scope: &Scope, cursor: &str) -> Option<Self> {
        let parts = page::open(&scope.core().secret, &context(scope), cursor)?;
        let [Part::Number(feed), Part::Number(fingerprint), Part::Number(flag)] = parts[..] else {
            return None;
        };
        let fingerprint = i32::try_from(fingerprint).ok()?;
        Some(Self { feed, fingerprint, is_in_snapshot: flag != 0 })
    }
}

fn context(scope: &Scope) -> Vec<u8> {
    [b"job_feed", scope.organization_id().as_bytes().as_slice()].concat()
}
