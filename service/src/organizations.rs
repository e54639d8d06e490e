//! Organizations: the tenants.

pub mod api_keys;
pub mod members;
pub mod operators;
pub mod tokens;

use std::sync::Arc;

use daybook_entity::{audit_log_head, organization};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, SqlErr,
};
use uuid::Uuid;

use crate::{
    Core, Error, Fault, GlobalId, Permission, ProblemCode, Result, Scope, Viewer,
    audit::{self, NewEntry, Resource},
    database, input, random,
};

/// Most characters of an organization's name.
const MAX_NAME_CHARS: usize = 500;

/// Creates an organization with an empty log. Its creation is the log's first entry.
///
/// # Errors
/// The slug isn't 1 to 63 characters of a-z, 0-9 and inner hyphens, or is taken; the name isn't 1
/// to 500 characters; or a database fault.
pub async fn create(
    core: &Arc<Core>,
    viewer: &Viewer,
    slug: &str,
    name: &str,
) -> Result<organization::Model> {
    check_slug(slug)?;
    input::check_name(name, MAX_NAME_CHARS, &["name"])?;
    let taken = Error::problem(
        ProblemCode::Conflict,
        &["slug"],
        format!("an organization with the slug {slug} exists already"),
    );
    let scope = Scope::system(
        core,
        random::id(core.clock.now()),
        viewer.clone(),
        Permission::CreateOrganization,
    );
    let context = (scope, slug.to_owned(), name.to_owned());
    let created = core
        .db
        .transaction(context, |tx, (scope, slug, name)| Box::pin(insert(tx, scope, slug, name)));
    match created.await {
        Err(Error::Fault(Fault::Database(error)))
            if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) =>
        {
            Err(taken)
        }
        outcome => outcome,
    }
}

async fn insert(
    tx: &DatabaseTransaction,
    scope: &Scope,
    slug: &str,
    name: &str,
) -> Result<organization::Model> {
    let organization = organization::Model {
        id: scope.organization_id(),
        slug: slug.to_owned(),
        name: name.to_owned(),
        created_at: database::now(tx, &scope.core().clock).await?,
    };
    let organization = organization.into_active_model().insert(tx).await?;
    let head = audit_log_head::Model {
        organization_id: organization.id,
        sequence: 0,
        hash: audit::hash::GENESIS.to_vec(),
        edge: Vec::new(),
    };
    head.into_active_model().insert(tx).await?;
    let resource = Resource {
        r#type: "organization".to_owned(),
        id: GlobalId::Organization(organization.id).to_string(),
        name: Some(name.to_owned()),
    };
    audit::append_own(tx, scope, NewEntry::by(scope.viewer(), "organization.created", resource))
        .await?;
    Ok(organization)
}

/// Returns the organization with this slug. For the command line; requests go through
/// `access::enter`.
///
/// # Errors
/// A database fault.
pub async fn find_by_slug(core: &Core, slug: &str) -> Result<Option<organization::Model>> {
    // An invalid slug needs no query, and PostgreSQL accepts no NUL.
    if check_slug(slug).is_err() {
        return Ok(None);
    }
    let found = organization::Entity::find().filter(organization::Column::Slug.eq(slug));
    Ok(found.one(core.db.reader()).await?)
}

/// Returns the first `limit` slugs of organizations, in order. For the command line.
///
/// # Errors
/// A database fault.
pub async fn first_slugs(core: &Core, limit: usize) -> Result<Vec<String>> {
    let found = organization::Entity::find()
        .select_only()
        .column(organization::Column::Slug)
        // The instance's own organization has no members.
        .filter(organization::Column::Id.ne(organization::INSTANCE))
        .order_by_asc(organization::Column::Slug)
        .limit(limit as u64)
        .into_tuple();
    Ok(found.all(core.db.reader()).await?)
}

/// Returns the scope's own organization, which every right in it includes reading.
///
/// # Errors
/// NOT_FOUND if the organization does not exist any more; a database fault.
pub async fn get(scope: &Scope) -> Result<organization::Model> {
    let found = organization::Entity::find_by_id(scope.organization_id());
    let found = found.one(scope.core().db.reader()).await?;
    found.ok_or_else(|| Error::not_found(&[], "organization"))
}

/// Returns those of `ids` that exist. The caller must have checked that the viewer may see them.
///
/// # Errors
/// A database fault.
pub async fn get_many(core: &Core, ids: &[Uuid]) -> Result<Vec<organization::Model>> {
    let found =
        organization::Entity::find().filter(organization::Column::Id.is_in(ids.iter().copied()));
    Ok(found.all(core.db.reader()).await?)
}

fn check_slug(slug: &str) -> Result<()> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_right = (1..=63).contains(&slug.len())
        && slug.chars().all(is_inner)
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    if is_right {
        return Ok(());
    }
    let message = "must have 1 to 63 characters of a-z, 0-9 and, inside, hyphens";
    Err(Error::invalid(&["slug"], message))
}
