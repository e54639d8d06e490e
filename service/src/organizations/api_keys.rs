//! API keys: credentials of programs, each with one role in one organization.
//!
//! A key is shown once, when it is created. Only a MAC of the key is stored, and the prefix that
//! finds it. Creating and revoking a key are audit entries of the same transaction.

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use daybook_entity::{
    api_key::{Column, Entity, Model},
    membership::Role,
    organization,
};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect, Select,
};
use uuid::Uuid;

use crate::{
    Core, Error, GlobalId, Permission, Result, Scope,
    access::{self, api_key, subject},
    audit::{self, Change, NewEntry, Resource},
    clock::to_micros,
    database, input,
    page::{self, Keyset, Order, Page, PageArgs, Part},
    random, workload,
};

pub use crate::access::api_key::named_prefix;

/// Most characters of a key's name.
const MAX_NAME_CHARS: usize = 200;

/// An API key to create.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// A name for people, 1 to 200 characters.
    pub name: String,
    /// The role: AUDITOR or WRITER.
    pub role: Role,
    /// The time from which the key is no longer valid; none keeps it valid until it is revoked.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A created API key.
#[derive(Debug)]
pub struct Created {
    /// The stored row.
    pub row: Model,
    /// The key itself, which can't be recovered later.
    pub key: String,
}

/// Creates a key for the scope's organization.
///
/// # Errors
/// The name, role or expiry is not allowed; a database fault.
pub async fn create(scope: &Scope, new: NewApiKey) -> Result<Created> {
    scope.require(Permission::CreateApiKeys)?;
    let now = scope.core().clock.now();
    check(scope, &new, now)?;
    let NewApiKey { name, role, expires_at } = new;
    let api_key::Fresh { key, prefix, hash } = api_key::fresh(&scope.core().secret);
    let row = Model {
        organization_id: scope.organization_id(),
        id: random::id(now),
        prefix,
        hash,
        name,
        role,
        created_by: scope.viewer().subject.clone(),
        created_at: now,
        expires_at: expires_at.map(to_micros),
        revoked_at: None,
        last_used_at: None,
    };
    let context = (scope.clone(), row);
    let inserted = scope
        .core()
        .db
        .transaction(context, |tx, (scope, row)| Box::pin(insert(tx, scope, row.clone())));
    Ok(Created { row: inserted.await?, key })
}

fn check(scope: &Scope, new: &NewApiKey, now: DateTime<Utc>) -> Result<()> {
    let NewApiKey { name, role, expires_at } = new;
    if scope.organization_id() == organization::INSTANCE {
        let message = "the instance itself has no API keys";
        return Err(Error::invalid(&["input", "organizationId"], message));
    }
    input::check_name(name, MAX_NAME_CHARS, &["input", "name"])?;
    match role {
        Role::Auditor | Role::Writer => {}
        Role::Admin | Role::Member => {
            let message = "must be AUDITOR or WRITER: the other roles are people's";
            return Err(Error::invalid(&["input", "role"], message));
        }
    }
    if expires_at.is_some_and(|expires_at| expires_at <= now || expires_at.year() > 9999) {
        let message = "must be in the future, and before the year 10000";
        return Err(Error::invalid(&["input", "expiresAt"], message));
    }
    Ok(())
}

async fn insert(tx: &DatabaseTransaction, scope: &Scope, mut row: Model) -> Result<Model> {
    row.created_at = database::now(tx, &scope.core().clock).await?;
    let row = row.into_active_model().insert(tx).await?;
    let mut entry = entry(scope, "api_key.created", &row);
    let change = |field: &str, new: String| Change {
        field: field.to_owned(),
        old: None,
        new: Some(new.into()),
    };
    entry.changes =
        vec![change("prefix", row.prefix.clone()), change("role", row.role.to_value().to_string())];
    entry.changes.extend(row.expires_at.map(|expires_at| change("expiresAt", text(expires_at))));
    audit::append_own(tx, scope, entry).await?;
    Ok(row)
}

