//! How many subscriptions each organization has in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{Error, ProblemCode, Result, Scope};

/// Counts of running subscriptions, by organization.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Arc<Mutex<HashMap<Uuid, usize>>>);

/// A counted subscription; dropping it ends the counting.
#[derive(Debug)]
pub(crate) struct Watcher {
    counts: Arc<Mutex<HashMap<Uuid, usize>>>,
    organization_id: Uuid,
}

impl Watchers {
    /// Of all organizations.
    pub(crate) fn total(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

/// Counts a subscription in, if there is room for one more.
///
/// # Errors
/// RATE_LIMITED where the organization has as many as it may.
pub(crate) fn admit(scope: &Scope) -> Result<Watcher> {
    let Watchers(counts) = &scope.instance.watchers;
    let most = scope.instance.settings.organization_subscriptions;
    let organization_id = scope.organization_id;
    let mut all = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let count = all.entry(organization_id).or_default();
    if *count >= most {
        let message = format!("this organization has {most} subscriptions here, which is the most");
        return Err(Error::problem(ProblemCode::RateLimited, &[], message));
    }
    *count += 1;
    Ok(Watcher { counts: Arc::clone(counts), organization_id })
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.organization_id) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.organization_id);
            }
        }
    }
}
