//! The `setMember`, `removeMember`, `createApiKey` and `revokeApiKey` fields.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_service::{
    Error, GlobalId, Permission,
    access::{
        self,
        api_keys::{self, NewApiKey},
        members,
    },
};

use super::{api_key::ApiKey, member::Member, types::Role};
use crate::graphql::{
    context,
    error::{UserError, split},
    scalar::{self, Instant},
};

#[derive(Default)]
pub(crate) struct OrganizationMutation;

#[Object]
impl OrganizationMutation {
    /// Gives a subject a role in the organization, or another role. A subject that loses a right
    /// receives nothing that is recorded after this answer; from other nodes, nothing that is
    /// recorded more than 5 seconds later. The last ADMIN keeps the role. ADMIN only.
    async fn set_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, who, and as what.")] input: SetMemberInput,
    ) -> Result<SetMemberPayload> {
        let set = async {
            let SetMemberInput { organization_id, subject, email, role } = input;
            let (permission, path) = (Permission::SetMembers, ["input", "organizationId"]);
            let scope = context::enter(ctx, &organization_id, permission, &path).await?;
            members::set(&scope, &subject, email.as_deref(), role.into()).await.map(Member)
        };
        let (member, user_errors) = split(set.await)?;
        Ok(SetMemberPayload { member, user_errors })
    }

    /// Removes a member. The subject's live subscriptions end: they receive nothing that is recorded
    /// after this answer; from other nodes, nothing that is recorded more than 5 seconds later. The
    /// last ADMIN stays. ADMIN only.
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where and who.")] input: RemoveMemberInput,
    ) -> Result<RemoveMemberPayload> {
        let removed = async {
            let RemoveMemberInput { organization_id, subject } = input;
            let (permission, path) = (Permission::RemoveMembers, ["input", "organizationId"]);
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

    /// Makes a credential for a program. The key is in this answer and in no other: what is kept is
    /// a hash. ADMIN only.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Where, as what, and until when.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        let created = async {
            let CreateApiKeyInput { organization_id, name, role, expires_at } = input;
            let (permission, path) = (Permission::CreateApiKeys, ["input", "organizationId"]);
            let scope = context::enter(ctx, &organization_id, permission, &path).await?;
            let mut problems = Vec::new();
            let expires_at = scalar::read(expires_at, (&["input"], "expiresAt"), &mut problems);
            if !problems.is_empty() {
                return Err(Error::Refused(problems));
            }
            api_keys::create(&scope, NewApiKey { name, role: role.into(), expires_at }).await
        };
        let (created, user_errors) = split(created.await)?;
        let (api_key, key) = created.map(|created| (ApiKey(created.row), created.key)).unzip();
        Ok(CreateApiKeyPayload { api_key, key, user_errors })
    }

    /// Revokes an API key. Its live subscriptions end: they receive nothing that is recorded after
    /// this answer; from other nodes, nothing that is recorded more than 5 seconds later.
    /// WebSockets that were opened with the key are closed within 5 seconds. A key that was revoked
    /// before stays as it is. ADMIN only.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RevokeApiKeyInput,
    ) -> Result<RevokeApiKeyPayload> {
        let revoked = async {
            let path = ["input", "apiKeyId"];
            let viewer = context::viewer(ctx)?;
            let (instance, permission) = (context::instance(ctx), Permission::RevokeApiKeys);
            let gone = || Error::not_found(&path, "API key");
            let (organization_id, id) = match input.api_key_id.parse() {
                Ok(GlobalId::ApiKey { organization_id, id }) => (organization_id, id),
                Ok(_) | Err(_) => {
                    let prefix = api_keys::named_prefix(&input.api_key_id).ok_or_else(|| {
                        Error::invalid(&path, "is neither an API key's ID nor a key")
                    })?;
                    let key = api_keys::find_anywhere(instance, prefix).await?.ok_or_else(gone)?;
                    (key.organization_id, key.id)
                }
            };
            let scope = access::enter(instance, viewer, organization_id, permission, &path).await;
            let scope = scope.map_err(|error| if error.is_not_found() { gone() } else { error })?;
            api_keys::revoke(&scope, id).await?.map(ApiKey).ok_or_else(gone)
        };
        let (api_key, user_errors) = split(revoked.await)?;
        Ok(RevokeApiKeyPayload { api_key, user_errors })
    }
}

/// Who is to be what.
#[derive(InputObject)]
struct SetMemberInput {
    /// Where.
    organization_id: ID,
    /// Who: what credentials name. 1 to 200 characters, no control characters, no blank at its
    /// ends. `system`, `daybook` and what begins with `daybook-`, `api-key:` or `os-user:` are
    /// reserved.
    subject: String,
    /// For people to recognize the subject by; absent or null, the known one stays. 1 to 320
    /// characters, no control characters, no blank at its ends.
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

/// A credential for a program.
#[derive(InputObject)]
struct CreateApiKeyInput {
    /// Where.
    organization_id: ID,
    /// For people to recognize the key by. 1 to 200 characters, no control characters, no blank at
    /// its ends.
    name: String,
    /// As what: AUDITOR or WRITER.
    role: Role,
    /// From when on it doesn't hold; absent or null: it does until it is revoked.
    expires_at: Option<Instant>,
}

/// What became of it.
#[derive(SimpleObject)]
struct CreateApiKeyPayload {
    /// What is known of the key. Null only where userErrors says why.
    api_key: Option<ApiKey>,
    /// The key itself, for `Authorization: Bearer …`. It can't be asked for again.
    key: Option<String>,
    /// What the caller can put right.
    user_errors: Vec<UserError>,
}

/// Which key is to hold no more.
#[derive(InputObject)]
struct RevokeApiKeyInput {
    /// The ID of the API key, or the key itself: a key that has leaked need not be looked up.
    api_key_id: ID,
}

/// What became of it.
#[derive(SimpleObject)]
struct RevokeApiKeyPayload {
    /// The key, which holds no more. Null only where userErrors says why.
    api_key: Option<ApiKey>,
    /// What the caller can put right.
    user_errors: Vec<UserError>,
}
