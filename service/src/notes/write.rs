//! Creates, changes and deletes notes, each together with its audit entry in one transaction.

use daybook_entity::{
    note::{ActiveModel, Column, Entity, Model},
    workspace,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, SqlErr,
};
use uuid::Uuid;

use super::{limits::Problems, record::entry};
use crate::{Error, Fault, Permission, ProblemCode, Result, Scope, audit, database, random};

/// A note to be created.
#[derive(Clone, Debug)]
pub struct NewNote {
    /// ID of the workspace to create the note in.
    pub workspace_id: Uuid,
    /// Path in the workspace, with segments separated by slashes. Unique in the workspace.
    pub path: String,
    /// Title for display, of at most [`TITLE_CHARS`](super::TITLE_CHARS) characters.
    pub title: String,
    /// Body in CommonMark, of at most [`BODY_BYTES`](super::BODY_BYTES) bytes.
    pub body: String,
    /// Tags, kept in the order given.
    pub tags: Vec<String>,
}

/// A change of a note. Absent fields keep their values.
#[derive(Clone, Debug)]
pub struct NoteChange {
    /// ID of the note.
    pub id: Uuid,
    /// Version that the change was made from. The change is refused if this is not the
    /// note's current version.
    pub expected_version: i32,
    /// New path in the workspace.
    pub path: Option<String>,
    /// New title.
    pub title: Option<String>,
    /// New body.
    pub body: Option<String>,
    /// New tags, which replace all existing ones.
    pub tags: Option<Vec<String>>,
}

/// Creates a note.
///
/// # Errors
/// Every invalid value, by field; `NOT_FOUND` if the workspace does not exist; `CONFLICT` if the
/// path is taken; a database fault.
pub async fn create(scope: &Scope, new: NewNote) -> Result<Model> {
    scope.require(Permission::CreateNotes)?;
    let NewNote { workspace_id, path, title, body, tags } = new;
    let mut problems = Problems::default();
    let path = problems.path(&path);
    problems.title(&title);
    problems.body(&body);
    problems.tags(&tags);
    problems.into_result()?;
    let now = scope.core().clock.now();
    let note = Model {
        organization_id: scope.organization_id(),
        id: random::id(now),
        workspace_id,
        path,
        title,
        body,
        tags: json(&tags),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let context = (scope.clone(), note);
    let created = scope
        .core()
        .db
        .transaction(context, |tx, (scope, note)| Box::pin(insert(tx, scope, note.clone())));
    unless_taken(created.await, "path", PATH_TAKEN)
}

async fn insert(tx: &DatabaseTransaction, scope: &Scope, mut note: Model) -> Result<Model> {
    let workspaces = scope.find::<workspace::Entity>();
    let workspace = workspaces.filter(workspace::Column::Id.eq(note.workspace_id));
    if workspace.one(tx).await?.is_none() {
        return Err(Error::not_found(&["input", "workspaceId"], "workspace"));
    }
    note.created_at = database::now(tx, &scope.core().clock).await?;
    note.updated_at = note.created_at;
    Entity::insert(note.clone().into_active_model()).exec_without_returning(tx).await?;
    audit::append_own(tx, scope, entry(scope, "note.created", None, Some(&note))?).await?;
    Ok(note)
}

/// Changes a note. If the note has all the new values already, nothing is changed or recorded.
///
/// # Errors
/// Every invalid value, by field; `NOT_FOUND` if the note does not exist; `CONFLICT` if the note
/// has another version or the path is taken; a database fault.
pub async fn update(scope: &Scope, mut change: NoteChange) -> Result<Model> {
    scope.require(Permission::UpdateNotes)?;
    let NoteChange { id: _, expected_version: _, path, title, body, tags } = &mut change;
    let mut problems = Problems::default();
    if let Some(path) = path {
        *path = problems.path(path);
    }
    if let Some(title) = title {
        problems.title(title);
    }
    if let Some(body) = body {
        problems.body(body);
    }
    if let Some(tags) = tags {
        problems.tags(tags);
    }
    problems.into_result()?;
    let context = (scope.clone(), change);
    let updated = scope
        .core()
        .db
        .transaction(context, |tx, (scope, change)| Box::pin(put(tx, scope, change)));
    unless_taken(updated.await, "path", PATH_TAKEN)
}

async fn put(tx: &DatabaseTransaction, scope: &Scope, change: &NoteChange) -> Result<Model> {
    let before = find(tx, scope, change.id).await?;
    if before.version != change.expected_version {
        return Err(conflict(change.expected_version));
    }
    let mut after = before.clone();
    let NoteChange { id: _, expected_version: _, path, title, body, tags } = change.clone();
    after.path = path.unwrap_or(after.path);
    after.title = title.unwrap_or(after.title);
    after.body = body.unwrap_or(after.body);
    after.tags = tags.map_or(after.tags, |tags| json(&tags));
    if after == before {
        return Ok(before);
    }
    after.version = before
        .version
        .checked_add(1)
        .ok_or_else(|| Fault::Bug(format!("note {} was changed too often to count", before.id)))?;
    // Never before the last change, even if the clock was set back.
    after.updated_at = database::now(tx, &scope.core().clock).await?.max(before.updated_at);
    let row = ActiveModel {
        path: Set(after.path.clone()),
        title: Set(after.title.clone()),
        body: Set(after.body.clone()),
        tags: Set(after.tags.clone()),
        version: Set(after.version),
        updated_at: Set(after.updated_at),
        ..Default::default()
    };
    let changed = scope
        .update::<Entity>()
        .set(row)
        .filter(Column::Id.eq(before.id))
        .filter(Column::Version.eq(before.version))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        // Another change was committed in between.
        return Err(conflict(change.expected_version));
    }
    let entry = entry(scope, "note.updated", Some(&before), Some(&after))?;
    audit::append_own(tx, scope, entry).await?;
    Ok(after)
}

