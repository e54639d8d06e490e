//! Progress of a backup. Its phases follow one another, and each takes about the same time for
//! every row. Each phase therefore has a fixed share of the whole, and progress never goes
//! backwards.

use crate::jobs::Attempt;

/// Percentage of a verified backup's work that writing the file takes.
const WRITE_PERCENT: u64 = 45;
/// Percentage of a verified backup's work that restoring the file takes; comparing takes the rest.
const RESTORE_PERCENT: u64 = 45;

/// Number of rows in a backup, and the share of the work that writing them takes.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    rows: u64,
    write_percent: u64,
}

impl Progress {
    /// Begins the progress of a backup of about `rows` rows; `verify` is true if it is verified.
    pub(super) fn begin(attempt: &mut Attempt, rows: i64, verify: bool) -> Self {
        attempt.job.progress_total = Some(rows);
        let write_percent = if verify { WRITE_PERCENT } else { 100 };
        Self { rows: u64::try_from(rows).unwrap_or(0), write_percent }
    }

    /// Returns the units of work done once `rows` rows are written.
    pub(super) fn written(&self, rows: u64) -> u64 {
        // There may be more rows than estimated.
        share(rows.min(self.rows), self.write_percent)
    }

    /// Replaces the estimate by the number of rows that were actually written.
    pub(super) fn know(&mut self, attempt: &mut Attempt, rows: u64) {
        self.rows = rows;
        attempt.job.progress_total = Some(i64::try_from(rows).unwrap_or(i64::MAX));
        attempt.job.progress_done = i64::try_from(self.written(rows)).unwrap_or(i64::MAX);
    }

    /// Returns the units of work done once `rows` rows are restored.
    pub(super) fn restored(&self, rows: u64) -> u64 {
        share(self.rows, self.write_percent) + share(rows.min(self.rows), RESTORE_PERCENT)
    }
}

fn share(rows: u64, percent: u64) -> u64 {
    rows.saturating_mul(percent) / 100
}
