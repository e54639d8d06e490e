//! Copies the notes of a snapshot to a temporary file, in the order of their paths, so that the
//! snapshot need not stay open while the ZIP is built.

use std::io::{self, Read, SeekFrom};

use chrono::{DateTime, Utc};
use daybook_entity::note;
use serde::{Deserialize, Serialize};
use tokio::{
    fs::File,
    io::{AsyncSeekExt, AsyncWriteExt},
    sync::mpsc,
};
use uuid::Uuid;

use super::snapshot::{self, Reading};
use crate::{
    Cause, Error, Fault, Result,
    jobs::{Attempt, AttemptError},
    notes::tags,
    private,
};

/// The notes of a workspace, in a temporary file.
pub(super) struct Spool {
    /// The temporary file, positioned at its start. It has no name, and is deleted when closed.
    pub(super) file: std::fs::File,
    /// Path and title of each note, in the order of the file.
    pub(super) listed: Vec<Listed>,
    /// Folder for further temporary files.
    pub(super) folder: std::path::PathBuf,
}

/// Fields of a note that are held in memory.
pub(super) struct Listed {
    pub(super) path: String,
    pub(super) title: String,
}

/// Fields of a note that are stored in the file before its body.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) id: Uuid,
    pub(super) tags: Vec<String>,
    pub(super) version: i32,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
}

/// Copies the notes of a workspace to a new spool.
pub(super) async fn fill(attempt: &mut Attempt, workspace_id: Uuid) -> Result<Spool, AttemptError> {
    let (sender, segments) = mpsc::channel(1);
    let organization_id = attempt.job.organization_id;
    let reading = Reading { organization_id, workspace_id, segments: sender };
    let db = attempt.core.db.clone();
    let read = db.snapshot(reading, |tx, reading| Box::pin(snapshot::read(tx, reading)));
    // If the attempt ends here, the receiver is dropped, which ends the reading.
    let (read, spool) = tokio::join!(read, collect(attempt, segments));
    read?;
    spool
}

async fn collect(
    attempt: &mut Attempt,
    mut segments: mpsc::Receiver<Vec<note::Model>>,
) -> Result<Spool, AttemptError> {
    let folder = attempt.core.settings.scratch.clone();
    let mut file = open(&folder).await?;
    let (mut listed, mut bytes) = (Vec::new(), Vec::new());
    while let Some(notes) = segments.recv().await {
        bytes.clear();
        for note in notes {
            push(&mut bytes, &note)?;
            listed.push(Listed { path: note.path, title: note.title });
        }
        file.write_all(&bytes).await.map_err(cannot)?;
        // Reading a note is half of its work, and writing it the other half.
        attempt.advanced(listed.len() as u64 / 2).await?;
    }
    file.flush().await.map_err(cannot)?;
    file.seek(SeekFrom::Start(0)).await.map_err(cannot)?;
    Ok(Spool { file: file.into_std().await, listed, folder })
}

async fn open(folder: &std::path::Path) -> Result<File> {
    let folder = folder.to_owned();
    let file = tokio::task::spawn_blocking(move || {
        private::make_folder(&folder)?;
        tempfile::tempfile_in(folder)
    });
    let file = file.await;
    Ok(File::from_std(file.map_err(Fault::Task)?.map_err(cannot)?))
}

/// Appends a note: its head and its body, each after its length in bytes.
fn push(bytes: &mut Vec<u8>, note: &note::Model) -> Result<()> {
    let head = Head {
        id: note.id,
        tags: tags(note)?,
        version: note.version,
        created_at: note.created_at,
        updated_at: note.updated_at,
    };
    let head = serde_json::to_vec(&head).map_err(|error| Fault::encode("a note", error))?;
    for part in [head.as_slice(), note.body.as_bytes()] {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part);
    }
    Ok(())
}

/// Reads the next note of a spool. Returns its head, and puts its body into `body`.
pub(super) fn next(file: &mut impl Read, body: &mut String) -> Result<Head> {
    let head = part(file).map_err(cannot)?;
    let head = serde_json::from_slice(&head).map_err(unreadable)?;
    let text = String::from_utf8(part(file).map_err(cannot)?);
    *body = text.map_err(unreadable)?;
    Ok(head)
}

fn part(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    let read = file.take(length).read_to_end(&mut bytes)?;
    if read as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Returns the error that a temporary file can't be used.
pub(super) fn cannot(source: io::Error) -> Error {
    Fault::Io { context: "can't use a temporary file".to_owned(), source }.into()
}

fn unreadable(error: impl Into<Cause>) -> Fault {
    Fault::decode("a note in a temporary file", error)
}
