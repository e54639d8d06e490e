//! Gathers concurrent recordings of one organization into one transaction.
//!
//! The lock on the organization's head admits one transaction at a time; without gathering, each
//! waiting recording would pay for its own commit. Each is answered after COMMIT.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use daybook_entity::{audit_log, recording};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use uuid::Uuid;

use super::{
    append::{Draft, append_to},
    head::lock_head,
};
use crate::{
    Clock, Core, Error, Fault, Result, Topic,
    batcher::{Batcher, Limits},
    idempotency, tenancy,
};

/// Maximum number of entries in one transaction, which the last recording may exceed.
const MAX_BATCH_ENTRIES: usize = 4_000;
/// Maximum number of entries that wait in memory; beyond it, callers wait to submit.
const MAX_WAITING_ENTRIES: usize = 40_000;

/// The result of a recording.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The entries as stored, in the order in which they were given.
    pub entries: Vec<audit_log::Model>,
    /// True if an earlier recording with this key already stored the entries.
    pub replayed: bool,
}

/// Entries to be appended together.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) drafts: Vec<Draft>,
    pub(super) key: Option<Key>,
}

/// An idempotency key, and the hash of the request that it was used with.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) request_hash: [u8; 32],
}

/// Records entries of requests. Recordings of one organization share transactions.
#[derive(Clone, Debug)]
pub struct Recorder(Batcher<Uuid, Recording, Recorded>);

impl Recorder {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        let limits = Limits {
            size: |recording: &Recording| recording.drafts.len(),
            max_batch: MAX_BATCH_ENTRIES,
            max_waiting: MAX_WAITING_ENTRIES,
        };
        let (tasks, core) = (core.tasks.clone(), Arc::clone(core));
        Self(Batcher::new(tasks, limits, move |organization_id, recordings| {
            let core = Arc::clone(&core);
            Box::pin(tenancy::only(organization_id, async move {
                let recorded = record(&core, organization_id, recordings).await;
                // Even after an error, since the outcome of a commit may be unknown.
                core.notifier.notify(Topic::AuditLog(organization_id));
                recorded
            }))
        }))
    }

    /// Submits `recording` and waits for its commit.
    pub(super) async fn submit(
        &self,
        organization_id: Uuid,
        recording: Recording,
    ) -> Result<Recorded> {
        self.0.submit(organization_id, recording).await
    }
}

struct Batch {
    clock: Clock,
    organization_id: Uuid,
    recordings: Vec<Arc<Recording>>,
    /// Sequence of the first entry that the transaction was about to commit.
    first: AtomicI64,
}

/// Records a batch in one transaction. An error means that nothing was recorded, unless the error
/// is [`Fault::CommitUnknown`].
async fn record(
    core: &Core,
    organization_id: Uuid,
    recordings: Vec<Arc<Recording>>,
) -> Result<Vec<Result<Recorded>>> {
    let clock = core.clock.clone();
    let batch = Batch { clock, organization_id, recordings, first: AtomicI64::new(0) };
    let batch = Arc::new(batch);
    let done = core.db.transaction(Arc::clone(&batch), |tx, batch| Box::pin(append_all(tx, batch)));
    match done.await {
        // The connection broke at COMMIT. A query under the same lock finds out if the batch was
        // stored.
        Err(Error::Fault(Fault::CommitUnknown(error))) => {
            tracing::warn!(%error, "commit of a recording is looked up");
            let found = core.db.transaction(batch, |tx, batch| Box::pin(look_up(tx, batch)));
            // If that fails, too, the outcome stays unknown: recording again could store the batch
            // twice.
            found.await.ok().flatten().ok_or_else(|| Fault::CommitUnknown(error).into())
        }
        outcome => outcome,
    }
}

async fn append_all(tx: &DatabaseTransaction, batch: &Arc<Batch>) -> Result<Vec<Result<Recorded>>> {
    let head = lock_head(tx, batch.organization_id).await?;
    let mut earlier = recordings_with(tx, batch).await?;
    let mut drafts = Vec::new();
    let mut plans = Vec::with_capacity(batch.recordings.len());
    let mut next = head.sequence + 1;
    batch.first.store(next, Ordering::Relaxed);
    for recording in &batch.recordings {
        let count = i64::try_from(recording.drafts.len()).unwrap_or(i64::MAX);
        let known =
            recording.key.as_ref().and_then(|key| earlier.get(&key.name).map(|row| (key, row)));
        if let Some((key, row)) = known {
            plans.push(Plan::of(key, row));
            continue;
        }
        let range = (next, next + count - 1);
        if let Some(key) = &recording.key {
            let row = recording::Model {
                organization_id: batch.organization_id,
                idempotency_key: key.name.clone(),
                request_hash: key.request_hash.to_vec(),
                first_sequence: range.0,
                last_sequence: range.1,
                recorded_at: batch.clock.now(),
            };
            // A repetition in the same batch finds the row, too.
            earlier.insert(key.name.clone(), row);
        }
        plans.push(Plan::Append(range));
        drafts.extend(recording.drafts.iter().cloned());
        next += count;
    }
    let appended = if drafts.is_empty() {
        Vec::new()
    } else {
        let appended = append_to(tx, &batch.clock, head, drafts).await?;
        let new = earlier
            .into_values()
            .filter(|row| row.first_sequence >= batch.first.load(Ordering::Relaxed));
        let new = new.map(|mut row| {
            row.recorded_at = appended[0].recorded_at;
            row.into_active_model()
        });
        let new: Vec<_> = new.collect();
        if !new.is_empty() {
            recording::Entity::insert_many(new).exec_without_returning(tx).await?;
        }
        appended
    };
    answers(tx, batch, plans, &appended).await
}

