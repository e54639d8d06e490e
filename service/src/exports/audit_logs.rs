//! Exporting a moment of the audit log: keyset segments, each a short query of its own.

mod continuation;
mod csv;
mod encoder;
mod json;
mod row;

use std::sync::Arc;

use daybook_entity::{audit_log, job::JobErrorCode};
use futures::TryStreamExt;
use sea_orm::{QuerySelect, QueryTrait, StreamTrait};
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) use self::continuation::open as open_continuation;
use self::{encoder::Encoder, row::Row};
use super::{AuditLogs, Format, Outcome, Plan, run::Written};
use crate::{
    Error, Fault, Instance, audit,
    jobs::{Attempt, End},
    page::{Direction, Keyset, Part},
};

/// Bytes that a segment aims at: few, so that no snapshot is held open and little is held in
/// memory; many, so that the start of a query doesn't matter.
const SEGMENT: u64 = 1024 * 1024;
/// Fewest and most rows of a segment. The first has the fewest, for its rows may be long.
const ROWS: (u64, u64) = (100, 10_000);

/// An export that is being written.
struct Export<'a> {
    instance: Arc<Instance>,
    organization_id: Uuid,
    source: &'a AuditLogs,
    keyset: Keyset<audit_log::Entity>,
    encoder: Encoder,
    /// Records in the file.
    records: u64,
    /// Smallest and largest sequence in the file.
    sequences: Option<(i64, i64)>,
    /// Key of the last record, to go on from.
    key: Option<Vec<Part>>,
}

/// Writes the entries that `source` names into the attempt's file.
pub(super) async fn write(
    attempt: &mut Attempt,
    plan: &Plan,
    source: &AuditLogs,
) -> Result<Written, End> {
    let mut export = Export::new(attempt, plan, source)?;
    let (mut limit, mut chunk) = (ROWS.0, Vec::new());
    while export.records < plan.total() {
        let before = export.records;
        export.read(limit.min(plan.total() - before)).await?;
        let read = export.records - before;
        if read == 0 {
            // Fewer records than there were: the log was pruned since the export was asked for.
            let reason = "entries that it was to hold are no longer in the log".to_owned();
            return Err(End::Fail(JobErrorCode::SourceChanged, reason));
        }
        chunk = export.encoder.take(chunk)?;
        limit = (SEGMENT * read / (chunk.len() as u64).max(1)).clamp(ROWS.0, ROWS.1);
        attempt.write(&chunk).await?;
        attempt.advanced(export.records).await?;
    }
    export.encoder.end();
    attempt.write(&export.encoder.take(chunk)?).await?;
    Ok(export.written(plan))
}

/// Whether, and where, an export of `source` goes on: the key of the record before its first one.
fn start(
    instance: &Instance,
    keyset: &Keyset<audit_log::Entity>,
    source: &AuditLogs,
) -> Result<Option<Vec<Part>>, Error> {
    let Some(text) = &source.after else { return Ok(None) };
    let opened = open_continuation(&instance.secret, keyset, text);
    let unreadable = || Fault::Stored("an export's continuation can't be read".to_owned());
    Ok(Some(opened.ok_or_else(unreadable)?.1))
}

impl<'a> Export<'a> {
    fn new(attempt: &Attempt, plan: &Plan, source: &'a AuditLogs) -> Result<Self, Error> {
        let organization_id = attempt.job.organization_id;
        let keyset = audit::order_keys(organization_id, &source.filter, source.order_by);
        Ok(Self {
            instance: Arc::clone(&attempt.instance),
            organization_id,
            key: start(&attempt.instance, &keyset, source)?,
            encoder: Encoder::new(plan.format, source.csv_byte_order_mark)?,
            keyset,
            source,
            records: 0,
            sequences: None,
        })
    }

    /// Reads the next `limit` rows through the encoder.
    async fn read(&mut self, limit: u64) -> Result<(), End> {
        let AuditLogs { filter, order_by, through, after: _, csv_byte_order_mark: _ } = self.source;
        let key = self.key.take();
        let rows = audit::rows_after(&self.keyset, self.organization_id, filter, *through, key);
        let db = self.instance.db.bulk();
        let rows = rows.select(Direction::Forward, limit, db.get_database_backend());
        let rows = rows.select_only().columns(row::COLUMNS);
        let mut rows = db.stream_raw(rows.build(db.get_database_backend())).await?;
        while let Some(found) = rows.try_next().await? {
            let row = Row::of(&found)?;
            self.encoder.record(self.organization_id, &row)?;
            self.records += 1;
            let (first, last) = self.sequences.unwrap_or((row.sequence, row.sequence));
            self.sequences = Some((first.min(row.sequence), last.max(row.sequence)));
            self.key = Some(audit::order_key(*order_by, row.timestamp, row.sequence));
            // Rows come from a buffer: nothing else here ever gives the thread to other tasks.
            tokio::task::coop::consume_budget().await;
        }
        Ok(())
    }

    fn written(self, plan: &Plan) -> Written {
        let truncated = self.records < plan.records_matched;
        let manifest = self.manifest(plan, truncated);
        let last = self.key.filter(|_| truncated);
        let continuation = last.map(|key| {
            continuation::seal(&self.instance.secret, &self.keyset, self.source.through, &key)
        });
        Written {
            name: "audit-logs",
            record_count: self.records,
            manifest,
            outcome: Outcome { truncated, continuation },
        }
    }

    fn manifest(&self, plan: &Plan, truncated: bool) -> Value {
        let AuditLogs { filter, order_by, through, after: _, csv_byte_order_mark } = self.source;
        let sequence = |sequence: i64| sequence.to_string();
        json!({
            "kind": "auditLogs",
            "filter": filter,
            "orderBy": order_by,
            // Nothing recorded after this sequence is in it.
            "throughSequence": sequence(*through),
            "firstSequence": self.sequences.map(|(first, _)| sequence(first)),
            "lastSequence": self.sequences.map(|(_, last)| sequence(last)),
            "columns": (plan.format == Format::Csv).then_some(csv::COLUMNS),
            "byteOrderMark": csv_byte_order_mark,
            "recordsMatched": plan.records_matched,
            "truncated": truncated,
            "cellsNeutralized": self.encoder.cells_neutralized(),
        })
    }
}
