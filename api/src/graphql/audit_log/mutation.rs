//! The `recordAuditLogs` field.

use async_graphql::{Context, Object, Result, SimpleObject};
use daybook_entity::audit_log::Model;
use daybook_service::{Permission, Problem};

use super::{
    input::{self, OnInvalid, RecordAuditLogsInput},
    types::AuditLog,
};
use crate::graphql::{
    context::{enter, instance},
    error::{UserError, split, user_error},
};

#[derive(Default)]
pub(crate) struct AuditLogMutation;

#[Object]
impl AuditLogMutation {
    /// Appends up to 1,000 entries to an organization's audit log in the given order: either all of
    /// them or none, unless `onInvalid` is SKIP. A repeated `idempotencyKey` appends nothing and
    /// returns the first result.
    async fn record_audit_logs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entries to append, and the organization whose log they are for.")]
        input: RecordAuditLogsInput,
    ) -> Result<RecordAuditLogsPayload> {
        let (recorded, user_errors) = split(record(ctx, input).await)?;
        let (results, replayed) = recorded.unwrap_or_default();
        Ok(RecordAuditLogsPayload { results, replayed, user_errors })
    }
}

type Results = Vec<Result<Model, Vec<Problem>>>;

/// Returns what became of each entry, and whether an earlier request recorded them.
async fn record(
    ctx: &Context<'_>,
    input: RecordAuditLogsInput,
) -> Result<(Results, bool), daybook_service::Error> {
    let RecordAuditLogsInput { organization_id, entries, on_invalid, idempotency_key } = input;
    let path = ["input", "organizationId"];
    let scope = enter(ctx, &organization_id, Permission::RecordAuditLogs, &path).await?;
    let entries = input::read(entries, &["input", "entries"]);
    let recorder = &instance(ctx).recorder;
    match on_invalid.unwrap_or_default() {
        OnInvalid::RefuseAll => {
            let recorded = recorder.record(&scope, input::all(entries)?, idempotency_key).await?;
            Ok((recorded.entries.into_iter().map(Ok).collect(), recorded.replayed))
        }
        OnInvalid::Skip => {
            let recorded = recorder.record_valid(&scope, entries, idempotency_key).await?;
            Ok((recorded.results, recorded.replayed))
        }
    }
}

/// Result of `recordAuditLogs`.
struct RecordAuditLogsPayload {
    results: Results,
    replayed: bool,
    user_errors: Vec<UserError>,
}

/// Result of `recordAuditLogs`.
#[Object]
impl RecordAuditLogsPayload {
    /// The recorded entries as stored, in the given order. Empty if `userErrors` is not.
    async fn audit_logs(&self) -> Vec<AuditLog> {
        self.results
            .iter()
            .filter_map(|result| result.as_ref().ok())
            .cloned()
            .map(AuditLog)
            .collect()
    }

    /// The result of each entry, in the given order. Empty if `userErrors` is not.
    async fn results(&self) -> Vec<RecordAuditLogResult> {
        let result = |result: &Result<Model, Vec<Problem>>| match result {
            Ok(entry) => RecordAuditLogResult {
                audit_log: Some(AuditLog(entry.clone())),
                user_errors: Vec::new(),
            },
            Err(problems) => RecordAuditLogResult {
                audit_log: None,
                user_errors: problems.iter().cloned().map(user_error).collect(),
            },
        };
        self.results.iter().map(result).collect()
    }

    /// True if an earlier request with the same `idempotencyKey` already stored the entries.
    async fn replayed(&self) -> bool {
        self.replayed
    }

    /// Problems that the caller can fix. Nothing was stored if there are any.
    async fn user_errors(&self) -> &[UserError] {
        &self.user_errors
    }
}

/// The result of an entry of `recordAuditLogs`.
#[derive(SimpleObject)]
struct RecordAuditLogResult {
    /// The entry as stored. Null if it was left out.
    audit_log: Option<AuditLog>,
    /// Problems of the entry, for which it was left out. Empty if it was stored.
    user_errors: Vec<UserError>,
}
