//! `Member`: a subject with a role in an organization.

use async_graphql::{Context, Object, Result};
use daybook_entity::membership;
use daybook_service::{Permission, Scope, organizations::members};
use uuid::Uuid;

use super::types::Role;
use crate::graphql::{
    context::enter_for_field,
    error::to_error,
    page::{ConnectionWith, connection},
    scalar::Instant,
};

/// A subject with a role in an organization.
pub(in crate::graphql) struct Member(pub(in crate::graphql) membership::Model);

/// A subject with a role in an organization.
#[Object]
impl Member {
    /// Subject of the member, as its credentials state it.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// E-mail address by which people recognize the member. Null if none is known.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// Role of the member in the organization.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// The time at which the subject became a member.
    async fn since(&self) -> Instant {
        self.0.created_at.into()
    }
}

/// A page of members.
pub(in crate::graphql) type MemberConnection = ConnectionWith<Member, MemberTotal>;

/// The number of an organization's members, counted only if selected.
pub(in crate::graphql) struct MemberTotal(Scope);

#[Object]
impl MemberTotal {
    /// Exact number of members on all pages. Counted only if selected.
    async fn total_count(&self) -> Result<i32> {
        Ok(i32::try_from(members::count(&self.0).await.map_err(to_error)?)?)
    }
}

/// Returns a page of an organization's members, for viewers who may read them.
pub(super) async fn members(
    ctx: &Context<'_>,
    organization_id: Uuid,
    args: &daybook_service::page::PageArgs,
) -> Result<MemberConnection> {
    let scope = enter_for_field(ctx, organization_id, Permission::ReadMembers).await?;
    let page = members::page(&scope, args).await.map_err(to_error)?;
    Ok(connection(page, MemberTotal(scope), Member))
}
