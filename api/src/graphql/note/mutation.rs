//! The `createWorkspace`, `createNote`, `updateNote` and `deleteNote` fields.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_service::{
    Error, GlobalId, Permission, Scope,
    notes::{self, NewNote, NoteChange},
};
use uuid::Uuid;

use super::types::{Note, Workspace};
use crate::graphql::{
    context::{self, enter_to_change, viewer},
    error::{UserError, split},
};

#[derive(Default)]
pub(crate) struct NoteMutation;

#[Object]
impl NoteMutation {
    /// Creates a workspace, which holds notes. For ADMIN and MEMBER.
    async fn create_workspace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Name and organization of the workspace.")] input: CreateWorkspaceInput,
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

    /// Creates a note in a workspace. For ADMIN and MEMBER.
    async fn create_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Workspace and content of the note.")] input: CreateNoteInput,
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

    /// Updates a note. Fields that are absent or null keep their value. Fails with CONFLICT if
    /// `expectedVersion` is not the note's current version. For ADMIN and MEMBER.
    async fn update_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The note, and its new values.")] input: UpdateNoteInput,
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

    /// Deletes a note. For ADMIN and MEMBER.
    async fn delete_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The note to delete.")] input: DeleteNoteInput,
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

/// Enters the organization of the workspace that `id` names, to create a note there.
async fn enter_workspace(ctx: &Context<'_>, id: &ID) -> Result<(Scope, Uuid), Error> {
    let path = ["input", "workspaceId"];
    viewer(ctx)?;
    let Ok(GlobalId::Workspace { organization_id, id }) = id.parse() else {
        return Err(Error::invalid(&path, "must be the ID of a workspace"));
    };
    let purpose = (organization_id, Permission::CreateNotes);
    Ok((enter_to_change(ctx, purpose, (&path, "workspace")).await?, id))
}

/// Enters the organization of the note that `id` names, with `permission`.
async fn enter_note(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
) -> Result<(Scope, Uuid), Error> {
    let path = ["input", "noteId"];
    viewer(ctx)?;
    let Ok(GlobalId::Note { organization_id, id }) = id.parse() else {
        return Err(Error::invalid(&path, "must be the ID of a note"));
    };
    let purpose = (organization_id, permission);
    Ok((enter_to_change(ctx, purpose, (&path, "note")).await?, id))
}

/// Input of `createWorkspace`.
#[derive(InputObject)]
struct CreateWorkspaceInput {
    /// ID of the organization in which the workspace is created.
    organization_id: ID,
    /// Name of the workspace, unique in the organization. 1 to 100 characters, without control
    /// characters or leading or trailing blanks. Stored in Unicode normalization form C.
    name: String,
}

/// Result of `createWorkspace`.
#[derive(SimpleObject)]
struct CreateWorkspacePayload {
    /// The new workspace. Null only if `userErrors` is not empty.
    workspace: Option<Workspace>,
    /// Problems that the caller can fix. Nothing was created if there are any.
    user_errors: Vec<UserError>,
}

/// Input of `createNote`.
#[derive(InputObject)]
struct CreateNoteInput {
    /// ID of the workspace in which the note is created.
    workspace_id: ID,
    /// Path of the note, unique in the workspace, such as `guides/setup`. 1 to 500 characters, with
    /// segments separated by slashes. A segment has at most 200 bytes and is not empty, `.` or
    /// `..`. Without backslashes and control characters. Stored in Unicode normalization form C.
    path: String,
    /// Title of the note. 1 to 500 characters, not blank, without NUL.
    title: String,
    /// Body of the note, in CommonMark. At most 1 MiB of UTF-8, without NUL. Stored byte for byte.
    body: String,
    /// Tags of the note, in this order. At most 32 tags of 1 to 64 characters, not blank, without
    /// NUL.
    #[graphql(default_with = "Some(Vec::new())")]
    tags: Option<Vec<String>>,
}

/// Result of `createNote`.
#[derive(SimpleObject)]
struct CreateNotePayload {
    /// The new note. Null only if `userErrors` is not empty.
    note: Option<Note>,
    /// Problems that the caller can fix. Nothing was created if there are any.
    user_errors: Vec<UserError>,
}

/// Input of `updateNote`. Fields that are absent or null keep their value; the limits are those of
/// `createNote`.
#[derive(InputObject)]
struct UpdateNoteInput {
    /// ID of the note to update.
    note_id: ID,
    /// The `version` of the note that the update is based on. If the note has another version, the
    /// update fails with CONFLICT.
    expected_version: i32,
    /// New path of the note.
    path: Option<String>,
    /// New title of the note.
    title: Option<String>,
    /// New body of the note.
    body: Option<String>,
    /// New tags of the note, which replace all existing ones.
    tags: Option<Vec<String>>,
}

/// Result of `updateNote`.
#[derive(SimpleObject)]
struct UpdateNotePayload {
    /// The updated note. Null only if `userErrors` is not empty.
    note: Option<Note>,
    /// Problems that the caller can fix. Nothing was changed if there are any.
    user_errors: Vec<UserError>,
}

/// Input of `deleteNote`.
#[derive(InputObject)]
struct DeleteNoteInput {
    /// ID of the note to delete.
    note_id: ID,
}

/// Result of `deleteNote`.
#[derive(SimpleObject)]
struct DeleteNotePayload {
    /// Global ID of the deleted note. Null only if `userErrors` is not empty.
    deleted_note_id: Option<ID>,
    /// Problems that the caller can fix. Nothing was deleted if there are any.
    user_errors: Vec<UserError>,
}
