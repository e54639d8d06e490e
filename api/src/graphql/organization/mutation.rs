//! The `setMember` and `removeMember` fields.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_service::{Error, Permission, access::members};

use super::{member::Member, types::Role};
use crate::graphql::{
    context,
    error::{UserError, split},
};

#[derive(Default)]
pub(crate) struct OrganizationMutation;

#[Object]
impl OrganizationMutation {
    /// Gives a subject a role in the organization, or another role. ADMIN only.
    async fn set_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, who, and as what.")] input: SetMemberInput,
    ) -> Result<SetMemberPayload> {
        let set = async {
            let SetMemberInput { organization_id, subject, email, role } = input;
            let (permission, path) = (Permission::ManageMembers, ["input", "organizationId"]);
            let scope = context::enter(ctx, &organization_id, permission, &path).await?;
            members::set(&scope, &subject, email.as_deref(), role.into()).await.map(Member)
        };
        let (member, user_errors) = split(set.await)?;
        Ok(SetMemberPayload { member, user_errors })
    }

    /// Takes effect at once, live subscriptions included.
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where and who.")] input: RemoveMemberInput,
    ) -> Result<RemoveMemberPayload> {
        let removed = async {
            let RemoveMemberInput { organization_id, subject } = input;
            let (permission, path) = (Permission::ManageMembers, ["input", "organizationId"]);
            let scope = context::enter(ctx, &organization_id, permission, &path).await?;
            if members::remove(&scope, &subject).await? {
                Ok(subject)
            } else {
                Err(Error::not_found(&["input", "subject"], "member"))
            }
        };
        let (removed_subject, user_errors) = split(removed.await)?;
        Ok(RemoveMemberPayload { removed_subject, user_errors })
    }
}

/// Who is to be what.
#[derive(InputObject)]
struct SetMemberInput {
    /// Where.
    organization_id: ID,
    /// Who: what credentials name. 1 to 200 characters.
    subject: String,
    /// For people to recognize the subject by; absent or null, the known one stays.
    email: Option<String>,
    /// As what.
    role: Role,
}

/// What became of it.
#[derive(SimpleObject)]
struct SetMemberPayload {
    /// The member. Null only where userErrors says why.
    member: Option<Member>,
    /// What the caller can put right.
    user_errors: Vec<UserError>,
}

/// Who is to be a member no more.
#[derive(InputObject)]
struct RemoveMemberInput {
    /// Where.
    organization_id: ID,
    /// Who.
    subject: String,
}

/// What became of it.
#[derive(SimpleObject)]
struct RemoveMemberPayload {
    /// Who is a member no more. Null only where userErrors says why.
    removed_subject: Option<String>,
    /// What the caller can put right.
    user_errors: Vec<UserError>,
}
