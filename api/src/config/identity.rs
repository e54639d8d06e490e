//! Whose tokens are believed beside the instance's own.

use anyhow::{Context, Result, bail};
use clap::Args;
use daybook_service::access::oidc::{Grant, Oidc};

/// An OpenID provider.
#[derive(Args, Clone, Debug)]
pub struct Identity {
    /// Issuer of an OpenID provider whose tokens are taken, as their `iss` says it
    #[arg(long, env = "DAYBOOK_OIDC_ISSUER", global = true)]
    pub oidc_issuer: Option<String>,
    /// The `aud` that its tokens must have
    #[arg(long, env = "DAYBOOK_OIDC_AUDIENCE", global = true)]
    pub oidc_audience: Option<String>,
    /// Where its keys are [default: where its discovery document says]
    #[arg(long, env = "DAYBOOK_OIDC_JWKS_URL", global = true)]
    pub oidc_jwks_url: Option<String>,
    /// Which claims give which roles: CLAIM:VALUE=ORGANIZATION:ROLE, separated by commas
    #[arg(long, env = "DAYBOOK_OIDC_ROLES", value_delimiter = ',', global = true)]
    pub oidc_roles: Vec<Grant>,
}

impl Default for Identity {
    /// As if nothing were said.
    fn default() -> Self {
        super::defaults()
    }
}

impl Identity {
    /// The provider, if one is named.
    ///
    /// # Errors
    /// A part that is missing or can't be used.
    pub(crate) fn oidc(&self) -> Result<Option<Oidc>> {
        let Self { oidc_issuer, oidc_audience, oidc_jwks_url, oidc_roles } = self;
        let Some(issuer) = oidc_issuer.clone() else {
            if oidc_audience.is_some() || oidc_jwks_url.is_some() || !oidc_roles.is_empty() {
                bail!("DAYBOOK_OIDC_ISSUER is missing: without it, the others mean nothing");
            }
            return Ok(None);
        };
        let audience = oidc_audience.clone().unwrap_or_default();
        let (jwks_url, roles) = (oidc_jwks_url.clone(), oidc_roles.clone());
        let oidc = Oidc { issuer, audience, jwks_url, roles };
        oidc.check().map_err(anyhow::Error::msg).context("DAYBOOK_OIDC_… can't be used")?;
        Ok(Some(oidc))
    }
}
