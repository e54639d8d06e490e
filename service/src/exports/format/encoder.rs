//! The interface of the log's formats: rows in, bytes out.

use std::path::Path;

use serde_json::Value as Manifest;

use super::file::File;
use crate::{
    Result,
    exports::{AuditLogs, audit_logs::Row, cells::Cells},
};

/// Turns entries into the bytes of a file. Exports are generic over it, so that there is no call
/// through a pointer for a row or a value.
pub(in crate::exports) trait Encoder: Sized + Send + 'static {
    /// Properties of the format's files.
    const FILE: File;

    /// Begins the file of an export of `source`. Temporary files go to the folder `scratch`.
    fn new(source: &AuditLogs, scratch: &Path) -> Result<Self>;

    /// Adds an entry.
    fn record(&mut self, row: &Row<'_>) -> Result<()>;

    /// Returns the approximate size in bytes of the records added since the last [`Self::take`].
    fn gathered(&self) -> usize;

    /// Takes the bytes written since the last call. Returns them with the approximate size of the
    /// records added since then. Later bytes go to `buffer`, which is empty.
    fn take(&mut self, buffer: Vec<u8>) -> (Vec<u8>, usize);

    /// True if [`Self::write_full`] must be called before another record is added.
    fn is_full(&self) -> bool {
        false
    }

    /// Writes what is buffered, to make room for further records.
    fn write_full(&mut self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Writes the end of the file, with its manifest if the format has a place for it. Returns false
    /// if there is more to write once the bytes so far are taken; it is then called again.
    fn end(&mut self, manifest: &Manifest) -> impl Future<Output = Result<bool>> + Send;

    /// Returns the names of the columns, in their order; `None` if the file is not a table.
    fn columns() -> Option<Vec<String>> {
        None
    }

    /// Returns the counts of the file's cells so far; `None` if the file is not for spreadsheets.
    fn cells(&self) -> Option<Cells> {
        None
    }
}
