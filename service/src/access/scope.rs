//! Scopes: from a viewer to a right in one organization.

use std::sync::Arc;

use daybook_entity::{
    TenantTable, audit_log::ActorType, job, membership, membership::Role, operator, organization,
};
use sea_orm::{ColumnTrait, DeleteMany, EntityTrait, QueryFilter, Select, UpdateMany};
use uuid::Uuid;

use super::{Authority, Viewer, api_key, subject};
use crate::{
    Core, Error, Permission, Result, database::replica, subscription_limit::CountedSubscription,
    tenancy,
};

/// The right to do something in one organization, made by `enter`, or by `Scope::system` for
/// Daybook's own work.
#[derive(Clone, Debug)]
pub struct Scope {
    core: Arc<Core>,
    organization_id: Uuid,
    viewer: Viewer,
    permission: Permission,
}

/// Admits `viewer` to an organization for one purpose.
///
/// # Errors
/// Not found at `path`, both if the organization does not exist and if the viewer does not belong
/// to it. [`Error::Forbidden`] if the viewer's role is insufficient, which is recorded as DENIED.
/// [`Error::Unauthenticated`] if the credential has expired.
pub(crate) async fn enter(
    core: &Arc<Core>,
    viewer: &Viewer,
    organization_id: Uuid,
    permission: Permission,
    path: &[&str],
) -> Result<Scope> {
    if viewer.is_expired(core.clock.now()) {
        return Err(Error::Unauthenticated("the credential has expired"));
    }
    let scope =
        Scope { core: Arc::clone(core), organization_id, viewer: viewer.clone(), permission };
    match verdict(&scope).await? {
        Verdict::Granted => {
            tenancy::enter(organization_id);
            Ok(scope)
        }
        Verdict::Unknown => Err(Error::not_found(path, "organization")),
        Verdict::Denied => Err(Error::Forbidden(permission)),
    }
}

impl Scope {
    /// Returns the right to do Daybook's own work in an organization, in the name of `viewer`.
    /// Nothing is checked: the caller is not a request.
    pub(crate) fn system(
        core: &Arc<Core>,
        organization_id: Uuid,
        viewer: Viewer,
        permission: Permission,
    ) -> Self {
        Self { core: Arc::clone(core), organization_id, viewer, permission }
    }

    /// Returns the core with which the work is done.
    #[must_use]
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Returns the organization in which the right applies.
    #[must_use]
    pub fn organization_id(&self) -> Uuid {
        self.organization_id
    }

    /// Returns the viewer who has the right.
    #[must_use]
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// Returns the permission that the right consists of.
    #[must_use]
    pub fn permission(&self) -> Permission {
        self.permission
    }

    /// Returns the right of the same viewer to something else in the same organization, such as for
    /// a command that does several things.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the viewer does not have it; those of [`Self::check`].
    pub async fn with_permission(&self, permission: Permission) -> Result<Self> {
        let scope = Self { permission, ..self.clone() };
        scope.check().await?;
        Ok(scope)
    }

    /// Refuses unless the right is `permission`. Every function that reads or writes rows of the
    /// scope's organization begins with this, or with [`Self::require_one_of`].
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the right is another one.
    pub(crate) fn require(&self, permission: Permission) -> Result<()> {
        self.require_one_of(&[permission])
    }

    /// Refuses unless the right is one of `permissions`, each of which includes what the caller does.
    ///
    /// # Errors
    /// [`Error::Forbidden`], with the first of `permissions`, if the right is another one.
    pub(crate) fn require_one_of(&self, permissions: &[Permission]) -> Result<()> {
        match permissions {
            _ if permissions.contains(&self.permission) => Ok(()),
            [first, ..] => Err(Error::Forbidden(*first)),
            [] => Err(Error::Forbidden(self.permission)),
        }
    }

    /// Refuses unless the right includes seeing `job`, which need not be of the scope's organization
    /// if the scope is the instance's.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the right does not include it.
    pub(crate) fn require_to_see(&self, job: &job::Model) -> Result<()> {
        let is_covered =
            [job.organization_id, organization::INSTANCE].contains(&self.organization_id);
        if !is_covered {
            return Err(Error::Forbidden(Permission::ReadJobs));
        }
        self.require_one_of(&self.core.job_kinds.work(job).permissions_to_see())
    }

    /// Selects the rows of the scope's organization.
    pub(crate) fn find<E: TenantTable>(&self) -> Select<E> {
        E::of(self.organization_id)
    }

    /// Updates rows of the scope's organization.
    pub(crate) fn update<E: TenantTable>(&self) -> UpdateMany<E> {
        E::update_many().filter(E::ORGANIZATION_ID.eq(self.organization_id))
    }

    /// Deletes rows of the scope's organization.
    pub(crate) fn delete<E: TenantTable>(&self) -> DeleteMany<E> {
        E::delete_many().filter(E::ORGANIZATION_ID.eq(self.organization_id))
    }

    /// True if the scope's viewer also has `permission` in an organization. A refusal is not
    /// recorded, since nobody requested access.
    ///
    /// # Errors
    /// A database fault.
    pub async fn may(&self, organization_id: Uuid, permission: Permission) -> Result<bool> {
        let scope = Self { organization_id, permission, ..self.clone() };
        Ok(matches!(verdict(&scope).await?, Verdict::Granted))
    }

    /// Counts a subscription of the organization until the returned value is dropped.
    ///
    /// # Errors
    /// RATE_LIMITED if the organization has reached its limit on this node.
    pub(crate) fn count_subscription(&self) -> Result<CountedSubscription> {
        let limit = self.core.settings.organization_subscriptions;
        self.core.subscriptions.admit(self.organization_id, limit)
    }

