//! The `auditLogs` and `auditLog` fields.

use async_graphql::{Context, ID, Object, Result};
use daybook_service::{GlobalId, Permission, audit};

use super::{
    input::{AuditLogFilter, AuditLogOrder},
    types::{AuditLog, AuditLogConnection, AuditLogTotal},
};
use crate::graphql::{
    context::{enter, enter_to_see, global_id, viewer},
    error::{FieldError, to_error},
    page::{args, connection},
};

#[derive(Default)]
pub(crate) struct AuditLogQuery;

#[Object]
impl AuditLogQuery {
    /// Lists the entries of an organization's audit log, newest first by default. A page has 50
    /// entries by default and at most 100; a larger page is an error. For ADMIN and AUDITOR;
    /// operators can read the instance's own log.
    #[allow(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn audit_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the organization whose audit log is read.")] organization_id: ID,
        #[graphql(desc = "Conditions that entries must meet. All entries if absent.")]
        filter: Option<AuditLogFilter>,
        #[graphql(
            default_with = "Some(AuditLogOrder::RecordedDesc)",
            desc = "Order of the entries."
        )]
        order_by: Option<AuditLogOrder>,
        #[graphql(desc = "Size of a page from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<AuditLogConnection> {
        let path = ["organizationId"];
        let scope = enter(ctx, &organization_id, Permission::ReadAuditLog, &path).await;
        let scope = scope.map_err(to_error)?;
        let filter = AuditLogFilter::read(filter, &["filter"]).map_err(to_error)?;
        let order = order_by.unwrap_or_default().into();
        let args = args(first, after, last, before);
        // Read before the page, so that no entry is recorded unseen between the two.
        let end = match ctx.look_ahead().field("tailCursor").exists() {
            true => Some(audit::end(&scope).await.map_err(to_error)?),
            false => None,
        };
        let page = audit::list(&scope, &filter, order, &args).await.map_err(to_error)?;
        Ok(connection(page, AuditLogTotal { scope, filter, end }, AuditLog))
    }

    /// Returns one audit log entry. Null if it does not exist or the viewer does not belong to its
    /// organization.
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the entry.")] id: ID,
    ) -> Result<Option<AuditLog>> {
        viewer(ctx).map_err(to_error)?;
        let GlobalId::AuditLog { organization_id, sequence, id } = global_id(&id, &["id"])? else {
            return Err(FieldError::invalid(&["id"], "must be the ID of an audit log entry").into());
        };
        let scope = enter_to_see(ctx, organization_id, Permission::ReadAuditLog).await?;
        let Some(scope) = scope else { return Ok(None) };
        let entry = audit::get(&scope, sequence, id).await.map_err(to_error)?;
        Ok(entry.map(AuditLog))
    }
}
