//! Manifests of exports: a file's contents, size and hash, to verify the file with.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::Format;
use crate::{
    hex,
    store::{Compression, Stored},
};

/// The manifest of an export; its JSON is part of the API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    /// Version of the manifest's own format, currently 1.
    format_version: u32,
    format: Format,
    compression: Compression,
    record_count: u64,
    /// Size in bytes of the file as downloaded, after compression.
    size_bytes: u64,
    /// SHA-256 of the file as downloaded, in hexadecimal.
    sha256: String,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    software: &'static str,
    /// Fields that describe the source, merged into the manifest.
    #[serde(flatten)]
    source: Value,
}

impl Manifest {
    pub(super) fn new(
        (format, compression): (Format, Compression),
        (record_count, source): (u64, Value),
        stored: &Stored,
        (started_at, finished_at): (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        Self {
            format_version: 1,
            format,
            compression,
            record_count,
            size_bytes: stored.size_bytes,
            sha256: hex(&stored.sha256),
            started_at,
            finished_at,
            software: concat!("daybook ", env!("CARGO_PKG_VERSION")),
            source,
        }
    }
}
