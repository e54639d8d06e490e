//! The model: states and transitions as published, without a database.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::job::{JobErrorCode, JobState};
use uuid::Uuid;

use super::step::SUBJECTS;

/// Number of attempts that a job gets.
pub(super) const MAX_ATTEMPTS: i32 = 5;
/// Lease: the time that an attempt may be silent.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Time that a file is kept.
const ARTIFACT: TimeDelta = TimeDelta::hours(24);
/// Time that a transition is kept.
const HISTORY: TimeDelta = TimeDelta::days(30);

/// Interval that contains the time of an event. Once the event has been seen, a single instant.
pub(super) type Span = (DateTime<Utc>, DateTime<Utc>);

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) jobs: Vec<Job>,
    /// Each transition, oldest first.
    pub(super) events: Vec<Event>,
    /// Number of events, from the first on, that have been removed.
    pub(super) pruned: usize,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: Uuid,
    pub(super) request: Request,
    pub(super) retry_of: Option<Uuid>,
    pub(super) state: JobState,
    pub(super) attempt: i32,
    pub(super) claim: i64,
    pub(super) error: Option<JobErrorCode>,
    pub(super) cancel: Option<Cancel>,
    pub(super) available: Span,
    pub(super) lease: Option<Span>,
    pub(super) artifact: Option<Artifact>,
}

/// Properties by which two requests are the same.
#[derive(Copy, Clone, Debug)]
pub(super) struct Request {
    pub(super) by: usize,
    pub(super) input: usize,
    pub(super) key: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Cancel {
    pub(super) by: usize,
    pub(super) at: Span,
}

#[derive(Debug)]
pub(super) struct Artifact {
    pub(super) claim: i64,
    pub(super) expires: Span,
    pub(super) is_removed: bool,
}

#[derive(Debug)]
pub(super) struct Event {
    pub(super) job: usize,
    pub(super) verb: &'static str,
    pub(super) from: Option<JobState>,
    pub(super) to: JobState,
    pub(super) attempt: i32,
    pub(super) reason: Option<String>,
    pub(super) at: Span,
}

/// Expected answer to a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// A new job is queued.
    New,
    /// The answer is one of these existing jobs.
    Known(Vec<usize>),
    /// The request is refused, and nothing changes.
    Conflict,
}

/// Outcome of an attempt.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    Succeeded,
    Retry(JobErrorCode, String),
    Failed(JobErrorCode, String),
    Interrupted,
}

impl Model {
    /// Returns the expected answer to a request for an export.
    pub(super) fn start(&self, request: Request) -> Answer {
        if request.key.is_none() {
            return self.twins(request);
        }
        match self.jobs.iter().position(|job| job.request.key == request.key) {
            None => Answer::New,
            Some(known) if self.jobs[known].request.input == request.input => {
                Answer::Known(vec![known])
            }
            Some(_) => Answer::Conflict,
        }
    }

    /// Returns the expected answer to a request to retry a job.
    pub(super) fn retry(&self, by: usize, job: usize) -> Answer {
        let Job { state, request, .. } = &self.jobs[job];
        match state {
            JobState::Queued | JobState::Running | JobState::Succeeded => Answer::Conflict,
            JobState::Failed | JobState::Canceled => {
                self.twins(Request { by, input: request.input, key: None })
            }
        }
    }

    fn twins(&self, Request { by, input, .. }: Request) -> Answer {
        let is_twin = |job: &Job| {
            (job.request.by, job.request.input) == (by, input)
                && matches!(job.state, JobState::Queued | JobState::Running)
                && job.cancel.is_none()
        };
        let twins: Vec<_> =
            (0..self.jobs.len()).filter(|index| is_twin(&self.jobs[*index])).collect();
        if twins.is_empty() { Answer::New } else { Answer::Known(twins) }
    }

    pub(super) fn requested(
        &mut self,
        id: Uuid,
        request: Request,
        retry_of: Option<Uuid>,
        now: Span,
    ) {
        self.jobs.push(Job {
            id,
            request,
            retry_of,
            state: JobState::Queued,
            attempt: 0,
            claim: 0,
            error: None,
            cancel: None,
            available: now,
            lease: None,
            artifact: None,
        });
        self.events.push(Event {
            job: self.jobs.len() - 1,
            verb: "requested",
            from: None,
            to: JobState::Queued,
            attempt: 0,
            reason: None,
            at: now,
        });
    }

    /// The jobs that can be claimed at an instant, in the order in which they are.
    pub(super) fn claimable(&self, at: DateTime<Utc>) -> Vec<usize> {
        let is_claimable = |job: &Job| job.state == JobState::Queued && job.available.0 <= at;
        let mut jobs: Vec<_> =
            (0..self.jobs.len()).filter(|index| is_claimable(&self.jobs[*index])).collect();
        jobs.sort_by_key(|index| (self.jobs[*index].available, self.jobs[*index].id));
        jobs
    }

