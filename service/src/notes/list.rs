//! Reading notes.

use daybook_entity::note::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, EntityTrait, Iterable, PaginatorTrait, QueryFilter, QuerySelect, Select,
    sea_query::Expr,
};
use uuid::Uuid;

use crate::{
    Fault, Result, Scope,
    page::{self, Keyset, Order, Page, PageArgs, Part},
    workload,
};

/// Whether a page of notes has their bodies, a mebibyte each at the most.
pub enum Bodies<'a> {
    /// Each is empty.
    LeftOut,
    /// As long as this takes each, by its bytes.
    Admitted(&'a (dyn Fn(usize) -> Result<()> + Sync)),
}

/// A page of a workspace's notes, by path.
///
/// # Errors
/// A number or cursor that can't be used; bodies that are not admitted; a database fault.
pub async fn list(
    scope: &Scope,
    workspace_id: Uuid,
    args: &PageArgs,
    bodies: Bodies<'_>,
) -> Result<Page<Model>> {
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
            // By the primary: what was admitted can't be admitted anew where a replica fails.
            let db = scope.core().db.reader();
            let admit = |note: &Model| admit(note.body.len());
            page::fetch_admitted(db, secret, notes, &keyset, args, &admit).await
        }
    }
}

/// How many notes a workspace has.
///
/// # Errors
/// A database fault.
pub async fn count(scope: &Scope, workspace_id: Uuid) -> Result<u64> {
    let notes = all(scope, workspace_id);
    let count =
        scope.read(&notes, |db, notes| Box::pin(async move { Ok(notes.clone().count(db).await?) }));
    workload::count_once(&("notes", scope.organization_id(), workspace_id), count).await
}

/// A note of the scope's organization.
///
/// # Errors
/// A database fault.
pub async fn get(scope: &Scope, id: Uuid) -> Result<Option<Model>> {
    let found = Entity::find_by_id((scope.organization_id(), id));
    Ok(found.one(scope.core().db.reader()).await?)
}

/// The note at this path, which is in its normal form.
///
/// # Errors
/// A database fault.
pub async fn find_by_path(scope: &Scope, workspace_id: Uuid, path: &str) -> Result<Option<Model>> {
    let found = all(scope, workspace_id).filter(Column::Path.eq(path));
    Ok(found.one(scope.core().db.reader()).await?)
}

/// The tags of a note.
///
/// # Errors
/// Stored tags that can't be read.
pub fn tags(note: &Model) -> Result<Vec<String>> {
    let tags = serde_json::from_str(&note.tags);
    tags.map_err(|error| Fault::Stored(format!("tags of note {}: {error}", note.id)).into())
}

fn all(scope: &Scope, workspace_id: Uuid) -> Select<Entity> {
    Entity::find()
        .filter(Column::OrganizationId.eq(scope.organization_id()))
        .filter(Column::WorkspaceId.eq(workspace_id))
}
