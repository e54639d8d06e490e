//! What is in an export's file, to check it by.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Format, Plan, csv};
use crate::audit::{Filter, Order};

/// The manifest of an export; its JSON is part of the API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest<'a> {
    /// Of the manifest itself.
    pub(super) format_version: u32,
    pub(super) kind: &'static str,
    pub(super) format: Format,
    pub(super) filter: &'a Filter,
    pub(super) order_by: Order,
    /// Nothing recorded after this sequence is in it.
    pub(super) through_sequence: String,
    pub(super) first_sequence: Option<String>,
    pub(super) last_sequence: Option<String>,
    pub(super) columns: Option<[&'static str; 20]>,
    pub(super) byte_order_mark: bool,
    pub(super) records_matched: u64,
    pub(super) record_count: u64,
    pub(super) truncated: bool,
    pub(super) cells_neutralized: u64,
    pub(super) size_bytes: u64,
    pub(super) sha256: String,
    pub(super) started_at: DateTime<Utc>,
    pub(super) finished_at: DateTime<Utc>,
    pub(super) software: &'static str,
}

/// What was counted while the file was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) records: u64,
    /// Smallest and largest sequence in the file.
    pub(super) sequences: Option<(i64, i64)>,
    pub(super) cells_neutralized: u64,
}

impl<'a> Manifest<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        counts: &Counts,
        stored: &crate::artifacts::Stored,
        (started_at, finished_at): (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        let sequence = |sequence: i64| sequence.to_string();
        Self {
            format_version: 1,
            kind: "auditLogs",
            format: plan.format,
            filter: &plan.filter,
            order_by: plan.order_by,
            through_sequence: sequence(plan.through),
            first_sequence: counts.sequences.map(|(first, _)| sequence(first)),
            last_sequence: counts.sequences.map(|(_, last)| sequence(last)),
            columns: (plan.format == Format::Csv).then_some(csv::COLUMNS),
            byte_order_mark: plan.csv_byte_order_mark,
            records_matched: plan.records_matched,
            record_count: counts.records,
            truncated: counts.records < plan.records_matched,
            cells_neutralized: counts.cells_neutralized,
            size_bytes: stored.size_bytes,
            sha256: csv::hex(&stored.sha256),
            started_at,
            finished_at,
            software: concat!("daybook ", env!("CARGO_PKG_VERSION")),
        }
    }
}