/// Revokes a key of the scope's organization, at once and for good. A key that was revoked before
/// stays as it is. Returns none if there is no such key. Once this returns, this process delivers
/// nothing more with the key's permissions.
///
/// # Errors
/// A database fault.
pub async fn revoke(scope: &Scope, id: Uuid) -> Result<Option<Model>> {
    scope.require(Permission::RevokeApiKeys)?;
    let context = (scope.clone(), id);
    let revoked = scope.core().db.transaction(context, |tx, (scope, id)| {
        Box::pin(async move {
            let found = scope.find::<Entity>().filter(Column::Id.eq(*id)).lock_exclusive();
            let Some(row) = found.one(tx).await? else { return Ok(None) };
            if row.revoked_at.is_some() {
                return Ok(Some(row));
            }
            let now = database::now(tx, &scope.core().clock).await?;
            let mut changed = row.into_active_model();
            changed.revoked_at = Set(Some(now));
            let row = changed.update(tx).await?;
            let mut entry = entry(scope, "api_key.revoked", &row);
            let (field, new) = ("revokedAt".to_owned(), Some(text(now).into()));
            entry.changes = vec![Change { field, old: None, new }];
            audit::append_own(tx, scope, entry).await?;
            Ok(Some(row))
        })
    });
    let revoked = revoked.await?;
    if let Some(row) = &revoked {
        access::revalidate(scope.core(), scope.organization_id(), &subject(row));
    }
    Ok(revoked)
}

/// Returns a page of the organization's keys, newest first, including expired and revoked ones.
///
/// # Errors
/// The number or cursor can't be used; a database fault.
pub async fn page(scope: &Scope, args: &PageArgs) -> Result<Page<Model>> {
    scope.require(Permission::ReadApiKeys)?;
    let identity = ("api_keys", scope.organization_id());
    let keyset = Keyset {
        columns: vec![Column::CreatedAt, Column::Id],
        key: |key: &Model| vec![Part::Instant(key.created_at), Part::Id(key.id)],
        order: Order::Descending,
        context: serde_json::to_vec(&identity).expect("an id and a text"),
    };
    let (db, secret) = (scope.core().db.reader(), &scope.core().secret);
    page::fetch(db, secret, all(scope), &keyset, args).await
}

/// Returns the number of the organization's keys.
///
/// # Errors
/// A database fault.
pub async fn count(scope: &Scope) -> Result<u64> {
    scope.require(Permission::ReadApiKeys)?;
    let count = async { Ok(all(scope).count(scope.core().db.reader()).await?) };
    workload::count_once(&("api_keys", scope.organization_id()), count).await
}

/// Returns a key of the scope's organization.
///
/// # Errors
/// A database fault.
pub async fn get(scope: &Scope, id: Uuid) -> Result<Option<Model>> {
    scope.require_one_of(&[Permission::ReadApiKeys, Permission::RevokeApiKeys])?;
    let found = scope.find::<Entity>().filter(Column::Id.eq(id));
    Ok(found.one(scope.core().db.reader()).await?)
}

/// Returns the key of the scope's organization with this prefix.
///
/// # Errors
/// A database fault.
pub async fn find_by_prefix(scope: &Scope, prefix: &str) -> Result<Option<Model>> {
    scope.require_one_of(&[Permission::ReadApiKeys, Permission::RevokeApiKeys])?;
    let found = all(scope).filter(Column::Prefix.eq(prefix));
    Ok(found.one(scope.core().db.reader()).await?)
}

/// Returns the key with this prefix in any organization. The caller must then enter its
/// organization.
///
/// # Errors
/// A database fault.
pub async fn find_anywhere(core: &Core, prefix: &str) -> Result<Option<Model>> {
    let found = Entity::find().filter(Column::Prefix.eq(prefix));
    Ok(found.one(core.db.reader()).await?)
}

/// Returns the subject of a key.
#[must_use]
pub fn subject(row: &Model) -> String {
    subject::of_api_key(&row.prefix)
}

fn all(scope: &Scope) -> Select<Entity> {
    scope.find()
}

fn entry(scope: &Scope, action: &str, row: &Model) -> NewEntry {
    let Model { organization_id, id, .. } = *row;
    let resource = Resource {
        r#type: "api_key".to_owned(),
        id: GlobalId::ApiKey { organization_id, id }.to_string(),
        name: Some(row.name.clone()),
    };
    NewEntry::by(scope.viewer(), action, resource)
}

fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}
