//! Progress of a backup. Its phases follow each other and take about the same time for each row, so that
//! each has a share of the whole, and progress never falls from one to the next.

use crate::jobs::Attempt;

/// Hundredths of a verified backup that writing the file takes.
const WRITE_PERCENT: u64 = 45;
/// Hundredths that reading it back takes. What is left is comparing.
const RESTORE_PERCENT: u64 = 45;

/// The rows of a backup and its phases' shares of the work on them.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    rows: u64,
    write_percent: u64,
}

impl Progress {
    /// Begins the progress of a backup of about `rows` rows, which is verified or not.
    pub(super) fn begin(attempt: &mut Attempt, rows: i64, verify: bool) -> Self {
        attempt.job.progress_total = Some(rows);
        let write_percent = if verify { WRITE_PERCENT } else { 100 };
        Self { rows: u64::try_from(rows).unwrap_or(0), write_percent }
    }

    /// The units done when so many rows are written.
    pub(super) fn written(&self, rows: u64) -> u64 {
        // There may be more rows than were estimated.
        share(rows.min(self.rows), self.write_percent)
    }

    /// Takes the number of rows that were written for the estimate.
    pub(super) fn know(&mut self, attempt: &mut Attempt, rows: u64) {
        self.rows = rows;
        attempt.job.progress_total = Some(i64::try_from(rows).unwrap_or(i64::MAX));
        attempt.job.progress_done = i64::try_from(self.written(rows)).unwrap_or(i64::MAX);
    }

    /// The units done when so many rows are restored.
    pub(super) fn restored(&self, rows: u64) -> u64 {
        share(self.rows, self.write_percent) + share(rows.min(self.rows), RESTORE_PERCENT)
    }
}

fn share(rows: u64, percent: u64) -> u64 {
    rows.saturating_mul(percent) / 100
}
