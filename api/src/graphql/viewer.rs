//! Who is asking.

pub(super) mod query {
    //! The `viewer` field.

    use async_graphql::{Context, Object, Result};

    use super::Viewer;
    use crate::graphql::{context, error::to_error};

    #[derive(Default)]
    pub(crate) struct ViewerQuery;

    #[Object]
    impl ViewerQuery {
        /// Who is asking, and what they may do in which organization.
        async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
            Ok(Viewer(context::viewer(ctx).map_err(to_error)?.clone()))
        }
    }
}

use async_graphql::{Context, Object, Result, SimpleObject};
use daybook_service::{access, organizations};

use super::{
    context::instance,
    error::to_error,
    organization::types::{Organization, Role},
};

/// Who is asking.
pub(super) struct Viewer(daybook_service::Viewer);

/// Who is asking, as the credential says, and what they may do.
#[Object]
impl Viewer {
    /// The subject of the credential.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The e-mail address of the credential.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// True for operators, who run the instance: they start backups of all of it and see every
    /// organization's jobs, but read no organization's log.
    async fn is_operator(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = access::operators::contains(instance(ctx), &self.0.subject).await;
        found.map_err(to_error)
    }

    /// The organization that stands for the instance itself. Its audit log tells what operators, the
    /// command line and schedules did; operators read it by `auditLogs` and export it. Null for
    /// viewers who are no operators.
    async fn instance(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        let found = access::operators::instance(instance(ctx), &self.0).await;
        Ok(found.map_err(to_error)?.map(Organization))
    }

    /// Where the viewer belongs, and as what.
    async fn memberships(&self, ctx: &Context<'_>) -> Result<Vec<Membership>> {
        let instance = instance(ctx);
        let memberships = access::members::of(instance, &self.0).await.map_err(to_error)?;
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

/// A role in an organization.
#[derive(SimpleObject)]
pub(super) struct Membership {
    /// Where.
    organization: Organization,
    /// As what.
    role: Role,
}
