//! Reads a backup's file: takes its bytes and returns its rows in canonical form.
//!
//! The reader accepts only what [`super::run`] writes, and fails at the first line that is out of
//! place.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{
    RestoreError, TableDigest,
    batch::{Batch, Batches},
    manifest::{self, Coverage, Manifest},
    markers::{DATA, DATA_END, begun_table, first_line},
    sqlite::literal,
    tables::{Table, tables},
};
use crate::{Engine, Secret, buffer_pool::BufferPool};

/// Maximum length of a line in bytes. The largest possible row is a fraction of that.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;
/// Maximum length of a manifest in bytes.
const MANIFEST: usize = 1024 * 1024;

/// The reader's position in the file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Place {
    First,
    Before,
    Data,
    /// Among the rows of the table with this index.
    Rows(usize),
    After,
    Manifest,
}

/// Reader of a backup's file.
pub(super) struct Reader {
    place: Place,
    engine: Engine,
    /// Beginning of a line that is not complete yet.
    line: Vec<u8>,
    number: u64,
    content: Sha256,
    /// Each table of which the file has had rows, with the file's columns.
    tables: Vec<Option<Arc<Table>>>,
    digests: Vec<TableDigest>,
    manifest: Vec<u8>,
    ready: Vec<Batch>,
    buffers: BufferPool,
}

