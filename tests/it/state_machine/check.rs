//! Compares what is stored with the model, row by row.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use daybook_entity::{
    artifact, audit_log,
    audit_log::AuditOutcome,
    job,
    job::JobState::{self, Canceled, Failed, Queued, Running, Succeeded},
    job_event, job_feed,
};
use daybook_service::GlobalId;
use daybook_tests::{Value, json};
use proptest::{prelude::*, test_runner::TestCaseError};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{
    Case, RECORDS,
    model::{Artifact, Event, Job, MAX_ATTEMPTS, Span},
    step::SUBJECTS,
};

type Checked = Result<(), TestCaseError>;

impl Case<'_> {
    /// Asserts that everything stored about the organization's jobs agrees with the model.
    pub(super) async fn check(&mut self) -> Checked {
        self.check_feed().await?;
        self.check_jobs().await?;
        self.check_log().await?;
        for event in &self.model.events[self.checked..] {
            *self.figures.transitions.entry(event.verb).or_default() += 1;
            let is_given_up = event.to == Failed && event.attempt == MAX_ATTEMPTS;
            self.figures.given_up += usize::from(is_given_up);
        }
        self.checked = self.model.events.len();
        Ok(())
    }

    async fn check_jobs(&mut self) -> Checked {
        let jobs = job::Entity::find()
            .filter(job::Column::OrganizationId.eq(self.organization_id))
            .all(self.db)
            .await
            .unwrap();
        let artifacts = artifact::Entity::find()
            .filter(artifact::Column::OrganizationId.eq(self.organization_id))
            .all(self.db)
            .await
            .unwrap();
        prop_assert_eq!(jobs.len(), self.model.jobs.len(), "jobs");
        let jobs: HashMap<_, _> = jobs.into_iter().map(|job| (job.id, job)).collect();
        let mut artifacts: HashMap<_, _> =
            artifacts.into_iter().map(|artifact| (artifact.job_id, artifact)).collect();
        for wanted in &mut self.model.jobs {
            let Some(job) = jobs.get(&wanted.id) else {
                return Err(TestCaseError::fail(format!("{wanted:?} is not there")));
            };
            check_job(job, wanted)?;
            check_artifact(artifacts.remove(&wanted.id), wanted)?;
        }
        prop_assert!(artifacts.is_empty(), "{artifacts:?}");
        Ok(())
    }

    /// Asserts that feed numbers have no gaps, and that each event agrees with the model.
    async fn check_feed(&mut self) -> Checked {
        let feed = job_feed::Entity::find_by_id(1).one(self.db).await.unwrap().unwrap();
        let events = job_event::Entity::find()
            .filter(job_event::Column::Feed.gt(self.feed))
            .order_by_asc(job_event::Column::Feed)
            .all(self.db)
            .await
            .unwrap();
        self.follow_order(&events);
        let (model, count) = (&mut self.model, |count| i64::try_from(count).unwrap());
        prop_assert_eq!(feed.feed, self.feed + count(model.events.len()), "the feed's end");
        match model.pruned {
            0 => prop_assert!(feed.pruned <= self.feed, "{feed:?}"),
            pruned => prop_assert_eq!(feed.pruned, self.feed + count(pruned)),
        }
        let kept = &mut model.events[model.pruned..];
        prop_assert_eq!(events.len(), kept.len(), "events that are kept");
        for ((event, wanted), number) in
            events.iter().zip(kept).zip(self.feed + count(model.pruned) + 1..)
        {
            prop_assert_eq!(event.feed, number, "a hole or a double in the feed");
            prop_assert_eq!(event.organization_id, self.organization_id);
            let seen = (event.job_id, event.from_state, event.to_state, event.attempt);
            let job = model.jobs[wanted.job].id;
            prop_assert_eq!(seen, (job, wanted.from, wanted.to, wanted.attempt));
            prop_assert_eq!(&event.reason, &wanted.reason);
            prop_assert!(is_legal(event.from_state, event.to_state), "{event:?}");
            see("event", event.at, &mut wanted.at)?;
        }
        Ok(())
    }

    /// Puts the model's new events into the stored order, since concurrent changes to several jobs have none.
    fn follow_order(&mut self, events: &[job_event::Model]) {
        let jobs = &self.model.jobs;
        let new = &mut self.model.events[self.checked..];
        let latest = &events[events.len().saturating_sub(new.len())..];
        let place = |event: &Event| latest.iter().position(|e| e.job_id == jobs[event.job].id);
        new.sort_by_key(place);
    }

    /// Asserts that the log has an entry for each new event, in their order, and no others.
    async fn check_log(&mut self) -> Checked {
        let entries = audit_log::Entity::find()
            .filter(audit_log::Column::OrganizationId.eq(self.organization_id))
            .filter(audit_log::Column::Sequence.gt(self.sequence))
            .order_by_asc(audit_log::Column::Sequence)
            .all(self.db)
            .await
            .unwrap();
        self.sequence = entries.last().map_or(self.sequence, |entry| entry.sequence);
        let is_of_jobs = |entry: &&audit_log::Model| entry.action.starts_with("job.");
        let entries: Vec<_> = entries.iter().filter(is_of_jobs).collect();
        let events = &self.model.events[self.checked..];
        prop_assert_eq!(entries.len(), events.len(), "entries: {:?}", entries);
        for (entry, event) in entries.into_iter().zip(events) {
            let job = &self.model.jobs[event.job];
            let (organization_id, id) = (self.organization_id, job.id);
            let id = GlobalId::Job { organization_id, id }.to_string();
            prop_assert_eq!(&entry.action, &format!("job.export.{}", event.verb));
            prop_assert_eq!(&entry.resource_id, &id);
            prop_assert_eq!(&entry.recorded_by, "daybook");
            prop_assert_eq!(&entry.actor_id, SUBJECTS[job.request.by]);
            let is_failure = matches!(event.verb, "failed" | "retried" | "rescued");
            prop_assert_eq!(entry.outcome == AuditOutcome::Failure, is_failure, "{:?}", entry);
            let extra = entry.extra.as_deref().map_or(Value::Null, |e| e.parse().unwrap());
            let said = (&extra["attempt"], &extra["reason"], &extra["recordCount"]);
            let count = (event.to == Succeeded).then_some(RECORDS);
            let wanted = (&json!(event.attempt), &json!(event.reason), &json!(count));
            prop_assert_eq!(said, wanted);
        }
        Ok(())
    }
}

