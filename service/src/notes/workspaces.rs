//! Creates and reads workspaces.

use daybook_entity::{
    organization,
    workspace::{Column, Entity, Model},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, IntoActiveModel, PaginatorTrait,
    QueryFilter,
};
use uuid::Uuid;

use super::{limits::workspace_name, write::unless_taken};
use crate::{
    Error, GlobalId, Permission, Result, Scope,
    audit::{self, Change, NewEntry, Resource},
    database,
    page::{self, Keyset, Order, Page, PageArgs, Part},
    random, workload,
};

/// Creates a workspace in the scope's organization.
///
/// # Errors
/// A name that is invalid or taken; the instance itself, which has no workspaces; a database fault.
pub async fn create(scope: &Scope, name: &str) -> Result<Model> {
    scope.require(Permission::CreateWorkspaces)?;
    let name = workspace_name(name)?;
    if scope.organization_id() == organization::INSTANCE {
        let message = "the instance itself has no workspaces";
        return Err(Error::invalid(&["input", "organizationId"], message));
    }
    let workspace = Model {
        organization_id: scope.organization_id(),
        id: random::id(scope.core().clock.now()),
        name,
        created_at: scope.core().clock.now(),
    };
    let context = (scope.clone(), workspace);
    let created = scope.core().db.transaction(context, |tx, (scope, workspace)| {
        Box::pin(insert(tx, scope, workspace.clone()))
    });
    unless_taken(created.await, "name", "a workspace of this name exists already")
}

async fn insert(tx: &DatabaseTransaction, scope: &Scope, mut workspace: Model) -> Result<Model> {
    workspace.created_at = database::now(tx, &scope.core().clock).await?;
    let workspace = workspace.into_active_model().insert(tx).await?;
    let Model { organization_id, id, ref name, created_at: _ } = workspace;
    let resource = Resource {
        r#type: "workspace".to_owned(),
        id: GlobalId::Workspace { organization_id, id }.to_string(),
        name: Some(name.clone()),
    };
    let mut entry = NewEntry::by(scope.viewer(), "workspace.created", resource);
    let new = Some(name.as_str().into());
    entry.changes = vec![Change { field: "name".to_owned(), old: None, new }];
    audit::append_own(tx, scope, entry).await?;
    Ok(workspace)
}

/// Returns a page of the organization's workspaces, ordered by name.
///
/// # Errors
/// An invalid page size or cursor; a database fault.
pub async fn list(scope: &Scope, args: &PageArgs) -> Result<Page<Model>> {
    scope.require(Permission::ReadWorkspaces)?;
    let identity = ("workspaces", scope.organization_id());
    let keyset = Keyset {
        columns: vec![Column::Name],
        key: |workspace: &Model| vec![Part::Text(workspace.name.clone())],
        order: Order::Ascending,
        context: serde_json::to_vec(&identity).expect("an id and a text"),
    };
    let asked = (&scope.core().secret, scope.find::<Entity>(), keyset, args);
    let page = scope.read(&asked, |db, (secret, workspaces, keyset, args)| {
        Box::pin(page::fetch(db, secret, workspaces.clone(), keyset, args))
    });
    page.await
}

/// Returns the number of workspaces in the scope's organization.
///
/// # Errors
/// A database fault.
pub async fn count(scope: &Scope) -> Result<u64> {
    scope.require(Permission::ReadWorkspaces)?;
    let workspaces = scope.find::<Entity>();
    let count = scope.read(&workspaces, |db, workspaces| {
        Box::pin(async move { Ok(workspaces.clone().count(db).await?) })
    });
    workload::count_once(&("workspaces", scope.organization_id()), count).await
}

/// Returns the workspace with this ID in the scope's organization, if it exists.
///
/// # Errors
/// A database fault.
pub async fn get(scope: &Scope, id: Uuid) -> Result<Option<Model>> {
    // A note is shown with its workspace.
    scope.require_one_of(&[
        Permission::ReadWorkspaces,
        Permission::ReadNotes,
        Permission::CreateNotes,
        Permission::UpdateNotes,
        Permission::ExportNotes,
    ])?;
    let found = scope.find::<Entity>().filter(Column::Id.eq(id));
    Ok(found.one(scope.core().db.reader()).await?)
}

/// Returns the workspace with this name in the scope's organization, if it exists.
///
/// # Errors
/// An invalid name; a database fault.
pub async fn find_by_name(scope: &Scope, name: &str) -> Result<Option<Model>> {
    scope.require(Permission::ReadWorkspaces)?;
    let found = scope.find::<Entity>().filter(Column::Name.eq(workspace_name(name)?));
    Ok(found.one(scope.core().db.reader()).await?)
}
