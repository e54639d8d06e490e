//! `daybook import`: imports audit entries and notes from files.

mod front_matter;
mod notes;
mod progress;

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, bail};
use daybook_service::{
    Error, Problem, Scope,
    audit::{self, MAX_ENTRIES, NewEntry, Recorder},
    chain,
};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};

pub use notes::notes;

/// Maximum length of a line, in bytes; more than any valid entry needs.
const MAX_LINE_BYTES: u64 = 1024 * 1024;
/// Appends the entries of a JSON Lines file, in batches of a thousand.
///
/// Each batch has an idempotency key made from its position and content, so that an interrupted import
/// can simply be run again without recording anything twice.
///
/// # Errors
/// Fails at the first line that is not a valid entry, and names it; all lines before it have been
/// recorded. Fails if the database fails.
pub async fn audit_logs(recorder: &Recorder, scope: &Scope, file: &Path) -> Result<()> {
    let mut import = Import {
        recorder,
        scope,
        lines: Lines::open(file).await?,
        recorded: 0,
        replayed: 0,
        started: Instant::now(),
        shown: None,
    };
    let outcome = import.run().await;
    import.show(true);
    let Import { recorded, replayed, .. } = import;
    outcome.map_err(|error| {
        let before =
            format!("{recorded} entries were recorded, {replayed} had been recorded before");
        let advice = "correct the line and run the import again; nothing is recorded twice";
        let reason = chain(error.as_ref());
        anyhow::anyhow!("{reason} (the import stopped there: {before}; {advice})")
    })
}

struct Import<'a> {
    recorder: &'a Recorder,
    scope: &'a Scope,
    lines: Lines,
    recorded: usize,
    replayed: usize,
    started: Instant,
    shown: Option<Instant>,
}

impl Import<'_> {
    async fn run(&mut self) -> Result<()> {
        loop {
            let mut batch = Batch::default();
            let read = self.read(&mut batch).await;
            // Lines before a bad line are recorded before the bad line is reported.
            self.record(batch).await?;
            if !read? {
                return Ok(());
            }
        }
    }

    /// Fills `batch`. Returns false at the end of the file.
    async fn read(&mut self, batch: &mut Batch) -> Result<bool> {
        while batch.entries.len() < MAX_ENTRIES {
            let Some(line) = self.lines.next().await? else { return Ok(false) };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let number = self.lines.number;
            let entry = entry(&line).with_context(|| format!("line {number}"))?;
            batch.digests.push(Sha256::digest(line.trim_ascii_end()).into());
            batch.numbers.push(number);
            batch.entries.push(entry);
        }
        Ok(true)
    }

    /// Records the entries of `batch` that have not been recorded before, up to the first invalid one.
    async fn record(&mut self, mut batch: Batch) -> Result<()> {
        while let Some(count) = self.known(&batch).await? {
            self.append(&batch, count).await?;
            batch.drop_first(count);
        }
        if batch.entries.is_empty() {
            return Ok(());
        }
        match self.append(&batch, batch.entries.len()).await {
            Err(Error::Refused(problems)) => self.refuse(&batch, problems).await,
            outcome => Ok(outcome?),
        }
    }

    /// Number of lines at the start of `batch` that an earlier run recorded together. It may be less than
    /// the whole batch, if that run stopped at a bad line or the file has grown since.
    async fn known(&self, batch: &Batch) -> Result<Option<usize>> {
        let Some(prefix) = batch.key_prefix() else { return Ok(None) };
        let keys = audit::recorded_keys(self.scope, &prefix).await?;
        let counts = keys.iter().filter_map(|key| {
            let (count, _) = key.strip_prefix(&prefix)?.split_once(':')?;
            let count =
                count.parse().ok().filter(|count| (1..=batch.entries.len()).contains(count))?;
            (batch.key(count).as_ref() == Some(key)).then_some(count)
        });
        Ok(counts.max())
    }

    /// Records the first `count` entries of `batch`.
    async fn append(&mut self, batch: &Batch, count: usize) -> daybook_service::Result<()> {
        let entries = batch.entries.iter().take(count).cloned().collect();
        let recorded = self.recorder.record(self.scope, entries, batch.key(count)).await?;
        self.count(recorded.entries.len(), recorded.replayed);
        Ok(())
    }

    /// Records the entries before the invalid one, then fails with the number of its line.
    async fn refuse(&mut self, batch: &Batch, problems: Vec<Problem>) -> Result<()> {
        let index = |problem: &Problem| {
            let index = problem.path.iter().find_map(|part| part.parse::<usize>().ok());
            index.unwrap_or_default()
        };
        let Some(problem) = problems.into_iter().min_by_key(index) else { return Ok(()) };
        let bad = index(&problem);
        if bad > 0 {
            self.append(batch, bad).await?;
        }
        let field: Vec<_> = problem.path.into_iter().skip(3).collect();
        let number = batch.numbers.get(bad).copied().unwrap_or_default();
        bail!("line {number}: {}: {}", field.join("."), problem.message);
    }

    fn count(&mut self, entries: usize, replayed: bool) {
        if replayed {
            self.replayed += entries;
        } else {
            self.recorded += entries;
        }
        self.show(false);
    }

    fn show(&mut self, is_end: bool) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= progress::INTERVAL);
        if !(is_end || progress::is_watched() && is_due) {
            return;
        }
        self.shown = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = (self.recorded + self.replayed) as f64 / seconds;
        let Self { recorded, replayed, .. } = self;
        let line =
            format!("{recorded} recorded, {replayed} already recorded, {rate:.0} per second");
        if is_end { progress::line(&line) } else { progress::overwrite(&line) }
    }
}

