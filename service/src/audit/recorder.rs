//! Gathers concurrent recordings of one organization into one transaction.
//!
//! The lock on the organization's head admits one transaction at a time; without gathering, each
//! waiting recording would pay for its own commit. Recordings that arrive while one transaction
//! runs make up the next one. Each is answered after COMMIT, even if its caller is gone, and a
//! recording that fails does not fail its neighbors.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use daybook_entity::{audit_log, recording};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use uuid::Uuid;

use super::{
    append::{Draft, append_to},
    filter::after_prefix,
    head::lock_head,
};
use crate::{Clock, Core, Error, Fault, ProblemCode, Result, Topic, tenancy};

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

/// Records entries of requests. Recordings that wait for a transaction are kept by organization.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Queues>);

#[derive(Debug)]
struct Queues {
    /// Waiting recordings by organization. An organization has a list while a task records for it.
    waiting: Mutex<HashMap<Uuid, Vec<Waiting>>>,
    room: Arc<Semaphore>,
}

#[derive(Debug)]
struct Waiting {
    recording: Arc<Recording>,
    answer: oneshot::Sender<Result<Recorded>>,
    _room: OwnedSemaphorePermit,
}

impl Default for Queues {
    fn default() -> Self {
        Self { waiting: Mutex::default(), room: Arc::new(Semaphore::new(MAX_WAITING_ENTRIES)) }
    }
}

impl Queues {
    /// Adds a recording to the organization's list. Returns true if no task records for the
    /// organization yet.
    fn push(&self, organization_id: Uuid, waiting: Waiting) -> bool {
        let mut lists = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_idle = !lists.contains_key(&organization_id);
        lists.entry(organization_id).or_default().push(waiting);
        is_idle
    }

    /// Takes the organization's next recordings. If there are none, the task that records for it
    /// ends.
    fn take(&self, organization_id: Uuid) -> Vec<Waiting> {
        let mut lists = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(list) = lists.get_mut(&organization_id) else { return Vec::new() };
        let mut entries = 0;
        let fits = |waiting: &&Waiting| {
            let is_room = entries < MAX_BATCH_ENTRIES;
            entries += waiting.recording.drafts.len();
            is_room
        };
        let count = list.iter().take_while(fits).count();
        let batch: Vec<_> = list.drain(..count).collect();
        if batch.is_empty() {
            lists.remove(&organization_id);
        }
        batch
    }
}

/// Submits `recording` and waits for its commit.
pub(super) async fn submit(
    core: &Arc<Core>,
    Recorder(queues): &Recorder,
    organization_id: Uuid,
    recording: Arc<Recording>,
) -> Result<Recorded> {
    let entries = u32::try_from(recording.drafts.len()).unwrap_or(u32::MAX);
    let room = Arc::clone(&queues.room).acquire_many_owned(entries).await;
    let room = room.map_err(|_| Fault::Stopping)?;
    let (answer, answered) = oneshot::channel();
    let waiting = Waiting { recording, answer, _room: room };
    if queues.push(organization_id, waiting) {
        let (core_, queues) = (Arc::clone(core), Arc::clone(queues));
        let draining = async move { drain(&core_, &queues, organization_id).await };
        core.tasks.spawn(tenancy::only(organization_id, draining));
    }
    answered.await.map_err(|_| Fault::Stopping)?
}

/// Records for one organization until nothing waits.
async fn drain(core: &Arc<Core>, queues: &Queues, organization_id: Uuid) {
    loop {
        let batch = queues.take(organization_id);
        if batch.is_empty() {
            return;
        }
        let recordings = batch.iter().map(|waiting| Arc::clone(&waiting.recording)).collect();
        match record(core, organization_id, recordings).await {
            Ok(outcomes) => {
                for (waiting, outcome) in batch.into_iter().zip(outcomes) {
                    // The entries are recorded even if the caller is gone.
                    let _ = waiting.answer.send(outcome);
                }
            }
            // The batch may be stored: recording it again could store it twice.
            Err(Error::Fault(Fault::CommitUnknown(error))) => {
                for waiting in batch {
                    let unknown = Fault::CommitUnknown(error.clone());
                    let _ = waiting.answer.send(Err(unknown.into()));
                }
            }
            Err(error) if batch.len() == 1 => {
                if let Some(waiting) = batch.into_iter().next() {
                    let _ = waiting.answer.send(Err(error));
                }
            }
            Err(error) => {
                tracing::warn!(%error, recordings = batch.len(), "recording one by one");
                for waiting in batch {
                    let recording = vec![Arc::clone(&waiting.recording)];
                    let outcome = record(core, organization_id, recording).await;
                    let _ = waiting.answer.send(outcome.and_then(only));
                }
            }
        }
        core.notifier.notify(Topic::AuditLog(organization_id));
    }
}

fn only(mut outcomes: Vec<Result<Recorded>>) -> Result<Recorded> {
    outcomes.pop().unwrap_or(Err(Fault::Stopping.into()))
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
    Conflict,
}

impl Plan {
    fn of(key: &Key, row: &recording::Model) -> Self {
        if row.request_hash == key.request_hash {
            Self::Replay((row.first_sequence, row.last_sequence))
        } else {
            Self::Conflict
        }
    }
}

async fn recordings_with(
    tx: &DatabaseTransaction,
    batch: &Batch,
) -> std::result::Result<HashMap<String, recording::Model>, DbErr> {
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

/// Returns the idempotency keys of an organization's recordings that begin with `prefix`.
pub(super) async fn keys_with(
    db: &impl ConnectionTrait,
    organization_id: Uuid,
    prefix: &str,
) -> std::result::Result<Vec<String>, DbErr> {
    let end = after_prefix(prefix).map(|end| recording::Column::IdempotencyKey.lt(end));
    let keys = Condition::all()
        .add(recording::Column::OrganizationId.eq(organization_id))
        .add(recording::Column::IdempotencyKey.gte(prefix))
        .add_option(end);
    let keys = recording::Entity::find().filter(keys).all(db).await?;
    Ok(keys.into_iter().map(|row| row.idempotency_key).collect())
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
            Plan::Conflict => Err(Error::problem(
                ProblemCode::Conflict,
                &["input", "idempotencyKey"],
                "was used before with other entries",
            )),
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
) -> std::result::Result<Vec<audit_log::Model>, DbErr> {
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
