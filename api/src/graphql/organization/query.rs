//! The `organization` field.

use async_graphql::{Context, ID, Object, Result};
use daybook_service::{Permission, organizations};

use super::types::Organization;
use crate::graphql::{
    context::{enter_to_see, instance, organization_id, viewer},
    error::{FieldError, to_error},
};

#[derive(Default)]
pub(crate) struct OrganizationQuery;

#[Object]
impl OrganizationQuery {
    /// Returns an organization by its ID or its slug; exactly one of them must be given. Null if
    /// the organization does not exist or the viewer does not belong to it.
    async fn organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the organization.")] id: Option<ID>,
        #[graphql(desc = "Slug of the organization.")] slug: Option<String>,
    ) -> Result<Option<Organization>> {
        viewer(ctx).map_err(to_error)?;
        let id = match (id, slug) {
            (Some(id), None) => organization_id(&id, &["id"]).map_err(to_error)?,
            (None, Some(slug)) => {
                let found = organizations::find_by_slug(instance(ctx), &slug).await;
                match found.map_err(to_error)? {
                    Some(organization) => organization.id,
                    None => return Ok(None),
                }
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err(
                    FieldError::invalid(&["id"], "give exactly one of `id` and `slug`").into()
                );
            }
        };
        let Some(scope) = enter_to_see(ctx, id, Permission::ReadOrganization).await? else {
            return Ok(None);
        };
        Ok(Some(Organization(organizations::get(&scope).await.map_err(to_error)?)))
    }
}
