//! `daybook import`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use daybook_service::Permission;

use super::instance::{close, open, scope};
use crate::{config::Config, import};

#[derive(Subcommand, Debug)]
pub(super) enum Import {
    /// Append audit entries from a JSON Lines file; each line has the fields of AuditLogEntryInput
    AuditLogs {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Input file, or - for standard input
        file: PathBuf,
    },
    /// Import a folder of Markdown files as notes; run it again to update changed notes
    Notes {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Name of the workspace; created if it does not exist
        #[arg(long)]
        workspace: String,
        /// Folder with .md files; title and tags come from their front matter
        folder: PathBuf,
    },
}

/// Imports audit entries or notes.
pub(super) async fn import(config: &Config, command: Import) -> Result<()> {
    let instance = open(config).await?;
    match command {
        Import::AuditLogs { organization, file } => {
            let scope =
                scope(config, &instance, &organization, Permission::RecordAuditLogs).await?;
            import::audit_logs(&instance.recorder, &scope, &file).await?;
        }
        Import::Notes { organization, workspace, folder } => {
            let scope = scope(config, &instance, &organization, Permission::CreateNotes).await?;
            import::notes(&scope, &workspace, &folder).await?;
        }
    }
    close(config, &instance).await
}
