//! Claiming: choosing the jobs that this process works on next.
//!
//! Organizations take turns, and an organization with jobs running in this process does not get the
//! last free place. A thousand jobs of one organization therefore do not hold up the first job of
//! another.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use daybook_entity::job::{Column, Entity, JobState, Model};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};
use uuid::Uuid;

use super::{
    Worker, lease,
    record::{TransitionRecord, notify, record},
};
use crate::{Core, Result, Transition, database, tenancy};

/// Maximum number of jobs that one claim takes.
const MAX_CLAIMED_JOBS: usize = 64;
/// Maximum number of organizations that one claim considers.
const MAX_ORGANIZATIONS: usize = 64;

/// Free and used places for attempts in a process.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// The number of free places.
    pub free: usize,
    /// The number of running jobs in this process, by organization.
    pub running: HashMap<Uuid, usize>,
    /// The organization from which a job was last claimed.
    pub last: Uuid,
}

/// Claims jobs for this process: they become RUNNING, under a lease, with a new claim number.
///
/// # Errors
/// A database fault.
pub async fn claim(worker: &Arc<Worker>, capacity: Capacity) -> Result<Vec<Model>> {
    let core = &worker.core;
    let context = (Arc::clone(worker), capacity);
    let claimed = core.db.transaction(context, |tx, (worker, capacity)| {
        Box::pin(async move {
            let core = &worker.core;
            let mut jobs = choose(tx, worker, capacity).await?;
            if jobs.is_empty() {
                return Ok(Vec::new());
            }
            let now = database::now(tx, &core.clock).await?;
            start(tx, core, &mut jobs, now).await?;
            let transitions: Vec<_> = jobs.into_iter().map(started).collect();
            record(tx, core, now, &transitions).await?;
            Ok(transitions)
        })
    });
    let transitions = tenancy::system(claimed).await?;
    if !transitions.is_empty() {
        notify(core, &transitions);
    }
    Ok(transitions.into_iter().map(|step| step.job).collect())
}

/// Chooses and locks the jobs whose turn it is.
async fn choose(
    tx: &DatabaseTransaction,
    worker: &Worker,
    capacity: &Capacity,
) -> Result<Vec<Model>, DbErr> {
    let waiting = organizations(tx, capacity.last).await?;
    let now = database::now(tx, &worker.core.clock).await?;
    let (mut jobs, mut busy, mut taken) = (Vec::new(), HashSet::new(), HashSet::new());
    busy.extend(capacity.running.keys().copied());
    // First, one job of each organization that has nothing running here, for any place.
    for organization_id in waiting.iter().filter(|id| !capacity.running.contains_key(id)) {
        if jobs.len() == capacity.free.min(MAX_CLAIMED_JOBS) {
            return Ok(jobs);
        }
        let new = next(tx, worker, *organization_id, now, (1, &taken)).await?;
        busy.extend(new.iter().map(|job| job.organization_id));
        taken.extend(new.iter().map(|job| job.id));
        jobs.extend(new);
    }
    // Then the remaining jobs, in equal shares, for all places but the last.
    let slots = capacity.free.saturating_sub(usize::from(capacity.free == 1 || !busy.is_empty()));
    let left = slots.min(MAX_CLAIMED_JOBS).saturating_sub(jobs.len());
    let share = left.div_ceil(waiting.len().max(1));
    for organization_id in waiting {
        let limit = share.min(slots.min(MAX_CLAIMED_JOBS).saturating_sub(jobs.len()));
        if limit == 0 {
            break;
        }
        let new = next(tx, worker, organization_id, now, (limit, &taken)).await?;
        taken.extend(new.iter().map(|job| job.id));
        jobs.extend(new);
    }
    Ok(jobs)
}

/// Returns organizations that have queued jobs, beginning after `last`. Takes one step in the index
/// for each organization, however many jobs it has.
async fn organizations(tx: &DatabaseTransaction, last: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let first = Uuid::from_u128(last.as_u128().wrapping_add(1));
    let mut found = starting_at(tx, first, MAX_ORGANIZATIONS).await?;
    if found.len() < MAX_ORGANIZATIONS {
        let rest = starting_at(tx, Uuid::nil(), MAX_ORGANIZATIONS - found.len()).await?;
        found.extend(rest.into_iter().take_while(|id| *id <= last));
    }
    Ok(found)
}

