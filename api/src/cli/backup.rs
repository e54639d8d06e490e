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

use super::{caller::viewer, close, open, say};
use crate::config::Config;

/// Only who runs the command may read the file: it holds every organization's data.
const OWNER_ONLY: u32 = 0o600;

#[derive(Subcommand, Debug)]
pub(super) enum Backup {
    /// Print job ID, organization (`-`: the whole instance), moment, size in bytes and file name of each backup
    List,
    /// Download a backup, check it by its SHA-256 and print where it is; the log of each organization in it says so
    Download {
        /// The backup's job ID or file name, as `daybook backup list` prints them
        backup: String,
        /// File to write, which must not exist yet [default: the backup's file name, in this folder]
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

/// Lists backups or downloads one.
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
        format!("there is no backup {name}, or not any longer; `daybook backup list` prints all")
    })?;
    let output = output.unwrap_or_else(|| PathBuf::from(&artifact.file_name));
    ensure!(!output.exists(), "{} exists already: name another --output", output.display());
    let mut partial = output.clone().into_os_string();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let file = create(&partial)?;
    let copied = copy(instance, viewer, &artifact, file).await;
    if copied.is_err() {
        // What is not whole is of no use.
        let _ = std::fs::remove_file(&partial);
    }
    copied?;
    std::fs::rename(&partial, &output)
        .with_context(|| format!("can't rename {} to {}", partial.display(), output.display()))?;
    say(&output.display().to_string())
}

/// A new file in place of what an earlier try that was killed may have left.
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

/// Copies the backup's file, says so in the logs before, and checks what came.
async fn copy(
    instance: &Arc<Instance>,
    viewer: &Viewer,
    artifact: &artifact::Model,
    mut file: File,
) -> Result<()> {
    // Before anything is recorded: what is not there is not downloaded.
    let opened = artifacts::open(instance, artifact, None).await;
    let mut bytes = match opened.context("the artifact store does not give the backup's file")? {
        Ok(bytes) => bytes,
        Err(Missing::Elsewhere(store)) => bail!(
            "the backup is in another artifact store, {} as {} calls it: run the command there, or with \
             DAYBOOK_ARTIFACTS_URL of that store",
            store.place,
            store.host
        ),
        Err(Missing::Gone) => bail!(
            "the backup's file is not in {}: something else than Daybook has removed it, or \
             DAYBOOK_ARTIFACTS_URL leads to another store than the one it is in",
            instance.store.place()
        ),
    };
    on_host::record_download(instance, viewer, artifact).await?;
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
            "the file in the artifact store is damaged: its SHA-256 is {}, not {}; make another backup",
            hex(&sha256),
            hex(&artifact.sha256)
        );
    }
    Ok(())
}

/// Progress of a copy, shown on a terminal.
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
            // Nobody is to go without a backup since a terminal has gone.
            let _ = write!(io::stderr(), "{text}");
        }
    }
}
