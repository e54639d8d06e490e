//! Exporting a moment of the audit log: keyset segments, each a short query of its own.

mod continuation;
mod copy;
mod csv;
mod encoder;
mod json;
mod output;
mod parquet;
mod read;
mod row;
mod sink;

use std::sync::Arc;

use daybook_entity::{audit_log, job::JobErrorCode};
use sea_orm::{QuerySelect, QueryTrait};
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) use self::continuation::open as open_continuation;
use self::{encoder::Encoder, output::Output, read::Reader, sink::Sink};
use super::{AuditLogs, Outcome, Plan, run::Written};
use crate::{
    Error, Fault, Instance, audit,
    jobs::{Attempt, End},
    page::{Direction, Keyset, Part},
};

/// An export that is being written.
struct Export<'a> {
    instance: Arc<Instance>,
    organization_id: Uuid,
    source: &'a AuditLogs,
    keyset: Keyset<audit_log::Entity>,
    reader: Reader,
    sink: Sink,
}

/// Writes the entries that `source` names into the attempt's file.
pub(super) async fn write(
    attempt: &mut Attempt,
    plan: &Plan,
    source: &AuditLogs,
) -> Result<Written, End> {
    let mut export = Export::new(attempt, plan, source)?;
    let mut output = Output::new(attempt);
    let mut limit = export.reader.rows(None);
    while export.sink.records < plan.total() {
        let (records, bytes) = (export.sink.records, output.bytes);
        export.read(limit.min(plan.total() - records), &mut output).await?;
        let read = (export.sink.records - records, output.bytes - bytes);
        if read.0 == 0 {
            // Fewer records than there were: the log was pruned since the export was asked for.
            let reason = "entries that it was to hold are no longer in the log".to_owned();
            return Err(End::Fail(JobErrorCode::SourceChanged, reason));
        }
        limit = export.reader.rows(Some(read));
    }
    let written = export.written(plan);
    export.sink.encoder.end(&written.manifest)?;
    output.drain(&mut export.sink).await?;
    Ok(written)
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
        let encoder = Encoder::new(plan.format, source.csv_byte_order_mark)?;
        let key = start(&attempt.instance, &keyset, source)?;
        Ok(Self {
            instance: Arc::clone(&attempt.instance),
            organization_id,
            reader: Reader::new(&attempt.instance)?,
            sink: Sink::new(organization_id, source.order_by, encoder, key),
            keyset,
            source,
        })
    }

    /// Reads the next `limit` rows into the file.
    async fn read(&mut self, limit: u64, output: &mut Output<'_>) -> Result<(), End> {
        let AuditLogs { filter, through, .. } = self.source;
        let key = self.sink.key();
        let rows = audit::rows_after(&self.keyset, self.organization_id, filter, *through, key);
        let backend = self.instance.db.bulk().get_database_backend();
        let rows = rows.select(Direction::Forward, limit, backend);
        let rows = rows.select_only().columns(row::COLUMNS).build(backend);
        self.reader.read(&self.instance, rows, &mut self.sink, output).await
    }

    fn written(&self, plan: &Plan) -> Written {
        let truncated = self.sink.records < plan.records_matched;
        let manifest = self.manifest(plan, truncated);
        let last = self.sink.key().filter(|_| truncated);
        let continuation = last.map(|key| {
            continuation::seal(&self.instance.secret, &self.keyset, self.source.through, &key)
        });
        Written {
            name: "audit-logs",
            record_count: self.sink.records,
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
            "firstSequence": self.sink.sequences.map(|(first, _)| sequence(first)),
            "lastSequence": self.sink.sequences.map(|(_, last)| sequence(last)),
            "columns": plan.format.has_columns().then_some(csv::COLUMNS),
            "byteOrderMark": csv_byte_order_mark,
            "recordsMatched": plan.records_matched,
            "truncated": truncated,
            "cellsNeutralized": self.sink.encoder.cells_neutralized(),
        })
    }
}
