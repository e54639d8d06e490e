//! Reading jobs: pages, single jobs, and their transitions.

use chrono::{DateTime, Utc};
use daybook_entity::{
    TenantTable,
    job::{Column, Entity, JobState, Model},
    job_event, organization,
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Error, Permission, Result, Scope, input,
    page::{self, Keyset, Page, PageArgs, Part},
    workload,
};

/// Filter of jobs. A job passes if it meets all conditions; an absent condition does not filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Kinds of jobs, by name.
    pub kinds: Option<Vec<String>>,
    /// States of jobs.
    pub states: Option<Vec<JobState>>,
    /// Subject who requested the job.
    pub requested_by: Option<String>,
    /// The job was created at or after this time.
    pub created_from: Option<DateTime<Utc>>,
    /// The job was created before this time.
    pub created_to: Option<DateTime<Utc>>,
}

impl Filter {
    fn condition(&self, scope: &Scope) -> Condition {
        let organization_id = (!is_everywhere(scope)).then_some(scope.organization_id());
        let known = || scope.core().job_kinds.names().map(str::to_owned).collect();
        let kinds = self.kinds.clone().unwrap_or_else(known);
        Condition::all()
            .add_option(organization_id.map(|id| Column::OrganizationId.eq(id)))
            .add(Column::Kind.is_in(kinds))
            .add_option(self.states.as_ref().map(|states| Column::State.is_in(states.clone())))
            .add_option(self.requested_by.as_ref().map(|by| Column::RequesterId.eq(by)))
            .add_option(self.created_from.map(|from| Column::CreatedAt.gte(from)))
            .add_option(self.created_to.map(|to| Column::CreatedAt.lt(to)))
    }

    /// Returns a value that identifies the filtered list in its cursors.
    fn identity(&self) -> impl Serialize + use<> {
        format!("{self:?}")
    }
}

fn check(filter: &Filter) -> Result<()> {
    let by = filter.requested_by.as_deref().unwrap_or_default();
    input::check_text(by, &["filter", "requestedBy"])?;
    if let (Some(from), Some(to)) = (filter.created_from, filter.created_to)
        && from > to
    {
        let message = "must not be before `createdFrom`";
        return Err(Error::invalid(&["filter", "createdTo"], message));
    }
    Ok(())
}

/// True if the scope is the instance's own, whose jobs are those of all organizations.
#[must_use]
pub fn is_everywhere(scope: &Scope) -> bool {
    scope.organization_id() == organization::INSTANCE
}

/// Returns a page of jobs, newest first.
///
/// # Errors
/// A filter, number or cursor that can't be used; a database fault.
pub async fn list(scope: &Scope, filter: &Filter, args: &PageArgs) -> Result<Page<Model>> {
    scope.require(Permission::ReadJobs)?;
    check(filter)?;
    let select = Entity::find().filter(filter.condition(scope));
    let identity = ("jobs", scope.organization_id(), filter.identity());
    let keyset = Keyset {
        columns: vec![Column::CreatedAt, Column::OrganizationId, Column::Id],
        key: |job: &Model| {
            vec![Part::Instant(job.created_at), Part::Id(job.organization_id), Part::Id(job.id)]
        },
        order: page::Order::Descending,
        context: serde_json::to_vec(&identity).expect("ids and texts"),
    };
    page::fetch(scope.core().db.reader(), &scope.core().secret, select, &keyset, args).await
}

/// Counts the jobs that pass `filter`.
///
/// # Errors
/// A filter that can't be used; a database fault.
pub async fn count(scope: &Scope, filter: &Filter) -> Result<u64> {
    scope.require(Permission::ReadJobs)?;
    check(filter)?;
    let select = Entity::find().filter(filter.condition(scope));
    let identity = ("jobs", scope.organization_id(), filter.identity());
    let count = async { Ok(select.count(scope.core().db.reader()).await?) };
    workload::count_once(&identity, count).await
}

/// Returns a job of the scope's organization; `None` if there is none with this id.
///
/// # Errors
/// A database fault.
pub async fn find(scope: &Scope, id: Uuid) -> Result<Option<Model>> {
    let found = scope
        .find::<Entity>()
        .filter(Column::Kind.is_in(scope.core().job_kinds.names()))
        .filter(Column::Id.eq(id));
    let found = found.one(scope.core().db.reader()).await?;
    found.map(|job| scope.require_to_see(&job).map(|()| job)).transpose()
}

/// Returns the job that `job` repeats; `None` if it repeats none. Both belong to the same
/// organization, which need not be the scope's if the viewer is an operator.
///
/// # Errors
/// A database fault.
pub async fn retried(scope: &Scope, job: &Model) -> Result<Option<Model>> {
    scope.require_to_see(job)?;
    let Some(id) = job.retry_of else { return Ok(None) };
    let found = Entity::of(job.organization_id).filter(Column::Id.eq(id));
    let found = found.one(scope.core().db.reader()).await?;
    Ok(found.filter(|job| scope.core().job_kinds.find(&job.kind).is_some()))
}

/// Returns each transition of a job that is still kept, oldest first.
///
/// # Errors
/// A database fault.
pub async fn transitions(scope: &Scope, job: &Model) -> Result<Vec<job_event::Model>> {
    scope.require_to_see(job)?;
    let events = job_event::Entity::of(job.organization_id)
        .filter(job_event::Column::JobId.eq(job.id))
        .order_by_asc(job_event::Column::Feed);
    Ok(events.all(scope.core().db.reader()).await?)
}

/// Returns the position of `event`, as a cursor of the feed that the scope's viewer may watch.
#[must_use]
pub fn feed_cursor(scope: &Scope, event: &job_event::Model) -> String {
    let position = super::feed::Position::at(event.feed, event.fingerprint);
    position.seal(scope)
}