/// Result of checking a file that is complete.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) manifest: Manifest,
    pub(super) coverage: Coverage,
    /// Each table by its index, with the file's columns; none if the file has no rows of it.
    pub(super) tables: Vec<Option<Arc<Table>>>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            place: Place::First,
            engine: Engine::Sqlite,
            line: Vec::new(),
            number: 0,
            content: Sha256::new(),
            tables: vec![None; tables().len()],
            digests: vec![TableDigest::default(); tables().len()],
            manifest: Vec::new(),
            ready: Vec::new(),
            buffers: BufferPool::default(),
        }
    }

    /// Creates a channel for the batches of this reader. Returns both of its ends.
    pub(super) fn batches(&self) -> (mpsc::Sender<Batch>, Batches) {
        Batches::new(self.buffers.clone())
    }

    /// Reads the next bytes and returns the rows that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Batch>, RestoreError> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (now, later) = rest.split_at(end + 1);
            rest = later;
            if self.line.is_empty() {
                self.whole(now)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(now);
                self.whole(&line)?;
                line.clear();
                self.line = line;
            }
        }
        self.line.extend_from_slice(rest);
        if self.line.len() > MAX_LINE_BYTES {
            return Err(self.broken("is longer than any of a backup"));
        }
        Ok(std::mem::take(&mut self.ready))
    }

    /// Checks the file as a whole, after all its bytes have been pushed.
    pub(super) fn finish(self, secret: Option<&Secret>) -> Result<Checked, RestoreError> {
        match self.place {
            Place::First if self.number == 0 && self.line.is_empty() => {
                return Err(RestoreError::file("it is empty"));
            }
            Place::First => return Err(RestoreError::file("it is no backup of Daybook's")),
            Place::Rows(table) => {
                return Err(RestoreError::table(&tables()[table], "the file is truncated there"));
            }
            Place::Before | Place::Data | Place::After => {
                return Err(RestoreError::file("it is truncated: its manifest is missing"));
            }
            Place::Manifest => {}
        }
        let mut text = self.manifest;
        text.extend_from_slice(&self.line);
        let text = String::from_utf8(text);
        let text = text.map_err(|_| RestoreError::file("its manifest was altered"))?;
        let (manifest, coverage) = Manifest::open(&text, secret)?;
        let found: Vec<_> = self.digests.into_iter().enumerate().collect();
        manifest.compare(&found, "the file")?;
        if manifest.content != <[u8; 32]>::from(self.content.finalize()) {
            return Err(RestoreError::file("it was altered outside of its rows"));
        }
        if manifest.engine != self.engine {
            return Err(RestoreError::file("its first line was altered"));
        }
        Ok(Checked { manifest, coverage, tables: self.tables })
    }

    /// Processes a complete line, given with its line break.
    fn whole(&mut self, with_end: &[u8]) -> Result<(), RestoreError> {
        self.number += 1;
        let line = &with_end[..with_end.len() - 1];
        if self.place == Place::After && line == manifest::BEGIN.as_bytes() {
            self.place = Place::Manifest;
        }
        if self.place == Place::Manifest {
            self.manifest.extend_from_slice(with_end);
            let is_long = self.manifest.len() > MANIFEST;
            return if is_long { Err(self.broken("is none of a manifest")) } else { Ok(()) };
        }
        self.content.update(with_end);
        match self.place {
            Place::First => self.first(line),
            Place::Before => {
                if line == DATA.as_bytes() {
                    self.place = Place::Data;
                }
                Ok(())
            }
            Place::Data => self.begin(line),
            Place::Rows(table) => self.row(table, line),
            Place::After | Place::Manifest => Ok(()),
        }
    }

    fn first(&mut self, line: &[u8]) -> Result<(), RestoreError> {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            if line == first_line(engine).as_bytes() {
                (self.engine, self.place) = (engine, Place::Before);
                return Ok(());
            }
        }
        if line.starts_with(b"-- Daybook backup: format ") {
            return Err(RestoreError::file("it is of a format that this version does not read"));
        }
        Err(RestoreError::file("it is no backup of Daybook's"))
    }

    fn begin(&mut self, line: &[u8]) -> Result<(), RestoreError> {
        if line == DATA_END.as_bytes() {
            self.place = Place::After;
            return Ok(());
        }
        let begun = begun_table(self.engine, line);
        let (index, table) = begun.ok_or_else(|| self.broken("begins no table"))?;
        let known = self.tables[index].get_or_insert_with(|| Arc::new(table.clone()));
        if known.column_names() != table.column_names() {
            return Err(self.broken("names other columns than before"));
        }
        self.place = Place::Rows(index);
        Ok(())
    }

    fn row(&mut self, index: usize, line: &[u8]) -> Result<(), RestoreError> {
        let table = &self.table(index);
        match self.engine {
            Engine::Postgres if line == br"\." => self.place = Place::Data,
            Engine::Postgres => {
                let fields = line.split(|byte| *byte == b'\t').count();
                if fields != table.columns.len() {
                    return Err(self.unreadable(table));
                }
                self.take(index, table, line);
            }
            Engine::Sqlite => {
                let (end, rest) = line.split_last().ok_or_else(|| self.unreadable(table))?;
                let literals = rest.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")"));
                let line = literals.and_then(|literals| literal::read(literals, table));
                let line = line.ok_or_else(|| self.unreadable(table))?;
                self.take(index, table, &line);
                match end {
                    b',' => {}
                    b';' => self.place = Place::Data,
                    _ => return Err(self.unreadable(table)),
                }
            }
        }
        Ok(())
    }

    /// Returns the table with this index, with the file's columns.
    fn table(&self, index: usize) -> Arc<Table> {
        let begun = self.tables[index].as_ref().map(Arc::clone);
        begun.unwrap_or_else(|| Arc::new(tables()[index].clone()))
    }

    /// Adds a row to its table's digest and to the current batch.
    fn take(&mut self, index: usize, table: &Arc<Table>, line: &[u8]) {
        self.digests[index].add(line);
        if self.ready.last().is_none_or(|batch| batch.index != index) {
            let table = Arc::clone(table);
            self.ready.push(Batch { index, table, lines: self.buffers.take(0) });
        }
        if let Some(batch) = self.ready.last_mut() {
            batch.lines.extend_from_slice(line);
            batch.lines.push(b'\n');
        }
    }

    fn unreadable(&self, table: &Table) -> RestoreError {
        RestoreError::table(table, &format!("line {} of the file is no row of it", self.number))
    }

    fn broken(&self, what: &str) -> RestoreError {
        RestoreError::file(&format!("line {} {what}", self.number))
    }

    /// Returns the number of rows read so far.
    pub(super) fn rows(&self) -> u64 {
        self.digests.iter().map(|digest| digest.rows).sum()
    }
}

#[cfg(test)]
mod fuzz {
    use chrono::DateTime;
    use proptest::{collection::vec, prelude::*, sample::Index};
    use uuid::Uuid;

    use super::*;
    use crate::{
        backups::{
            markers::{copy_line, insert_line},
            tables::BackupScope,
        },
        fuzz::{edited, edits, text},
    };

    /// Index of the table of migrations, whose columns are a name and a number.
    const TABLE: usize = 0;

    fn secret() -> Secret {
        Secret::new(&"s".repeat(32)).expect("long enough")
    }

