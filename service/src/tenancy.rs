//! Tenancy: the organizations that a task may access, enforced by row-level security in PostgreSQL.
//!
//! The first protection is that every statement names its organization, and that
//! `access::enter` is the only way to get one. If the database's role is not the owner of
//! the tables, row-level security is the second: when a connection is lent, it receives the
//! organizations that the task has entered, and the server shows and accepts no rows of others,
//! whatever a statement says or forgets.
//!
//! It fails closed: a task without a context may access no organization. A request begins with none
//! ([`closed`]), an attempt of a job has its own organization (`only`), and the instance's own work
//! (the queue, the janitor, the command line) says that it may access all of them ([`system`]). A
//! spawned task has no context unless it inherits one (`inherit`).
//!
//! Row-level security protects against faults of Daybook, not against an attacker who can send SQL,
//! since an attacker could set the same parameter.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use daybook_entity::organization;
use futures::{Stream, StreamExt, stream};
use uuid::Uuid;

/// The setting that the policies compare with each row's organization: `*`, or IDs separated by
/// commas.
pub(crate) const SETTING: &str = "daybook.organizations";

tokio::task_local! {
    static CONTEXT: Context;
}

/// The organizations that a task has entered; shared by all that the task does.
#[derive(Clone, Debug, Default)]
struct Context(Arc<Mutex<AllowedOrganizations>>);

#[derive(Debug)]
enum AllowedOrganizations {
    All,
    Some(BTreeSet<Uuid>),
}

impl Default for AllowedOrganizations {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Context {
    /// Creates a context that allows one organization only; all of them for the instance's own
    /// organization.
    fn of(organization_id: Uuid) -> Self {
        let context = Self::default();
        context.add(organization_id);
        context
    }

    fn all() -> Self {
        Self(Arc::new(Mutex::new(AllowedOrganizations::All)))
    }

    fn add(&self, organization_id: Uuid) {
        let mut allowed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *allowed {
            _ if organization_id == organization::INSTANCE => *allowed = AllowedOrganizations::All,
            AllowedOrganizations::All => {}
            AllowedOrganizations::Some(organizations) => {
                organizations.insert(organization_id);
            }
        }
    }

    fn first(&self) -> Option<Uuid> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            AllowedOrganizations::All => None,
            AllowedOrganizations::Some(organizations) => organizations.first().copied(),
        }
    }

    fn text(&self) -> String {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            AllowedOrganizations::All => "*".to_owned(),
            AllowedOrganizations::Some(organizations) => {
                organizations.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
            }
        }
    }
}

/// Runs a request, which may access no organization before it has entered one.
pub async fn closed<F: Future>(request: F) -> F::Output {
    CONTEXT.scope(Context::default(), request).await
}

/// Runs a request that answers with a stream. It may access no organization before it has entered
/// one.
pub fn closed_stream<S: Stream>(answers: S) -> impl Stream<Item = S::Item> {
    let context = Context::default();
    let mut answers = Box::pin(answers);
    stream::poll_fn(move |cx| CONTEXT.sync_scope(context.clone(), || answers.poll_next_unpin(cx)))
}

/// Runs the instance's own work, which may access all organizations: the queue, the janitor, the
/// command line. Never used for a request.
pub async fn system<F: Future>(work: F) -> F::Output {
    CONTEXT.scope(Context::all(), work).await
}

/// Runs work that may access one organization only.
pub(crate) async fn only<F: Future>(organization_id: Uuid, work: F) -> F::Output {
    CONTEXT.scope(Context::of(organization_id), work).await
}

/// Gives a spawned task the allowed organizations of the task that spawns it.
pub(crate) fn inherit<F: Future>(task: F) -> impl Future<Output = F::Output> {
    let context = CONTEXT.try_with(Clone::clone).unwrap_or_default();
    CONTEXT.scope(context, task)
}

/// Adds an organization to those that this task may access. Without a context, there is nothing to
/// add to: the task may access none.
pub(crate) fn enter(organization_id: Uuid) {
    let _ = CONTEXT.try_with(|context| context.add(organization_id));
}

/// Returns the organization that this task has entered: the first of several, none if all are
/// allowed or none was entered.
pub(crate) fn organization() -> Option<Uuid> {
    CONTEXT.try_with(Context::first).ok().flatten()
}

/// Returns the value of [`SETTING`] for this task.
pub(crate) fn setting() -> String {
    CONTEXT.try_with(Context::text).unwrap_or_default()
}
