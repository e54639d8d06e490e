//! CSV by RFC 4180: header, CRLF, UTF-8.
//!
//! An absent value is an empty cell; no value is ever the empty string (recording refuses those),
//! and the text `null` is the cell `null`. `changes` and `extra` are JSON. A cell that a
//! spreadsheet would run as a formula gets an apostrophe put before it and is counted. So does one
//! that has apostrophes there already, which keeps the rule reversible: to read a cell back, drop
//! one apostrophe where all that stand before one of [`FORMULA`] begin the cell.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};
use daybook_entity::audit_log::Model;
use sea_orm::ActiveEnum;

use crate::{Fault, GlobalId, Result};

/// What the cells are, in order; the names are those of the API.
pub(super) const COLUMNS: [&str; 20] = [
    "sequence",
    "id",
    "timestamp",
    "recordedAt",
    "recordedBy",
    "actorType",
    "actorId",
    "actorEmail",
    "actorName",
    "action",
    "outcome",
    "resourceType",
    "resourceId",
    "resourceName",
    "changes",
    "ipAddress",
    "userAgent",
    "requestId",
    "extra",
    "hash",
];

/// Characters that make a cell a formula where they begin it (OWASP, CSV Injection).
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

pub(super) struct Csv {
    writer: Writer<Vec<u8>>,
    cells_neutralized: u64,
}

impl Csv {
    /// With its header, after `byte_order_mark`.
    pub(super) fn new(byte_order_mark: Option<&[u8]>) -> Result<Self> {
        let start = byte_order_mark.unwrap_or_default().to_vec();
        let mut csv = Self { writer: writer(start), cells_neutralized: 0 };
        csv.writer.write_record(COLUMNS).map_err(fault)?;
        Ok(csv)
    }

    pub(super) fn record(&mut self, row: &Model) -> Result<()> {
        let id = GlobalId::AuditLog {
            organization_id: row.organization_id,
            sequence: row.sequence,
            id: row.id,
        };
        let actor_type = row.actor_type.to_value();
        let outcome = row.outcome.to_value();
        // Of our own making: no formula can be in them.
        self.plain(&row.sequence.to_string())?;
        self.plain(&id.to_string())?;
        self.plain(&instant(row.timestamp))?;
        self.plain(&instant(row.recorded_at))?;
        self.text(Some(&row.recorded_by))?;
        self.plain(&actor_type)?;
        self.text(Some(&row.actor_id))?;
        self.text(row.actor_email.as_deref())?;
        self.text(row.actor_name.as_deref())?;
        self.text(Some(&row.action))?;
        self.plain(&outcome)?;
        self.text(Some(&row.resource_type))?;
        self.text(Some(&row.resource_id))?;
        self.text(row.resource_name.as_deref())?;
        self.text(Some(&row.changes))?;
        self.text(row.ip_address.as_deref())?;
        self.text(row.user_agent.as_deref())?;
        self.text(row.request_id.as_deref())?;
        self.text(row.extra.as_deref())?;
        self.plain(&hex(&row.hash))?;
        self.writer.write_record(None::<&[u8]>).map_err(fault)
    }

    pub(super) fn len(&self) -> usize {
        self.writer.get_ref().len()
    }

    pub(super) fn take(&mut self) -> Result<Vec<u8>> {
        let full = std::mem::replace(&mut self.writer, writer(Vec::new()));
        full.into_inner().map_err(|error| Fault::Stored(format!("CSV: {error}")).into())
    }

    pub(super) fn cells_neutralized(&self) -> u64 {
        self.cells_neutralized
    }

    fn plain(&mut self, cell: &str) -> Result<()> {
        self.writer.write_field(cell).map_err(fault)
    }

    fn text(&mut self, cell: Option<&str>) -> Result<()> {
        let cell = neutralize(cell.unwrap_or_default());
        self.cells_neutralized += u64::from(matches!(cell, Cow::Owned(_)));
        self.plain(&cell)
    }
}

fn neutralize(cell: &str) -> Cow<'_, str> {
    if cell.trim_start_matches('\'').starts_with(FORMULA) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

fn writer(start: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .buffer_capacity(64 * 1024)
        .from_writer(start)
}

fn fault(error: csv::Error) -> crate::Error {
    Fault::Stored(format!("CSV: {error}")).into()
}

/// RFC 3339 in UTC, to the microsecond.
pub(super) fn instant(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn neutralized_cell_reads_back_and_begins_no_formula(cell in "'{0,3}[=+@\\-a]?.{0,4}") {
            let safe = neutralize(&cell);
            prop_assert!(!safe.starts_with(FORMULA));
            let back = match safe.strip_prefix('\'') {
                Some(rest) if rest.trim_start_matches('\'').starts_with(FORMULA) => rest,
                _ => &safe,
            };
            prop_assert_eq!(back, cell.as_str());
        }
    }
}