/// The outcome of one recording of a batch.
enum Plan {
    Append((i64, i64)),
    Replay((i64, i64)),
    Refuse(Error),
}

impl Plan {
    fn of(key: &Key, row: &recording::Model) -> Self {
        match idempotency::check_repetition(&row.request_hash, &key.request_hash) {
            Ok(()) => Self::Replay((row.first_sequence, row.last_sequence)),
            Err(error) => Self::Refuse(error),
        }
    }
}

async fn recordings_with(
    tx: &DatabaseTransaction,
    batch: &Batch,
) -> Result<HashMap<String, recording::Model>, DbErr> {
    let keys = batch.recordings.iter().filter_map(|recording| recording.key.as_ref());
    let keys: HashSet<&str> = keys.map(|key| key.name.as_str()).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = recording::Entity::find()
        .filter(recording::Column::OrganizationId.eq(batch.organization_id))
        .filter(recording::Column::IdempotencyKey.is_in(keys))
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.idempotency_key.clone(), row)).collect())
}

async fn answers(
    tx: &DatabaseTransaction,
    batch: &Batch,
    plans: Vec<Plan>,
    appended: &[audit_log::Model],
) -> Result<Vec<Result<Recorded>>> {
    let first = batch.first.load(Ordering::Relaxed);
    let mut answers = Vec::with_capacity(plans.len());
    for plan in plans {
        answers.push(match plan {
            Plan::Append(range) => {
                Ok(Recorded { entries: slice(appended, first, range).to_vec(), replayed: false })
            }
            Plan::Replay(range) if range.0 >= first => {
                Ok(Recorded { entries: slice(appended, first, range).to_vec(), replayed: true })
            }
            Plan::Replay(range) => {
                let entries = stored(tx, batch.organization_id, range).await?;
                Ok(Recorded { entries, replayed: true })
            }
            Plan::Refuse(error) => Err(error),
        });
    }
    Ok(answers)
}

fn slice(appended: &[audit_log::Model], first: i64, range: (i64, i64)) -> &[audit_log::Model] {
    let index = |sequence: i64| usize::try_from(sequence - first).unwrap_or(usize::MAX);
    appended.get(index(range.0)..=index(range.1)).unwrap_or_default()
}

async fn stored(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
    (first, last): (i64, i64),
) -> Result<Vec<audit_log::Model>, DbErr> {
    audit_log::Entity::find()
        .filter(audit_log::Column::OrganizationId.eq(organization_id))
        .filter(audit_log::Column::Sequence.between(first, last))
        .order_by_asc(audit_log::Column::Sequence)
        .all(tx)
        .await
}

/// Returns what a commit of unknown outcome recorded; `None` if it recorded nothing, or that can't
/// be established.
async fn look_up(
    tx: &DatabaseTransaction,
    batch: &Arc<Batch>,
) -> Result<Option<Vec<Result<Recorded>>>> {
    // Waits for a commit that the server may still be processing.
    let head = lock_head(tx, batch.organization_id).await?;
    let mut next = batch.first.load(Ordering::Relaxed);
    let mut outcomes = Vec::with_capacity(batch.recordings.len());
    for recording in &batch.recordings {
        let count = i64::try_from(recording.drafts.len()).unwrap_or(i64::MAX);
        let range = (next, head.sequence.min(next + count - 1));
        let entries = stored(tx, batch.organization_id, range).await?;
        let ids = recording.drafts.iter().map(|draft| draft.id);
        if !ids.eq(entries.iter().map(|entry| entry.id)) {
            // Not committed, or a batch with repetitions in it, which the caller's key resolves.
            return Ok(None);
        }
        outcomes.push(Ok(Recorded { entries, replayed: false }));
        next += count;
    }
    Ok(Some(outcomes))
}
