//! What an export is to do, frozen when it's asked for, and what came of it.

use daybook_entity::{audit_log, job};
use serde::{Deserialize, Serialize};

use super::Format;
use crate::{
    Fault, Result, Secret,
    audit::{self, Filter, Order},
    page::{self, Keyset, Part},
};

/// What an export is to do: the job's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Which entries.
    pub filter: Filter,
    /// In which order.
    pub order_by: Order,
    /// As what.
    pub format: Format,
    /// Whether a CSV begins with a byte order mark.
    pub csv_byte_order_mark: bool,
    /// Nothing recorded after this sequence is in it.
    pub through: i64,
    /// The continuation that it goes on from.
    pub after: Option<String>,
    /// Most records.
    pub max_records: u64,
    /// Records that matched when it was asked for, from `after` on.
    pub records_matched: u64,
}

/// What came of an export: the job's outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Whether the cap cut it off.
    pub truncated: bool,
    /// Where the next piece goes on, if it did.
    pub continuation: Option<String>,
}

impl Plan {
    /// The plan of an export job.
    ///
    /// # Errors
    /// A payload that this build can't read.
    pub fn of(job: &job::Model) -> Result<Self> {
        let plan = serde_json::from_str(&job.payload);
        plan.map_err(|error| Fault::Stored(format!("export {}: {error}", job.id)).into())
    }

    /// The order of its records, whose keys continuations carry.
    pub(super) fn keyset(&self, job: &job::Model) -> Keyset<audit_log::Entity> {
        audit::order_keys(job.organization_id, &self.filter, self.order_by)
    }
}

impl Outcome {
    /// The outcome of an export job; the default one until it has succeeded.
    ///
    /// # Errors
    /// An outcome that this build can't read.
    pub fn of(job: &job::Model) -> Result<Self> {
        let Some(outcome) = &job.outcome else { return Ok(Self::default()) };
        let outcome = serde_json::from_str(outcome);
        outcome.map_err(|error| Fault::Stored(format!("export {}: {error}", job.id)).into())
    }
}

/// Where a next piece goes on: up to the same bound, after the last record's key.
pub(super) fn continuation(
    secret: &Secret,
    keyset: &Keyset<audit_log::Entity>,
    through: i64,
    key: &[Part],
) -> String {
    let parts = [&[Part::Number(through)], key].concat();
    page::seal(secret, &context(keyset), &parts)
}

/// Bound and key of a continuation; none where it's of another source.
pub(super) fn open_continuation(
    secret: &Secret,
    keyset: &Keyset<audit_log::Entity>,
    text: &str,
) -> Option<(i64, Vec<Part>)> {
    let parts = page::open(secret, &context(keyset), text)?;
    let (Part::Number(through), key) = parts.split_first()? else { return None };
    (key.len() == keyset.columns.len()).then(|| (*through, key.to_vec()))
}

fn context(keyset: &Keyset<audit_log::Entity>) -> Vec<u8> {
    [b"continuation", keyset.context.as_slice()].concat()
}
