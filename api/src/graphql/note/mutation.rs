//! The `createWorkspace`, `createNote`, `updateNote` and `deleteNote` fields.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_service::{
    Error, GlobalId, Permission, Scope, access,
    notes::{self, NewNote, NoteChange},
};
use uuid::Uuid;

use super::types::{Note, Workspace};
use crate::graphql::{
    context::{self, instance, viewer},
    error::{UserError, split},
};

#[derive(Default)]
pub(crate) struct NoteMutation;

#[Object]
impl NoteMutation {
    /// Creates a place for notes.
    async fn create_workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and its name.")] input: CreateWorkspaceInput,
    ) -> Result<CreateWorkspacePayload> {
        let created = async {
            let CreateWorkspaceInput { organization_id, name } = input;
            let (permission, path) = (Permission::CreateWorkspaces, ["input", "organizationId"]);
            let scope = context::enter(ctx, &organization_id, permission, &path).await?;
            let row = Arc::new(notes::workspace::create(&scope, &name).await?);
            Ok(Workspace { scope, row })
        };
        let (workspace, user_errors) = split(created.await)?;
        Ok(CreateWorkspacePayload { workspace, user_errors })
    }

    /// Creates a note.
    async fn create_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, and what is in it.")] input: CreateNoteInput,
    ) -> Result<CreateNotePayload> {
        let created = async {
            let CreateNoteInput { workspace_id, path, title, body, tags } = input;
            let (scope, workspace_id) = enter_workspace(ctx, &workspace_id).await?;
            let tags = tags.unwrap_or_default();
            let new = NewNote { workspace_id, path, title, body, tags };
            Ok(Note::written(&scope, notes::create(&scope, new).await?))
        };
        let (note, user_errors) = split(created.await)?;
        Ok(CreateNotePayload { note, user_errors })
    }

    /// Changes a note; what is absent or null stays. Fails with CONFLICT where expectedVersion is
    /// no longer the note's version.
    async fn update_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which note, and what is to become of it.")] input: UpdateNoteInput,
    ) -> Result<UpdateNotePayload> {
        let updated = async {
            let UpdateNoteInput { note_id, expected_version, path, title, body, tags } = input;
            let (scope, id) = enter_note(ctx, &note_id, Permission::UpdateNotes).await?;
            let change = NoteChange { id, expected_version, path, title, body, tags };
            Ok(Note::written(&scope, notes::update(&scope, change).await?))
        };
        let (note, user_errors) = split(updated.await)?;
        Ok(UpdateNotePayload { note, user_errors })
    }

    /// Deletes a note.
    async fn delete_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which note.")] input: DeleteNoteInput,
    ) -> Result<DeleteNotePayload> {
        let deleted = async {
            let (scope, id) = enter_note(ctx, &input.note_id, Permission::DeleteNotes).await?;
            notes::delete(&scope, id).await?;
            Ok(input.note_id)
        };
        let (deleted_note_id, user_errors) = split(deleted.await)?;
        Ok(DeleteNotePayload { deleted_note_id, user_errors })
    }
}

/// The right to create notes in the workspace that `id` names.
async fn enter_workspace(ctx: &Context<'_>, id: &ID) -> Result<(Scope, Uuid), Error> {
    let path = ["input", "workspaceId"];
    viewer(ctx)?;
    let Ok(GlobalId::Workspace { organization_id, id }) = id.parse() else {
        return Err(Error::invalid(&path, "is not a workspace's ID"));
    };
    let purpose = (organization_id, Permission::CreateNotes);
    Ok((enter(ctx, purpose, &path, "workspace").await?, id))
}

/// The right to do something with the note that `id` names.
async fn enter_note(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
) -> Result<(Scope, Uuid), Error> {
    let path = ["input", "noteId"];
    viewer(ctx)?;
    let Ok(GlobalId::Note { organization_id, id }) = id.parse() else {
        return Err(Error::invalid(&path, "is not a note's ID"));
    };
    Ok((enter(ctx, (organization_id, permission), &path, "note").await?, id))
}

async fn enter(
    ctx: &Context<'_>,
    (organization_id, permission): (Uuid, Permission),
    path: &[&str],
    what: &str,
) -> Result<Scope, Error> {
    let (instance, viewer) = (instance(ctx), viewer(ctx)?);
    let scope = access::enter(instance, viewer, organization_id, permission, path).await;
    // What is another organization's looks like what doesn't exist.
    scope.map_err(|error| if error.is_not_found() { Error::not_found(path, what) } else { error })
}

/// A workspace to be created.
#[derive(InputObject)]
struct CreateWorkspaceInput {
    /// Whose.
    organization_id: ID,
    /// 1 to 100 characters, unique in the organization; no control characters, no blank at its
    /// ends. Kept in Unicode's normalization form C.
    name: String,
}

/// The workspace that was created.
#[derive(SimpleObject)]
struct CreateWorkspacePayload {
    /// Null only where userErrors says why.
    workspace: Option<Workspace>,
    /// What the caller has to put right; then nothing was created.
    user_errors: Vec<UserError>,
}

/// A note to be created.
#[derive(InputObject)]
struct CreateNoteInput {
    /// Where.
    workspace_id: ID,
    /// Slash-separated place in the workspace, unique there: 1 to 500 characters, segments of at
    /// most 200 bytes, none of them empty, `.` or `..`; no backslash, no control characters. Kept
    /// in Unicode's normalization form C.
    path: String,
    /// 1 to 500 characters, none of them NUL, and not blank.
    title: String,
    /// CommonMark: at most 1 MiB, without NUL. Kept byte for byte.
    body: String,
    /// At most 32, of 1 to 64 characters each, none of them NUL, and not blank.
    #[graphql(default_with = "Some(Vec::new())")]
    tags: Option<Vec<String>>,
}

/// The note that was created.
#[derive(SimpleObject)]
struct CreateNotePayload {
    /// Null only where userErrors says why.
    note: Option<Note>,
    /// What the caller has to put right; then nothing was created.
    user_errors: Vec<UserError>,
}

/// A change of a note. What is absent or null stays; the limits are those of createNote.
#[derive(InputObject)]
struct UpdateNoteInput {
    /// Which note.
    note_id: ID,
    /// The version that the change was made from.
    expected_version: i32,
    /// Another place in the workspace.
    path: Option<String>,
    /// Another title.
    title: Option<String>,
    /// Another body.
    body: Option<String>,
    /// Other tags, all of them.
    tags: Option<Vec<String>>,
}

/// The note that was changed.
#[derive(SimpleObject)]
struct UpdateNotePayload {
    /// Null only where userErrors says why.
    note: Option<Note>,
    /// What the caller has to put right; then nothing was changed.
    user_errors: Vec<UserError>,
}

/// Which note is to be deleted.
#[derive(InputObject)]
struct DeleteNoteInput {
    /// The note.
    note_id: ID,
}

/// The note that was deleted.
#[derive(SimpleObject)]
struct DeleteNotePayload {
    /// Null only where userErrors says why.
    deleted_note_id: Option<ID>,
    /// What the caller has to put right; then nothing was deleted.
    user_errors: Vec<UserError>,
}
