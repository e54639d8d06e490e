//! The `startBackup` field.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_service::{
    Error, Permission, Scope,
    backups::{self, StartBackup},
};

use super::types::BackupJob;
use crate::graphql::{
    context::{enter, enter_instance},
    error::{UserError, split},
    job::{compression::Compression, types::JobFields},
};

#[derive(Default)]
pub(crate) struct BackupMutation;

#[Object]
impl BackupMutation {
    /// Starts a backup to a SQL file: of one organization, for its ADMIN, or of the whole instance,
    /// for operators.
    async fn start_backup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Scope and options of the backup.")] input: StartBackupInput,
    ) -> Result<StartBackupPayload> {
        let (started, user_errors) = split(start(ctx, input).await)?;
        let (job, replayed) =
            started.map_or((None, false), |(job, replayed)| (Some(job), replayed));
        Ok(StartBackupPayload { job, replayed, user_errors })
    }
}

async fn start(ctx: &Context<'_>, input: StartBackupInput) -> Result<(BackupJob, bool), Error> {
    let StartBackupInput { organization_id, verify, compression, idempotency_key } = input;
    let scope = scope(ctx, organization_id.as_ref()).await?;
    let request = StartBackup {
        verify: verify.unwrap_or(true),
        compression: compression.unwrap_or_default().into(),
        idempotency_key,
        scheduled_for: None,
    };
    let started = backups::start(&scope, request).await?;
    Ok((BackupJob(JobFields { scope, job: started.job }), started.replayed))
}

/// Enters the organization to back up, or the instance, for operators.
async fn scope(ctx: &Context<'_>, organization_id: Option<&ID>) -> Result<Scope, Error> {
    let path = ["input", "organizationId"];
    if let Some(id) = organization_id {
        return enter(ctx, id, Permission::BackUp, &path).await;
    }
    let message = "is required: only operators can back up the whole instance";
    enter_instance(ctx, Permission::BackUp, &path, message).await
}

/// Input of `startBackup`.
#[derive(InputObject)]
struct StartBackupInput {
    /// ID of the organization to back up. If absent, the whole instance is backed up, for
    /// operators.
    organization_id: Option<ID>,
    /// Verifies the backup as part of the job: the file is restored into an empty database, and
    /// every table is compared.
    #[graphql(default_with = "Some(true)")]
    verify: Option<bool>,
    /// Compression of the file.
    #[graphql(default_with = "Some(Compression::None)")]
    compression: Option<Compression>,
    /// A key that makes the request safe to repeat: a second request with the same key starts
    /// nothing and returns the first job. 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// Result of `startBackup`.
#[derive(SimpleObject)]
struct StartBackupPayload {
    /// The backup job. Null only if `userErrors` is not empty.
    job: Option<BackupJob>,
    /// True if an identical earlier request already started this job.
    replayed: bool,
    /// Problems that the caller can fix. Nothing was started if there are any.
    user_errors: Vec<UserError>,
}
