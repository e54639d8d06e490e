//! `Viewer`: the subject of the request, and what it may do.

use async_graphql::{Context, Object, Result, SimpleObject};
use daybook_service::{access, organizations};

use super::{
    context::{self, instance},
    error::to_error,
    organization::types::{Organization, Role},
};

#[derive(Default)]
pub(crate) struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Returns the viewer: the subject of the request's credential, with its memberships.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(Viewer(context::viewer(ctx).map_err(to_error)?.clone()))
    }
}

/// The subject of the request.
pub(super) struct Viewer(daybook_service::Viewer);

/// The viewer: the subject of the request's credential, and what it may do.
#[Object]
impl Viewer {
    /// Subject of the credential.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// E-mail address in the credential. Null if it has none.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// True for operators, who run the instance. They can back up the whole instance and see the
    /// jobs of all organizations, but can't read the audit logs of organizations.
    async fn is_operator(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = access::is_operator(instance(ctx), &self.0.subject).await;
        found.map_err(to_error)
    }

    /// The organization that represents the instance itself. Its audit log records the actions of
    /// operators, the command line and schedules; operators can read it with `auditLogs` and export
    /// it. Null for viewers who are not operators.
    async fn instance(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        let found = organizations::operators::instance(&instance(ctx).core, &self.0).await;
        Ok(found.map_err(to_error)?.map(Organization))
    }

    /// Organizations that the viewer belongs to, with the viewer's role in each.
    async fn memberships(&self, ctx: &Context<'_>) -> Result<Vec<Membership>> {
        let instance = instance(ctx);
        let memberships = organizations::members::of(instance, &self.0).await.map_err(to_error)?;
        let ids: Vec<_> = memberships.iter().map(|member| member.organization_id).collect();
        let organizations = organizations::get_many(instance, &ids).await.map_err(to_error)?;
        let pair = |organization: daybook_entity::organization::Model| {
            let member =
                memberships.iter().find(|member| member.organization_id == organization.id)?;
            Some(Membership { organization: Organization(organization), role: member.role.into() })
        };
        Ok(organizations.into_iter().filter_map(pair).collect())
    }
}

/// The viewer's membership in an organization.
#[derive(SimpleObject)]
pub(super) struct Membership {
    /// The organization.
    organization: Organization,
    /// Role of the viewer in the organization.
    role: Role,
}
