//! Memberships: the roles of subjects. Each change is an audit entry.

use daybook_entity::{api_key as api_key_row, membership, membership::Role, organization};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, ModelTrait, PaginatorTrait, QueryFilter, QueryOrder, Select,
};

use crate::{
    Error, Permission, ProblemCode, Result, Scope, Viewer,
    access::{self, Authority, api_key, subject},
    audit::{self, Change, NewEntry, Resource},
    database, input,
    page::{self, Keyset, Order, Page, PageArgs, Part},
    tenancy, workload,
};

/// Gives `subject` the role `role`, in place of any other role. Without `email`, the known one
/// stays. Once this returns, this process delivers nothing more with permissions that the subject
/// lost.
///
/// # Errors
/// The subject or e-mail is out of bounds; CONFLICT if nobody would be ADMIN any more; a database
/// fault.
pub async fn set(
    scope: &Scope,
    subject: &str,
    email: Option<&str>,
    role: Role,
) -> Result<membership::Model> {
    scope.require(Permission::SetMembers)?;
    subject::check(subject, &["input", "subject"])?;
    if scope.organization_id() == organization::INSTANCE {
        let message = "the instance itself has operators, not members";
        return Err(Error::invalid(&["input", "organizationId"], message));
    }
    if let Some(email) = email {
        subject::check_email(email, &["input", "email"])?;
    }
    let wanted = membership::Model {
        organization_id: scope.organization_id(),
        subject: subject.to_owned(),
        role,
        email: email.map(str::to_owned),
        created_at: scope.core().clock.now(),
    };
    let context = (scope.clone(), wanted);
    let set = scope
        .core()
        .db
        .transaction(context, |tx, (scope, wanted)| Box::pin(put(tx, scope, wanted.clone())))
        .await;
    access::revalidate(scope.core(), scope.organization_id(), subject);
    set
}

async fn put(
    tx: &DatabaseTransaction,
    scope: &Scope,
    mut wanted: membership::Model,
) -> Result<membership::Model> {
    audit::lock_head(tx, wanted.organization_id).await?;
    let key = (wanted.organization_id, wanted.subject.clone());
    let before = membership::Entity::find_by_id(key).one(tx).await?;
    let after = if let Some(known) = &before {
        if wanted.role != Role::Admin {
            keep_an_admin(tx, scope, known).await?;
        }
        wanted.created_at = known.created_at;
        wanted.email = wanted.email.or_else(|| known.email.clone());
        if wanted == *known {
            return Ok(wanted);
        }
        let mut changed = known.clone().into_active_model();
        changed.role = Set(wanted.role);
        changed.email = Set(wanted.email);
        changed.update(tx).await?
    } else {
        wanted.created_at = database::now(tx, &scope.core().clock).await?;
        wanted.into_active_model().insert(tx).await?
    };
    let entry = entry(scope.viewer(), "member.set", before.as_ref(), Some(&after));
    audit::append_own(tx, scope, entry).await?;
    Ok(after)
}

/// Refuses to take the role from an organization's last ADMIN, since nobody else could give it
/// back. The organization's log is locked; otherwise two ADMINs could take the role from each
/// other. The command line and the claims of a provider's tokens may take it, since they can give
/// it again.
async fn keep_an_admin(
    tx: &DatabaseTransaction,
    scope: &Scope,
    member: &membership::Model,
) -> Result<()> {
    if member.role != Role::Admin || scope.viewer().authority.is_unlimited() {
        return Ok(());
    }
    let others = admins(scope).filter(membership::Column::Subject.ne(member.subject.as_str()));
    if others.count(tx).await? > 0 {
        return Ok(());
    }
    let message = "is the organization's last ADMIN: give another member the role ADMIN first";
    Err(Error::problem(ProblemCode::Conflict, &["input", "subject"], message))
}

/// Removes `subject`'s membership at once. Returns false if there was none. Once this returns, this
/// process delivers nothing more with the permissions that the subject lost.
///
/// # Errors
/// The subject is not valid; CONFLICT if nobody would be ADMIN any more; a database fault.
pub async fn remove(scope: &Scope, subject: &str) -> Result<bool> {
    scope.require(Permission::RemoveMembers)?;
    input::check_text(subject, &["input", "subject"])?;
    let context = (scope.clone(), subject.to_owned());
    let removed = scope.core().db.transaction(context, |tx, (scope, subject)| {
        Box::pin(async move {
            audit::lock_head(tx, scope.organization_id()).await?;
            let key = (scope.organization_id(), subject.clone());
            let Some(before) = membership::Entity::find_by_id(key).one(tx).await? else {
                return Ok(false);
            };
            keep_an_admin(tx, scope, &before).await?;
            let entry = entry(scope.viewer(), "member.removed", Some(&before), None);
            before.delete(tx).await?;
            audit::append_own(tx, scope, entry).await?;
            Ok(true)
        })
    });
    let removed = removed.await;
    access::revalidate(scope.core(), scope.organization_id(), subject);
    removed
}

