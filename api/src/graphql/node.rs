//! `node` and `nodes` (GraphQL Global Object Identification Specification).

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object, Result};
use daybook_service::{GlobalId, Permission, audit, jobs, notes, organizations};

use super::{
    audit_log::types::AuditLog,
    backup::types::BackupJob,
    context::{enter_to_see, global_id},
    error::{FieldError, to_error},
    export::types::ExportJob,
    job::{interface::Job, query::right_to_see},
    note::types::{Note, Workspace},
    organization::{api_key::ApiKey, types::Organization},
};

/// An object that can be fetched again by its global ID.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "Global ID, an opaque text. It includes the type: an ID of one type is never accepted as an ID of another."
))]
pub(super) enum Node {
    Organization(Organization),
    AuditLog(AuditLog),
    ExportJob(ExportJob),
    Workspace(Workspace),
    Note(Note),
    BackupJob(BackupJob),
    ApiKey(ApiKey),
}

/// Maximum number of IDs in one `nodes`.
const MAX_IDS: usize = 100;

#[derive(Default)]
pub(crate) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Returns the object with a global ID. Null if it does not exist or the viewer does not belong
    /// to its organization.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of an object of any type.")] id: ID,
    ) -> Result<Option<Node>> {
        find(ctx, &id, "id").await
    }

    /// Returns the objects with these global IDs, in the same order. An object is null if it does
    /// not exist or the viewer does not belong to its organization.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global IDs of objects of any types. At most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MAX_IDS {
            let message = format!("must have at most {MAX_IDS} IDs");
            return Err(FieldError::invalid(&["ids"], &message).into());
        }
        let mut nodes = Vec::with_capacity(ids.len());
        for (index, id) in ids.iter().enumerate() {
            nodes.push(find(ctx, id, &format!("ids.{index}")).await?);
        }
        Ok(nodes)
    }
}

async fn find(ctx: &Context<'_>, id: &ID, path: &str) -> Result<Option<Node>> {
    // A request without credentials is refused, whatever the ID.
    super::context::viewer(ctx).map_err(to_error)?;
    let id = global_id(id, &[path])?;
    let (organization_id, permission) = match id {
        GlobalId::Organization(id) => (id, Permission::ReadOrganization),
        GlobalId::AuditLog { organization_id, .. } => (organization_id, Permission::ReadAuditLog),
        GlobalId::Job { organization_id, id } => {
            let permission = right_to_see(ctx, organization_id, id).await.map_err(to_error)?;
            (organization_id, permission)
        }
        GlobalId::ApiKey { organization_id, .. } => (organization_id, Permission::ReadApiKeys),
        GlobalId::Workspace { organization_id, .. } => {
            (organization_id, Permission::ReadWorkspaces)
        }
        GlobalId::Note { organization_id, .. } => (organization_id, Permission::ReadNotes),
    };
    let Some(scope) = enter_to_see(ctx, organization_id, permission).await? else {
        return Ok(None);
    };
    Ok(match id {
        GlobalId::Organization(_) => {
            let organization = organizations::get(&scope).await.map_err(to_error)?;
            Some(Node::Organization(Organization(organization)))
        }
        GlobalId::AuditLog { sequence, id, .. } => {
            let entry = audit::get(&scope, sequence, id).await.map_err(to_error)?;
            entry.map(|entry| Node::AuditLog(AuditLog(entry)))
        }
        GlobalId::Job { id, .. } => {
            let job = jobs::find(&scope, id).await.map_err(to_error)?;
            job.map(|job| match Job::new(&scope, job) {
                Job::ExportJob(job) => Node::ExportJob(job),
                Job::BackupJob(job) => Node::BackupJob(job),
            })
        }
        GlobalId::ApiKey { id, .. } => {
            let row = organizations::api_keys::get(&scope, id).await.map_err(to_error)?;
            row.map(|row| Node::ApiKey(ApiKey(row)))
        }
        GlobalId::Workspace { id, .. } => {
            let row = notes::workspace::get(&scope, id).await.map_err(to_error)?;
            row.map(|row| Node::Workspace(Workspace { scope, row: Arc::new(row) }))
        }
        GlobalId::Note { id, .. } => Note::get(ctx, &scope, id).await?.map(Node::Note),
    })
}
