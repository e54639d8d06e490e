//! `daybook import`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use daybook_service::Permission;

use super::{close, open, scope};
use crate::{config::Config, import};

#[derive(Subcommand, Debug)]
pub(super) enum Import {
    /// Append entries from a file of JSON lines in the shape of AuditLogEntryInput
    AuditLogs {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// A file, or - for standard input
        file: PathBuf,
    },
    /// Import a folder of Markdown files as notes; run it again to update what changed
    Notes {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Name of the workspace; created if it does not exist
        #[arg(long)]
        workspace: String,
        /// A folder with .md files; front matter gives title and tags
        folder: PathBuf,
    },
}

/// Takes in what was recorded elsewhere.
pub(super) async fn import(config: &Config, command: Import) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Import::AuditLogs { organization, file } => {
            let scope =
                scope(config, &instance, &organization, Permission::RecordAuditLogs).await?;
            import::audit_logs(&scope, &file).await?;
        }
        Import::Notes { organization, workspace, folder } => {
            let scope = scope(config, &instance, &organization, Permission::CreateNotes).await?;
            import::notes(&scope, &workspace, &folder).await?;
        }
    }
    close(config, &instance).await
}
