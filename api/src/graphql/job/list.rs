//! Lists of jobs: their filter and their connection.

use async_graphql::{InputObject, Object, Result};
use daybook_service::{Scope, jobs};

use super::{
    interface::Job,
    types::{JobKind, JobState},
};
use crate::graphql::{
    error::to_error,
    page::ConnectionWith,
    scalar::{self, Instant},
};

/// Conditions on jobs. A job must meet all of them; an absent or null condition matches everything.
#[derive(InputObject)]
pub(in crate::graphql) struct JobFilter {
    /// Matches jobs of one of these kinds.
    kinds: Option<Vec<JobKind>>,
    /// Matches jobs in one of these states.
    states: Option<Vec<JobState>>,
    /// Matches jobs that this subject requested.
    requested_by: Option<String>,
    /// Matches jobs that were requested at or after this time.
    created_from: Option<Instant>,
    /// Matches jobs that were requested before this time.
    created_to: Option<Instant>,
}

impl JobFilter {
    /// Returns the filter of the argument at `root`, or one that matches all jobs if it is absent.
    ///
    /// # Errors
    /// A time that can't be used.
    pub(super) fn read(
        filter: Option<Self>,
        root: &[&str],
    ) -> Result<jobs::Filter, daybook_service::Error> {
        let Some(filter) = filter else { return Ok(jobs::Filter::default()) };
        let Self { kinds, states, requested_by, created_from, created_to } = filter;
        let mut problems = Vec::new();
        let created_from = scalar::read(created_from, (root, "createdFrom"), &mut problems);
        let created_to = scalar::read(created_to, (root, "createdTo"), &mut problems);
        if !problems.is_empty() {
            return Err(daybook_service::Error::Refused(problems));
        }
        Ok(jobs::Filter {
            kinds: kinds.map(JobKind::names),
            states: states.map(|states| states.into_iter().map(Into::into).collect()),
            requested_by,
            created_from,
            created_to,
        })
    }
}

/// A page of jobs.
pub(in crate::graphql) type JobConnection = ConnectionWith<Job, JobTotal>;

/// The number of jobs that match a filter, counted only if selected.
pub(in crate::graphql) struct JobTotal {
    pub(super) scope: Scope,
    pub(super) filter: jobs::Filter,
}

#[Object]
impl JobTotal {
    /// Exact number of jobs that match the filter, on all pages. Counted only if selected.
    async fn total_count(&self) -> Result<i32> {
        let count = jobs::count(&self.scope, &self.filter).await.map_err(to_error)?;
        Ok(i32::try_from(count)?)
    }
}
