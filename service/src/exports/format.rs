//! File formats of exports. A new format of the log is a variant of [`Format`], a file in
//! `format/` with its encoder, and here its module and its line in [`Format::properties`].

mod csv;
mod encoder;
mod file;
mod json;
mod parquet;
mod thread;
mod xlsx;

use futures::{FutureExt, future::BoxFuture};

use self::{
    csv::Csv,
    json::{Array, Json, Lines},
    parquet::Parquet,
    xlsx::Xlsx,
};
pub(super) use self::{encoder::Encoder, file::File};
use super::{AuditLogs, Format, Plan, audit_logs, written::Written};
use crate::{
    jobs::{Attempt, AttemptError},
    store::Compression,
};

/// Properties of a format.
pub(super) struct Properties {
    pub(super) file: File,
    /// Function that writes entries of the log; none if the format is for notes.
    pub(super) write_log: Option<WriteLog>,
}

/// Writes the entries that a source selects to an attempt's file.
type WriteLog = for<'a> fn(&'a mut Attempt, &'a Plan, &'a AuditLogs) -> Writing<'a>;
type Writing<'a> = BoxFuture<'a, Result<Written, AttemptError>>;

const MARKDOWN: File =
    File { content_type: "application/zip", extension: "zip", is_compressed: true };

impl Format {
    /// Returns the format's properties: the list of all formats.
    pub(super) const fn properties(self) -> Properties {
        match self {
            Self::Csv => of_log::<Csv>(),
            Self::Json => of_log::<Json<Array>>(),
            Self::Jsonl => of_log::<Json<Lines>>(),
            Self::Markdown => Properties { file: MARKDOWN, write_log: None },
            Self::Parquet => of_log::<Parquet>(),
            Self::Xlsx => of_log::<Xlsx>(),
        }
    }
}

const fn of_log<E: Encoder>() -> Properties {
    Properties { file: E::FILE, write_log: Some(write_log::<E>) }
}

fn write_log<'a, E: Encoder>(
    attempt: &'a mut Attempt,
    plan: &'a Plan,
    source: &'a AuditLogs,
) -> Writing<'a> {
    audit_logs::write::<E>(attempt, plan, source).boxed()
}

/// Returns the media type of a file of `format`; for a compressed file, that of the compression.
pub(super) fn content_type(format: Format, compression: Compression) -> &'static str {
    match compression {
        Compression::None => format.properties().file.content_type,
        Compression::Gzip => "application/gzip",
        Compression::Zstd => "application/zstd",
    }
}

/// Returns the file name extension for a format and compression, without the leading dot.
pub(super) fn extension(format: Format, compression: Compression) -> String {
    let extension = format.properties().file.extension;
    match compression {
        Compression::None => extension.to_owned(),
        Compression::Gzip => format!("{extension}.gz"),
        Compression::Zstd => format!("{extension}.zst"),
    }
}
