//! Exports of the audit log, read in keyset segments, each by a short query of its own.

mod columns;
mod continuation;
mod copy;
mod output;
mod read;
mod row;
mod sink;

use std::sync::Arc;

use daybook_entity::{audit_log, job::JobErrorCode};
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub(super) use self::{
    columns::{COLUMNS, Column, Kind, names as column_names},
    continuation::{Continuation, open as open_continuation},
    row::{Own, Row, Value},
};
use self::{output::Output, read::Reader, sink::Sink};
use super::{AuditLogs, Format, Outcome, Plan, format::Encoder, written::Written};
use crate::{
    Core, Error, Fault, audit,
    jobs::{Attempt, AttemptError},
    page::{Keyset, Part},
};

/// An export that is being written.
struct Export<'a, E> {
    core: Arc<Core>,
    source: &'a AuditLogs,
    reader: Reader<'a>,
    sink: Sink<E>,
}

/// Writes the entries that `source` selects to the attempt's file.
pub(super) async fn write<E: Encoder>(
    attempt: &mut Attempt,
    plan: &Plan,
    source: &AuditLogs,
) -> Result<Written, AttemptError> {
    let mut export = Export::<E>::new(attempt, source)?;
    let (core, organization_id) = (Arc::clone(&export.core), attempt.job.organization_id);
    let mut output = Output::new(attempt);
    let mut limit = export.reader.segment(None);
    while export.sink.records < plan.total() {
        let (records, bytes) = (export.sink.records, output.bytes);
        let Export { reader, sink, .. } = &mut export;
        reader.read(limit, plan.total() - records, sink, &mut output).await?;
        let read = (export.sink.records - records, output.bytes - bytes);
        if read.0 == 0 {
            // Fewer records than planned: the log was pruned since the export was requested.
            return Err(no_longer_there());
        }
        limit = export.reader.segment(Some(read));
    }
    check_kept(&core, organization_id, source).await?;
    let written = export.written(plan);
    while !export.sink.encoder.end(&written.manifest).await? {
        output.drain(&mut export.sink).await?;
    }
    output.drain(&mut export.sink).await?;
    Ok(written)
}

/// Returns the key that an export of `source` starts after; `None` if it starts at the beginning.
fn start(
    core: &Core,
    keyset: &Keyset<audit_log::Entity>,
    source: &AuditLogs,
) -> Result<Option<Vec<Part>>, Error> {
    let Some(text) = &source.after else { return Ok(None) };
    let opened = open_continuation(&core.secret, keyset, text);
    let unreadable = || Fault::decode("the export's continuation", "it is of another source");
    Ok(Some(opened.ok_or_else(unreadable)?.key))
}

/// Fails if entries were pruned since the export was planned, since the export may lack them.
///
/// Called after the last row was read. Pruning updates the organization's retention in the
/// transaction that deletes entries, so if any segment lacks entries, prefetched or not, the update
/// is visible here.
async fn check_kept(
    core: &Core,
    organization_id: Uuid,
    source: &AuditLogs,
) -> Result<(), AttemptError> {
    let pruned = audit::pruned(core.db.bulk(), organization_id).await;
    let (pruned, _) = pruned.map_err(Error::from)?;
    if pruned == source.known_pruned() { Ok(()) } else { Err(no_longer_there()) }
}

fn no_longer_there() -> AttemptError {
    let reason = "entries that it was to hold are no longer in the log".to_owned();
    AttemptError::Fail(JobErrorCode::SourceChanged, reason)
}

impl<'a, E: Encoder> Export<'a, E> {
    fn new(attempt: &Attempt, source: &'a AuditLogs) -> Result<Self, Error> {
        let organization_id = attempt.job.organization_id;
        let encoder = E::new(source, &attempt.core.settings.scratch)?;
        let reader = Reader::new(&attempt.core, organization_id, source)?;
        let key = start(&attempt.core, &reader.keyset, source)?;
        Ok(Self {
            core: Arc::clone(&attempt.core),
            sink: Sink::new(organization_id, source.order_by, encoder, key),
            reader,
            source,
        })
    }

    fn written(&self, plan: &Plan) -> Written {
        let truncated = self.sink.records < plan.records_matched;
        let manifest = self.manifest(plan, truncated);
        let last = self.sink.key().filter(|_| truncated);
        let (through, pruned) = (self.source.through, self.source.known_pruned());
        let continuation = last.map(|key| {
            let continuation = Continuation { through, key, pruned };
            continuation::seal(&self.core.secret, &self.reader.keyset, continuation)
        });
        let long_cells = self.sink.encoder.cells().map(|cells| cells.long);
        Written {
            name: "audit-logs",
            record_count: self.sink.records,
            manifest,
            outcome: Outcome { truncated, continuation, long_cells },
        }
    }

    fn manifest(&self, plan: &Plan, truncated: bool) -> Json {
        let AuditLogs { filter, order_by, through, after: _, pruned, .. } = self.source;
        let AuditLogs { csv_byte_order_mark, csv_neutralize, .. } = self.source;
        let cells = self.sink.encoder.cells();
        let sequence = |sequence: i64| sequence.to_string();
        let mut manifest = json!({
            "kind": "auditLogs",
            "filter": filter,
            "orderBy": order_by,
            // Entries recorded after this sequence are left out.
            "throughSequence": sequence(*through),
            "firstSequence": self.sink.sequences.map(|(first, _)| sequence(first)),
            "lastSequence": self.sink.sequences.map(|(_, last)| sequence(last)),
            "columns": E::columns(),
            "byteOrderMark": csv_byte_order_mark,
            "neutralized": plan.format == Format::Csv && *csv_neutralize,
            "recordsMatched": plan.records_matched,
            "truncated": truncated,
            "cellsNeutralized": cells.unwrap_or_default().neutralized,
            // Values longer than a cell of a spreadsheet can be.
            "longCells": cells.map(|cells| cells.long),
        });
        if let Some(pruned) = pruned.filter(|pruned| *pruned > 0) {
            // The log had been pruned through this sequence before the export.
            manifest["prunedThroughSequence"] = sequence(pruned).into();
        }
        manifest
    }
}
