//! The `auditLogHistogram` and `auditLogValues` fields: what an explorer shows beside the entries.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use daybook_service::{Permission, audit};

use super::input::AuditLogFilter;
use crate::graphql::{context::enter, error::to_error, scalar::Instant};

#[derive(Default)]
pub(crate) struct AuditLogActivityQuery;

#[Object]
impl AuditLogActivityQuery {
    /// Counts the entries that pass the filter, `search` included, in `buckets` equal intervals of `timestamp`
    /// between the filter's `from` and `to`. If one of them is absent, the first or last entry that passes takes
    /// its place. Fewer intervals if the range has fewer microseconds; none if the range is empty.
    async fn audit_log_histogram(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose log.")] organization_id: ID,
        #[graphql(desc = "Which entries.")] filter: Option<AuditLogFilter>,
        #[graphql(default = 60, desc = "How many intervals; 200 at the most, more is an error.")]
        buckets: i32,
    ) -> Result<Vec<AuditLogBucket>> {
        let path = ["organizationId"];
        let scope = enter(ctx, &organization_id, Permission::ReadAuditLog, &path).await;
        let scope = scope.map_err(to_error)?;
        let filter = AuditLogFilter::read(filter, &["filter"]).map_err(to_error)?;
        let buckets = usize::try_from(buckets).unwrap_or_default();
        let found = audit::histogram(&scope, &filter, buckets).await.map_err(to_error)?;
        found.into_iter().map(AuditLogBucket::try_from).collect()
    }

    /// Distinct values that entries have, to suggest them for a filter: the first ones in byte
    /// order that begin with `prefix`.
    async fn audit_log_values(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose log.")] organization_id: ID,
        #[graphql(desc = "Of which field.")] facet: AuditLogFacet,
        #[graphql(default, desc = "What they begin with, without `*`.")] prefix: String,
        #[graphql(default = 20, desc = "How many; 100 at the most, more is an error.")] first: i32,
    ) -> Result<Vec<String>> {
        let path = ["organizationId"];
        let scope = enter(ctx, &organization_id, Permission::ReadAuditLog, &path).await;
        let scope = scope.map_err(to_error)?;
        let first = usize::try_from(first).unwrap_or_default();
        audit::values(&scope, facet.into(), &prefix, first).await.map_err(to_error)
    }
}

/// A field whose values can be suggested.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "audit::Facet")]
pub(in crate::graphql) enum AuditLogFacet {
    /// `action`.
    Action,
    /// `resource.type`.
    ResourceType,
}

/// The entries of one interval.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditLogBucket {
    /// Beginning of the interval.
    from: Instant,
    /// End of the interval. An entry at this instant belongs to the next one, except that the last interval of a
    /// filter without `to` may end at 9999-12-31T23:59:59.999999Z and includes it.
    to: Instant,
    /// Number of entries in the interval, or as many of them as were counted.
    count: i32,
    /// True if counting ended early, so that its cost is bounded: there may be more entries than `count`.
    capped: bool,
}

impl TryFrom<audit::Bucket> for AuditLogBucket {
    type Error = async_graphql::Error;

    fn try_from(audit::Bucket { from, to, count, is_capped }: audit::Bucket) -> Result<Self> {
        let count = i32::try_from(count)?;
        Ok(Self { from: from.into(), to: to.into(), count, capped: is_capped })
    }
}
