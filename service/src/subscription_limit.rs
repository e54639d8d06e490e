//! Limits on the subscriptions that each organization may run in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{Error, ProblemCode, Result};

/// Counts of running subscriptions, by organization.
#[derive(Debug, Default)]
pub(crate) struct SubscriptionCounts(Arc<Mutex<HashMap<Uuid, usize>>>);

/// A counted subscription; dropping this ends the counting.
#[derive(Debug)]
pub(crate) struct CountedSubscription {
    counts: Arc<Mutex<HashMap<Uuid, usize>>>,
    organization_id: Uuid,
}

impl SubscriptionCounts {
    /// Returns the number of running subscriptions of all organizations.
    pub(crate) fn total(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Counts a subscription of an organization that may have `limit` subscriptions at once.
    ///
    /// # Errors
    /// RATE_LIMITED if the organization already has `limit` subscriptions.
    pub(crate) fn admit(&self, organization_id: Uuid, limit: usize) -> Result<CountedSubscription> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(organization_id).or_default();
        if *count >= limit {
            let message = format!(
                "this organization already has {limit} subscriptions on this node, the most it may \
                 have: end one, or try again later"
            );
            return Err(Error::problem(ProblemCode::RateLimited, &[], message));
        }
        *count += 1;
        Ok(CountedSubscription { counts: Arc::clone(&self.0), organization_id })
    }
}

impl Drop for CountedSubscription {
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
