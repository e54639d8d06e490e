//! `Artifact`: the file that a job produced.

use async_graphql::{Context, Object, Result};
use daybook_entity::artifact;
use daybook_service::{Permission, Scope, artifacts};

use super::availability::ArtifactAvailability;
use crate::graphql::{
    context::instance,
    error::to_error,
    scalar::{BigInt, Instant, Json, stored},
};

/// The file that a job produced.
pub(in crate::graphql) struct Artifact {
    pub(super) scope: Scope,
    pub(super) artifact: artifact::Model,
    /// The permission that downloading the file requires.
    pub(super) permission: Permission,
}

/// The file that a job produced.
#[Object]
impl Artifact {
    /// Name of the file, under which browsers save it.
    async fn file_name(&self) -> &str {
        &self.artifact.file_name
    }

    /// Media type of the file.
    async fn content_type(&self) -> &str {
        &self.artifact.content_type
    }

    /// Size of the file in bytes.
    async fn size_bytes(&self) -> BigInt {
        BigInt(self.artifact.size_bytes)
    }

    /// SHA-256 of the file, in lowercase hex.
    async fn sha256(&self) -> String {
        daybook_service::hex(&self.artifact.sha256)
    }

    /// Number of records in the file.
    async fn record_count(&self) -> BigInt {
        BigInt(self.artifact.record_count)
    }

    /// The artifact can be downloaded until this time.
    async fn expires_at(&self) -> Instant {
        self.artifact.expires_at.into()
    }

    /// AVAILABLE if the viewer can download the file now, or the reason why not.
    async fn availability(&self) -> Result<ArtifactAvailability> {
        let found = artifacts::availability(&self.scope, &self.artifact, self.permission);
        Ok(found.await.map_err(to_error)?.into())
    }

    /// True once the artifact has expired or been removed.
    async fn expired(&self) -> bool {
        self.artifact.removed_at.is_some()
            || self.artifact.expires_at <= self.scope.core().clock.now()
    }

    /// Signed link to the file, valid for nine to ten minutes and never longer than until
    /// `expiresAt`. Anyone who has the link can download the file until then, with range requests.
    /// The audit log records who received the link and which clients used it. Null unless
    /// `availability` is AVAILABLE.
    async fn download_url(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let link = artifacts::issue_link(
            &instance(ctx).recorder,
            &self.scope,
            &self.artifact,
            self.permission,
        );
        link.await.map_err(to_error)
    }

    /// Description of the file, for verifying it: filter, range, columns, counts and checksums.
    /// Null for viewers, such as operators, who can see the job but may not export its data.
    async fn manifest(&self) -> Result<Option<Json>> {
        let Artifact { scope, artifact, permission } = self;
        let may = scope.may(artifact.organization_id, *permission).await.map_err(to_error)?;
        may.then(|| stored(&artifact.manifest)).transpose().map(|manifest| manifest.map(Json))
    }
}
