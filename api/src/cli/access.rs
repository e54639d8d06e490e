//! `daybook token`, `daybook member`, `daybook operator`.
#![allow(clippy::print_stdout, reason = "what a command was asked for goes to standard output")]

use anyhow::{Context, Result, bail};
use daybook_entity::membership;
use daybook_service::{
    Permission, Viewer,
    access::{members, operators, token as tokens},
};

use super::{Member, Operator, SUBJECT, TokenOptions, close, open, scope};
use crate::config::Config;

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
        let scope = scope(&instance, &organization, Permission::ManageMembers).await?;
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
    println!("{token}");
    close(&instance).await
}

/// Changes or lists members.
pub(super) async fn member(config: &Config, command: Member) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Member::Set { organization, role, email, subject } => {
            let scope = scope(&instance, &organization, Permission::ManageMembers).await?;
            members::set(&scope, &subject, email.as_deref(), role.into()).await?;
        }
        Member::Remove { organization, subject } => {
            let scope = scope(&instance, &organization, Permission::ManageMembers).await?;
            if !members::remove(&scope, &subject).await? {
                bail!("{subject} is no member of {organization}");
            }
        }
        Member::List { organization } => {
            let scope = scope(&instance, &organization, Permission::ManageMembers).await?;
            for member in members::list(&scope).await? {
                let role = name(member.role);
                println!("{}\t{role}\t{}", member.subject, member.email.unwrap_or_default());
            }
        }
    }
    close(&instance).await
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
                println!("{}\t{}", operator.subject, operator.email.unwrap_or_default());
            }
        }
    }
    close(&instance).await
}

pub(super) fn name(role: membership::Role) -> String {
    format!("{role:?}").to_uppercase()
}