    pub(super) fn claimed(&mut self, job: usize, now: Span) {
        let row = &mut self.jobs[job];
        row.attempt += 1;
        row.claim += 1;
        row.lease = Some(later(now, LEASE));
        self.go(job, ("started", JobState::Running), None, now);
    }

    /// True if the claim still holds its job.
    pub(super) fn holds(&self, job: usize, claim: i64) -> bool {
        self.jobs[job].state == JobState::Running && self.jobs[job].claim == claim
    }

    pub(super) fn beaten(&mut self, job: usize, now: Span) {
        self.jobs[job].lease = Some(later(now, LEASE));
    }

    /// Widens the lease, since work may have renewed it or not.
    pub(super) fn worked(&mut self, job: usize, now: Span) {
        let lease = self.jobs[job].lease.expect("a running job has a lease");
        self.jobs[job].lease = Some((lease.0, later(now, LEASE).1));
    }

    /// Ends an attempt that holds its job.
    pub(super) fn ended(&mut self, job: usize, ended: &Ended, now: Span) {
        let row = &mut self.jobs[job];
        row.lease = None;
        row.error = None;
        let stopped = row.cancel.as_ref().map(|cancel| canceled_by(cancel.by));
        let (verb, to, reason) = match ended {
            _ if stopped.is_some() => ("canceled", JobState::Canceled, stopped),
            Ended::Succeeded => {
                let expires = later(now, ARTIFACT);
                row.artifact = Some(Artifact { claim: row.claim, expires, is_removed: false });
                ("succeeded", JobState::Succeeded, None)
            }
            Ended::Retry(code, reason) if row.attempt < MAX_ATTEMPTS => {
                row.error = Some(*code);
                row.available = pause(row.attempt, now);
                let verb = if *code == JobErrorCode::Stalled { "rescued" } else { "retried" };
                (verb, JobState::Queued, Some(reason.clone()))
            }
            Ended::Retry(code, reason) | Ended::Failed(code, reason) => {
                row.error = Some(*code);
                ("failed", JobState::Failed, Some(reason.clone()))
            }
            Ended::Interrupted => {
                row.attempt -= 1;
                row.available = now;
                ("interrupted", JobState::Queued, None)
            }
        };
        self.go(job, (verb, to), reason, now);
    }

    /// Requests cancellation of a job. Returns whether that is possible.
    pub(super) fn cancel(&mut self, by: usize, job: usize, now: Span) -> bool {
        let row = &mut self.jobs[job];
        match row.state {
            JobState::Succeeded | JobState::Failed => return false,
            JobState::Canceled => {}
            JobState::Running => {
                row.cancel.get_or_insert(Cancel { by, at: now });
            }
            JobState::Queued => {
                row.cancel = Some(Cancel { by, at: now });
                row.error = None;
                let reason = Some(canceled_by(by));
                self.go(job, ("canceled", JobState::Canceled), reason, now);
            }
        }
        true
    }

    /// Returns the jobs whose lease has expired at an instant.
    pub(super) fn stalled(&self, at: DateTime<Utc>) -> Vec<usize> {
        let is_over = |job: &Job| job.lease.is_some_and(|lease| lease.0 < at);
        (0..self.jobs.len()).filter(|index| is_over(&self.jobs[*index])).collect()
    }

    /// Removes what the janitor removes. Returns the number of files and transitions.
    pub(super) fn swept(&mut self, now: DateTime<Utc>) -> (usize, usize) {
        let artifacts = self.jobs.iter_mut().filter_map(|job| job.artifact.as_mut());
        let mut expired = 0;
        for artifact in artifacts.filter(|artifact| !artifact.is_removed) {
            artifact.is_removed = artifact.expires.0 <= now;
            expired += usize::from(artifact.is_removed);
        }
        let is_old = |event: &Event| event.at.0 < now - HISTORY;
        let pruned = self.events.iter().rposition(is_old).map_or(0, |last| last + 1);
        let new = pruned.saturating_sub(self.pruned);
        self.pruned += new;
        (expired, new)
    }

    fn go(
        &mut self,
        job: usize,
        (verb, to): (&'static str, JobState),
        reason: Option<String>,
        at: Span,
    ) {
        let row = &mut self.jobs[job];
        let from = Some(std::mem::replace(&mut row.state, to));
        let attempt = row.attempt;
        self.events.push(Event { job, verb, from, to, attempt, reason, at });
    }
}

/// Half a second after the first attempt, four times as long after each further one, and down to
/// half of that.
fn pause(attempt: i32, now: Span) -> Span {
    let longest = TimeDelta::milliseconds(500 << (2 * (attempt - 1)));
    // Stored to the microsecond.
    let rounding = TimeDelta::microseconds(1);
    (now.0 + longest / 2 - rounding, now.1 + longest + rounding)
}

fn later(now: Span, by: TimeDelta) -> Span {
    (now.0 + by, now.1 + by)
}

fn canceled_by(by: usize) -> String {
    format!("canceled by {}", SUBJECTS[by])
}
