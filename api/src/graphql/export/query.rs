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
    /// What an export of this source would be, before anyone starts it.
    async fn export_estimate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which organization.")] organization_id: ID,
        #[graphql(desc = "What to export.")] source: ExportSource,
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

/// What an export would be.
#[derive(SimpleObject)]
struct ExportEstimate {
    /// Records that match now.
    record_count: BigInt,
    /// Whether startExport would finish it at once.
    inline: bool,
    /// How many exports of the capped size it takes; an export of nothing is one, too.
    pieces: i32,
}

/// How many exports an organization may start: a sliding hour. Replays, joined requests and jobs that
/// failed by a fault of ours cost nothing; canceled ones do.
#[derive(SimpleObject)]
pub(in crate::graphql) struct ExportQuota {
    /// Exports in an hour.
    pub(super) limit: i32,
    /// How many of them are left.
    pub(super) remaining: i32,
    /// When one more is left. Where none has been started in the last hour, now.
    pub(super) resets_at: Instant,
}

impl From<Quota> for ExportQuota {
    fn from(Quota { limit, remaining, resets_at }: Quota) -> Self {
        let number = |number| i32::try_from(number).unwrap_or(i32::MAX);
        Self { limit: number(limit), remaining: number(remaining), resets_at: resets_at.into() }
    }
}