async fn starting_at(
    tx: &DatabaseTransaction,
    first: Uuid,
    limit: usize,
) -> Result<Vec<Uuid>, DbErr> {
    let sql = "WITH RECURSIVE waiting (id, number) AS (
        SELECT first.*, 1 FROM (SELECT organization_id FROM jobs WHERE state = 'QUEUED' AND organization_id >= $1
            ORDER BY organization_id LIMIT 1) AS first
        UNION ALL
        SELECT (SELECT organization_id FROM jobs WHERE state = 'QUEUED' AND organization_id > waiting.id
            ORDER BY organization_id LIMIT 1), number + 1
        FROM waiting WHERE waiting.id IS NOT NULL AND number < $2
    ) SELECT id FROM waiting WHERE id IS NOT NULL ORDER BY number";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [first.into(), limit.into()];
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    let rows = tx.query_all_raw(statement).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Locks and returns the organization's next jobs that this build can read. Other processes that
/// claim at the same time skip these jobs.
async fn next(
    tx: &DatabaseTransaction,
    worker: &Worker,
    organization_id: Uuid,
    now: DateTime<Utc>,
    (limit, taken): (usize, &HashSet<Uuid>),
) -> Result<Vec<Model>, DbErr> {
    loop {
        let jobs = queued(tx, worker, organization_id, now, (limit, taken)).await?;
        let is_readable = |job: &Model| worker.core.job_kinds.readable_work(job).is_some();
        let (readable, unreadable): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_readable);
        unreadable.iter().for_each(|job| worker.unreadable.add(job));
        if unreadable.is_empty() || !readable.is_empty() {
            return Ok(readable);
        }
    }
}

async fn queued(
    tx: &DatabaseTransaction,
    worker: &Worker,
    organization_id: Uuid,
    now: DateTime<Utc>,
    (limit, taken): (usize, &HashSet<Uuid>),
) -> Result<Vec<Model>, DbErr> {
    let passed_over = taken.iter().copied().chain(worker.unreadable.ids());
    Entity::find()
        .filter(Column::OrganizationId.eq(organization_id))
        .filter(Column::State.eq(JobState::Queued))
        .filter(Column::AvailableAt.lte(now))
        // A job of an unknown kind waits for a build that knows it.
        .filter(Column::Kind.is_in(worker.core.job_kinds.names()))
        .filter(Column::Id.is_not_in(passed_over))
        .order_by_asc(Column::AvailableAt)
        .order_by_asc(Column::Id)
        .limit(limit as u64)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(tx)
        .await
}

/// Starts the locked jobs, with one statement for all rows.
async fn start(
    tx: &DatabaseTransaction,
    core: &Core,
    jobs: &mut [Model],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let lease_until = lease::end(core, now);
    for job in &mut *jobs {
        job.state = JobState::Running;
        job.claim += 1;
        job.attempt += 1;
        job.lease_until = Some(lease_until);
        job.leased_by = Some(core.node.clone());
        job.started_at = job.started_at.or(Some(now));
        job.progress_done = 0;
        job.progress_phase = None;
        job.progress_at = Some(now);
    }
    let first_start = Expr::col(Column::StartedAt).if_null(now);
    Entity::update_many()
        .col_expr(Column::State, Expr::value(JobState::Running))
        .col_expr(Column::Claim, Expr::col(Column::Claim).add(1))
        .col_expr(Column::Attempt, Expr::col(Column::Attempt).add(1))
        .col_expr(Column::LeaseUntil, Expr::value(lease_until))
        .col_expr(Column::LeasedBy, Expr::value(core.node.as_str()))
        .col_expr(Column::StartedAt, first_start)
        .col_expr(Column::ProgressDone, Expr::value(0))
        .col_expr(Column::ProgressPhase, Expr::value(None::<String>))
        .col_expr(Column::ProgressAt, Expr::value(now))
        .filter(Column::OrganizationId.is_in(jobs.iter().map(|job| job.organization_id)))
        .filter(Column::Id.is_in(jobs.iter().map(|job| job.id)))
        .exec(tx)
        .await?;
    Ok(())
}

fn started(job: Model) -> TransitionRecord {
    TransitionRecord {
        job,
        from: Some(JobState::Queued),
        transition: Transition::Started,
        reason: None,
        record_count: None,
        circumstances: None,
    }
}
