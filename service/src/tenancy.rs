//! How far a task reaches: a second wall between tenants, in PostgreSQL itself.
//!
//! The first wall is that every statement names its organization, and that [`crate::access::enter`] is the
//! only way to one. Where the database's role is not the tables' owner, row-level security stands behind it:
//! each connection is told, when it is lent, which organizations the task has entered, and the server shows
//! and takes no rows of others, whatever a statement says or forgets. A request begins with none; an attempt
//! of a job has its own; what is the instance's work (the queue, the janitor, the command line) reaches all.
//!
//! It holds against faults of ours, not against whoever can send SQL: they could say the same.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use daybook_entity::organization;
use futures::{Stream, StreamExt, stream};
use uuid::Uuid;

/// What the policies look at, for each row's organization: `*`, or IDs with commas between them.
pub(crate) const SETTING: &str = "daybook.organizations";

tokio::task_local! {
    static CONTEXT: Context;
}

/// Organizations that a task has entered; shared by all that it does.
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
    /// Of nothing but one organization. The instance's own work is about all of them.
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

/// Runs a request, which reaches no organization before it has entered one.
pub async fn closed<F: Future>(request: F) -> F::Output {
    CONTEXT.scope(Context::default(), request).await
}

/// The same for one that answers again and again.
pub fn closed_stream<S: Stream>(answers: S) -> impl Stream<Item = S::Item> {
    let context = Context::default();
    let mut answers = Box::pin(answers);
    stream::poll_fn(move |cx| CONTEXT.sync_scope(context.clone(), || answers.poll_next_unpin(cx)))
}

/// Runs what is done for one organization.
pub(crate) async fn only<F: Future>(organization_id: Uuid, work: F) -> F::Output {
    CONTEXT.scope(Context::of(organization_id), work).await
}

/// Lets a task that is spawned context as far as the one that spawns it.
pub(crate) fn inherit<F: Future>(task: F) -> impl Future<Output = F::Output> {
    let context = CONTEXT.try_with(Clone::clone).unwrap_or_else(|_| Context::all());
    CONTEXT.scope(context, task)
}

/// The task was let into an organization.
pub(crate) fn enter(organization_id: Uuid) {
    // Outside of requests and attempts everything is reached.
    let _ = CONTEXT.try_with(|context| context.add(organization_id));
}

/// The organization that this task has entered: the first one of several, none of all.
pub(crate) fn organization() -> Option<Uuid> {
    CONTEXT.try_with(Context::first).ok().flatten()
}

/// [`SETTING`] for this task.
pub(crate) fn setting() -> String {
    CONTEXT.try_with(Context::text).unwrap_or_else(|_| "*".to_owned())
}
