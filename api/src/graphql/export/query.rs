//! The `exportEstimate` field.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use daybook_service::exports;

use super::source::{self, ExportSource};
use crate::graphql::{context::enter, error::to_error, scalar::BigInt};

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
        let source = source::read(&scope, source, &["source"]).map_err(to_error)?;
        let estimate = exports::estimate(&scope, &source).await.map_err(to_error)?;
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