    /// Reads from the organization's log, workspaces or notes as the primary would answer now; see
    /// [`replica`].
    ///
    /// # Errors
    /// The errors of `work`, or a database fault of the primary.
    pub(crate) async fn read<C, T>(&self, context: &C, work: replica::Reading<C, T>) -> Result<T> {
        let Self { core, organization_id, .. } = self;
        replica::read(&core.db, &core.metrics, *organization_id, context, work).await
    }

    /// Checks that the right still holds now.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] or [`Error::Forbidden`] if the right no longer holds; a database
    /// fault.
    pub async fn check(&self) -> Result<()> {
        if self.viewer.is_expired(self.core.clock.now()) {
            return Err(Error::Unauthenticated("the credential has expired"));
        }
        match verdict(self).await? {
            Verdict::Granted => Ok(()),
            Verdict::Unknown | Verdict::Denied => Err(Error::Forbidden(self.permission)),
        }
    }
}

/// True if `viewer` has `permission` in an organization now. A refusal is not recorded, since
/// nobody requested access.
pub(crate) async fn is_granted(
    core: &Arc<Core>,
    viewer: &Viewer,
    organization_id: Uuid,
    permission: Permission,
) -> Result<bool> {
    let core = Arc::clone(core);
    let scope = Scope { core, organization_id, viewer: viewer.clone(), permission };
    Ok(matches!(verdict(&scope).await?, Verdict::Granted))
}

/// True if `viewer`'s credential is valid now. Connections that stay open check this again and
/// again.
///
/// # Errors
/// A database fault.
pub async fn holds(core: &Core, viewer: &Viewer) -> Result<bool> {
    if viewer.is_expired(core.clock.now()) {
        return Ok(false);
    }
    match viewer.authority {
        Authority::Token { .. } | Authority::CommandLine | Authority::Host(_) => Ok(true),
        Authority::ApiKey { organization_id, .. } => {
            let _turn = core.db.watcher_turn().await;
            let key = api_key::by_subject(core, organization_id, &viewer.subject).await?;
            Ok(key.is_some())
        }
    }
}

/// True if the requester of `job` may still have it done.
pub(crate) async fn may_have_job_done(
    core: &Core,
    job: &job::Model,
    permission: Permission,
) -> Result<bool> {
    // Requested on the command line, which needs no role.
    if job.requester_type == ActorType::System {
        return Ok(true);
    }
    let organization_id = job.organization_id;
    if subject::is_api_key(&job.requester_id) {
        let key = api_key::by_subject(core, organization_id, &job.requester_id).await?;
        return Ok(key.is_some_and(|key| permission.is_granted_to(key.role)));
    }
    Ok(match role(core, organization_id, &job.requester_id).await? {
        Some(role) => permission.is_granted_to(role),
        None => is_operators_right(core, organization_id, &job.requester_id, permission).await?,
    })
}

enum Verdict {
    Granted,
    Denied,
    Unknown,
}

async fn verdict(scope: &Scope) -> Result<Verdict> {
    let Scope { core, organization_id, viewer, permission } = scope;
    if viewer.authority.is_unlimited() {
        let found = organization::Entity::find_by_id(*organization_id);
        let found = found.one(core.db.access()).await?;
        return Ok(if found.is_some() { Verdict::Granted } else { Verdict::Unknown });
    }
    if let Authority::ApiKey { organization_id: own, .. } = viewer.authority {
        let key = api_key::by_subject(core, own, &viewer.subject).await?;
        let ended = Error::Unauthenticated("the API key has expired or was revoked");
        let key = key.ok_or(ended)?;
        return Ok(match permission.is_granted_to(key.role) {
            _ if own != *organization_id => Verdict::Unknown,
            true => Verdict::Granted,
            false => Verdict::Denied,
        });
    }
    if let Some(role) = role(core, *organization_id, &viewer.subject).await? {
        let is_granted = permission.is_granted_to(role);
        return Ok(if is_granted { Verdict::Granted } else { Verdict::Denied });
    }
    if is_operators_right(core, *organization_id, &viewer.subject, *permission).await? {
        let found = organization::Entity::find_by_id(*organization_id);
        let found = found.one(core.db.access()).await?;
        return Ok(if found.is_some() { Verdict::Granted } else { Verdict::Unknown });
    }
    Ok(Verdict::Unknown)
}

/// True if `subject` is an operator and `permission` is one that operators have in this
/// organization. The instance's own log and jobs belong to its operators, who may read that log but
/// not record entries in it themselves.
async fn is_operators_right(
    core: &Core,
    organization_id: Uuid,
    subject: &str,
    permission: Permission,
) -> Result<bool> {
    let is_own =
        organization_id == organization::INSTANCE && permission != Permission::RecordAuditLogs;
    let is_enough = is_own || permission.is_granted_to_operators();
    Ok(is_enough && is_operator(core, subject).await?)
}

/// True if `subject` is an operator now.
///
/// # Errors
/// A database fault.
pub async fn is_operator(core: &Core, subject: &str) -> Result<bool> {
    let found = operator::Entity::find_by_id(subject).one(core.db.access()).await?;
    Ok(found.is_some())
}

async fn role(core: &Core, organization_id: Uuid, subject: &str) -> Result<Option<Role>> {
    let key = (organization_id, subject.to_owned());
    let membership = membership::Entity::find_by_id(key).one(core.db.access()).await?;
    Ok(membership.map(|membership| membership.role))
}
