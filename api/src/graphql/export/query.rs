//! The `exportEstimate` field, and quotas.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use daybook_service::{exports, jobs::Quota};

use super::mutation::{ExportSource, wanted};
use crate::graphql::{
    context::enter,
    error::to_error,
    scalar::{BigInt, Instant},
};

#[derive(Default)]
pub(crate) struct ExportQuery;

#[Object]
impl ExportQuery {
    /// Estimates the size of an export without starting it.
    async fn export_estimate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the organization whose data would be exported.")]
        organization_id: ID,
        #[graphql(desc = "The data to export.")] source: ExportSource,
    ) -> Result<ExportEstimate> {
        let path = ["organizationId"];
        let scope = enter(ctx, &organization_id, source.read_permission(), &path).await;
        let scope = scope.map_err(to_error)?;
        let wanted = wanted(&scope, source, &["source"]).map_err(to_error)?;
        let estimate = exports::estimate(&scope, &wanted).await.map_err(to_error)?;
        let exports::Estimate { record_count, is_inline, pieces } = estimate;
        Ok(ExportEstimate {
            record_count: BigInt(i64::try_from(record_count).unwrap_or(i64::MAX)),
            inline: is_inline,
            pieces: i32::try_from(pieces).unwrap_or(i32::MAX),
        })
    }
}

/// The size that an export would have now.
#[derive(SimpleObject)]
struct ExportEstimate {
    /// Number of records that match now.
    record_count: BigInt,
    /// True if `startExport` would finish the export at once.
    inline: bool,
    /// Number of exports that are needed for all records, since each has a maximum size. At least
    /// 1.
    pieces: i32,
}

/// The number of exports that an organization can start within any hour. Canceled exports count.
/// Requests that repeat or join an existing export do not count, nor do jobs that failed because of
/// Daybook.
#[derive(SimpleObject)]
pub(in crate::graphql) struct ExportQuota {
    /// Maximum number of exports within an hour.
    pub(super) limit: i32,
    /// Number of exports that can be started now.
    pub(super) remaining: i32,
    /// The time at which `remaining` next increases. The current time if no export counts.
    pub(super) resets_at: Instant,
}

impl From<Quota> for ExportQuota {
    fn from(Quota { limit, remaining, resets_at }: Quota) -> Self {
        let number = |number| i32::try_from(number).unwrap_or(i32::MAX);
        Self { limit: number(limit), remaining: number(remaining), resets_at: resets_at.into() }
    }
}
