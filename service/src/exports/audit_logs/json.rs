//! JSON: each record has the shape of the API's `AuditLog`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::row::Row;
use crate::{Error, Fault, GlobalId, Result, hex, text::push_instant};

/// What stands around the records.
enum Frame {
    /// `[`, commas, `]`.
    Array,
    /// A line feed after each.
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
        let fault = |error| stored(row, &error);
        serde_json::to_writer(&mut self.out, &Record::of(organization_id, row)?).map_err(fault)?;
        if matches!(self.frame, Frame::Lines) {
            self.out.push(b'\n');
        }
        Ok(())
    }

    /// What has been written since the last time; goes on in `spare`, which is empty.
    pub(super) fn take(&mut self, spare: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.out, spare)
    }

    pub(super) fn end(&mut self) {
        if matches!(self.frame, Frame::Array) {
            self.out.extend_from_slice(b"\n]\n");
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    id: String,
    sequence: String,
    timestamp: String,
    recorded_at: String,
    recorded_by: &'a str,
    hash: String,
    actor: Actor<'a>,
    action: &'a str,
    outcome: &'a str,
    resource: Resource<'a>,
    changes: &'a RawValue,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Actor<'a> {
    id: &'a str,
    r#type: &'a str,
    email: Option<&'a str>,
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Resource<'a> {
    r#type: &'a str,
    id: &'a str,
    name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    ip_address: Option<&'a str>,
    user_agent: Option<&'a str>,
    request_id: Option<&'a str>,
    extra: Option<&'a RawValue>,
}

impl<'a> Record<'a> {
    fn of(organization_id: Uuid, row: &'a Row<'a>) -> Result<Self> {
        let (sequence, id) = (row.sequence, row.id);
        Ok(Self {
            id: GlobalId::AuditLog { organization_id, sequence, id }.to_string(),
            sequence: sequence.to_string(),
            timestamp: instant(row.timestamp),
            recorded_at: instant(row.recorded_at),
            recorded_by: row.recorded_by,
            hash: hex(row.hash),
            actor: Actor {
                id: row.actor_id,
                r#type: row.actor_type,
                email: row.actor_email,
                name: row.actor_name,
            },
            action: row.action,
            outcome: row.outcome,
            resource: Resource {
                r#type: row.resource_type,
                id: row.resource_id,
                name: row.resource_name,
            },
            changes: raw(row, row.changes)?,
            metadata: Metadata {
                ip_address: row.ip_address,
                user_agent: row.user_agent,
                request_id: row.request_id,
                extra: row.extra.map(|extra| raw(row, extra)).transpose()?,
            },
        })
    }
}

fn instant(instant: DateTime<Utc>) -> String {
    let mut text = String::with_capacity(27);
    push_instant(&mut text, instant);
    text
}

/// Stored JSON, as it stands.
fn raw<'a>(row: &Row<'_>, text: &'a str) -> Result<&'a RawValue> {
    serde_json::from_str(text).map_err(|error| stored(row, &error))
}

fn stored(row: &Row<'_>, error: &serde_json::Error) -> Error {
    Fault::Stored(format!("JSON of entry {}: {error}", row.sequence)).into()
}
