//! The steps of attempts, taken with the functions that the worker is made of.

use std::{collections::HashMap, sync::Arc};

use daybook_entity::{job, job::JobErrorCode};
use daybook_service::jobs::steps::{self, Attempt, AttemptError, Capacity, LeaseStatus, Success};
use futures::future::join_all;
use proptest::{prelude::*, sample::Index, test_runner::TestCaseError};
use uuid::Uuid;

use super::{
    Case,
    drive::failed,
    model::Ended,
    step::{How, Which},
};

/// Number of the latest attempts from which a step may choose any.
const LATEST: usize = 6;
const REVOKED: &str = "whoever asked for it may not do so any more";
const STALLED: &str = "its worker stopped answering";

/// An attempt, from its claim on to after its end.
pub(super) struct Held {
    pub(super) job: usize,
    row: job::Model,
    /// Its work, once that is done, and what came of it.
    work: Option<(Attempt, Result<Success, AttemptError>)>,
    has_ended: bool,
}

impl Case<'_> {
    pub(super) fn pick(&self, which: &Which) -> Option<usize> {
        let is_holding = |index: &usize| {
            let held = &self.attempts[*index];
            !held.has_ended && self.model.holds(held.job, held.row.claim)
        };
        let all = 0..self.attempts.len();
        let (from, index): (Vec<_>, &Index) = match which {
            Which::Holding(index) => (all.filter(is_holding).collect(), index),
            Which::Any(index) => (all.rev().take(LATEST).collect(), index),
        };
        (!from.is_empty()).then(|| *index.get(&from))
    }

    pub(super) async fn claim(&mut self, free: usize) -> Result<(), TestCaseError> {
        let room = Capacity { free, running: HashMap::new(), last: Uuid::nil() };
        // The last place is not for an organization that runs something already.
        let most = (free - 1).max(1);
        let before = self.now();
        let rows = steps::claim(&self.instance().worker, room).await.map_err(failed)?;
        let now = (before, self.now());
        let (certain, possible) = (self.model.claimable(now.0), self.model.claimable(now.1));
        let count = certain.len().min(most)..=possible.len().min(most);
        prop_assert!(count.contains(&rows.len()), "claimed {} of {count:?}", rows.len());
        for (row, job) in rows.into_iter().zip(possible) {
            prop_assert_eq!(row.id, self.model.jobs[job].id, "the next one");
            self.model.claimed(job, now);
            prop_assert_eq!(row.claim, self.model.jobs[job].claim);
            self.attempts.push(Held { job, row, work: None, has_ended: false });
        }
        Ok(())
    }

    pub(super) async fn beat(&mut self, which: &Which) -> Result<bool, TestCaseError> {
        let Some(index) = self.pick(which) else { return Ok(false) };
        let Held { job, row, .. } = &self.attempts[index];
        let before = self.now();
        let pulse = steps::heartbeat(&self.instance().core, row).await.map_err(failed)?;
        let now = (before, self.now());
        let wanted = if !self.model.holds(*job, row.claim) {
            LeaseStatus::Lost
        } else if self.model.jobs[*job].cancel.is_some() {
            LeaseStatus::CancelRequested
        } else {
            LeaseStatus::Held
        };
        prop_assert_eq!(pulse, wanted);
        if wanted != LeaseStatus::Lost {
            self.model.beaten(*job, now);
        }
        self.figures.beats += 1;
        Ok(true)
    }

    /// Does an attempt's work, unless that is done.
    pub(super) async fn work(&mut self, index: usize) -> Result<(), TestCaseError> {
        let Held { job, row, work, has_ended } = &self.attempts[index];
        if work.is_some() || *has_ended {
            return Ok(());
        }
        let (job, claim) = (*job, row.claim);
        let mut attempt = Attempt::new(Arc::clone(&self.instance().core), row.clone());
        let before = self.now();
        let end = steps::execute(&self.instance().worker, &mut attempt).await;
        let now = (before, self.now());
        let is_held = self.model.holds(job, claim);
        let is_expected = match &end {
            Ok(_) => self.has_role[self.model.jobs[job].request.by],
            Err(AttemptError::Fail(JobErrorCode::AccessRevoked, _)) => {
                !self.has_role[self.model.jobs[job].request.by]
            }
            // Work that takes long has a look.
            Err(AttemptError::Lost) => !is_held,
            Err(AttemptError::Canceled) => is_held && self.model.jobs[job].cancel.is_some(),
            Err(AttemptError::Retry(..) | AttemptError::Fail(..) | AttemptError::Interrupted) => {
                false
            }
        };
        prop_assert!(is_expected, "{end:?} of {:?}", self.model.jobs[job]);
        if is_held {
            self.model.worked(job, now);
        }
        self.attempts[index].work = Some((attempt, end));
        Ok(())
    }

    pub(super) async fn finish_all(&mut self, how: How) -> Result<(), TestCaseError> {
        let open = |index: &usize| !self.attempts[*index].has_ended;
        let open: Vec<_> = (0..self.attempts.len()).filter(open).collect();
        self.finish(open, how).await
    }

    /// Ends attempts at the same time.
    pub(super) async fn finish(
        &mut self,
        which: Vec<usize>,
        how: How,
    ) -> Result<(), TestCaseError> {
        let (mut ends, mut wanted) = (Vec::new(), Vec::new());
        for index in which {
            if matches!(how, How::Succeed) {
                self.work(index).await?;
            }
            let Held { job, row, work, has_ended } = &mut self.attempts[index];
            let is_held = self.model.holds(*job, row.claim);
            let is_canceled = self.model.jobs[*job].cancel.is_some();
            *has_ended = true;
            let instance = Arc::clone(self.server.instance());
            let (attempt, worked) = match work.take() {
                Some((attempt, end)) => (attempt, Some(end)),
                None => (Attempt::new(Arc::clone(&instance.core), row.clone()), None),
            };
            let end = end(how, worked, (is_held, is_canceled));
            if is_held {
                wanted.push((*job, ended(&end)));
            } else {
                self.figures.stale += 1;
            }
            ends.push(async move { steps::conclude(&instance.worker, attempt, end).await });
        }
        let before = self.now();
        join_all(ends).await;
        let now = (before, self.now());
        for (job, ended) in wanted {
            self.model.ended(job, &ended, now);
        }
        Ok(())
    }

    pub(super) async fn rescue(&mut self) -> Result<(), TestCaseError> {
        let before = self.now();
        let count = steps::rescue(&self.instance().core).await.map_err(failed)?;
        let now = (before, self.now());
        let stalled = self.model.stalled(now.0);
        if stalled != self.model.stalled(now.1) {
            return Err(TestCaseError::reject("a lease ended in this very moment"));
        }
        prop_assert_eq!(count, stalled.len(), "rescued");
        let ended = Ended::Retry(JobErrorCode::Stalled, STALLED.to_owned());
        for job in stalled {
            self.model.ended(job, &ended, now);
        }
        Ok(())
    }
}

