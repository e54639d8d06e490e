//! `daybook import audit-logs`: records each line of a source once.

use std::{path::Path, time::Instant};

use anyhow::{Result, bail};
use daybook_service::{
    Problem, Scope,
    audit::{self, ImportLine, ImportRun, MAX_ENTRIES, NewEntry},
    chain,
};
use sha2::{Digest, Sha256};

use super::{
    progress,
    records::{Place, Record, Records},
};

/// The treatment of lines that are not valid.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The first one ends the import.
    Refuse,
    /// They are named and left out.
    LeaveOut,
}

/// Options of an import.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the source: equal lines of different sources are different entries.
    pub source: String,
    /// The treatment of lines that are not valid.
    pub invalid: Invalid,
    /// Number of the first line, or of the first element of an array, that is recorded.
    pub from: u64,
}

/// Appends the lines of a file that are new, a thousand in each transaction.
///
/// # Errors
/// Fails at the first line that is not a valid entry, and names it; all lines before it have been
/// recorded. With [`Invalid::LeaveOut`], fails after the last line if any was left out. Fails if the
/// file can't be read or the database fails.
pub async fn audit_logs(scope: &Scope, file: &Path, options: Options) -> Result<()> {
    let records = Records::open(file).await?;
    let run = audit::begin_import(scope, &options.source).await?;
    let (tally, started) = (Tally::default(), Instant::now());
    let mut import = Import { scope, run, options, records, tally, started, shown: None };
    let outcome = import.run().await;
    import.show(true);
    let Tally { recorded, known, left_out } = import.tally;
    match outcome {
        Ok(()) if left_out == 0 => Ok(()),
        Ok(()) => bail!("{left_out} lines are not valid and were left out"),
        Err(error) => bail!(
            "{} (the import stopped there: {recorded} entries were recorded, {known} were already \
             there)",
            chain(error.as_ref())
        ),
    }
}

struct Import<'a> {
    scope: &'a Scope,
    run: ImportRun,
    options: Options,
    records: Records,
    tally: Tally,
    started: Instant,
    shown: Option<Instant>,
}

/// Numbers of lines.
#[derive(Default)]
struct Tally {
    recorded: usize,
    known: usize,
    left_out: usize,
}

impl Import<'_> {
    async fn run(&mut self) -> Result<()> {
        loop {
            let mut lines = Vec::new();
            let read = self.read(&mut lines).await;
            // Lines before a bad line are recorded before the bad line is reported.
            if !lines.is_empty() {
                let imported = audit::import(self.scope, &self.run, lines).await?;
                self.tally.recorded += imported.recorded;
                self.tally.known += imported.known;
            }
            self.show(false);
            if !read? {
                return Ok(());
            }
        }
    }

    /// Reads the next lines. Returns false at the end of the file.
    async fn read(&mut self, lines: &mut Vec<ImportLine>) -> Result<bool> {
        while lines.len() < MAX_ENTRIES {
            let Some(Record { place, text }) = self.records.next().await? else {
                return Ok(false);
            };
            if place.number() < self.options.from {
                lines.extend(text.ok().map(|text| ImportLine::passed(Sha256::digest(text).into())));
                continue;
            }
            match text.and_then(|text| line(&text)) {
                Ok(line) => lines.push(line),
                Err(reason) => self.refuse(place, &reason)?,
            }
        }
        Ok(true)
    }

    fn refuse(&mut self, place: Place, reason: &str) -> Result<()> {
        match self.options.invalid {
            Invalid::LeaveOut => {
                self.tally.left_out += 1;
                progress::line(&format!("{place}: {reason}"));
                Ok(())
            }
            Invalid::Refuse => bail!(
                "{place}: {reason}; correct it and go on with --from {}, or leave out all that are not \
                 valid with --skip-invalid",
                place.number()
            ),
        }
    }

    fn show(&mut self, is_end: bool) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= progress::INTERVAL);
        if !(is_end || progress::is_watched() && is_due) {
            return;
        }
        self.shown = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let Tally { recorded, known, left_out } = self.tally;
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (recorded + known) as f64 / seconds;
        let line = format!(
            "{recorded} recorded, {known} already there, {left_out} left out, {rate:.0} per second"
        );
        if is_end { progress::line(&line) } else { progress::overwrite(&line) }
    }
}

/// Parses and checks a line.
fn line(text: &[u8]) -> Result<ImportLine, String> {
    let digest = Sha256::digest(text).into();
    let problem = |Problem { path, message, .. }| format!("{}: {message}", path.join("."));
    ImportLine::new(entry(text)?, digest)
        .map_err(|problems| problems.into_iter().map(problem).collect::<Vec<_>>().join("; "))
}

fn entry(text: &[u8]) -> Result<NewEntry, String> {
    let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8")?;
    audit::read_line(text).map_err(|error| reason(&error))
}

/// Message of serde with the column only, if the record is on one line.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line 1 column {}", error.column());
    match text.strip_suffix(&place) {
        Some(reason) => format!("{reason} (column {})", error.column()),
        None => text,
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use proptest::{collection::vec, prelude::*, sample::Index};

    const EXAMPLE_LINE: &str = r#"{"timestamp":"2026-01-01T00:00:00Z","actor":{"id":"ada","type":"USER"},"action":"a.b","outcome":"SUCCESS","resource":{"type":"t","id":"1"},"changes":[{"field":"f","new":1.5}],"metadata":{"extra":{"k":["\u00e9"]}}}"#;

    proptest! {
        #[test]
        fn a_line_is_an_entry_or_refused_on_one_line(
            changes in vec((any::<Index>(), any::<u8>()), 0..4),
            cut: Index,
            any in vec(any::<u8>(), 0..99),
        ) {
            let mut near = EXAMPLE_LINE.as_bytes().to_vec();
            for (at, byte) in changes {
                let at = at.index(near.len());
                near[at] = byte;
            }
            for text in [&near[..cut.index(near.len() + 1)], &near, &any] {
                if let Err(reason) = line(text) {
                    prop_assert!(!reason.is_empty() && !reason.contains(" at line 1 column"), "{}", reason);
                }
            }
        }
    }
}