/// Returns true if the organization has at least one member with the role ADMIN.
///
/// # Errors
/// A database fault.
pub async fn has_admin(scope: &Scope) -> Result<bool> {
    scope.require_one_of(&[
        Permission::ReadMembers,
        Permission::SetMembers,
        Permission::RemoveMembers,
    ])?;
    Ok(admins(scope).count(scope.core().db.reader()).await? > 0)
}

fn admins(scope: &Scope) -> Select<membership::Entity> {
    all(scope).filter(membership::Column::Role.eq(Role::Admin))
}

/// Returns all members of the scope's organization, by subject.
///
/// # Errors
/// A database fault.
pub async fn list(scope: &Scope) -> Result<Vec<membership::Model>> {
    scope.require_one_of(&[
        Permission::ReadMembers,
        Permission::SetMembers,
        Permission::RemoveMembers,
    ])?;
    let members = all(scope).order_by_asc(membership::Column::Subject);
    Ok(members.all(scope.core().db.reader()).await?)
}

/// Returns a page of the organization's members, by subject.
///
/// # Errors
/// The number or cursor can't be used; a database fault.
pub async fn page(scope: &Scope, args: &PageArgs) -> Result<Page<membership::Model>> {
    scope.require(Permission::ReadMembers)?;
    let identity = ("members", scope.organization_id());
    let keyset = Keyset {
        columns: vec![membership::Column::Subject],
        key: |member: &membership::Model| vec![Part::Text(member.subject.clone())],
        order: Order::Ascending,
        context: serde_json::to_vec(&identity).expect("an id and a text"),
    };
    let (db, secret) = (scope.core().db.reader(), &scope.core().secret);
    page::fetch(db, secret, all(scope), &keyset, args).await
}

/// Returns the number of the organization's members.
///
/// # Errors
/// A database fault.
pub async fn count(scope: &Scope) -> Result<u64> {
    scope.require(Permission::ReadMembers)?;
    let count = async { Ok(all(scope).count(scope.core().db.reader()).await?) };
    workload::count_once(&("members", scope.organization_id()), count).await
}

/// Returns the memberships of `viewer` in all organizations.
///
/// # Errors
/// A database fault.
pub async fn of(core: &crate::Core, viewer: &Viewer) -> Result<Vec<membership::Model>> {
    if let Authority::ApiKey { organization_id, .. } = viewer.authority {
        let key = api_key::by_subject(core, organization_id, &viewer.subject).await?;
        let membership = |key: api_key_row::Model| membership::Model {
            organization_id,
            subject: viewer.subject.clone(),
            role: key.role,
            email: None,
            created_at: key.created_at,
        };
        return Ok(key.map(membership).into_iter().inspect(enter_organization).collect());
    }
    let memberships = membership::Entity::find()
        .filter(membership::Column::Subject.eq(viewer.subject.as_str()))
        .order_by_asc(membership::Column::OrganizationId);
    Ok(memberships.all(core.db.reader()).await?.into_iter().inspect(enter_organization).collect())
}

/// Adds the organization of a membership to those that this task may access.
fn enter_organization(membership: &membership::Model) {
    tenancy::enter(membership.organization_id);
}

fn all(scope: &Scope) -> Select<membership::Entity> {
    scope.find()
}

fn entry(
    viewer: &Viewer,
    action: &str,
    before: Option<&membership::Model>,
    after: Option<&membership::Model>,
) -> NewEntry {
    let known = after.or(before);
    let resource = Resource {
        r#type: "member".to_owned(),
        id: known.map(|member| member.subject.clone()).unwrap_or_default(),
        name: known.and_then(|member| member.email.clone()),
    };
    let mut entry = NewEntry::by(viewer, action, resource);
    let role = |member: &membership::Model| sea_orm::ActiveEnum::to_value(&member.role).into();
    entry.changes =
        vec![Change { field: "role".to_owned(), old: before.map(role), new: after.map(role) }];
    entry
}
