//! Queries of the feed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use daybook_entity::{
    job::{self, JobState, Model},
    job_event, job_feed,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, Iden, Iterable,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Alias, Expr, ExprTrait, IntoIden, Query, SelectStatement},
};
use uuid::Uuid;

use super::{Position, Watch};
use crate::{Error, Fault, Result, Scope, jobs::is_everywhere, transition::is_final};

/// Maximum number of events that one round reads.
const MAX_ROUND_EVENTS: u64 = 200;

/// A round of events, with their jobs.
pub(super) struct Round {
    pub(super) events: Vec<(job_event::Model, Model)>,
    /// The position at which the next round goes on.
    pub(super) position: Position,
    /// True if no more events are left to read.
    pub(super) is_all: bool,
}

/// Returns the position at the end of the feed, and the number through which events were removed.
async fn head(scope: &Scope) -> Result<(Position, i64)> {
    let db = scope.core().db.reader();
    let feed = job_feed::Entity::find_by_id(1).one(db).await?;
    let feed = feed.ok_or_else(|| Fault::Missing("the job feed".to_owned()))?;
    let event = job_event::Entity::find().filter(job_event::Column::Feed.eq(feed.feed));
    let fingerprint = event.one(db).await?.map_or(0, |event| event.fingerprint);
    Ok((Position::at(feed.feed, fingerprint), feed.pruned))
}

/// True if every event after `position` is still stored, and `position` is of this database.
pub(super) async fn is_kept(scope: &Scope, position: Position) -> Result<bool> {
    let (head, pruned) = head(scope).await?;
    if position.feed == 0 {
        return Ok(pruned == 0);
    }
    if position.feed > head.feed || position.feed <= pruned {
        return Ok(false);
    }
    let event = job_event::Entity::find().filter(job_event::Column::Feed.eq(position.feed));
    let event = event.one(scope.core().db.reader()).await?;
    Ok(event.is_some_and(|event| event.fingerprint == position.fingerprint))
}

/// Reads one round of the events after `position`, up to `through` if given.
pub(super) async fn events(
    scope: &Scope,
    watch: &Watch,
    position: Position,
    through: Option<Position>,
) -> Result<Round> {
    let head = match through {
        Some(through) => through,
        // Read the head first: all events up to it are committed.
        None => head(scope).await?.0,
    };
    let organization_id = (!is_everywhere(scope)).then_some(scope.organization_id());
    let condition = Condition::all()
        .add_option(organization_id.map(|id| job_event::Column::OrganizationId.eq(id)))
        .add_option(watch.job_id.map(|id| job_event::Column::JobId.eq(id)))
        .add(job_event::Column::Feed.gt(position.feed))
        .add(job_event::Column::Feed.lte(head.feed));
    let events = job_event::Entity::find()
        .filter(condition)
        .order_by_asc(job_event::Column::Feed)
        .limit(MAX_ROUND_EVENTS)
        .all(scope.core().db.reader())
        .await?;
    let is_all = (events.len() as u64) < MAX_ROUND_EVENTS;
    let position = match events.last() {
        Some(last) if !is_all => Position::at(last.feed, last.fingerprint),
        Some(_) | None => head,
    };
    let jobs = jobs(scope, &events).await?;
    let pair = |event: job_event::Model| {
        let job = jobs.get(&event.job_id)?;
        Some((event, job.clone()))
    };
    let kinds = watch.kinds.as_deref();
    let is_wanted =
        |(_, job): &(job_event::Model, Model)| kinds.is_none_or(|kinds| kinds.contains(&job.kind));
    let events = events.into_iter().filter_map(pair).filter(is_wanted).collect();
    Ok(Round { events, position, is_all })
}

async fn jobs(scope: &Scope, events: &[job_event::Model]) -> Result<HashMap<Uuid, Model>> {
    if events.is_empty() {
        return Ok(HashMap::new());
    }
    let organizations = events.iter().map(|event| event.organization_id);
    let found = job::Entity::find()
        .filter(job::Column::OrganizationId.is_in(organizations))
        .filter(job::Column::Id.is_in(events.iter().map(|event| event.job_id)))
        .filter(job::Column::Kind.is_in(scope.core().job_kinds.names()))
        .all(scope.core().db.reader())
        .await?;
    Ok(found.into_iter().map(|job| (job.id, job)).collect())
}