/// Entries that are recorded in one transaction.
#[derive(Default)]
struct Batch {
    entries: Vec<NewEntry>,
    /// Line number of each entry.
    numbers: Vec<u64>,
    /// SHA-256 of each entry's line.
    digests: Vec<[u8; 32]>,
}

impl Batch {
    /// Prefix of the idempotency keys of batches that begin at this line.
    fn key_prefix(&self) -> Option<String> {
        self.numbers.first().map(|first| format!("import:{first}:"))
    }

    /// Idempotency key of the first `count` entries, made from their position and content.
    fn key(&self, count: usize) -> Option<String> {
        let digest = Sha256::digest(self.digests.get(..count)?.as_flattened());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{}{count}:{digest}", self.key_prefix()?))
    }

    fn drop_first(&mut self, count: usize) {
        self.entries.drain(..count);
        self.numbers.drain(..count);
        self.digests.drain(..count);
    }
}

/// Byte order mark of UTF-8, which a parser may ignore (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

struct Lines {
    reader: Box<dyn AsyncBufRead + Send + Unpin>,
    number: u64,
}

impl Lines {
    async fn open(file: &Path) -> Result<Self> {
        let reader: Box<dyn AsyncBufRead + Send + Unpin> = if file == Path::new("-") {
            Box::new(BufReader::new(tokio::io::stdin()))
        } else {
            let opened = tokio::fs::File::open(file).await;
            let opened = opened.with_context(|| format!("can't read {}", file.display()))?;
            Box::new(BufReader::with_capacity(256 * 1024, opened))
        };
        Ok(Self { reader, number: 0 })
    }

    /// Reads the next line; none at the end of the file.
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let number = self.number + 1;
        let mut limited = (&mut self.reader).take(MAX_LINE_BYTES);
        let read = limited.read_until(b'\n', &mut line).await;
        if read.with_context(|| format!("can't read line {number}"))? == 0 {
            return Ok(None);
        }
        if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
            bail!("line {number}: is longer than {MAX_LINE_BYTES} bytes");
        }
        self.number = number;
        if number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(line))
    }
}

/// Parses a line into an entry.
fn entry(line: &[u8]) -> Result<NewEntry> {
    let line = std::str::from_utf8(line).context("is not UTF-8")?;
    serde_json::from_str(line).map_err(|error| anyhow::anyhow!("{}", reason(&error)))
}

/// Message of serde with the column only, since each document has one line.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(reason) => format!("{reason} (column {})", error.column()),
        None => text,
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use futures::executor::block_on;
    use proptest::{collection::vec, prelude::*, sample::Index};

    const EXAMPLE_LINE: &str = r#"{"timestamp":"2026-01-01T00:00:00Z","actor":{"id":"ada","type":"USER"},"action":"a.b","outcome":"SUCCESS","resource":{"type":"t","id":"1"},"changes":[{"field":"f","new":1.5}],"metadata":{"extra":{"k":["\u00e9"]}}}"#;

    proptest! {
        #[test]
        fn lines_are_those_of_the_file(file in vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r')], 0..99)) {
            let mut lines = Lines { reader: Box::new(std::io::Cursor::new(file.clone())), number: 0 };
            let mut found = Vec::new();
            while let Some(line) = block_on(lines.next()).expect("a line") {
                found.push(line);
                prop_assert_eq!(lines.number, found.len() as u64);
            }
            let expected: Vec<_> = file.split_inclusive(|byte| *byte == b'\n').collect();
            prop_assert_eq!(found, expected);
        }

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
            for line in [&near[..cut.index(near.len() + 1)], &near, &any] {
                if let Err(error) = entry(line) {
                    let text = format!("{error:#}");
                    prop_assert!(!text.is_empty() && !text.contains(" at line 1 column"), "{}", text);
                }
            }
        }
    }
}
