//! Appending: sequence numbers in commit order, and each entry chained to the previous one.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_entity::{audit_log, audit_log_head, clock_step};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, IntoActiveModel, QueryFilter, Statement,
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    NewEntry,
    comparable::{address_key, folded},
    hash::{self, Commitments, Edge},
    head::lock_head,
    search,
};
use crate::{Clock, Core, random, to_micros};

/// Lead of an entry's timestamp over its recording from which on the sender's clock is wrong.
const MAX_CLOCK_LEAD: TimeDelta = TimeDelta::minutes(5);
/// Rows in one INSERT: a row has 28 values, and SQLite accepts 32,766 in a statement.
const MAX_INSERT_ROWS: usize = 1_000;

/// An entry with its id and salt, ready to be appended.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The entry's id, chosen before the transaction, so that the transaction's outcome can be
    /// looked up.
    pub(crate) id: Uuid,
    salt: [u8; 32],
    recorded_by: String,
    entry: NewEntry,
}

impl Draft {
    /// Returns the draft of `entry`, as `recorded_by` is about to record it.
    pub(crate) fn new(core: &Core, recorded_by: String, entry: NewEntry) -> Self {
        let id = random::id(core.clock.now());
        Self { id, salt: random::bytes(), recorded_by, entry }
    }
}

/// Locks the head of the log, and appends `drafts` with the next numbers and the database's time.
pub(crate) async fn append(
    tx: &DatabaseTransaction,
    clock: &Clock,
    organization_id: Uuid,
    drafts: Vec<Draft>,
) -> Result<Vec<audit_log::Model>, DbErr> {
    let head = lock_head(tx, organization_id).await?;
    append_to(tx, clock, head, drafts).await
}

/// Appends `drafts` after `head`, which is already locked.
pub(super) async fn append_to(
    tx: &DatabaseTransaction,
    clock: &Clock,
    head: audit_log_head::Model,
    drafts: Vec<Draft>,
) -> Result<Vec<audit_log::Model>, DbErr> {
    let (recorded_at, previous) = recording_time(tx, clock, &head).await?;
    let organization_id = head.organization_id;
    let (mut sequence, mut hash) = (head.sequence, head.hash);
    let mut edge = u64::try_from(sequence)
        .map_err(wrong)
        .and_then(|size| Edge::read(size, &head.edge).map_err(wrong))?;
    if let Some(previous) = previous.filter(|previous| *previous > recorded_at) {
        let sequence = sequence + 1;
        let step = clock_step::Model { organization_id, sequence, previous_recorded_at: previous };
        clock_step::Entity::insert(step.into_active_model()).exec_without_returning(tx).await?;
    }
    let mut rows = Vec::with_capacity(drafts.len());
    for draft in drafts {
        sequence += 1;
        let mut row = row(organization_id, sequence, recorded_at, draft)?;
        let leaf = hash::leaf(&row, &Commitments::of(&row).map_err(wrong)?);
        edge.push(leaf);
        row.hash = hash::chain(&hash, &leaf).to_vec();
        hash.clone_from(&row.hash);
        rows.push(row);
    }
    for rows in rows.chunks(MAX_INSERT_ROWS) {
        let models = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        audit_log::Entity::insert_many(models).exec_without_returning(tx).await?;
        search::add(tx, organization_id, rows).await?;
    }
    audit_log_head::Entity::update_many()
        .set(audit_log_head::ActiveModel {
            sequence: Set(sequence),
            hash: Set(hash),
            edge: Set(edge.to_bytes()),
            ..Default::default()
        })
        .filter(audit_log_head::Column::OrganizationId.eq(organization_id))
        .exec(tx)
        .await?;
    Ok(rows)
}

/// Returns the time of a recording after `head`, and that of the log's last entry.
///
/// The first is the database's time, or that of the last entry if that is a little later: a clock
/// may be set back, and a PostgreSQL server that takes over from another has a clock of its own.
async fn recording_time(
    tx: &DatabaseTransaction,
    clock: &Clock,
    head: &audit_log_head::Model,
) -> Result<(DateTime<Utc>, Option<DateTime<Utc>>), DbErr> {
    let backend = tx.get_database_backend();
    let last = "SELECT recorded_at FROM audit_logs WHERE organization_id = $1 AND sequence = $2";
    // A single statement, since a recording waits for each round trip.
    let sql = match backend {
        DbBackend::Postgres => format!("SELECT ({last}) AS last, clock_timestamp() AS now"),
        _ => format!("SELECT ({last}) AS last"),
    };
    let values = [head.organization_id.into(), head.sequence.into()];
    let row = tx.query_one_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the time of a recording".to_owned()))?;
    let now = match backend {
        DbBackend::Postgres => clock.shift(row.try_get("", "now")?),
        _ => clock.now(),
    };
    let last = row.try_get("", "last")?;
    Ok((clock.recording_time(head.organization_id, now, last), last))
}

fn row(
    organization_id: Uuid,
    sequence: i64,
    recorded_at: DateTime<Utc>,
    draft: Draft,
) -> Result<audit_log::Model, DbErr> {
    let Draft { id, salt, recorded_by, entry } = draft;
    let metadata = entry.metadata.unwrap_or_default();
    let extra = metadata.extra.filter(|extra| !extra.is_null());
    let timestamp = entry.timestamp.map_or(recorded_at, to_micros);
    Ok(audit_log::Model {
        organization_id,
        sequence,
        id,
        timestamp,
        recorded_at,
        clock_skewed: timestamp - recorded_at > MAX_CLOCK_LEAD,
        recorded_by,
        actor_type: entry.actor.r#type,
        actor_id: entry.actor.id,
        actor_email_folded: entry.actor.email.as_deref().map(folded),
        actor_email: entry.actor.email,
        actor_name: entry.actor.name,
        on_behalf_of: entry.on_behalf_of.as_ref().map(json).transpose()?,
        action: entry.action,
        outcome: entry.outcome,
        resource_type: entry.resource.r#type,
        resource_id: entry.resource.id,
        resource_name: entry.resource.name,
        related_resources: json(&entry.related_resources)?,
        request_id: metadata.request_id,
        ip_address_key: metadata.ip_address.as_deref().and_then(address_key),
        ip_address: metadata.ip_address,
        user_agent: metadata.user_agent,
        changes: json(&entry.changes)?,
        extra: extra.as_ref().map(json).transpose()?,
        salt: Some(salt.to_vec()),
        hash: Vec::new(),
    })
}

fn json<T: Serialize>(value: &T) -> Result<String, DbErr> {
    serde_json::to_string(value).map_err(|error| DbErr::Json(error.to_string()))
}

fn wrong(error: impl std::error::Error) -> DbErr {
    DbErr::Custom(error.to_string())
}
