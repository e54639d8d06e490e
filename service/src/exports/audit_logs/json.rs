//! JSON and JSON Lines: each record has the shape of the API's `AuditLog`.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::row::Row;
use crate::{
    Fault, GlobalId, Result,
    text::{has, push_hex, push_instant, push_number},
};

/// Characters around and between the records.
enum Frame {
    /// Square brackets around all records, and commas between them.
    Array,
    /// A line feed after each record.
    Lines,
}

pub(super) struct Json {
    frame: Frame,
    out: Vec<u8>,
    is_empty: bool,
}

impl Json {
    pub(super) fn array() -> Self {
        Self { frame: Frame::Array, out: b"[".to_vec(), is_empty: true }
    }

    pub(super) fn lines() -> Self {
        Self { frame: Frame::Lines, out: Vec::new(), is_empty: true }
    }

    pub(super) fn record(&mut self, organization_id: Uuid, row: &Row<'_>) -> Result<()> {
        if matches!(self.frame, Frame::Array) {
            self.out.extend_from_slice(if self.is_empty { b"\n" } else { b",\n" });
        }
        self.is_empty = false;
        put(&mut self.out, organization_id, row)?;
        if matches!(self.frame, Frame::Lines) {
            self.out.push(b'\n');
        }
        Ok(())
    }

    /// Returns the number of bytes written since the last [`Self::take`].
    pub(super) fn gathered(&self) -> usize {
        self.out.len()
    }

    /// Takes the bytes written since the last call. Later ones go to `buffer`, which is empty.
    pub(super) fn take(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.out, buffer)
    }

    pub(super) fn end(&mut self) {
        if matches!(self.frame, Frame::Array) {
            self.out.extend_from_slice(b"\n]\n");
        }
    }
}

/// Appends an entry as an object.
fn put(out: &mut Vec<u8>, organization_id: Uuid, row: &Row<'_>) -> Result<()> {
    let (sequence, id) = (row.sequence, row.id);
    out.extend_from_slice(b"{\"id\":\"");
    GlobalId::AuditLog { organization_id, sequence, id }.push(out);
    out.extend_from_slice(b"\",\"sequence\":\"");
    push_number(out, sequence);
    out.extend_from_slice(b"\",\"timestamp\":\"");
    push_instant(out, row.timestamp);
    out.extend_from_slice(b"\",\"recordedAt\":\"");
    push_instant(out, row.recorded_at);
    out.extend_from_slice(b"\",\"recordedBy\":");
    text(out, Some(row.recorded_by));
    out.extend_from_slice(b",\"hash\":\"");
    push_hex(out, row.hash);
    out.extend_from_slice(b"\",\"actor\":{\"id\":");
    text(out, Some(row.actor_id));
    out.extend_from_slice(b",\"type\":");
    text(out, Some(row.actor_type));
    out.extend_from_slice(b",\"email\":");
    text(out, row.actor_email);
    out.extend_from_slice(b",\"name\":");
    text(out, row.actor_name);
    out.extend_from_slice(b"},\"action\":");
    text(out, Some(row.action));
    out.extend_from_slice(b",\"outcome\":");
    text(out, Some(row.outcome));
    out.extend_from_slice(b",\"resource\":{\"type\":");
    text(out, Some(row.resource_type));
    out.extend_from_slice(b",\"id\":");
    text(out, Some(row.resource_id));
    out.extend_from_slice(b",\"name\":");
    text(out, row.resource_name);
    out.extend_from_slice(b"},\"changes\":");
    json(out, row, Some(row.changes))?;
    out.extend_from_slice(b",\"metadata\":{\"ipAddress\":");
    text(out, row.ip_address);
    out.extend_from_slice(b",\"userAgent\":");
    text(out, row.user_agent);
    out.extend_from_slice(b",\"requestId\":");
    text(out, row.request_id);
    out.extend_from_slice(b",\"extra\":");
    json(out, row, row.extra)?;
    out.extend_from_slice(b"}}");
    Ok(())
}

/// Appends a string as in RFC 8259, or null.
fn text(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return out.extend_from_slice(b"null") };
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

/// Appends stored JSON unchanged once it has been checked, or null if there is none.
fn json(out: &mut Vec<u8>, row: &Row<'_>, text: Option<&str>) -> Result<()> {
    let Some(text) = text else {
        out.extend_from_slice(b"null");
        return Ok(());
    };
    let checked: Result<&RawValue, _> = serde_json::from_str(text);
    let checked = checked
        .map_err(|error| Fault::decode(format!("the JSON of entry {}", row.sequence), error))?;
    out.extend_from_slice(checked.get().as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strings_read_back(value: String, quotes in "[\"\\\\\u{0}-\u{1f}é🦀]{0,8}") {
            for value in [value, quotes] {
                let mut out = Vec::new();
                text(&mut out, Some(&value));
                let back: String = serde_json::from_slice(&out).unwrap();
                prop_assert_eq!(back, value);
            }
        }
    }
}
