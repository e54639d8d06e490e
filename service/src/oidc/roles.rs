//! Maps claims to roles, as the configuration says.

use std::{str::FromStr, sync::Arc};

use daybook_entity::membership::Role;
use sea_orm::ActiveEnum;
use serde_json::{Map, Value};

use crate::{
    Core, Permission, Result, Viewer,
    access::enter,
    organizations::{self, members},
};

/// Actor of these changes of memberships in the audit log.
const ACTOR: &str = "daybook-oidc";

/// A claim's value that gives a role in an organization, such as `groups:auditors=acme:AUDITOR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Name of the claim, whose value is a text or a list of texts.
    pub claim: String,
    /// The value that the claim must equal or contain.
    pub value: String,
    /// The slug of the organization.
    pub organization: String,
    /// The role that the claim gives.
    pub role: Role,
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || {
            let (from, to) = text.rsplit_once('=')?;
            let ((claim, value), (organization, role)) =
                (from.split_once(':')?, to.split_once(':')?);
            let role = Role::try_from_value(&role.to_ascii_uppercase()).ok()?;
            let is_whole = ![claim, value, organization].contains(&"");
            let [claim, value, organization] = [claim, value, organization].map(str::to_owned);
            is_whole.then_some(Self { claim, value, organization, role })
        };
        parts().ok_or_else(|| "must be like groups:auditors=acme:AUDITOR".to_owned())
    }
}

/// Makes the viewer's memberships match the claims, in each organization that a grant names. The
/// first grant that fits counts; if none fits, the membership is removed.
pub(super) async fn apply(
    core: &Arc<Core>,
    grants: &[Grant],
    viewer: &Viewer,
    claims: &Map<String, Value>,
) -> Result<()> {
    if grants.is_empty() {
        return Ok(());
    }
    let known = members::of(core, viewer).await?;
    let mut seen: Vec<&str> = Vec::new();
    for grant in grants {
        let slug = grant.organization.as_str();
        if seen.contains(&slug) {
            continue;
        }
        seen.push(slug);
        let Some(organization) = organizations::find_by_slug(core, slug).await? else {
            tracing::warn!(organization.slug = slug, "claims give a role in no organization");
            continue;
        };
        let of_it = grants.iter().filter(|grant| grant.organization == slug);
        let wanted = of_it.into_iter().find(|grant| fits(grant, claims)).map(|grant| grant.role);
        let has = known.iter().find(|member| member.organization_id == organization.id);
        if wanted == has.map(|member| member.role) {
            continue;
        }
        let by = Viewer { request_id: viewer.request_id.clone(), ..Viewer::command_line(ACTOR) };
        let permission = match wanted {
            Some(_) => Permission::SetMembers,
            None => Permission::RemoveMembers,
        };
        let scope = enter(core, &by, organization.id, permission, &[]).await?;
        let done = match wanted {
            Some(role) => {
                members::set(&scope, &viewer.subject, viewer.email.as_deref(), role).await.map(drop)
            }
            None => members::remove(&scope, &viewer.subject).await.map(drop),
        };
        if let Err(error) = done {
            // Another request of the same subject may have been faster.
            let now = members::of(core, viewer).await?;
            let has = now.iter().find(|member| member.organization_id == organization.id);
            if wanted != has.map(|member| member.role) {
                return Err(error);
            }
        }
    }
    Ok(())
}

fn fits(grant: &Grant, claims: &Map<String, Value>) -> bool {
    match claims.get(&grant.claim) {
        Some(Value::String(value)) => *value == grant.value,
        Some(Value::Array(values)) => values.iter().any(|value| *value == grant.value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grant_is_read_whole_or_not_at_all() {
        let grant: Grant = "groups:a:b=acme:auditor".parse().expect("a grant");
        assert_eq!((grant.claim.as_str(), grant.value.as_str()), ("groups", "a:b"));
        assert_eq!((grant.organization.as_str(), grant.role), ("acme", Role::Auditor));
        for text in [
            "",
            "groups",
            "groups:a",
            "groups:a=acme",
            "groups:a=acme:KING",
            "a=acme:ADMIN",
            ":a=acme:ADMIN",
        ] {
            assert!(text.parse::<Grant>().is_err(), "{text}");
        }
    }
}
