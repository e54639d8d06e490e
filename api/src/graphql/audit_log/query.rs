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
    /// An organization's audit log, newest first unless ordered otherwise. 50 a page by default,
    /// 100 at the most; more is an error, not a clamp.
    #[allow(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn audit_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose log.")] organization_id: ID,
        #[graphql(desc = "Which entries.")] filter: Option<AuditLogFilter>,
        #[graphql(default_with = "Some(AuditLogOrder::RecordedDesc)", desc = "In which order.")]
        order_by: Option<AuditLogOrder>,
        #[graphql(desc = "This many from the start.")] first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<String>,
        #[graphql(desc = "This many from the end.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<AuditLogConnection> {
        let path = ["organizationId"];
        let scope = enter(ctx, &organization_id, Permission::ReadAuditLog, &path).await;
        let scope = scope.map_err(to_error)?;
        let filter = AuditLogFilter::read(filter, &["filter"]).map_err(to_error)?;
        let order = order_by.unwrap_or_default().into();
        let args = args(first, after, last, before);
        // Before the page is read, so that nothing is recorded between the two unseen.
        let end = match ctx.look_ahead().field("tailCursor").exists() {
            true => Some(audit::end(&scope).await.map_err(to_error)?),
            false => None,
        };
        let page = audit::list(&scope, &filter, order, &args).await.map_err(to_error)?;
        Ok(connection(page, AuditLogTotal { scope, filter, end }, AuditLog))
    }

    /// One entry; null where it does not exist or the viewer does not belong to its organization.
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its ID.")] id: ID,
    ) -> Result<Option<AuditLog>> {
        viewer(ctx).map_err(to_error)?;
        let GlobalId::AuditLog { organization_id, sequence, id } = global_id(&id, &["id"])? else {
            return Err(FieldError::invalid(&["id"], "is not an audit log entry's ID").into());
        };
        let scope = enter_to_see(ctx, organization_id, Permission::ReadAuditLog).await?;
        let Some(scope) = scope else { return Ok(None) };
        let entry = audit::get(&scope, sequence, id).await.map_err(to_error)?;
        Ok(entry.map(AuditLog))
    }
}
