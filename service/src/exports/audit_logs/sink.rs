//! Passes the rows of an export to the encoder, and counts them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::row::Row;
use crate::{
    Result,
    audit::{self, Order},
    exports::format::Encoder,
    page::Part,
};

/// Receiver of an export's rows, in order.
pub(super) struct Sink<E> {
    pub(super) organization_id: Uuid,
    order_by: Order,
    pub(super) encoder: E,
    /// Number of records so far.
    pub(super) records: u64,
    /// Smallest and largest sequence so far; `None` before the first record.
    pub(super) sequences: Option<(i64, i64)>,
    /// Key that the first record comes after; `None` to start at the beginning.
    start: Option<Vec<Part>>,
    /// Timestamp and sequence of the last record, which its key is made of.
    last: Option<(DateTime<Utc>, i64)>,
}

impl<E: Encoder> Sink<E> {
    /// Creates a sink whose first record comes after `start`.
    pub(super) fn new(
        organization_id: Uuid,
        order_by: Order,
        encoder: E,
        start: Option<Vec<Part>>,
    ) -> Self {
        Self { organization_id, order_by, encoder, records: 0, sequences: None, start, last: None }
    }

    /// Returns the key to continue after: that of the last record, or `start` before the first one.
    pub(super) fn key(&self) -> Option<Vec<Part>> {
        match self.last {
            Some((timestamp, sequence)) => {
                Some(audit::order_key(self.order_by, timestamp, sequence))
            }
            None => self.start.clone(),
        }
    }

    /// Predicts the key to continue after once `records` more have come. The prediction holds for a
    /// log that is read without a filter, since its sequence has no gaps. Returns `None` if the log
    /// is not read in order of recording, or before the first record.
    pub(super) fn key_after(&self, records: u64) -> Option<Vec<Part>> {
        let (timestamp, sequence) = self.last?;
        let records = i64::try_from(records).ok()?;
        let sequence = match self.order_by {
            Order::RecordedAsc => sequence.checked_add(records)?,
            Order::RecordedDesc => sequence.checked_sub(records)?,
            Order::TimestampAsc | Order::TimestampDesc => return None,
        };
        Some(audit::order_key(self.order_by, timestamp, sequence))
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<()> {
        self.encoder.record(row)?;
        self.records += 1;
        let (first, last) = self.sequences.unwrap_or((row.sequence, row.sequence));
        self.sequences = Some((first.min(row.sequence), last.max(row.sequence)));
        self.last = Some((row.timestamp, row.sequence));
        Ok(())
    }
}
