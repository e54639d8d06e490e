//! `daybook token`, `daybook member`, `daybook operator`.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use daybook_entity::{membership, organization::INSTANCE};
use daybook_service::{
    Permission, Scope,
    access::token,
    organizations::{members, operators, tokens},
};

use super::{
    caller::viewer,
    instance::{close, open, scope},
    output::say,
    report::complain,
};
use crate::config::Config;

#[derive(Args, Debug)]
pub(super) struct TokenOptions {
    /// Slug of the organization
    #[arg(long, required_unless_present = "operator", requires = "role")]
    organization: Option<String>,
    /// Role of the subject in the organization; fails if the subject already has another role
    #[arg(
        long,
        value_enum,
        required_unless_present = "operator",
        requires = "organization",
        ignore_case = true
    )]
    role: Option<Role>,
    /// Subject that the token identifies [default: the role's name, or operator]
    #[arg(long)]
    subject: Option<String>,
    /// The subject's e-mail address
    #[arg(long)]
    email: Option<String>,
    /// Validity of the token, e.g. 90m, 12h or 30d
    #[arg(long, default_value = "12h", value_parser = humantime::parse_duration)]
    ttl: Duration,
    /// Issue the token for an operator; makes the subject one if needed
    #[arg(long)]
    operator: bool,
}

#[derive(Subcommand, Debug)]
pub(super) enum Member {
    /// Add a member, or change a member's role
    Set {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// The member's role
        #[arg(long, value_enum, ignore_case = true)]
        role: Role,
        /// The subject's e-mail address
        #[arg(long)]
        email: Option<String>,
        /// Subject of the member
        subject: String,
    },
    /// Remove a member, with immediate effect
    Remove {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Subject of the member
        subject: String,
    },
    /// Print subject, role and e-mail address of each member, separated by tabs
    List {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum Operator {
    /// Remove an operator, with immediate effect
    Remove {
        /// Subject of the operator
        subject: String,
    },
    /// Print subject and e-mail address of each operator, separated by a tab
    List,
}

/// Role of a member, as an option.
#[derive(Copy, Clone, Debug, ValueEnum)]
pub(super) enum Role {
    /// Full access to the organization
    Admin,
    /// Can read and export the audit log
    Auditor,
    /// Can only record audit entries
    Writer,
    /// Can read and change workspaces and notes
    Member,
}

impl From<Role> for membership::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Auditor => Self::Auditor,
            Role::Writer => Self::Writer,
            Role::Member => Self::Member,
        }
    }
}

/// Prints a bearer token, gives its subject the role if it has none, and records both in the audit log.
pub(super) async fn token(config: &Config, options: TokenOptions) -> Result<()> {
    let instance = open(config).await?;
    let TokenOptions { organization, role, subject, email, ttl, operator } = options;
    let role = role.map(membership::Role::from);
    let default = || match role {
        Some(role) if !operator => format!("{role:?}").to_lowercase(),
        Some(_) | None => "operator".to_owned(),
    };
    let subject = subject.unwrap_or_else(default);
    let now = instance.clock.now();
    // Issued first, so that nothing changes if the token can't be issued.
    let token = token::issue(&instance.secret, &subject, email.as_deref(), ttl, now)?;
    let expires_at = token::expiry(ttl, now)?;
    if operator {
        let viewer = viewer(config)?;
        operators::add(&instance.core, &viewer, &subject, email.as_deref()).await?;
        let scope = instance.enter(&viewer, INSTANCE, Permission::AddOperators, &[]).await?;
        tokens::record_issue(&instance.recorder, &scope, &subject, "operator", expires_at).await?;
    }
    if let Some(organization) = organization {
        let role = role.context("--organization needs --role")?;
        let scope = scope(config, &instance, &organization, Permission::SetMembers).await?;
        admit(&scope, &organization, &subject, email.as_deref(), role).await?;
        tokens::record_issue(&instance.recorder, &scope, &subject, &name(role), expires_at).await?;
    }
    say(&token)?;
    close(config, &instance).await
}

/// Makes `subject` a member unless it is one. Fails if it has another role.
async fn admit(
    scope: &Scope,
    organization: &str,
    subject: &str,
    email: Option<&str>,
    role: membership::Role,
) -> Result<()> {
    let known = members::list(scope).await?.into_iter().find(|member| member.subject == subject);
    match known {
        None => {
            members::set(scope, subject, email, role).await?;
        }
        Some(known) if known.role == role => {}
        Some(known) => bail!(
            "{subject} already has the role {} in {organization}: change it with `daybook member \
             set`, or name another --subject",
            name(known.role),
        ),
    }
    Ok(())
}

/// Changes or lists members.
pub(super) async fn member(config: &Config, command: Member) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Member::Set { organization, role, email, subject } => {
            let scope = scope(config, &instance, &organization, Permission::SetMembers).await?;
            let had_admin = members::has_admin(&scope).await?;
            members::set(&scope, &subject, email.as_deref(), role.into()).await?;
            if had_admin {
                warn_without_admin(&scope, &organization).await?;
            }
        }
        Member::Remove { organization, subject } => {
            let scope = scope(config, &instance, &organization, Permission::RemoveMembers).await?;
            let had_admin = members::has_admin(&scope).await?;
            if !members::remove(&scope, &subject).await? {
                bail!("{subject} is not a member of {organization}");
            }
            if had_admin {
                warn_without_admin(&scope, &organization).await?;
            }
        }
        Member::List { organization } => {
            let scope = scope(config, &instance, &organization, Permission::ReadMembers).await?;
            for member in members::list(&scope).await? {
                let role = name(member.role);
                say(&format!("{}\t{role}\t{}", member.subject, member.email.unwrap_or_default()))?;
            }
        }
    }
    close(config, &instance).await
}

/// Warns if the organization has no ADMIN any more, so that nobody can give roles. The API refuses
/// this change; the command line can always give the role again.
async fn warn_without_admin(scope: &Scope, organization: &str) -> Result<()> {
    if !members::has_admin(scope).await? {
        complain(&format!(
            "{organization} has no ADMIN now; add one with `daybook member set --organization \
             {organization} --role admin SUBJECT`"
        ));
    }
    Ok(())
}

/// Removes or lists operators.
pub(super) async fn operator(config: &Config, command: Operator) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Operator::Remove { subject } => {
            let viewer = viewer(config)?;
            if !operators::remove(&instance.core, &viewer, &subject).await? {
                bail!("{subject} is not an operator");
            }
        }
        Operator::List => {
            for operator in operators::list(&instance).await? {
                say(&format!("{}\t{}", operator.subject, operator.email.unwrap_or_default()))?;
            }
        }
    }
    close(config, &instance).await
}

pub(super) fn name(role: membership::Role) -> String {
    format!("{role:?}").to_uppercase()
}
