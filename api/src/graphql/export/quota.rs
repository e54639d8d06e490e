//! `ExportQuota`: the number of exports that an organization can start.

use async_graphql::SimpleObject;
use daybook_service::jobs::Quota;

use crate::graphql::scalar::Instant;

/// The number of exports that an organization can start within any hour. Canceled exports count.
/// Requests that repeat or join an existing export do not count, nor do jobs that failed because of
/// Daybook.
#[derive(SimpleObject)]
pub(in crate::graphql) struct ExportQuota {
    /// Maximum number of exports within an hour.
    limit: i32,
    /// Number of exports that can be started now.
    remaining: i32,
    /// The time at which `remaining` next increases. The current time if no export counts.
    resets_at: Instant,
}

impl From<Quota> for ExportQuota {
    fn from(Quota { limit, remaining, resets_at }: Quota) -> Self {
        let number = |number| i32::try_from(number).unwrap_or(i32::MAX);
        Self { limit: number(limit), remaining: number(remaining), resets_at: resets_at.into() }
    }
}
