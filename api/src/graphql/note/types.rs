//! `Workspace`, `Note`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use daybook_entity::{note, workspace};
use daybook_service::{
    GlobalId, Permission, Scope, access,
    notes::{self, Bodies},
    organizations,
};

use super::allowance;
use crate::graphql::{
    context::{instance, viewer},
    error::to_error,
    organization::types::Organization,
    page::{ConnectionWith, args, connection},
    scalar::Instant,
};

/// A place for notes.
pub(in crate::graphql) struct Workspace {
    pub(in crate::graphql) scope: Scope,
    pub(in crate::graphql) row: Arc<workspace::Model>,
}

/// A place for notes.
#[Object]
impl Workspace {
    /// Opaque and typed.
    pub(in crate::graphql) async fn id(&self) -> ID {
        let workspace::Model { organization_id, id, .. } = *self.row;
        GlobalId::Workspace { organization_id, id }.to_string().into()
    }

    /// Unique in the organization.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Whose it is.
    async fn organization(&self) -> Result<Organization> {
        Ok(Organization(organizations::get(&self.scope).await.map_err(to_error)?))
    }

    /// When it was created.
    async fn created_at(&self) -> Instant {
        self.row.created_at.into()
    }

    /// Its notes by path. 50 a page by default, 100 at the most; more is an error, not a clamp.
    /// Bodies of more than 16 MiB in one answer are an error, too.
    async fn notes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of items to return from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Number of items to return from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<NoteConnection> {
        let (viewer, permission) = (viewer(ctx).map_err(to_error)?, Permission::ReadNotes);
        let organization_id = self.row.organization_id;
        let scope = access::enter(instance(ctx), viewer, organization_id, permission, &[]).await;
        let scope = scope.map_err(to_error)?;
        let selection = ctx.look_ahead();
        let has_bodies = selection.field("nodes").field("body").exists()
            || selection.field("edges").field("node").field("body").exists();
        let admit = |bytes| allowance::take(ctx, bytes);
        let bodies = if has_bodies { Bodies::Admitted(&admit) } else { Bodies::LeftOut };
        let args = args(first, after, last, before);
        let page = notes::list(&scope, self.row.id, &args, bodies).await.map_err(to_error)?;
        let workspace = Arc::clone(&self.row);
        let total = NoteTotal { scope: scope.clone(), workspace: self.row.id };
        let note =
            |row| Note { workspace: Some(Arc::clone(&workspace)), ..Note::read(&scope, row) };
        Ok(connection(page, total, note))
    }
}

/// A Markdown note in a workspace.
pub(in crate::graphql) struct Note {
    scope: Scope,
    row: note::Model,
    /// Its workspace, where that is known already.
    workspace: Option<Arc<workspace::Model>>,
    /// Whether its body has been taken from the allowance.
    body: Body,
}

enum Body {
    Taken,
    NotTaken,
}

impl Note {
    /// One that was read; its body has been taken from the allowance.
    fn read(scope: &Scope, row: note::Model) -> Self {
        Self { scope: scope.clone(), row, workspace: None, body: Body::Taken }
    }

    /// One that was just written.
    pub(super) fn written(scope: &Scope, row: note::Model) -> Self {
        Self { body: Body::NotTaken, ..Self::read(scope, row) }
    }

    /// The note with this id.
    pub(in crate::graphql) async fn get(
        ctx: &Context<'_>,
        scope: &Scope,
        id: uuid::Uuid,
    ) -> Result<Option<Self>> {
        let Some(row) = notes::get(scope, id).await.map_err(to_error)? else { return Ok(None) };
        allowance::take(ctx, row.body.len()).map_err(to_error)?;
        Ok(Some(Self::read(scope, row)))
    }
}

/// A Markdown note in a workspace.
#[Object]
impl Note {
    /// Opaque and typed.
    pub(in crate::graphql) async fn id(&self) -> ID {
        let note::Model { organization_id, id, .. } = self.row;
        GlobalId::Note { organization_id, id }.to_string().into()
    }

    /// In which workspace.
    async fn workspace(&self) -> Result<Workspace> {
        let row = match &self.workspace {
            Some(workspace) => Arc::clone(workspace),
            None => {
                let found = notes::workspace::get(&self.scope, self.row.workspace_id).await;
                let found = found.map_err(to_error)?;
                Arc::new(found.ok_or_else(|| async_graphql::Error::new("the workspace is gone"))?)
            }
        };
        Ok(Workspace { scope: self.scope.clone(), row })
    }

    /// Slash-separated place in the workspace, unique there, e.g. guides/setup. At most 500
    /// characters in Unicode's normalization form C, each segment at most 200 bytes.
    async fn path(&self) -> &str {
        &self.row.path
    }

    /// For people.
    async fn title(&self) -> &str {
        &self.row.title
    }

    /// CommonMark. At most 1 MiB.
    async fn body(&self, ctx: &Context<'_>) -> Result<&str> {
        match self.body {
            Body::Taken => {}
            Body::NotTaken => allowance::take(ctx, self.row.body.len()).map_err(to_error)?,
        }
        Ok(&self.row.body)
    }

    /// In the order in which they were given.
    async fn tags(&self) -> Result<Vec<String>> {
        notes::tags(&self.row).map_err(to_error)
    }

    /// Raised at each change. Give it to updateNote as `expectedVersion`.
    async fn version(&self) -> i32 {
        self.row.version
    }

    /// When it was created.
    async fn created_at(&self) -> Instant {
        self.row.created_at.into()
    }

    /// When it was last changed.
    async fn updated_at(&self) -> Instant {
        self.row.updated_at.into()
    }
}

/// A part of a list of workspaces.
pub(in crate::graphql) type WorkspaceConnection = ConnectionWith<Workspace, WorkspaceTotal>;

/// Counts workspaces where it's asked to.
pub(in crate::graphql) struct WorkspaceTotal(Scope);

#[Object]
impl WorkspaceTotal {
    /// Exact. Counted only when asked for.
    async fn total_count(&self) -> Result<i32> {
        Ok(i32::try_from(notes::workspace::count(&self.0).await.map_err(to_error)?)?)
    }
}

/// The workspaces of the organization that `scope` is of.
pub(in crate::graphql) async fn workspaces(
    scope: Scope,
    args: &daybook_service::page::PageArgs,
) -> Result<WorkspaceConnection> {
    let page = notes::workspace::list(&scope, args).await.map_err(to_error)?;
    let total = WorkspaceTotal(scope.clone());
    let workspace = |row| Workspace { scope: scope.clone(), row: Arc::new(row) };
    Ok(connection(page, total, workspace))
}

/// A part of a workspace's notes.
pub(in crate::graphql) type NoteConnection = ConnectionWith<Note, NoteTotal>;

/// Counts notes where it's asked to.
pub(in crate::graphql) struct NoteTotal {
    scope: Scope,
    workspace: uuid::Uuid,
}

#[Object]
impl NoteTotal {
    /// Exact. Counted only when asked for.
    async fn total_count(&self) -> Result<i32> {
        let count = notes::count(&self.scope, self.workspace).await.map_err(to_error)?;
        Ok(i32::try_from(count)?)
    }
}
