//! The `startBackup` field.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_entity::organization::INSTANCE;
use daybook_service::{
    Error, Permission, Scope, access,
    backups::{self, StartBackup},
};

use super::types::{BackupCompression, BackupJob};
use crate::graphql::{
    context::{enter, instance, viewer},
    error::{UserError, split},
    job::types::JobFields,
};

#[derive(Default)]
pub(crate) struct BackupMutation;

#[Object]
impl BackupMutation {
    /// Starts a SQL backup of one organization, or of the whole instance for an operator.
    async fn start_backup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of whom, and how.")] input: StartBackupInput,
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

/// The right to back up an organization, or everything for operators.
async fn scope(ctx: &Context<'_>, organization_id: Option<&ID>) -> Result<Scope, Error> {
    let path = ["input", "organizationId"];
    if let Some(id) = organization_id {
        return enter(ctx, id, Permission::BackUp, &path).await;
    }
    let viewer = viewer(ctx)?;
    let scope = access::enter(instance(ctx), viewer, INSTANCE, Permission::BackUp, &path).await;
    scope.map_err(|error| {
        if error.is_not_found() {
            Error::invalid(&path, "is needed: only operators back up the whole instance")
        } else {
            error
        }
    })
}

/// Of whom a backup is to be, and how it is to be made.
#[derive(InputObject)]
struct StartBackupInput {
    /// Absent: the whole instance, for operators.
    organization_id: Option<ID>,
    /// Restore the file into an empty database and compare, as part of the job.
    #[graphql(default_with = "Some(true)")]
    verify: Option<bool>,
    /// Compress the file.
    #[graphql(default_with = "Some(BackupCompression::None)")]
    compression: Option<BackupCompression>,
    /// Repeating it starts nothing and returns the first job. 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// The backup that was started.
#[derive(SimpleObject)]
struct StartBackupPayload {
    /// Null only where userErrors says why.
    job: Option<BackupJob>,
    /// True where an identical request had already started this job.
    replayed: bool,
    /// What the caller has to put right; then nothing was started.
    user_errors: Vec<UserError>,
}