    /// Returns a file with these rows.
    fn file(engine: Engine, rows: &[(String, i64)]) -> Vec<u8> {
        let table = &tables()[TABLE];
        let mut digest = TableDigest::default();
        let mut text = format!("{}\n\n{DATA}\n", first_line(engine)).into_bytes();
        let begin = match engine {
            Engine::Sqlite => insert_line(table),
            Engine::Postgres => copy_line(table),
        };
        if !rows.is_empty() {
            text.extend(begin.into_bytes());
            text.push(b'\n');
        }
        for (index, (name, number)) in rows.iter().enumerate() {
            let mut line = Vec::new();
            crate::backups::row::escape(name.as_bytes(), &mut line);
            line.extend(format!("\t{number}").into_bytes());
            digest.add(&line);
            if engine == Engine::Postgres {
                text.extend(line);
            } else {
                text.push(b'(');
                literal::write(rusqlite::types::ValueRef::Text(name.as_bytes()), &mut text);
                let end = if index + 1 == rows.len() { ';' } else { ',' };
                text.extend(format!(",{number}){end}").into_bytes());
            }
            text.push(b'\n');
        }
        if engine == Engine::Postgres && !rows.is_empty() {
            text.extend(b"\\.\n");
        }
        text.extend(format!("{DATA_END}\nCREATE INDEX i;\n").into_bytes());
        let manifest = Manifest {
            engine,
            scope: BackupScope::Instance,
            job: Uuid::nil(),
            taken_at: DateTime::UNIX_EPOCH,
            migrations: Vec::new(),
            tables: vec![(TABLE, digest)],
            head: (0, [0; 32]),
            content: Sha256::digest(&text).into(),
        };
        text.extend(manifest.seal(&secret()).into_bytes());
        text
    }

    /// Reads `bytes`, split in two at `cut`. Returns the canonical lines and the coverage.
    fn read(bytes: &[u8], cut: Index) -> Result<(Vec<u8>, Coverage), String> {
        let mut reader = Reader::new();
        let (one, two) = bytes.split_at(cut.index(bytes.len() + 1));
        let mut lines = Vec::new();
        for piece in [one, two] {
            let batches = reader.push(piece).map_err(|error| error.to_string())?;
            batches.into_iter().for_each(|batch| lines.extend(batch.lines));
        }
        let checked = reader.finish(Some(&secret())).map_err(|error| error.to_string())?;
        Ok((lines, checked.coverage))
    }

    #[test]
    fn columns_are_those_that_the_file_names() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let rows = [("a".to_owned(), 1), ("b".to_owned(), 2)];
            let text = String::from_utf8(file(engine, &rows)).expect("text");
            let text = text
                .replace("(version, applied_at)", "(version)")
                .replace("\t1\n", "\n")
                .replace("\t2\n", "\n")
                .replace(",1),", "),")
                .replace(",2);", ");");
            let mut reader = Reader::new();
            let batches = reader.push(text.as_bytes()).expect("rows");
            assert_eq!(batches[0].lines, b"a\nb\n");
            assert_eq!(batches[0].table.column_names(), "version");
            for names in ["(version, version)", "(colour)", "()", "(applied_at, )"] {
                let other = text.replace("(version)", names);
                assert!(Reader::new().push(other.as_bytes()).is_err(), "{names}");
            }
        }
    }

    proptest! {
        #[test]
        fn files_read_back_and_nothing_else_does(
            is_sqlite: bool,
            rows in vec((text(), any::<i64>()), 0..4),
            edits in edits(),
            (cut, other_cut) in any::<(Index, Index)>(),
        ) {
            let engine = if is_sqlite { Engine::Sqlite } else { Engine::Postgres };
            let bytes = file(engine, &rows);
            let found = read(&bytes, cut).expect("a whole file");
            prop_assert_eq!(&read(&bytes, other_cut), &Ok(found.clone()));
            let mut lines = Vec::new();
            for (name, number) in &rows {
                crate::backups::row::escape(name.as_bytes(), &mut lines);
                lines.extend(format!("\t{number}\n").into_bytes());
            }
            prop_assert_eq!(found, (lines, Coverage::Authentic));
            let changed = edited(&bytes, &edits);
            prop_assert!(changed == bytes || read(&changed, cut).is_err());
        }

        #[test]
        fn lines_of_any_kind_are_refused_or_in_place(
            is_sqlite: bool,
            lines in vec(prop_oneof![
                3 => prop::sample::select((0..9_usize).collect::<Vec<_>>()).prop_map(Err),
                2 => text().prop_map(Ok),
            ], 0..9),
            cut: Index,
        ) {
            let engine = if is_sqlite { Engine::Sqlite } else { Engine::Postgres };
            let known = [
                first_line(engine), DATA.to_owned(), DATA_END.to_owned(), manifest::BEGIN.to_owned(),
                insert_line(&tables()[TABLE]), copy_line(&tables()[TABLE]), "('a',1);".to_owned(),
                "a\t1".to_owned(), "\\.".to_owned(),
            ];
            let mut text = first_line(engine) + "\n";
            for line in lines {
                text += &line.unwrap_or_else(|index: usize| known[index].clone());
                text += "\n";
            }
            prop_assert!(read(text.as_bytes(), cut).is_err(), "there is no manifest");
        }
    }
}
