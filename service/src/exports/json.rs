//! JSON: each record has the shape of the API's `AuditLog`.

use daybook_entity::audit_log::Model;
use sea_orm::ActiveEnum;
use serde::Serialize;
use serde_json::value::RawValue;

use super::csv::{hex, instant};
use crate::{Error, Fault, GlobalId, Result};

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

    pub(super) fn record(&mut self, row: &Model) -> Result<()> {
        if matches!(self.frame, Frame::Array) {
            self.out.extend_from_slice(if self.is_empty { b"\n" } else { b",\n" });
        }
        self.is_empty = false;
        let fault = |error| stored(row, &error);
        serde_json::to_writer(&mut self.out, &Record::of(row)?).map_err(fault)?;
        if matches!(self.frame, Frame::Lines) {
            self.out.push(b'\n');
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
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
    outcome: String,
    resource: Resource<'a>,
    changes: &'a RawValue,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Actor<'a> {
    id: &'a str,
    r#type: String,
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
    fn of(row: &'a Model) -> Result<Self> {
        let id = GlobalId::AuditLog {
            organization_id: row.organization_id,
            sequence: row.sequence,
            id: row.id,
        };
        let raw = |text: &'a str| -> Result<&'a RawValue> {
            serde_json::from_str(text).map_err(|error| stored(row, &error))
        };
        Ok(Self {
            id: id.to_string(),
            sequence: row.sequence.to_string(),
            timestamp: instant(row.timestamp),
            recorded_at: instant(row.recorded_at),
            recorded_by: &row.recorded_by,
            hash: hex(&row.hash),
            actor: Actor {
                id: &row.actor_id,
                r#type: row.actor_type.to_value(),
                email: row.actor_email.as_deref(),
                name: row.actor_name.as_deref(),
            },
            action: &row.action,
            outcome: row.outcome.to_value(),
            resource: Resource {
                r#type: &row.resource_type,
                id: &row.resource_id,
                name: row.resource_name.as_deref(),
            },
            changes: raw(&row.changes)?,
            metadata: Metadata {
                ip_address: row.ip_address.as_deref(),
                user_agent: row.user_agent.as_deref(),
                request_id: row.request_id.as_deref(),
                extra: row.extra.as_deref().map(raw).transpose()?,
            },
        })
    }
}

fn stored(row: &Model, error: &serde_json::Error) -> Error {
    Fault::Stored(format!("JSON of entry {}: {error}", row.sequence)).into()
}