/// Returns the result with which an attempt ends.
fn end(
    how: How,
    worked: Option<Result<Success, AttemptError>>,
    (is_held, is_canceled): (bool, bool),
) -> Result<Success, AttemptError> {
    match (how, worked) {
        (How::Succeed, Some(end)) => end,
        // An attempt does its work once only; this one has ended before.
        (How::Succeed, None) => Err(AttemptError::Fail(JobErrorCode::Internal, "again".to_owned())),
        (How::Retry(code), _) => Err(AttemptError::Retry(code, format!("try again: {code:?}"))),
        (How::Fail(code), _) => Err(AttemptError::Fail(code, format!("no use: {code:?}"))),
        (How::Interrupt, _) if !is_held => Err(AttemptError::Lost),
        (How::Interrupt, _) if is_canceled => Err(AttemptError::Canceled),
        (How::Interrupt, _) => Err(AttemptError::Interrupted),
    }
}

/// Returns the outcome for the job, provided that the attempt still holds it.
fn ended(end: &Result<Success, AttemptError>) -> Ended {
    match end {
        Ok(_) => Ended::Succeeded,
        Err(AttemptError::Retry(code, reason)) => Ended::Retry(*code, reason.clone()),
        Err(AttemptError::Fail(JobErrorCode::AccessRevoked, _)) => {
            Ended::Failed(JobErrorCode::AccessRevoked, REVOKED.to_owned())
        }
        Err(AttemptError::Fail(code, reason)) => Ended::Failed(*code, reason.clone()),
        // An attempt stops so where its job is canceled, which the model knows.
        Err(AttemptError::Interrupted | AttemptError::Canceled | AttemptError::Lost) => {
            Ended::Interrupted
        }
    }
}
