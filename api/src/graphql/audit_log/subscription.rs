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
    /// Entries as they are recorded, in sequence order, none lost; `after` takes an entry's cursor.
    /// The stream ends with FORBIDDEN or UNAUTHENTICATED once the viewer may no longer read the log:
    /// at once on the node that answered the change, within 5 seconds on others.
    async fn audit_log_recorded(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose log.")] organization_id: ID,
        #[graphql(desc = "Which entries.")] filter: Option<AuditLogFilter>,
        #[graphql(desc = "An entry's cursor, to go on from there; absent: from now on.")]
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