/// Returns `job` as it was right after `event`, since later changes are only sent with their own
/// events.
pub(super) fn as_of(mut job: Model, event: &job_event::Model) -> Model {
    let is_still_so = (job.state, job.attempt) == (event.to_state, event.attempt);
    job.state = event.to_state;
    job.attempt = event.attempt;
    if !is_final(event.to_state) {
        job.finished_at = None;
        job.outcome = None;
    }
    if !is_still_so {
        job.error_code = None;
        job.error_message = None;
    }
    if matches!(event.to_state, JobState::Queued | JobState::Running) {
        job.progress_done = 0;
        job.progress_phase = None;
        job.progress_at = None;
    }
    job.started_at = job.started_at.filter(|started_at| *started_at <= event.at);
    job.cancel_requested_at = job.cancel_requested_at.filter(|asked_at| *asked_at <= event.at);
    job
}

/// True if the one job that is watched has ended; false if all jobs are watched.
pub(super) async fn is_over(scope: &Scope, watch: &Watch) -> Result<bool> {
    if watch.job_id.is_none() {
        return Ok(false);
    }
    let job = job::Entity::find().filter(of(scope, watch)).one(scope.core().db.reader()).await?;
    job.as_ref().map_or(Ok(()), |job| scope.require_to_see(job))?;
    Ok(job.is_some_and(|job| is_final(job.state)))
}

/// Returns the running jobs that reported progress after `since`.
pub(super) async fn progress(
    scope: &Scope,
    watch: &Watch,
    since: DateTime<Utc>,
) -> Result<Vec<Model>> {
    let found = job::Entity::find()
        .filter(of(scope, watch))
        .filter(job::Column::State.eq(JobState::Running))
        .filter(job::Column::ProgressAt.gt(since));
    Ok(found.all(scope.core().db.reader()).await?)
}

/// Returns the feed's end and each unfinished job, or the one job that is watched, finished or not.
/// One statement reads both: with two, a transition in between would be lost or sent twice.
pub(super) async fn snapshot(scope: &Scope, watch: &Watch) -> Result<(Position, Vec<Model>)> {
    let unfinished = job::Column::State.is_in([JobState::Queued, JobState::Running]);
    let wanted =
        if watch.job_id.is_some() { of(scope, watch) } else { of(scope, watch).add(unfinished) };
    let rows = scope.core().db.reader().query_all(&snapshot_statement(wanted)).await?;
    let mut position = None;
    let mut jobs = Vec::with_capacity(rows.len());
    for row in &rows {
        let feed = row.try_get("", "feed_end")?;
        let fingerprint: Option<i32> = row.try_get("", "feed_fingerprint")?;
        position = Some(Position::at(feed, fingerprint.unwrap_or(0)));
        jobs.extend(Model::from_query_result_optional(row, "")?);
    }
    let position = position.ok_or_else(|| Fault::Missing("the job feed".to_owned()))?;
    if jobs.is_empty() && watch.job_id.is_some() {
        return Err(Error::not_found(&["jobId"], "job"));
    }
    if watch.job_id.is_some() {
        jobs.iter().try_for_each(|job| scope.require_to_see(job))?;
    }
    jobs.sort_by_key(|job| (job.created_at, job.id));
    Ok((position, jobs))
}

fn snapshot_statement(wanted: Condition) -> SelectStatement {
    let mut statement = Query::select();
    for column in job::Column::iter() {
        let name = Alias::new(column.unquoted());
        statement.expr_as(column.select_as(Expr::col(column.as_column_ref())), name);
    }
    statement
        .expr_as(Expr::col(job_feed::Column::Feed.as_column_ref()), "feed_end")
        .expr_as(Expr::col(job_event::Column::Fingerprint.as_column_ref()), "feed_fingerprint")
        .from(job_feed::Entity.into_iden())
        .left_join(
            job_event::Entity.into_iden(),
            Expr::col(job_event::Column::Feed.as_column_ref())
                .equals(job_feed::Column::Feed.as_column_ref()),
        )
        .left_join(job::Entity.into_iden(), wanted)
        .to_owned()
}

fn of(scope: &Scope, watch: &Watch) -> Condition {
    let organization_id = (!is_everywhere(scope)).then_some(scope.organization_id());
    let known = || scope.core().job_kinds.names().map(str::to_owned).collect();
    let kinds = watch.kinds.clone().unwrap_or_else(known);
    Condition::all()
        .add_option(organization_id.map(|id| job::Column::OrganizationId.eq(id)))
        .add_option(watch.job_id.map(|id| job::Column::Id.eq(id)))
        .add(job::Column::Kind.is_in(kinds))
}
