//! Takes the steps, each in Daybook and in the model; here those of requests.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_entity::membership::Role;
use daybook_service::{
    Error, Instance, ProblemCode, audit, exports,
    exports::{ExportSource, Format, StartExport},
    janitor, jobs,
    store::Compression,
};
use futures::future::join_all;
use proptest::{prelude::*, sample::Index, test_runner::TestCaseError};
use uuid::Uuid;

use super::{
    Case,
    model::{Answer, Request, Span},
    step::{How, SUBJECTS, Step},
};

impl Case<'_> {
    /// Takes one step; false where nothing was there to take it with.
    pub(super) async fn take(&mut self, step: &Step) -> Result<bool, TestCaseError> {
        match step {
            Step::Start { by, input, key, at_once } => {
                let request = Request { by: *by, input: *input, key: *key };
                self.start(request, *at_once).await?;
            }
            Step::Claim { free } => self.claim(*free).await?,
            Step::Beat(which) => return self.beat(which).await,
            Step::Work(which) => {
                let Some(index) = self.pick(which) else { return Ok(false) };
                self.work(index).await?;
            }
            Step::Finish(which, how) => {
                let Some(index) = self.pick(which) else { return Ok(false) };
                self.finish(vec![index], *how).await?;
            }
            Step::FinishAll(how) => self.finish_all(*how).await?,
            Step::Cancel { by, job } => return self.cancel(*by, job).await,
            Step::Retry { by, job } => return self.retry(*by, job).await,
            Step::Rescue => self.rescue().await?,
            Step::Wait(time) => self.server.clock.advance(*time),
            Step::Sweep => self.sweep().await?,
            Step::ChangeRole { of } => self.change_role(*of).await,
        }
        Ok(true)
    }

    /// Ends what is unfinished, so that the next case has the queue for itself.
    pub(super) async fn tidy_up(&mut self) -> Result<(), TestCaseError> {
        for job in 0..self.model.jobs.len() {
            self.cancel_one(0, job).await?;
            self.check().await?;
        }
        self.finish_all(How::Interrupt).await?;
        self.check().await
    }

    async fn start(&mut self, request: Request, at_once: usize) -> Result<(), TestCaseError> {
        let Request { by, input, key } = request;
        let ask = StartExport {
            source: ExportSource::AuditLogs {
                filter: Box::new(audit::Filter {
                    action: vec!["test.*".to_owned()],
                    ..Default::default()
                }),
                order_by: audit::Order::RecordedAsc,
            },
            compression: Compression::None,
            format: [Format::Csv, Format::Json, Format::Jsonl][input],
            csv_byte_order_mark: false,
            csv_neutralize: true,
            after: None,
            idempotency_key: key.map(|key| format!("key-{key}")),
        };
        let before = self.now();
        let asked = (0..at_once).map(|_| exports::start(&self.scopes[by].export, ask.clone()));
        let answers = join_all(asked).await;
        let now = (before, self.now());
        let mut answers: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.map(|started| (started.job.id, started.replayed)))
            .collect();
        // Of requests at the same time one is first, and the others find what it made.
        answers.sort_by_key(|answer| matches!(answer, Ok((_, true))));
        for answer in answers {
            let wanted = self.model.start(request);
            self.answered(wanted, answer, (request, None), now)?;
        }
        Ok(())
    }

    async fn retry(&mut self, by: usize, job: &Index) -> Result<bool, TestCaseError> {
        if self.model.jobs.is_empty() {
            return Ok(false);
        }
        let job = job.index(self.model.jobs.len());
        let (old, input) = (self.model.jobs[job].id, self.model.jobs[job].request.input);
        let wanted = self.model.retry(by, job);
        let before = self.now();
        let answer = jobs::retry(&self.scopes[by].retry, old).await;
        let now = (before, self.now());
        let is_known = |id| self.model.jobs.iter().any(|job| job.id == id);
        let answer = answer.map(|job| (job.id, is_known(job.id)));
        let request = Request { by, input, key: None };
        self.answered(wanted, answer, (request, Some(old)), now)?;
        Ok(true)
    }

    fn answered(
        &mut self,
        wanted: Answer,
        answer: Result<(Uuid, bool), Error>,
        (request, retry_of): (Request, Option<Uuid>),
        now: Span,
    ) -> Result<(), TestCaseError> {
        match (wanted, answer) {
            (Answer::New, Ok((id, false))) => {
                self.figures.jobs += 1;
                self.model.requested(id, request, retry_of, now);
            }
            (Answer::Known(known), Ok((id, true))) => {
                self.figures.replayed += 1;
                let is_one = known.iter().any(|job| self.model.jobs[*job].id == id);
                prop_assert!(is_one, "{id} is none of {known:?}");
            }
            (Answer::Conflict, Err(error)) => self.refused(&error)?,
            (wanted, answer) => prop_assert!(false, "{answer:?} instead of {wanted:?}"),
        }
        Ok(())
    }

    fn refused(&mut self, error: &Error) -> Result<(), TestCaseError> {
        let Error::Refused(problems) = error else {
            return Err(TestCaseError::fail(format!("{error:?}")));
        };
        prop_assert_eq!(problems[0].code, ProblemCode::Conflict);
        self.figures.refused += 1;
        Ok(())
    }

    async fn cancel(&mut self, by: usize, job: &Index) -> Result<bool, TestCaseError> {
        if self.model.jobs.is_empty() {
            return Ok(false);
        }
        self.cancel_one(by, job.index(self.model.jobs.len())).await?;
        Ok(true)
    }

    async fn cancel_one(&mut self, by: usize, job: usize) -> Result<(), TestCaseError> {
        let id = self.model.jobs[job].id;
        let before = self.now();
        let answer = jobs::cancel(&self.scopes[by].cancel, id).await;
        let now = (before, self.now());
        let is_possible = self.model.cancel(by, job, now);
        match answer {
            Ok(row) if is_possible => prop_assert_eq!(row.state, self.model.jobs[job].state),
            Err(error) if !is_possible => self.refused(&error)?,
            answer => prop_assert!(false, "{answer:?} to canceling {:?}", self.model.jobs[job]),
        }
        Ok(())
    }

    async fn sweep(&mut self) -> Result<(), TestCaseError> {
        let now = self.now();
        janitor::sweep(&self.instance().core).await.map_err(failed)?;
        let (expired, pruned) = self.model.swept(now);
        self.figures.expired += expired;
        self.figures.pruned += pruned;
        Ok(())
    }

    async fn change_role(&mut self, of: usize) {
        let has_role = &mut self.has_role[of];
        *has_role = !*has_role;
        match *has_role {
            true => self.server.set_member(&self.organization, SUBJECTS[of], Role::Auditor).await,
            false => self.server.remove_member(&self.organization, SUBJECTS[of]).await,
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.server.clock.now()
    }

    pub(super) fn instance(&self) -> &Arc<Instance> {
        self.server.instance()
    }
}

pub(super) fn failed(error: Error) -> TestCaseError {
    TestCaseError::fail(format!("{error:?}"))
}
