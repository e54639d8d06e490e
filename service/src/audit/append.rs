//! Appending: sequence numbers in commit order, and each entry chained to the previous one.

use chrono::{DateTime, Utc};
use daybook_entity::{audit_log, audit_log_head};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, IntoActiveModel, QueryFilter, Statement,
};
use uuid::Uuid;

use super::{NewEntry, chain, commitment, head::lock_head, search};
use crate::{Clock, Core, random, to_micros};

/// Rows in one INSERT: a row has 23 values, and SQLite accepts 32,766 in a statement.
const MAX_INSERT_ROWS: usize = 1_000;

/// An entry with its id and salt, ready to be appended.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The entry's id, chosen before the transaction, so that the transaction's outcome can be
    /// looked up.
    pub(crate) id: Uuid,
    salt: [u8; 16],
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
    let recorded_at = recording_time(tx, clock, &head).await?;
    let organization_id = head.organization_id;
    let (mut sequence, mut hash) = (head.sequence, head.hash);
    let mut rows = Vec::with_capacity(drafts.len());
    for draft in drafts {
        sequence += 1;
        let mut row = row(organization_id, sequence, recorded_at, draft)?;
        row.commitment = commitment(&row).to_vec();
        row.hash = chain(&hash, &row).to_vec();
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
            ..Default::default()
        })
        .filter(audit_log_head::Column::OrganizationId.eq(organization_id))
        .exec(tx)
        .await?;
    Ok(rows)
}

/// Returns the database's time, or that of the log's last entry if that is later: a clock may be
/// set back, and a PostgreSQL server that takes over from another has a clock of its own.
async fn recording_time(
    tx: &DatabaseTransaction,
    clock: &Clock,
    head: &audit_log_head::Model,
) -> Result<DateTime<Utc>, DbErr> {
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
    Ok(clock.not_before(head.organization_id, now, row.try_get("", "last")?))
}

fn row(
    organization_id: Uuid,
    sequence: i64,
    recorded_at: DateTime<Utc>,
    draft: Draft,
) -> Result<audit_log::Model, DbErr> {
    let Draft { id, salt, recorded_by, entry } = draft;
    let json = |error: serde_json::Error| DbErr::Json(error.to_string());
    let metadata = entry.metadata.unwrap_or_default();
    let extra = metadata.extra.filter(|extra| !extra.is_null());
    Ok(audit_log::Model {
        organization_id,
        sequence,
        id,
        timestamp: entry.timestamp.map_or(recorded_at, to_micros),
        recorded_at,
        recorded_by,
        actor_type: entry.actor.r#type,
        actor_id: entry.actor.id,
        actor_email: entry.actor.email,
        actor_name: entry.actor.name,
        action: entry.action,
        outcome: entry.outcome,
        resource_type: entry.resource.r#type,
        resource_id: entry.resource.id,
        resource_name: entry.resource.name,
        request_id: metadata.request_id,
        ip_address: metadata.ip_address,
        user_agent: metadata.user_agent,
        changes: serde_json::to_string(&entry.changes).map_err(json)?,
        extra: extra.map(|extra| serde_json::to_string(&extra)).transpose().map_err(json)?,
        salt: Some(salt.to_vec()),
        commitment: Vec::new(),
        hash: Vec::new(),
    })
}
