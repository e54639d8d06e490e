//! JSON and JSON Lines: each record has the shape of the API's `AuditLog`.

use std::{marker::PhantomData, path::Path};

use serde_json::{Value as Manifest, value::RawValue};

use super::{Encoder, File};
use crate::{
    Fault, Result,
    exports::{
        AuditLogs,
        audit_logs::{COLUMNS, Own, Row, Value},
    },
    text::{has, push_hex},
};

/// Characters around and between the records.
pub(super) trait Frame: Send + 'static {
    const FILE: File;
    const START: &'static [u8];
    /// Characters before the first record, and before each later one.
    const BEFORE: [&'static [u8]; 2];
    const AFTER: &'static [u8];
    const END: &'static [u8];
}

/// Square brackets around all records, and commas between them.
pub(super) struct Array;

impl Frame for Array {
    const FILE: File =
        File { content_type: "application/json", extension: "json", is_compressed: false };
    const START: &'static [u8] = b"[";
    const BEFORE: [&'static [u8]; 2] = [b"\n", b",\n"];
    const AFTER: &'static [u8] = b"";
    const END: &'static [u8] = b"\n]\n";
}

/// A line feed after each record.
pub(super) struct Lines;

impl Frame for Lines {
    const FILE: File =
        File { content_type: "application/jsonl", extension: "jsonl", is_compressed: false };
    const START: &'static [u8] = b"";
    const BEFORE: [&'static [u8]; 2] = [b"", b""];
    const AFTER: &'static [u8] = b"\n";
    const END: &'static [u8] = b"";
}

pub(super) struct Json<F> {
    members: Vec<Member>,
    /// Characters after the last member of a record.
    end: &'static [u8],
    out: Vec<u8>,
    is_empty: bool,
    frame: PhantomData<F>,
}

/// A member of a record with a column's value.
struct Member {
    /// Index of the column.
    column: usize,
    /// Everything between the previous value and this one: braces, comma, name and colon.
    before: Vec<u8>,
}

impl<F: Frame> Encoder for Json<F> {
    const FILE: File = F::FILE;

    fn new(_: &AuditLogs, _: &Path) -> Result<Self> {
        let ((members, end), out) = (members(), F::START.to_vec());
        Ok(Self { members, end, out, is_empty: true, frame: PhantomData })
    }

    fn record(&mut self, row: &Row<'_>) -> Result<()> {
        self.out.extend_from_slice(F::BEFORE[usize::from(!self.is_empty)]);
        self.is_empty = false;
        for Member { column, before } in &self.members {
            self.out.extend_from_slice(before);
            match row.values[*column] {
                Value::Absent => self.out.extend_from_slice(b"null"),
                Value::Own(value @ Own::Flag(_)) => row.push(value, &mut self.out),
                Value::Own(value) => {
                    self.out.push(b'"');
                    row.push(value, &mut self.out);
                    self.out.push(b'"');
                }
                Value::Text(value) => text(&mut self.out, value),
                Value::Json(value) => json(&mut self.out, value).map_err(|cause| {
                    let name = COLUMNS[*column].name;
                    Fault::decode(format!("the {name} of entry {}", row.sequence), cause)
                })?,
            }
        }
        self.out.extend_from_slice(self.end);
        self.out.extend_from_slice(F::AFTER);
        Ok(())
    }

    fn gathered(&self) -> usize {
        self.out.len()
    }

    fn take(&mut self, buffer: Vec<u8>) -> (Vec<u8>, usize) {
        let bytes = std::mem::replace(&mut self.out, buffer);
        let size = bytes.len();
        (bytes, size)
    }

    async fn end(&mut self, _: &Manifest) -> Result<bool> {
        self.out.extend_from_slice(F::END);
        Ok(true)
    }
}

/// Returns the members of a record in their order, and the characters after the last one.
fn members() -> (Vec<Member>, &'static [u8]) {
    let mut order: Vec<usize> = Vec::with_capacity(COLUMNS.len());
    for (index, column) in COLUMNS.iter().enumerate() {
        let next = column
            .json_before
            .and_then(|next| order.iter().position(|other: &usize| COLUMNS[*other].name == next));
        order.insert(next.unwrap_or(order.len()), index);
    }
    let (mut members, mut open) = (Vec::with_capacity(COLUMNS.len()), "");
    for column in order {
        let path = COLUMNS[column].json;
        let (object, name) = path.split_once('.').unwrap_or(("", path));
        let end = if object != open && !open.is_empty() { "}" } else { "" };
        let comma = if members.is_empty() { "{" } else { "," };
        let mut before = format!("{end}{comma}");
        if object != open && !object.is_empty() {
            before.push_str(&format!("\"{object}\":{{"));
        }
        before.push_str(&format!("\"{name}\":"));
        members.push(Member { column, before: before.into_bytes() });
        open = object;
    }
    (members, if open.is_empty() { b"}" } else { b"}}" })
}

/// Appends a string as in RFC 8259.
fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if has(text.as_bytes(), must_be_escaped) {
        for part in text.as_bytes().split_inclusive(|byte| must_be_escaped(*byte)) {
            match part.split_last() {
                Some((last, before)) if must_be_escaped(*last) => {
                    out.extend_from_slice(before);
                    escape(out, *last);
                }
                _ => out.extend_from_slice(part),
            }
        }
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

fn must_be_escaped(byte: u8) -> bool {
    (byte < b' ') | (byte == b'"') | (byte == b'\\')
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            push_hex(out, &[byte]);
        }
    }
}

/// Appends stored JSON unchanged once it has been checked.
fn json(out: &mut Vec<u8>, text: &str) -> serde_json::Result<()> {
    let checked: &RawValue = serde_json::from_str(text)?;
    out.extend_from_slice(checked.get().as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_stand_as_in_the_api() {
        let (members, end) = members();
        let mut record = String::new();
        for Member { column, before } in members {
            record.push_str(std::str::from_utf8(&before).unwrap());
            record.push_str(COLUMNS[column].name);
        }
        record.push_str(std::str::from_utf8(end).unwrap());
        assert_eq!(
            record,
            "{\"id\":id,\"sequence\":sequence,\"timestamp\":timestamp,\"recordedAt\":recordedAt,\
             \"clockSkewed\":clockSkewed,\"recordedBy\":recordedBy,\"hash\":hash,\
             \"actor\":{\"id\":actorId,\"type\":actorType,\
             \"email\":actorEmail,\"name\":actorName},\"onBehalfOf\":onBehalfOf,\"action\":action,\
             \"outcome\":outcome,\"resource\":{\"type\":resourceType,\"id\":resourceId,\
             \"name\":resourceName},\"relatedResources\":relatedResources,\
             \"changes\":changes,\"metadata\":{\"ipAddress\":ipAddress,\"userAgent\":userAgent,\
             \"requestId\":requestId,\"extra\":extra}}"
        );
    }

    proptest! {
        #[test]
        fn strings_read_back(value: String, quotes in "[\"\\\\\u{0}-\u{1f}é🦀]{0,8}") {
            for value in [value, quotes] {
                let mut out = Vec::new();
                text(&mut out, &value);
                let back: String = serde_json::from_slice(&out).unwrap();
                prop_assert_eq!(back, value);
            }
        }
    }
}
