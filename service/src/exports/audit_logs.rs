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
use serde_json::{Value, json};

pub(super) use self::continuation::open as open_continuation;
use self::{encoder::Encoder, output::Output, read::Reader, sink::Sink};
use super::{AuditLogs, Outcome, Plan, run::Written};
use crate::{
    Error, Fault, Instance,
    jobs::{Attempt, End},
    page::{Keyset, Part},
};

/// An export that is being written.
struct Export<'a> {
    instance: Arc<Instance>,
    source: &'a AuditLogs,
    reader: Reader<'a>,
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
    let mut limit = export.reader.segment(None);
    while export.sink.records < plan.total() {
        let (records, bytes) = (export.sink.records, output.bytes);
        let Export { reader, sink, .. } = &mut export;
        reader.read(limit, plan.total() - records, sink, &mut output).await?;
        let read = (export.sink.records - records, output.bytes - bytes);
        if read.0 == 0 {
            // Fewer records than there were: the log was pruned since the export was asked for.
            let reason = "entries that it was to hold are no longer in the log".to_owned();
            return Err(End::Fail(JobErrorCode::SourceChanged, reason));
        }
        limit = export.reader.segment(Some(read));
    }
    let written = export.written(plan);
    export.sink.encoder.end(&written.manifest).await?;
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
        let encoder = Encoder::new(plan.format, source.csv_byte_order_mark)?;
        let reader = Reader::new(&attempt.instance, organization_id, source)?;
        let key = start(&attempt.instance, &reader.keyset, source)?;
        Ok(Self {
            instance: Arc::clone(&attempt.instance),
            sink: Sink::new(organization_id, source.order_by, encoder, key),
            reader,
            source,
        })
    }

    fn written(&self, plan: &Plan) -> Written {
        let truncated = self.sink.records < plan.records_matched;
        let manifest = self.manifest(plan, truncated);
        let last = self.sink.key().filter(|_| truncated);
        let continuation = last.map(|key| {
            continuation::seal(
                &self.instance.secret,
                &self.reader.keyset,
                self.source.through,
                &key,
            )
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
