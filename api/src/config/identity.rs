//! The OpenID provider whose tokens are accepted besides the instance's own.

use anyhow::{Context, Result, bail};
use clap::Args;
use daybook_service::oidc::{Grant, Oidc};

/// Settings of an OpenID provider.
#[derive(Args, Clone, Debug)]
pub struct Identity {
    /// Issuer of the OpenID provider whose tokens are accepted; must equal their `iss` claim
    #[arg(long, env = "DAYBOOK_OIDC_ISSUER", global = true)]
    pub oidc_issuer: Option<String>,
    /// Audience (`aud` claim) that the provider's tokens must have
    #[arg(long, env = "DAYBOOK_OIDC_AUDIENCE", global = true)]
    pub oidc_audience: Option<String>,
    /// URL of the provider's keys (JWKS) [default: from the issuer's discovery document]
    #[arg(long, env = "DAYBOOK_OIDC_JWKS_URL", global = true)]
    pub oidc_jwks_url: Option<String>,
    /// Roles granted by claims: CLAIM:VALUE=ORGANIZATION:ROLE, separated by commas
    #[arg(long, env = "DAYBOOK_OIDC_ROLES", value_delimiter = ',', global = true)]
    pub oidc_roles: Vec<Grant>,
}

impl Default for Identity {
    /// Returns the default of each option.
    fn default() -> Self {
        super::defaults()
    }
}

impl Identity {
    /// Returns the configured provider, if there is one.
    ///
    /// # Errors
    /// Fails if a setting is missing or not valid.
    pub(crate) fn oidc(&self) -> Result<Option<Oidc>> {
        let Self { oidc_issuer, oidc_audience, oidc_jwks_url, oidc_roles } = self;
        let Some(issuer) = oidc_issuer.clone() else {
            if oidc_audience.is_some() || oidc_jwks_url.is_some() || !oidc_roles.is_empty() {
                bail!("DAYBOOK_OIDC_ISSUER is missing; the other DAYBOOK_OIDC_… settings need it");
            }
            return Ok(None);
        };
        let audience = oidc_audience.clone().unwrap_or_default();
        let (jwks_url, roles) = (oidc_jwks_url.clone(), oidc_roles.clone());
        let oidc = Oidc { issuer, audience, jwks_url, roles };
        oidc.check()
            .map_err(anyhow::Error::msg)
            .context("the DAYBOOK_OIDC_… settings are not valid")?;
        Ok(Some(oidc))
    }
}
