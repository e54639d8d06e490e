//! The `auditLogHistogram` and `auditLogValues` fields, which an explorer shows beside the entries.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use daybook_service::{Permission, audit};

use super::input::AuditLogFilter;
use crate::graphql::{context::enter, error::to_error, scalar::Instant};

#[derive(Default)]
pub(crate) struct AuditLogActivityQuery;

#[Object]
impl AuditLogActivityQuery {
    /// Counts the entries that match the filter, including `search`, in `buckets` equal intervals
    /// of `timestamp` between the filter's `from` and `to`. If `from` or `to` is absent, the first
    /// or last matching entry takes its place. Returns fewer intervals if the range has fewer
    /// microseconds than `buckets`, and none if the range is empty.
    async fn audit_log_histogram(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the organization whose audit log is read.")] organization_id: ID,
        #[graphql(desc = "Conditions that entries must meet. All entries if absent.")]
        filter: Option<AuditLogFilter>,
        #[graphql(default = 60, desc = "Number of intervals: 1 to 200.")] buckets: i32,
    ) -> Result<Vec<AuditLogBucket>> {
        let path = ["organizationId"];
        let scope = enter(ctx, &organization_id, Permission::ReadAuditLog, &path).await;
        let scope = scope.map_err(to_error)?;
        let filter = AuditLogFilter::read(filter, &["filter"]).map_err(to_error)?;
        let buckets = usize::try_from(buckets).unwrap_or_default();
        let found = audit::histogram(&scope, &filter, buckets).await.map_err(to_error)?;
        found.into_iter().map(AuditLogBucket::try_from).collect()
    }

    /// Lists distinct values of a field in an organization's audit log, as suggestions for a
    /// filter. Values are in byte order.
    async fn audit_log_values(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the organization whose audit log is read.")] organization_id: ID,
        #[graphql(desc = "Field whose values are returned.")] facet: AuditLogFacet,
        #[graphql(
            default,
            desc = "Returns only values that begin with this text. Must not contain `*`."
        )]
        prefix: String,
        #[graphql(default = 20, desc = "Maximum number of values: 1 to 100.")] first: i32,
    ) -> Result<Vec<String>> {
        let path = ["organizationId"];
        let scope = enter(ctx, &organization_id, Permission::ReadAuditLog, &path).await;
        let scope = scope.map_err(to_error)?;
        let first = usize::try_from(first).unwrap_or_default();
        audit::values(&scope, facet.into(), &prefix, first).await.map_err(to_error)
    }
}

/// A field of audit log entries whose values `auditLogValues` can list.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
#[graphql(remote = "audit::Facet")]
pub(in crate::graphql) enum AuditLogFacet {
    /// The `action` field of entries.
    Action,
    /// The `resource.type` field of entries.
    ResourceType,
}

/// The number of entries in one interval of a histogram.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditLogBucket {
    /// Start of the interval, inclusive.
    from: Instant,
    /// End of the interval, exclusive. Only the last interval of a filter without `to` can end at
    /// 9999-12-31T23:59:59.999999Z, and then includes it.
    to: Instant,
    /// Number of entries in the interval. A lower bound if `capped` is true.
    count: i32,
    /// True if counting stopped early to bound its cost: the interval can have more entries than
    /// `count`.
    capped: bool,
}

impl TryFrom<audit::Bucket> for AuditLogBucket {
    type Error = async_graphql::Error;

    fn try_from(audit::Bucket { from, to, count, is_capped }: audit::Bucket) -> Result<Self> {
        let count = i32::try_from(count)?;
        Ok(Self { from: from.into(), to: to.into(), count, capped: is_capped })
    }
}
