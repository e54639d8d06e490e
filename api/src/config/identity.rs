//! The OpenID provider whose tokens are accepted besides the instance's own.

use anyhow::{Context, Result};
use clap::Args;
use daybook_service::oidc::{Grant, Oidc};

use super::{defaults::defaults, heading, rules::refuse_without};

/// Settings of an OpenID provider.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = heading::OPENID_PROVIDER)]
pub struct Identity {
    /// Issuer of the OpenID provider whose tokens are accepted; must equal their `iss` claim
    /// [default: none; only Daybook's own tokens and API keys are accepted]
    ///
    /// Set it if people sign in with a provider, so that nobody has to hand out tokens.
    #[arg(long, env = "DAYBOOK_OIDC_ISSUER", global = true)]
    pub oidc_issuer: Option<String>,
    /// Audience (`aud` claim) that the provider's tokens must have [default: none]
    ///
    /// Set it together with --oidc-issuer, to what the provider issues tokens for Daybook with.
    #[arg(long, env = "DAYBOOK_OIDC_AUDIENCE", global = true)]
    pub oidc_audience: Option<String>,
    /// URL of the provider's keys (JWKS) [default: from the issuer's discovery document]
    ///
    /// Set it if the provider has no discovery document, or this machine reaches it by another URL.
    #[arg(long, env = "DAYBOOK_OIDC_JWKS_URL", global = true)]
    pub oidc_jwks_url: Option<String>,
    /// Roles granted by claims: CLAIM:VALUE=ORGANIZATION:ROLE, separated by commas
    /// [default: none; ADMINs assign roles]
    ///
    /// Set it if groups of the provider decide who has which role.
    #[arg(long, env = "DAYBOOK_OIDC_ROLES", value_delimiter = ',', global = true)]
    pub oidc_roles: Vec<Grant>,
}

impl Default for Identity {
    /// Returns the default of each option.
    fn default() -> Self {
        defaults()
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
            refuse_without(
                "DAYBOOK_OIDC_ISSUER",
                &[
                    ("DAYBOOK_OIDC_AUDIENCE", oidc_audience.is_some()),
                    ("DAYBOOK_OIDC_JWKS_URL", oidc_jwks_url.is_some()),
                    ("DAYBOOK_OIDC_ROLES", !oidc_roles.is_empty()),
                ],
            )?;
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
