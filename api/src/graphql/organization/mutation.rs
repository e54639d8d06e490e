//! The `setMember`, `removeMember`, `createApiKey` and `revokeApiKey` fields.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use daybook_service::{
    Error, GlobalId, Permission,
    organizations::{
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
    /// Makes a subject a member of an organization, or changes its role. If the subject loses a
    /// permission, its live subscriptions receive nothing that is recorded after this response; on
    /// other nodes, nothing that is recorded more than 5 seconds later. The last ADMIN can't lose
    /// that role. For ADMIN.
    async fn set_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The subject, its organization and its role.")] input: SetMemberInput,
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

    /// Removes a member from an organization. The subject's live subscriptions end: they receive
    /// nothing that is recorded after this response; on other nodes, nothing that is recorded more
    /// than 5 seconds later. The last ADMIN can't be removed. For ADMIN.
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The member to remove, and its organization.")] input: RemoveMemberInput,
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

    /// Creates an API key for a program. The key is shown only in this response; Daybook stores a
    /// hash of it. For ADMIN.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Organization, name, role and expiry of the API key.")]
        input: CreateApiKeyInput,
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
    /// this response; on other nodes, nothing that is recorded more than 5 seconds later.
    /// WebSockets that were opened with the key are closed within 5 seconds. A key that was already
    /// revoked stays as it is. For ADMIN.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The API key to revoke.")] input: RevokeApiKeyInput,
    ) -> Result<RevokeApiKeyPayload> {
        let revoked = async {
            let path = ["input", "apiKeyId"];
            context::viewer(ctx)?;
            let (instance, permission) = (context::instance(ctx), Permission::RevokeApiKeys);
            let gone = || Error::not_found(&path, "API key");
            let (organization_id, id) = match input.api_key_id.parse() {
                Ok(GlobalId::ApiKey { organization_id, id }) => (organization_id, id),
                Ok(_) | Err(_) => {
                    let prefix = api_keys::named_prefix(&input.api_key_id).ok_or_else(|| {
                        Error::invalid(&path, "must be the ID of an API key, or the key itself")
                    })?;
                    let key = api_keys::find_anywhere(instance, prefix).await?.ok_or_else(gone)?;
                    (key.organization_id, key.id)
                }
            };
            let purpose = (organization_id, permission);
            let scope = context::enter_to_change(ctx, purpose, (&path, "API key")).await?;
            api_keys::revoke(&scope, id).await?.map(ApiKey).ok_or_else(gone)
        };
        let (api_key, user_errors) = split(revoked.await)?;
        Ok(RevokeApiKeyPayload { api_key, user_errors })
    }
}

/// Input of `setMember`.
#[derive(InputObject)]
struct SetMemberInput {
    /// ID of the organization.
    organization_id: ID,
    /// Subject of the member, as its credentials state it. 1 to 200 characters, without control
    /// characters or leading or trailing blanks. `system`, `daybook` and subjects that begin with
    /// `daybook-`, `api-key:` or `os-user:` are reserved.
    subject: String,
    /// E-mail address by which people recognize the member. If absent or null, a known address is
    /// kept. 1 to 320 characters, without control characters or leading or trailing blanks.
    email: Option<String>,
    /// Role of the member in the organization.
    role: Role,
}

/// Result of `setMember`.
#[derive(SimpleObject)]
struct SetMemberPayload {
    /// The member. Null only if `userErrors` is not empty.
    member: Option<Member>,
    /// Problems that the caller can fix. Nothing was changed if there are any.
    user_errors: Vec<UserError>,
}

/// Input of `removeMember`.
#[derive(InputObject)]
struct RemoveMemberInput {
    /// ID of the organization.
    organization_id: ID,
    /// Subject of the member to remove.
    subject: String,
}

/// Result of `removeMember`.
#[derive(SimpleObject)]
struct RemoveMemberPayload {
    /// Subject of the removed member. Null only if `userErrors` is not empty.
    removed_subject: Option<String>,
    /// Problems that the caller can fix. Nothing was changed if there are any.
    user_errors: Vec<UserError>,
}

/// Input of `createApiKey`.
#[derive(InputObject)]
struct CreateApiKeyInput {
    /// ID of the organization in which the API key is valid.
    organization_id: ID,
    /// Display name of the API key. 1 to 200 characters, without control characters or leading or
    /// trailing blanks.
    name: String,
    /// Role of the API key: AUDITOR or WRITER.
    role: Role,
    /// The API key is valid until this time. If absent or null, it is valid until it is revoked.
    expires_at: Option<Instant>,
}

/// Result of `createApiKey`.
#[derive(SimpleObject)]
struct CreateApiKeyPayload {
    /// The new API key, without the key itself. Null only if `userErrors` is not empty.
    api_key: Option<ApiKey>,
    /// The key itself, for the header `Authorization: Bearer …`. It can't be retrieved again. Null
    /// only if `userErrors` is not empty.
    key: Option<String>,
    /// Problems that the caller can fix. Nothing was changed if there are any.
    user_errors: Vec<UserError>,
}

/// Input of `revokeApiKey`.
#[derive(InputObject)]
struct RevokeApiKeyInput {
    /// ID of the API key, or the key itself, so that a leaked key can be revoked without looking up
    /// its ID.
    api_key_id: ID,
}

/// Result of `revokeApiKey`.
#[derive(SimpleObject)]
struct RevokeApiKeyPayload {
    /// The revoked API key. Null only if `userErrors` is not empty.
    api_key: Option<ApiKey>,
    /// Problems that the caller can fix. Nothing was changed if there are any.
    user_errors: Vec<UserError>,
}