/// Deletes a note.
///
/// # Errors
/// `NOT_FOUND` if the note does not exist; a database fault.
pub async fn delete(scope: &Scope, id: Uuid) -> Result<()> {
    scope.require(Permission::DeleteNotes)?;
    let context = (scope.clone(), id);
    let deleted =
        scope.core().db.transaction(context, |tx, (scope, id)| Box::pin(remove(tx, scope, *id)));
    deleted.await
}

async fn remove(tx: &DatabaseTransaction, scope: &Scope, id: Uuid) -> Result<()> {
    // Locks the note, so that the old values recorded are those deleted.
    let before = scope.find::<Entity>().filter(Column::Id.eq(id)).lock_exclusive().one(tx).await?;
    let before = before.ok_or_else(no_note)?;
    let entry = entry(scope, "note.deleted", Some(&before), None)?;
    scope.delete::<Entity>().filter(Column::Id.eq(id)).exec(tx).await?;
    audit::append_own(tx, scope, entry).await
}

async fn find(tx: &DatabaseTransaction, scope: &Scope, id: Uuid) -> Result<Model> {
    let found = scope.find::<Entity>().filter(Column::Id.eq(id)).one(tx).await?;
    found.ok_or_else(no_note)
}

const PATH_TAKEN: &str = "another note of the workspace has this path";

/// Returns `outcome`, with a violation of a unique constraint turned into `CONFLICT` on `field`.
pub(super) fn unless_taken<T>(outcome: Result<T>, field: &str, message: &str) -> Result<T> {
    match outcome {
        Err(Error::Fault(Fault::Database(error)))
            if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) =>
        {
            Err(Error::problem(ProblemCode::Conflict, &["input", field], message))
        }
        outcome => outcome,
    }
}

fn no_note() -> Error {
    Error::not_found(&["input", "noteId"], "note")
}

fn conflict(expected: i32) -> Error {
    let message = format!("the note is no longer at version {expected}: read it again");
    Error::problem(ProblemCode::Conflict, &["input", "expectedVersion"], message)
}

fn json(tags: &[String]) -> String {
    serde_json::to_string(tags).expect("tags are texts")
}
