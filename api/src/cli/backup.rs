//! `daybook backup`.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use chrono::SecondsFormat;
use clap::Subcommand;
use daybook_entity::{artifact, organization::INSTANCE};
use daybook_service::{
    GlobalId, Instance, Viewer,
    artifacts::{self, Missing},
    backups::on_host,
    hex, organizations,
};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};

use super::{
    caller::viewer,
    instance::{close, open},
    output::say,
};
use crate::config::Config;

/// File mode of a downloaded backup: only its owner may read it, since it holds every organization's data.
const OWNER_ONLY: u32 = 0o600;

#[derive(Subcommand, Debug)]
pub(super) enum Backup {
    /// Print job ID, organization (`-` for the whole instance), time, size in bytes and file name of each backup
    List,
    /// Download a backup, verify its SHA-256 and print its path; recorded in the log of each organization it contains
    Download {
        /// Job ID or file name of the backup, as printed by `daybook backup list`
        backup: String,
        /// Output file, which must not exist yet [default: the backup's file name, in the current folder]
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

/// Lists backups, or downloads one.
pub(super) async fn backup(config: &Config, command: Backup) -> Result<()> {
    let instance = open(config).await?;
    let done = match command {
        Backup::List => list(&instance).await,
        Backup::Download { backup, output } => match viewer(config) {
            Ok(viewer) => download(&instance, &viewer, &backup, output).await,
            Err(error) => Err(error),
        },
    };
    close(config, &instance).await?;
    done
}

async fn list(instance: &Instance) -> Result<()> {
    let backups = on_host::list(instance).await?;
    let ids: Vec<_> = backups.iter().map(|artifact| artifact.organization_id).collect();
    let organizations = organizations::get_many(instance, &ids).await?;
    for artifact in backups {
        let artifact::Model { organization_id, job_id, .. } = artifact;
        let of = organizations.iter().find(|found| found.id == organization_id);
        let of = of.filter(|found| found.id != INSTANCE).map_or("-", |found| &found.slug);
        let id = GlobalId::Job { organization_id, id: job_id };
        let taken_at = on_host::taken_at(&artifact)?.to_rfc3339_opts(SecondsFormat::Secs, true);
        say(&format!("{id}\t{of}\t{taken_at}\t{}\t{}", artifact.size_bytes, artifact.file_name))?;
    }
    Ok(())
}

async fn download(
    instance: &Arc<Instance>,
    viewer: &Viewer,
    name: &str,
    output: Option<PathBuf>,
) -> Result<()> {
    let artifact = on_host::find(instance, name).await?.with_context(|| {
        format!(
            "there is no backup {name}, or it was removed; `daybook backup list` prints all backups"
        )
    })?;
    let output = output.unwrap_or_else(|| PathBuf::from(&artifact.file_name));
    ensure!(!output.exists(), "{} already exists: name another --output", output.display());
    let mut partial = output.clone().into_os_string();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let file = create(&partial)?;
    let copied = copy(instance, viewer, &artifact, file).await;
    if copied.is_err() {
        // An incomplete file is of no use.
        let _ = std::fs::remove_file(&partial);
    }
    copied?;
    std::fs::rename(&partial, &output)
        .with_context(|| format!("can't rename {} to {}", partial.display(), output.display()))?;
    say(&output.display().to_string())
}

/// Creates the file, and replaces one that an interrupted download may have left.
fn create(path: &Path) -> Result<File> {
    let cannot = || format!("can't write {}: name another --output", path.display());
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(cannot);
        }
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(OWNER_ONLY);
    options.open(path).with_context(cannot)
}

/// Records the download in the logs, copies the backup's file and verifies it.
async fn copy(
    instance: &Arc<Instance>,
    viewer: &Viewer,
    artifact: &artifact::Model,
    mut file: File,
) -> Result<()> {
    // Opened before anything is recorded, since a missing file is not downloaded.
    let opened = artifacts::open(instance, artifact, None).await;
    let mut bytes = match opened.context("can't read the backup's file from the artifact store")? {
        Ok(bytes) => bytes,
        Err(Missing::Elsewhere(store)) => bail!(
            "the backup is in another artifact store ({} on host {}): run the command there, or set \
             DAYBOOK_ARTIFACTS_URL to that store",
            store.place,
            store.host
        ),
        Err(Missing::Gone) => bail!(
            "the backup's file is not in {}: it was removed by something other than Daybook, or \
             DAYBOOK_ARTIFACTS_URL names another store than the one it was written to",
            instance.store.place()
        ),
    };
    on_host::record_download(&instance.recorder, &instance.core, viewer, artifact).await?;
    let total = u64::try_from(artifact.size_bytes).unwrap_or_default();
    let (mut hasher, mut progress) = (Sha256::new(), Progress::new(total));
    while let Some(chunk) = bytes.try_next().await? {
        hasher.update(&chunk);
        file.write_all(&chunk).context("can't write the file")?;
        progress.advance(chunk.len() as u64);
    }
    progress.end();
    file.sync_all().context("can't write the file")?;
    let sha256 = hasher.finalize();
    if sha256[..] != artifact.sha256[..] {
        bail!(
            "the file in the artifact store is damaged: its SHA-256 is {} instead of {}; make a new backup",
            hex(&sha256),
            hex(&artifact.sha256)
        );
    }
    Ok(())
}

/// Progress of a download, shown if standard error is a terminal.
struct Progress {
    is_shown: bool,
    total: u64,
    done: u64,
    percent: u64,
}

impl Progress {
    fn new(total: u64) -> Self {
        let is_shown = !super::is_for_programs() && io::stderr().is_terminal();
        Self { is_shown, total, done: 0, percent: 0 }
    }

    fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        let percent = self.done.saturating_mul(100) / self.total.max(1);
        if percent != self.percent {
            self.percent = percent;
            self.show(&format!("\r{percent} %"));
        }
    }

    fn end(&self) {
        self.show("\r      \r");
    }

    fn show(&self, text: &str) {
        if self.is_shown {
            // A terminal that is gone must not stop the download.
            let _ = write!(io::stderr(), "{text}");
        }
    }
}
