//! The `recordAuditLogs` field.

use async_graphql::{Context, Object, Result, SimpleObject};
use daybook_service::{Permission, audit};

use super::{
    input::{self, RecordAuditLogsInput},
    types::AuditLog,
};
use crate::graphql::{
    context::{enter, instance},
    error::{UserError, split},
};

#[derive(Default)]
pub(crate) struct AuditLogMutation;

#[Object]
impl AuditLogMutation {
    /// Appends up to 1,000 entries to an organization's audit log in the given order: either all of
    /// them or none. A repeated `idempotencyKey` appends nothing and returns the first result.
    async fn record_audit_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entries to append, and the organization whose log they are for.")]
        input: RecordAuditLogsInput,
    ) -> Result<RecordAuditLogsPayload> {
        let (recorded, user_errors) = split(record(ctx, input).await)?;
        let replayed = recorded.as_ref().is_some_and(|recorded| recorded.replayed);
        let entries = recorded.map(|recorded| recorded.entries).unwrap_or_default();
        let audit_logs = entries.into_iter().map(AuditLog).collect();
        Ok(RecordAuditLogsPayload { audit_logs, replayed, user_errors })
    }
}

async fn record(
    ctx: &Context<'_>,
    input: RecordAuditLogsInput,
) -> Result<audit::Recorded, daybook_service::Error> {
    let RecordAuditLogsInput { organization_id, entries, idempotency_key } = input;
    let path = ["input", "organizationId"];
    let scope = enter(ctx, &organization_id, Permission::RecordAuditLogs, &path).await?;
    let entries = input::read(entries, &["input", "entries"])?;
    instance(ctx).recorder.record(&scope, entries, idempotency_key).await
}

/// Result of `recordAuditLogs`.
#[derive(SimpleObject)]
struct RecordAuditLogsPayload {
    /// The entries as stored, in the given order. Empty if `userErrors` is not.
    audit_logs: Vec<AuditLog>,
    /// True if an earlier request with the same `idempotencyKey` already stored the entries.
    replayed: bool,
    /// Problems that the caller can fix. Nothing was stored if there are any.
    user_errors: Vec<UserError>,
}
