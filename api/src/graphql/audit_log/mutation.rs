//! The `recordAuditLogs` field.

use async_graphql::{Context, Object, Result, SimpleObject};
use daybook_service::{Permission, audit};

use super::{
    input::{self, RecordAuditLogsInput},
    types::AuditLog,
};
use crate::graphql::{
    context::enter,
    error::{UserError, split},
};

#[derive(Default)]
pub(crate) struct AuditLogMutation;

#[Object]
impl AuditLogMutation {
    /// Appends up to 1,000 entries, all or none, in the order given. Repeating an idempotencyKey
    /// appends nothing and returns the first answer.
    async fn record_audit_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to append, and where.")] input: RecordAuditLogsInput,
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
    audit::record(&scope, entries, idempotency_key).await
}

/// What was recorded.
#[derive(SimpleObject)]
struct RecordAuditLogsPayload {
    /// The entries as stored, in the order given; empty where userErrors says why.
    audit_logs: Vec<AuditLog>,
    /// True where an earlier request with this key had stored them already.
    replayed: bool,
    /// What the caller has to put right; then nothing was stored.
    user_errors: Vec<UserError>,
}
