//! Reads notes.

use daybook_entity::note::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, Iterable, PaginatorTrait, QueryFilter, QuerySelect, Select, sea_query::Expr,
};
use uuid::Uuid;

use crate::{
    Fault, Permission, Result, Scope,
    page::{self, Keyset, Order, Page, PageArgs, Part},
    workload,
};

/// Inclusion of bodies in a page of notes. A body can have up to a mebibyte.
pub enum Bodies<'a> {
    /// Bodies are left out: each is empty.
    LeftOut,
    /// Bodies are included. The function is called with the size in bytes of each, and returns an
    /// error to refuse the page.
    Admitted(&'a (dyn Fn(usize) -> Result<()> + Sync)),
}

/// Returns a page of a workspace's notes, ordered by path.
///
/// # Errors
/// An invalid page size or cursor; bodies that are not admitted; a database fault.
pub async fn list(
    scope: &Scope,
    workspace_id: Uuid,
    args: &PageArgs,
    bodies: Bodies<'_>,
) -> Result<Page<Model>> {
    scope.require(Permission::ReadNotes)?;
    let identity = ("notes", scope.organization_id(), workspace_id);
    let keyset = Keyset {
        columns: vec![Column::Path],
        key: |note: &Model| vec![Part::Text(note.path.clone())],
        order: Order::Ascending,
        context: serde_json::to_vec(&identity).expect("ids and a text"),
    };
    let secret = &scope.core().secret;
    let notes = all(scope, workspace_id);
    match bodies {
        Bodies::LeftOut => {
            let others = Column::iter().filter(|column| !matches!(column, Column::Body));
            let notes = notes.select_only().columns(others);
            let notes = notes.expr_as(Expr::val(""), "body");
            let asked = (secret, notes, keyset, args);
            let page = scope.read(&asked, |db, (secret, notes, keyset, args)| {
                Box::pin(page::fetch(db, secret, notes.clone(), keyset, args))
            });
            page.await
        }
        Bodies::Admitted(admit) => {
            // Reads from the primary: if a replica failed midway, bodies would be admitted twice.
            let db = scope.core().db.reader();
            let admit = |note: &Model| admit(note.body.len());
            page::fetch_admitted(db, secret, notes, &keyset, args, &admit).await
        }
    }
}

/// Returns the number of notes in a workspace.
///
/// # Errors
/// A database fault.
pub async fn count(scope: &Scope, workspace_id: Uuid) -> Result<u64> {
    scope.require_one_of(&[Permission::ReadNotes, Permission::ExportNotes])?;
    let notes = all(scope, workspace_id);
    let count =
        scope.read(&notes, |db, notes| Box::pin(async move { Ok(notes.clone().count(db).await?) }));
    workload::count_once(&("notes", scope.organization_id(), workspace_id), count).await
}

/// Returns the note with this ID in the scope's organization, if it exists.
///
/// # Errors
/// A database fault.
pub async fn get(scope: &Scope, id: Uuid) -> Result<Option<Model>> {
    scope.require(Permission::ReadNotes)?;
    let found = scope.find::<Entity>().filter(Column::Id.eq(id));
    Ok(found.one(scope.core().db.reader()).await?)
}

/// Returns the note at this path, if it exists. The path must be normalized.
///
/// # Errors
/// A database fault.
pub async fn find_by_path(scope: &Scope, workspace_id: Uuid, path: &str) -> Result<Option<Model>> {
    scope.require_one_of(&[Permission::ReadNotes, Permission::CreateNotes])?;
    let found = all(scope, workspace_id).filter(Column::Path.eq(path));
    Ok(found.one(scope.core().db.reader()).await?)
}

/// Returns the tags of a note.
///
/// # Errors
/// Stored tags that can't be read.
pub fn tags(note: &Model) -> Result<Vec<String>> {
    let tags = serde_json::from_str(&note.tags);
    tags.map_err(|error| Fault::decode(format!("the tags of note {}", note.id), error).into())
}

fn all(scope: &Scope, workspace_id: Uuid) -> Select<Entity> {
    scope.find().filter(Column::WorkspaceId.eq(workspace_id))
}
