//! Recording transitions: audit entries and feed events, in the transaction that makes the
//! transitions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_entity::{
    audit_log::AuditOutcome,
    job::{self, JobState},
    job_event, job_feed,
};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Core, GlobalId, Topic, Transition,
    audit::{self, Actor, Draft, Metadata, NewEntry, Resource},
    random,
};

/// Subject under which Daybook records what it does itself.
const RECORDER: &str = "daybook";

/// A transition that a job's row has just made.
#[derive(Clone, Debug)]
pub(crate) struct TransitionRecord {
    /// The job after the transition.
    pub(crate) job: job::Model,
    /// The state before the transition; none for a new job.
    pub(crate) from: Option<JobState>,
    /// The transition that the job made.
    pub(crate) transition: Transition,
    /// The reason for the transition, if there is more to say than its name.
    pub(crate) reason: Option<String>,
    /// The number of records in the artifact, if there is one.
    pub(crate) record_count: Option<i64>,
    /// The circumstances of the request that made the transition, if a request made it.
    pub(crate) circumstances: Option<Metadata>,
}

/// Records `transitions`, all made at `at`. The jobs' rows are already locked; this function locks the
/// organizations' heads in the order of their ids, and then the feed.
pub(crate) async fn record(
    tx: &DatabaseTransaction,
    core: &Core,
    at: DateTime<Utc>,
    transitions: &[TransitionRecord],
) -> Result<(), DbErr> {
    let mut drafts: BTreeMap<Uuid, Vec<Draft>> = BTreeMap::new();
    for made in transitions {
        let draft = Draft::new(core, RECORDER.to_owned(), entry(core, made, at));
        drafts.entry(made.job.organization_id).or_default().push(draft);
    }
    for (organization_id, drafts) in drafts {
        audit::append(tx, &core.clock, organization_id, drafts).await?;
    }
    let first = take_feed_numbers(tx, transitions.len()).await?;
    let events = transitions.iter().zip(first..).map(|(made, feed)| {
        debug_assert!(
            made.transition.from().contains(&made.from),
            "{:?} from {:?}",
            made.transition,
            made.from
        );
        job_event::Model {
            organization_id: made.job.organization_id,
            feed,
            job_id: made.job.id,
            from_state: made.from,
            to_state: made.transition.to(),
            at,
            attempt: made.job.attempt,
            reason: made.reason.clone(),
            fingerprint: i32::from_be_bytes(random::bytes()),
        }
        .into_active_model()
    });
    job_event::Entity::insert_many(events).exec_without_returning(tx).await?;
    Ok(())
}

/// Counts the transitions and notifies those who watch these jobs. Call it after COMMIT.
pub(crate) fn notify(core: &Core, transitions: &[TransitionRecord]) {
    for made in transitions {
        core.metrics.transition(&made.job.kind, made.transition, made.job.error_code);
        core.notifier.notify(Topic::Jobs(made.job.organization_id));
        core.notifier.notify(Topic::AuditLog(made.job.organization_id));
    }
    core.notifier.notify(Topic::AllJobs);
    if transitions.iter().any(|made| made.transition.to() == JobState::Queued) {
        core.notifier.notify(Topic::Queue);
    }
}

/// Takes the next `count` numbers of the instance's feed. Returns the first of them.
async fn take_feed_numbers(tx: &DatabaseTransaction, count: usize) -> Result<i64, DbErr> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = job_feed::Entity::update_many()
        .col_expr(job_feed::Column::Feed, Expr::col(job_feed::Column::Feed).add(count))
        .filter(job_feed::Column::Id.eq(1))
        .exec_with_returning(tx)
        .await?;
    let feed = rows.first().ok_or_else(|| DbErr::RecordNotFound("the job feed".to_owned()))?;
    Ok(feed.feed - count + 1)
}

fn entry(core: &Core, made: &TransitionRecord, at: DateTime<Utc>) -> NewEntry {
    let TransitionRecord { job, from: _, transition, reason, record_count, circumstances } = made;
    let id = GlobalId::Job { organization_id: job.organization_id, id: job.id };
    let duration = job.started_at.filter(|_| job.finished_at.is_some()).map(|start| at - start);
    let mut extra = json!({
        "attempt": job.attempt,
        "reason": reason,
        "recordCount": record_count,
        "durationMs": duration.map(|duration| duration.num_milliseconds()),
    });
    if *transition == Transition::Requested
        && let Some(options) = core.job_kinds.options(job)
    {
        extra["options"] = options;
    }
    NewEntry {
        timestamp: Some(at),
        actor: Actor {
            id: job.requester_id.clone(),
            r#type: job.requester_type,
            email: job.requester_email.clone(),
            name: None,
        },
        action: format!("job.{}.{}", job.kind.to_lowercase(), transition.verb()),
        outcome: match transition {
            Transition::Failed | Transition::Retried | Transition::Rescued => AuditOutcome::Failure,
            Transition::Requested
            | Transition::Started
            | Transition::Succeeded
            | Transition::Canceled
            | Transition::Interrupted => AuditOutcome::Success,
        },
        on_behalf_of: None,
        resource: Resource { r#type: "job".to_owned(), id: id.to_string(), name: None },
        related_resources: Vec::new(),
        changes: Vec::new(),
        metadata: Some(Metadata {
            request_id: job.request_id.clone(),
            extra: Some(extra.into()),
            ..circumstances.clone().unwrap_or_default()
        }),
    }
}
