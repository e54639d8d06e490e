//! The ZIP of a workbook, written step by step on a dedicated thread.
//!
//! The files of a ZIP can only be written one after the other, so the sheets of long values wait in a
//! temporary file until those of the log are complete.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use zip::{
    CompressionMethod, ZipWriter,
    result::ZipError,
    write::{SimpleFileOptions, StreamWriter},
};

use super::super::thread::Thread;
use crate::{Fault, Result, private};

/// Deflate's level. It compresses 177 MB of a log's XML a second to 12 %; the default, 6, compresses
/// 49 MB a second to 10 %.
const LEVEL: i64 = 2;

/// A step towards the archive.
pub(super) enum Step {
    /// Starts the file with this path.
    Start(String),
    /// Appends bytes to the file.
    Write(Vec<u8>),
    /// Puts bytes aside in a temporary file.
    PutAside(Vec<u8>),
    /// Appends the next bytes that were put aside to the file.
    Fetch(u64),
    /// Ends the archive.
    Finish,
}

/// Steps to take, and the archive's bytes once they are taken.
pub(super) struct Work {
    pub(super) steps: Vec<Step>,
    /// Buffer that the archive's bytes are appended to.
    pub(super) bytes: Vec<u8>,
}

/// Starts the thread of an archive that puts bytes aside in `folder`.
pub(super) fn begin(folder: PathBuf) -> Result<Thread<Work>> {
    let bytes = Shared::default();
    let zip = Some(ZipWriter::new_stream(bytes.clone()));
    let mut archive = Archive { zip, bytes, aside: None, folder };
    Thread::spawn("xlsx", move |work| archive.work(work))
}

struct Archive {
    /// The writer; none once the archive has ended.
    zip: Option<ZipWriter<StreamWriter<Shared>>>,
    /// The bytes that the writer wrote.
    bytes: Shared,
    aside: Option<Aside>,
    /// Folder for the temporary file.
    folder: PathBuf,
}

/// The temporary file, which has no name. It is written first, and then read.
struct Aside {
    file: File,
    is_read: bool,
}

impl Archive {
    fn work(&mut self, work: Work) -> Result<Work> {
        let Work { mut steps, bytes } = work;
        *self.bytes.lock() = bytes;
        for step in steps.drain(..) {
            self.step(step).map_err(|source| {
                let context = "can't write an XLSX file".to_owned();
                Fault::Io { context, source }
            })?;
        }
        Ok(Work { steps, bytes: std::mem::take(&mut self.bytes.lock()) })
    }

    fn step(&mut self, step: Step) -> io::Result<()> {
        match step {
            Step::Start(path) => self.zip()?.start_file(path, options()).map_err(ZipError::into),
            Step::Write(bytes) => self.zip()?.write_all(&bytes),
            Step::PutAside(bytes) => {
                if self.aside.is_none() {
                    private::make_folder(&self.folder)?;
                    let file = tempfile::tempfile_in(&self.folder)?;
                    self.aside = Some(Aside { file, is_read: false });
                }
                self.aside()?.file.write_all(&bytes)
            }
            Step::Fetch(length) => {
                let aside = self.aside()?;
                if !aside.is_read {
                    aside.is_read = true;
                    aside.file.rewind()?;
                }
                let mut bytes = Vec::new();
                Read::by_ref(&mut aside.file).take(length).read_to_end(&mut bytes)?;
                self.zip()?.write_all(&bytes)
            }
            Step::Finish => match self.zip.take() {
                Some(zip) => zip.finish().map(drop).map_err(ZipError::into),
                None => Ok(()),
            },
        }
    }

    fn zip(&mut self) -> io::Result<&mut ZipWriter<StreamWriter<Shared>>> {
        self.zip.as_mut().ok_or_else(|| io::Error::other("the archive has ended"))
    }

    fn aside(&mut self) -> io::Result<&mut Aside> {
        self.aside.as_mut().ok_or_else(|| io::Error::other("nothing was put aside"))
    }
}

/// Returns the options of a file. All have the same time, so that a workbook has the same bytes at
/// every attempt.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(zip::DateTime::default())
}

/// Bytes that the ZIP writer, which owns its output, and the archive share.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
