//! Builds the ZIP, on a thread that may block while it compresses.
//!
//! The ZIP is written from front to back, without seeking. An archive with more files or bytes than
//! the original format can count is a ZIP64 (APPNOTE 6.3.10, section 4.3.14).

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Seek, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Datelike, Timelike, Utc};
use daybook_entity::workspace;
use tokio::sync::mpsc;
use zip::{
    CompressionMethod, ZipWriter,
    result::ZipError,
    write::{SimpleFileOptions, StreamWriter},
};

use super::{
    front_matter::front_matter,
    index, links,
    names::{self, INDEX_NAME, REPORT},
    spool::{self, Listed, Spool},
};
use crate::{Fault, Result};

/// Size in bytes at which a chunk is sent.
const CHUNK_BYTES: usize = 256 * 1024;
/// Longest time between two chunks, unless one note takes longer. Chunks keep the job's lease
/// alive.
const MAX_CHUNK_INTERVAL: Duration = Duration::from_millis(300);
/// Threshold for generated files in ZIP64: the index is one from this many notes, and the report
/// from 4 GiB less this many bytes.
const ZIP64_THRESHOLD: u64 = 1_000_000;

/// A part of the ZIP.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// Number of notes done. A note that was only read counts as half.
    pub(super) done: u64,
}

/// Result of building a ZIP.
pub(super) struct Summary {
    /// Number of links to notes that do not exist.
    pub(super) broken_links: u64,
    /// Number of notes whose file has another name than their path and `.md`.
    pub(super) renamed_files: u64,
}

/// A ZIP that is being built.
pub(super) struct Archive {
    workspace: workspace::Model,
    notes: Vec<Listed>,
    files: Vec<Option<String>>,
    spool: BufReader<File>,
    folder: std::path::PathBuf,
    zip: ZipWriter<StreamWriter<Sink>>,
    /// Number of notes done, shared with the sink, which the ZIP writer owns.
    done: Arc<AtomicU64>,
    broken_links: u64,
    broken_notes: u64,
}

impl Archive {
    /// Creates a ZIP of the notes in `spool`, which is sent to `chunks` as it is written.
    pub(super) fn new(
        workspace: workspace::Model,
        spool: Spool,
        chunks: mpsc::Sender<Chunk>,
    ) -> Self {
        let Spool { file, listed, folder } = spool;
        let done = Arc::new(AtomicU64::new(listed.len() as u64 / 2));
        let sink = Sink {
            chunks,
            bytes: Vec::new(),
            done: Arc::clone(&done),
            sent: Instant::now(),
            is_over: false,
        };
        Self {
            workspace,
            files: names::assign(&listed),
            notes: listed,
            spool: BufReader::new(file),
            folder,
            zip: ZipWriter::new_stream(sink),
            done,
            broken_links: 0,
            broken_notes: 0,
        }
    }

    /// Builds the whole ZIP.
    ///
    /// # Errors
    /// Fails if a temporary file can't be used, or with [`io::ErrorKind::BrokenPipe`] once the
    /// receiver of the chunks is gone.
    pub(super) fn build(mut self) -> Result<Summary> {
        let is_large = self.notes.len() as u64 >= ZIP64_THRESHOLD;
        self.start(INDEX_NAME, options(None).large_file(is_large))?;
        index::write_index(&mut self.zip, &self.workspace.name, &self.notes, &self.files)
            .map_err(cannot)?;
        let report = tempfile::tempfile_in(&self.folder).map_err(spool::cannot)?;
        let mut report = BufWriter::new(report);
        for index in 0..self.notes.len() {
            self.add_note(index, &mut report)?;
        }
        let report = report.into_inner().map_err(|error| spool::cannot(error.into_error()))?;
        self.add_report(report)?;
        let renamed_files = self.files.iter().flatten().count() as u64;
        let mut sink = self.zip.finish().map_err(zip_fault)?.into_inner();
        sink.send().map_err(cannot)?;
        Ok(Summary { broken_links: self.broken_links, renamed_files })
    }

    fn add_note(&mut self, index: usize, report: &mut impl Write) -> Result<()> {
        let mut body = String::new();
        let head = spool::next(&mut self.spool, &mut body)?;
        let note = &self.notes[index];
        let file = self.files[index].clone().unwrap_or_else(|| names::file(&note.path));
        let front_matter = front_matter(&self.workspace, note, &head);
        let broken = links::broken(&note.path, &body, &self.notes);
        if !broken.is_empty() {
            self.broken_links += broken.len() as u64;
            self.broken_notes += 1;
            index::write_broken(report, note, &file, &broken).map_err(spool::cannot)?;
        }
        self.start(&file, options(Some(head.updated_at)))?;
        self.zip.write_all(front_matter.as_bytes()).map_err(cannot)?;
        self.zip.write_all(body.as_bytes()).map_err(cannot)?;
        // Each note counts as half when it is read, and as half when it is written.
        let total = self.notes.len();
        self.done.store((total + index + 1) as u64 / 2, Ordering::Relaxed);
        Ok(())
    }

    fn add_report(&mut self, mut report: File) -> Result<()> {
        let length = report.stream_position().map_err(spool::cannot)?;
        report.rewind().map_err(spool::cannot)?;
        self.start(
            REPORT,
            options(None).large_file(length >= u64::from(u32::MAX) - ZIP64_THRESHOLD),
        )?;
        index::write_report_start(&mut self.zip, self.broken_links, self.broken_notes)
            .map_err(cannot)?;
        io::copy(&mut report, &mut self.zip).map_err(cannot)?;
        Ok(())
    }

    fn start(&mut self, file: &str, options: SimpleFileOptions) -> Result<()> {
        Ok(self.zip.start_file(file, options).map_err(zip_fault)?)
    }
}

/// Returns the options of a file. Its time is that of its note's last change, in UTC and with a
/// resolution of two seconds, as in all ZIPs. Generated files have the earliest time, 1980.
fn options(time: Option<DateTime<Utc>>) -> SimpleFileOptions {
    let time = time.and_then(|time| {
        let year = u16::try_from(time.year()).ok()?;
        let [month, day, hour, minute, second] =
            [time.month(), time.day(), time.hour(), time.minute(), time.second()]
                .map(|part| u8::try_from(part).unwrap_or_default());
        zip::DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
    });
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(time.unwrap_or_default())
        .unix_permissions(0o644)
}

/// Receiver of the ZIP's bytes, which sends them on in chunks.
struct Sink {
    chunks: mpsc::Sender<Chunk>,
    bytes: Vec<u8>,
    done: Arc<AtomicU64>,
    sent: Instant,
    /// True once the receiver of the chunks is gone. The error is returned once; the bytes that the
    /// ZIP writer writes afterwards to end its archive are dropped.
    is_over: bool,
}

impl Sink {
    fn send(&mut self) -> io::Result<()> {
        self.sent = Instant::now();
        let chunk = Chunk {
            bytes: std::mem::take(&mut self.bytes),
            done: self.done.load(Ordering::Relaxed),
        };
        if self.is_over || self.chunks.blocking_send(chunk).is_ok() {
            return Ok(());
        }
        self.is_over = true;
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= CHUNK_BYTES || self.sent.elapsed() >= MAX_CHUNK_INTERVAL {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn cannot(source: io::Error) -> Fault {
    Fault::Io { context: "can't write a ZIP".to_owned(), source }
}

fn zip_fault(error: ZipError) -> Fault {
    cannot(error.into())
}
