//! `daybook token`, `daybook member`, `daybook operator`.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use daybook_entity::membership;
use daybook_service::{
    Permission, Scope, Viewer,
    access::{members, operators, token as tokens},
};

use super::{SUBJECT, close, complain, open, say, scope};
use crate::config::Config;

#[derive(Args, Debug)]
pub(super) struct TokenOptions {
    /// Slug of the organization
    #[arg(long, required_unless_present = "operator", requires = "role")]
    organization: Option<String>,
    /// What the subject may do there; it keeps the role that it has
    #[arg(
        long,
        value_enum,
        required_unless_present = "operator",
        requires = "organization",
        ignore_case = true
    )]
    role: Option<Role>,
    /// Who the token names [default: the role's name, or operator]
    #[arg(long)]
    subject: Option<String>,
    /// The subject's e-mail address
    #[arg(long)]
    email: Option<String>,
    /// How long the token holds
    #[arg(long, default_value = "12h", value_parser = humantime::parse_duration)]
    ttl: Duration,
    /// Make the subject an operator of the instance
    #[arg(long)]
    operator: bool,
}

#[derive(Subcommand, Debug)]
pub(super) enum Member {
    /// Give a subject a role, or another role
    Set {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// What the subject may do
        #[arg(long, value_enum, ignore_case = true)]
        role: Role,
        /// The subject's e-mail address
        #[arg(long)]
        email: Option<String>,
        /// Who
        subject: String,
    },
    /// Take a subject's role away, at once
    Remove {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Who
        subject: String,
    },
    /// Print subject, role and e-mail address of each member
    List {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum Operator {
    /// End a subject's being an operator, at once
    Remove {
        /// Who
        subject: String,
    },
    /// Print subject and e-mail address of each operator
    List,
}

/// A role on the command line.
#[derive(Copy, Clone, Debug, ValueEnum)]
pub(super) enum Role {
    /// Everything in the organization
    Admin,
    /// Reads and exports the audit log
    Auditor,
    /// Only records audit entries
    Writer,
    /// Workspaces and notes
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

/// Prints a bearer token, and makes its subject what it's to be where it is none.
pub(super) async fn token(config: &Config, options: TokenOptions) -> Result<()> {
    let instance = open(config).await?;
    let TokenOptions { organization, role, subject, email, ttl, operator } = options;
    let role = role.map(membership::Role::from);
    let default = || match role {
        Some(role) if !operator => format!("{role:?}").to_lowercase(),
        Some(_) | None => "operator".to_owned(),
    };
    let subject = subject.unwrap_or_else(default);
    if operator {
        let viewer = Viewer::command_line(SUBJECT);
        operators::add(&instance, &viewer, &subject, email.as_deref()).await?;
    }
    if let Some(organization) = organization {
        let role = role.context("--organization needs --role")?;
        let scope = scope(&instance, &organization, Permission::SetMembers).await?;
        let known =
            members::list(&scope).await?.into_iter().find(|member| member.subject == subject);
        match known {
            None => {
                members::set(&scope, &subject, email.as_deref(), role).await?;
            }
            Some(known) if known.role == role => {}
            Some(known) => bail!(
                "{subject} is {} in {organization} already; `daybook member set` changes that, or \
                 name another --subject",
                name(known.role),
            ),
        }
    }
    let now = instance.clock.now();
    let token = tokens::issue(&instance.secret, &subject, email.as_deref(), ttl, now)?;
    say(&token)?;
    close(&instance).await
}

/// Changes or lists members.
pub(super) async fn member(config: &Config, command: Member) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Member::Set { organization, role, email, subject } => {
            let scope = scope(&instance, &organization, Permission::SetMembers).await?;
            let had_admin = members::has_admin(&scope).await?;
            members::set(&scope, &subject, email.as_deref(), role.into()).await?;
            if had_admin {
                warn_without_admin(&scope, &organization).await?;
            }
        }
        Member::Remove { organization, subject } => {
            let scope = scope(&instance, &organization, Permission::RemoveMembers).await?;
            let had_admin = members::has_admin(&scope).await?;
            if !members::remove(&scope, &subject).await? {
                bail!("{subject} is no member of {organization}");
            }
            if had_admin {
                warn_without_admin(&scope, &organization).await?;
            }
        }
        Member::List { organization } => {
            let scope = scope(&instance, &organization, Permission::ReadMembers).await?;
            for member in members::list(&scope).await? {
                let role = name(member.role);
                say(&format!("{}\t{role}\t{}", member.subject, member.email.unwrap_or_default()))?;
            }
        }
    }
    close(&instance).await
}

/// Says what to do if nobody in the organization can give roles any more. The API refuses that; the
/// command line can always give the role again.
async fn warn_without_admin(scope: &Scope, organization: &str) -> Result<()> {
    if !members::has_admin(scope).await? {
        complain(&format!(
            "{organization} has no ADMIN now: `daybook member set --organization {organization} \
             --role admin SUBJECT` makes one"
        ));
    }
    Ok(())
}

/// Removes or lists operators.
pub(super) async fn operator(config: &Config, command: Operator) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Operator::Remove { subject } => {
            let viewer = Viewer::command_line(SUBJECT);
            if !operators::remove(&instance, &viewer, &subject).await? {
                bail!("{subject} is no operator");
            }
        }
        Operator::List => {
            for operator in operators::list(&instance).await? {
                say(&format!("{}\t{}", operator.subject, operator.email.unwrap_or_default()))?;
            }
        }
    }
    close(&instance).await
}

pub(super) fn name(role: membership::Role) -> String {
    format!("{role:?}").to_uppercase()
}
