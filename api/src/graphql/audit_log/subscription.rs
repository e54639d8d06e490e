//! The `auditLogRecorded` field.

use async_graphql::{
    Context, ID, Result, Subscription,
    connection::{Edge, EmptyFields},
};
use daybook_service::{Permission, audit};
use futures::{Stream, StreamExt};

use super::{input::AuditLogFilter, types::AuditLog};
use crate::graphql::{context::enter, error::to_error};

#[derive(Default)]
pub(crate) struct AuditLogSubscription;

#[Subscription]
impl AuditLogSubscription {
    /// Sends every entry of an organization's audit log that matches the filter as it is recorded,
    /// in the order of `sequence`. `after` takes the cursor of an entry or the `tailCursor` of a
    /// page. The stream ends with FORBIDDEN or UNAUTHENTICATED once the viewer may no longer read
    /// the log: at once on the node that processed the change, within 5 seconds on other nodes.
    async fn audit_log_recorded(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the organization whose audit log is watched.")] organization_id: ID,
        #[graphql(desc = "Conditions that entries must meet. All entries if absent.")]
        filter: Option<AuditLogFilter>,
        #[graphql(
            desc = "Cursor after which to start. Starts with the next recorded entry if absent."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Edge<String, AuditLog, EmptyFields>>>> {
        let path = ["organizationId"];
        let scope = enter(ctx, &organization_id, Permission::ReadAuditLog, &path).await;
        let filter = AuditLogFilter::read(filter, &["filter"]).map_err(to_error)?;
        let entries = audit::tail(scope.map_err(to_error)?, filter, after).await;
        Ok(entries.map_err(to_error)?.map(|entry| {
            let entry = entry.map_err(to_error)?;
            Ok(Edge::new(entry.cursor, AuditLog(entry.node)))
        }))
    }
}
