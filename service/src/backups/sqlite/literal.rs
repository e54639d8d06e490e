//! Values as SQL literals. Each literal is on one line, because the `sqlite3` shell drops a
//! carriage return before a line feed, and because the reader can then read each line by itself.

use rusqlite::types::ValueRef;

use crate::{
    backups::{
        row,
        tables::{Kind, Table},
    },
    text::{has, push_hex, push_number},
};

/// Appends the literal of a value.
pub(in crate::backups) fn write(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => out.extend_from_slice(b"NULL"),
        ValueRef::Integer(number) => push_number(out, number),
        // No column of Daybook's holds a real number: the canonical form refuses it.
        ValueRef::Real(number) => out.extend_from_slice(number.to_string().as_bytes()),
        ValueRef::Text(text) => write_text(text, out),
        ValueRef::Blob(bytes) => write_bytes(bytes, out),
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    if has(text, |byte| matches!(byte, b'\n' | b'\r' | 0)) {
        out.extend_from_slice(b"CAST(");
        write_bytes(text, out);
        return out.extend_from_slice(b" AS TEXT)");
    }
    out.push(b'\'');
    if !has(text, |byte| byte == b'\'') {
        out.extend_from_slice(text);
        return out.push(b'\'');
    }
    for (index, part) in text.split(|byte| *byte == b'\'').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"''");
        }
        out.extend_from_slice(part);
    }
    out.push(b'\'');
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"X'");
    push_hex(out, bytes);
    out.push(b'\'');
}

/// Converts a row of literals, without the parentheses around them, to its canonical line. Returns
/// none if they are not what [`write`] makes of a row of `table`.
pub(in crate::backups) fn read(literals: &[u8], table: &Table) -> Option<Vec<u8>> {
    let mut line = Vec::with_capacity(literals.len());
    let mut rest = literals;
    for (index, column) in table.columns.iter().enumerate() {
        if index > 0 {
            line.push(b'\t');
            rest = rest.strip_prefix(b",")?;
        }
        rest = read_one(rest, column.kind, &mut line)?;
    }
    rest.is_empty().then_some(line)
}

/// Appends the canonical field of the first literal in `rest`. Returns what follows the literal, or
/// none if the literal is not of `kind`.
fn read_one<'a>(rest: &'a [u8], kind: Kind, line: &mut Vec<u8>) -> Option<&'a [u8]> {
    if let Some(rest) = rest.strip_prefix(b"NULL") {
        line.extend_from_slice(row::NULL);
        return Some(rest);
    }
    match kind {
        Kind::Integer => {
            let end = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
            let number: i64 = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
            push_number(line, number);
            Some(&rest[end..])
        }
        Kind::Boolean => {
            let (digit, rest) = rest.split_first()?;
            line.push(match digit {
                b'0' => b'f',
                b'1' => b't',
                _ => return None,
            });
            Some(rest)
        }
        Kind::Uuid => {
            let (bytes, rest) = read_bytes(rest)?;
            row::push_uuid(&bytes.try_into().ok()?, line);
            Some(rest)
        }
        Kind::Bytes => {
            let (bytes, rest) = read_bytes(rest)?;
            line.extend_from_slice(br"\\x");
            push_hex(line, &bytes);
            Some(rest)
        }
        Kind::Time => {
            let (text, rest) = read_text(rest)?;
            row::push_time(&text, line).then_some(rest)
        }
        Kind::Text => {
            let (text, rest) = read_text(rest)?;
            row::escape(&text, line);
            Some(rest)
        }
    }
}

fn read_bytes(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let rest = rest.strip_prefix(b"X'")?;
    let end = rest.iter().position(|byte| *byte == b'\'')?;
    Some((row::unhex_all(&rest[..end])?, &rest[end + 1..]))
}

fn read_text(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    if let Some(rest) = rest.strip_prefix(b"CAST(") {
        let (bytes, rest) = read_bytes(rest)?;
        return Some((bytes, rest.strip_prefix(b" AS TEXT)")?));
    }
    let mut rest = rest.strip_prefix(b"'")?;
    let mut text = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'\'')?;
        text.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"'") {
            Some(more) => {
                text.push(b'\'');
                rest = more;
            }
            None => return Some((text, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn literal_is_one_line_and_sqlite_reads_the_same_value(
            text in proptest::collection::vec(
                prop_oneof![any::<u8>(), 0u8..32, Just(b'\''), Just(b'\\')], 0..40),
        ) {
            let db = rusqlite::Connection::open_in_memory().unwrap();
            for value in [ValueRef::Text(&text), ValueRef::Blob(&text)] {
                let mut literal = Vec::new();
                write(value, &mut literal);
                prop_assert!(!literal.contains(&b'\n') && !literal.contains(&b'\r'));
                // SQL is UTF-8 here; other text is only checked by reading it back.
                if let Ok(literal) = String::from_utf8(literal.clone()) {
                    let found = db.query_row(&format!("SELECT {literal}"), [], |row| {
                        Ok(row.get_ref(0).unwrap() == value)
                    });
                    prop_assert!(found.unwrap());
                }
                let (read, rest) = match value {
                    ValueRef::Text(_) => read_text(&literal).unwrap(),
                    _ => read_bytes(&literal).unwrap(),
                };
                prop_assert!(rest.is_empty());
                prop_assert_eq!(&read, &text);
            }
        }
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::{
        backups::tables::tables,
        fuzz::{edited, edits, text},
    };
    use proptest::{prelude::*, sample::Index};

    /// Returns valid literals for a table's columns.
    fn row(table: &Table, text: &str, number: i64) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, column) in table.columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let value = match column.kind {
                Kind::Integer => ValueRef::Integer(number),
                Kind::Boolean => ValueRef::Integer(number & 1),
                Kind::Uuid => ValueRef::Blob(b"0123456789abcdef"),
                Kind::Bytes => ValueRef::Blob(text.as_bytes()),
                Kind::Time => ValueRef::Text(b"2026-01-01T00:00:00.123+00:00"),
                Kind::Text if number % 7 == 0 => ValueRef::Null,
                Kind::Text => ValueRef::Text(text.as_bytes()),
            };
            write(value, &mut out);
        }
        out
    }

    proptest! {
        #[test]
        fn rows_are_one_line_with_all_fields_or_none(
            table: Index, text in text(), number: i64, edits in edits(), any in text(),
        ) {
            let table = &tables()[table.index(tables().len())];
            let literals = row(table, &text, number);
            prop_assert!(read(&literals, table).is_some());
            for literals in [literals.clone(), edited(&literals, &edits), any.into_bytes()] {
                let Some(line) = read(&literals, table) else { continue };
                prop_assert!(!line.contains(&b'\n'));
                prop_assert_eq!(line.split(|byte| *byte == b'\t').count(), table.columns.len());
            }
        }
    }
}
