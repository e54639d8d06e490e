//! `Workspace`, `Note`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use daybook_entity::{note, workspace};
use daybook_service::{
    GlobalId, Permission, Scope,
    notes::{self, Bodies},
    organizations,
};

use super::allowance;
use crate::graphql::{
    context::enter_for_field,
    error::to_error,
    organization::types::Organization,
    page::{ConnectionWith, args, connection},
    scalar::Instant,
};

/// A place for an organization's notes.
pub(in crate::graphql) struct Workspace {
    pub(in crate::graphql) scope: Scope,
    pub(in crate::graphql) row: Arc<workspace::Model>,
}

/// A place for an organization's notes.
#[Object]
impl Workspace {
    /// Global ID of the workspace, an opaque text.
    pub(in crate::graphql) async fn id(&self) -> ID {
        let workspace::Model { organization_id, id, .. } = *self.row;
        GlobalId::Workspace { organization_id, id }.to_string().into()
    }

    /// Name of the workspace, unique in the organization.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Organization that the workspace belongs to.
    async fn organization(&self) -> Result<Organization> {
        Ok(Organization(organizations::get(&self.scope).await.map_err(to_error)?))
    }

    /// The time at which the workspace was created.
    async fn created_at(&self) -> Instant {
        self.row.created_at.into()
    }

    /// Lists the notes of the workspace, by path. A page has 50 notes by default and at most 100; a
    /// larger page is an error, and so are more than 16 MiB of bodies in one response. For ADMIN
    /// and MEMBER.
    async fn notes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page from the start: 0 to 100.")] first: Option<i32>,
        #[graphql(desc = "Returns only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Returns only items before this cursor.")] before: Option<String>,
    ) -> Result<NoteConnection> {
        let organization_id = self.row.organization_id;
        let scope = enter_for_field(ctx, organization_id, Permission::ReadNotes).await?;
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
    /// The note's workspace, if it has already been read.
    workspace: Option<Arc<workspace::Model>>,
    /// The state of the body: taken from the allowance, or not yet.
    body: Body,
}

enum Body {
    Taken,
    NotTaken,
}

impl Note {
    /// Returns a note that was read. Its body has been taken from the allowance.
    fn read(scope: &Scope, row: note::Model) -> Self {
        Self { scope: scope.clone(), row, workspace: None, body: Body::Taken }
    }

    /// Returns a note that was just written. Its body has not been taken from the allowance.
    pub(super) fn written(scope: &Scope, row: note::Model) -> Self {
        Self { body: Body::NotTaken, ..Self::read(scope, row) }
    }

    /// Returns the note with this ID, or none if there is none.
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
    /// Global ID of the note, an opaque text.
    pub(in crate::graphql) async fn id(&self) -> ID {
        let note::Model { organization_id, id, .. } = self.row;
        GlobalId::Note { organization_id, id }.to_string().into()
    }

    /// Workspace that the note belongs to.
    async fn workspace(&self) -> Result<Workspace> {
        let row = match &self.workspace {
            Some(workspace) => Arc::clone(workspace),
            None => {
                let found = notes::workspace::get(&self.scope, self.row.workspace_id).await;
                let found = found.map_err(to_error)?;
                Arc::new(found.ok_or_else(|| {
                    async_graphql::Error::new("The workspace of the note no longer exists.")
                })?)
            }
        };
        Ok(Workspace { scope: self.scope.clone(), row })
    }

    /// Path of the note, unique in the workspace, such as `guides/setup`. At most 500 characters in
    /// Unicode normalization form C, with segments of at most 200 bytes.
    async fn path(&self) -> &str {
        &self.row.path
    }

    /// Title of the note.
    async fn title(&self) -> &str {
        &self.row.title
    }

    /// Body of the note, in CommonMark. At most 1 MiB of UTF-8.
    async fn body(&self, ctx: &Context<'_>) -> Result<&str> {
        match self.body {
            Body::Taken => {}
            Body::NotTaken => allowance::take(ctx, self.row.body.len()).map_err(to_error)?,
        }
        Ok(&self.row.body)
    }

    /// Tags of the note, in the order in which they were given.
    async fn tags(&self) -> Result<Vec<String>> {
        notes::tags(&self.row).map_err(to_error)
    }

    /// Version of the note, which increases with each update. Pass it to `updateNote` as
    /// `expectedVersion`.
    async fn version(&self) -> i32 {
        self.row.version
    }

    /// The time at which the note was created.
    async fn created_at(&self) -> Instant {
        self.row.created_at.into()
    }

    /// The time at which the note was last changed.
    async fn updated_at(&self) -> Instant {
        self.row.updated_at.into()
    }
}

/// A page of workspaces.
pub(in crate::graphql) type WorkspaceConnection = ConnectionWith<Workspace, WorkspaceTotal>;

/// The number of an organization's workspaces, counted only if selected.
pub(in crate::graphql) struct WorkspaceTotal(Scope);

#[Object]
impl WorkspaceTotal {
    /// Exact number of workspaces on all pages. Counted only if selected.
    async fn total_count(&self) -> Result<i32> {
        Ok(i32::try_from(notes::workspace::count(&self.0).await.map_err(to_error)?)?)
    }
}

/// Returns a page of the workspaces of the scope's organization.
pub(in crate::graphql) async fn workspaces(
    scope: Scope,
    args: &daybook_service::page::PageArgs,
) -> Result<WorkspaceConnection> {
    let page = notes::workspace::list(&scope, args).await.map_err(to_error)?;
    let total = WorkspaceTotal(scope.clone());
    let workspace = |row| Workspace { scope: scope.clone(), row: Arc::new(row) };
    Ok(connection(page, total, workspace))
}

/// A page of notes.
pub(in crate::graphql) type NoteConnection = ConnectionWith<Note, NoteTotal>;

/// The number of a workspace's notes, counted only if selected.
pub(in crate::graphql) struct NoteTotal {
    scope: Scope,
    workspace: uuid::Uuid,
}

#[Object]
impl NoteTotal {
    /// Exact number of notes on all pages. Counted only if selected.
    async fn total_count(&self) -> Result<i32> {
        let count = notes::count(&self.scope, self.workspace).await.map_err(to_error)?;
        Ok(i32::try_from(count)?)
    }
}
