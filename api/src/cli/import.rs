//! `daybook import`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use daybook_service::Permission;

use super::instance::{close, open, scope};
use crate::{
    config::Config,
    import::{self, Invalid, Options},
};

#[derive(Subcommand, Debug)]
pub(super) enum Import {
    /// Append audit entries from JSON Lines or a JSON array, with the fields of AuditLogEntryInput or as
    /// exported; a line with a timestamp is recorded once, however often its file is imported
    AuditLogs {
        /// Slug of the organization
        #[arg(long)]
        organization: String,
        /// Name of the source; equal lines of different sources are different entries
        #[arg(long, default_value = "import")]
        source: String,
        /// Go on past lines that are not valid, name them, and exit with code 1
        #[arg(long)]
        skip_invalid: bool,
        /// Number of the first line to record (in an array: of the first entry)
        #[arg(long, default_value_t = 1)]
        from: u64,
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
        Import::AuditLogs { organization, source, skip_invalid, from, file } => {
            let scope =
                scope(config, &instance, &organization, Permission::RecordAuditLogs).await?;
            let invalid = if skip_invalid { Invalid::LeaveOut } else { Invalid::Refuse };
            import::audit_logs(&scope, &file, Options { source, invalid, from }).await?;
        }
        Import::Notes { organization, workspace, folder } => {
            let scope = scope(config, &instance, &organization, Permission::CreateNotes).await?;
            import::notes(&scope, &workspace, &folder).await?;
        }
    }
    close(config, &instance).await
}