fn check_job(job: &job::Model, wanted: &mut Job) -> Checked {
    let is = (job.state, job.attempt, job.claim, job.error_code, job.retry_of);
    let Job { state, attempt, claim, error, retry_of, .. } = *wanted;
    prop_assert_eq!(is, (state, attempt, claim, error, retry_of), "{:?}", job);
    prop_assert_eq!(job.error_message.is_some(), error.is_some(), "{:?}", job);
    prop_assert_eq!(job.requester_id.as_str(), SUBJECTS[wanted.request.by]);
    prop_assert_eq!(job.idempotency_key.is_some(), wanted.request.key.is_some());
    let is_over = matches!(state, Succeeded | Failed | Canceled);
    prop_assert_eq!(job.finished_at.is_some(), is_over, "{:?}", job);
    prop_assert_eq!(job.started_at.is_some(), claim > 0, "{:?}", job);
    prop_assert_eq!(job.leased_by.is_some(), state == Running, "{:?}", job);
    prop_assert_eq!(job.outcome.is_some(), state == Succeeded, "{:?}", job);
    see("available_at", job.available_at, &mut wanted.available)?;
    prop_assert_eq!(job.lease_until.is_some(), wanted.lease.is_some(), "{:?}", job);
    if let (Some(until), Some(lease)) = (job.lease_until, &mut wanted.lease) {
        see("lease_until", until, lease)?;
    }
    prop_assert_eq!(job.cancel_requested_at.is_some(), wanted.cancel.is_some(), "{:?}", job);
    if let (Some(at), Some(cancel)) = (job.cancel_requested_at, &mut wanted.cancel) {
        see("cancel_requested_at", at, &mut cancel.at)?;
        prop_assert_eq!(job.cancel_requested_by.as_deref(), Some(SUBJECTS[cancel.by]));
    }
    Ok(())
}

/// Asserts that a job has an artifact if it succeeded, and that the attempt that held the job produced it.
fn check_artifact(artifact: Option<artifact::Model>, wanted: &mut Job) -> Checked {
    prop_assert_eq!(artifact.is_some(), wanted.state == Succeeded, "{:?}", wanted);
    let (Some(artifact), Some(known)) = (artifact, &mut wanted.artifact) else { return Ok(()) };
    let Artifact { claim, expires, is_removed } = known;
    let is_its = artifact.object_key.ends_with(&format!("/{}-{claim}", wanted.id));
    prop_assert!(is_its, "{artifact:?} of claim {claim}");
    prop_assert_eq!(artifact.record_count, RECORDS);
    prop_assert_eq!(artifact.removed_at.is_some(), *is_removed);
    see("expires_at", artifact.expires_at, expires)
}

/// True for the transitions of the published state machine, and no others.
fn is_legal(from: Option<JobState>, to: JobState) -> bool {
    match from {
        None => to == Queued,
        Some(Queued) => matches!(to, Running | Canceled),
        Some(Running) => matches!(to, Succeeded | Failed | Canceled | Queued),
        Some(Succeeded | Failed | Canceled) => false,
    }
}

/// Asserts that a time is as expected, and narrows the expectation to it.
fn see(what: &str, seen: DateTime<Utc>, span: &mut Span) -> Checked {
    prop_assert!((span.0..=span.1).contains(&seen), "{what}: {seen} is not in {span:?}");
    *span = (seen, seen);
    Ok(())
}
