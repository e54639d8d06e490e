//! Invariants of every database that Daybook leaves behind, computed anew from the rows.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

use chrono::TimeDelta;
use daybook_entity::{
    artifact, audit_log, audit_log_head, clock_step, import_line, job, job::JobState, job_event,
    job_feed, recording, retention,
};
use daybook_service::private::STORE_IDENTITY;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder,
    QueryResult, Statement,
};
use uuid::Uuid;

/// Lead of a log over its clock that is waited for.
const CATCH_UP: TimeDelta = TimeDelta::hours(1);

use crate::{
    Backend, TestDatabase,
    hashes::{self, Hash},
};
use sha2::{Digest, Sha256};

/// Panics if an invariant does not hold.
pub async fn check(database: &TestDatabase, artifacts: &Path) {
    let db = database.connect().await;
    logs(&db).await;
    search(&db, database.backend).await;
    let jobs = jobs(&db).await;
    files(&db, &jobs, artifacts).await;
    db.close().await.unwrap();
}

/// Checks each log: it begins where retention left it and reaches its head without gaps, hashes are right,
/// times of recording only decrease where a clock's step of more than an hour is noted, and recordings' ranges lie within the log.
pub async fn logs(db: &DatabaseConnection) {
    let heads = audit_log_head::Entity::find().all(db).await.unwrap();
    let pruned = retention::Entity::find().all(db).await.unwrap();
    let starts: HashMap<Uuid, (i64, Vec<u8>)> = pruned
        .into_iter()
        .map(|row| (row.organization_id, (row.pruned, row.pruned_hash)))
        .collect();
    let start = |id: &Uuid| starts.get(id).cloned().unwrap_or((0, vec![0; 32]));
    let mut ends: HashMap<Uuid, (i64, Vec<u8>)> = HashMap::new();
    let mut times = HashMap::new();
    let steps = clock_step::Entity::find().all(db).await.unwrap();
    let mut steps: HashMap<_, _> = steps
        .into_iter()
        .map(|step| ((step.organization_id, step.sequence), step.previous_recorded_at))
        .collect();
    let mut leaves: HashMap<Uuid, Vec<Hash>> = HashMap::new();
    let entries = audit_log::Entity::find()
        .order_by_asc(audit_log::Column::OrganizationId)
        .order_by_asc(audit_log::Column::Sequence)
        .all(db)
        .await
        .unwrap();
    for entry in entries {
        let end = ends.entry(entry.organization_id).or_insert_with_key(start);
        assert_eq!(entry.sequence, end.0 + 1, "a hole or a double in the log");
        let leaf = hashes::leaf(&entry);
        assert_eq!(entry.hash, hashes::chain(&end.1, &leaf), "hash of entry {}", entry.sequence);
        leaves.entry(entry.organization_id).or_default().push(leaf);
        let before = times.insert(entry.organization_id, entry.recorded_at);
        let back_from = before.filter(|before| *before > entry.recorded_at);
        let step = steps.remove(&(entry.organization_id, entry.sequence));
        let is_step = back_from.is_some_and(|before| before - entry.recorded_at > CATCH_UP);
        assert!(is_step || back_from.is_none(), "recordedAt runs backwards at {}", entry.sequence);
        // What was recorded before may have been removed.
        assert!(step == back_from || before.is_none(), "clock's step at {}", entry.sequence);
        *end = (entry.sequence, entry.hash);
    }
    for head in heads {
        let start = start(&head.organization_id);
        let end = ends.remove(&head.organization_id).unwrap_or_else(|| start.clone());
        assert_eq!((head.sequence, head.hash.clone()), end, "head of {}", head.organization_id);
        let leaves = leaves.remove(&head.organization_id).unwrap_or_default();
        // Of a log whose start was removed, the tree can't be computed anew.
        let edge = if start.0 == 0 { hashes::edge(&leaves) } else { head.edge.clone() };
        assert_eq!(head.edge, edge, "right edge of {}", head.organization_id);
        for line in import_line::Entity::find().all(db).await.unwrap() {
            let is_in_log = line.organization_id != head.organization_id
                || (start.0 < line.sequence && line.sequence <= head.sequence);
            assert!(is_in_log, "{line:?}");
        }
        for kept in recording::Entity::find().all(db).await.unwrap() {
            let is_in_log = kept.organization_id != head.organization_id
                || (start.0 < kept.first_sequence
                    && kept.first_sequence <= kept.last_sequence
                    && kept.last_sequence <= head.sequence);
            assert!(is_in_log, "{kept:?}");
        }
    }
    assert!(ends.is_empty(), "a log without a head");
    assert!(steps.is_empty(), "steps of a clock at no entry: {steps:?}");
}

/// Checks that each entry can be found by its words, and that nothing else can.
async fn search(db: &DatabaseConnection, backend: Backend) {
    let sql = match backend {
        Backend::Sqlite => {
            "SELECT organization_id, id - (number << 40) AS sequence, c0 AS words
             FROM audit_log_search_content JOIN audit_log_search_spaces ON number = id >> 40"
        }
        // Without the organization's piece before each.
        Backend::Postgres => {
            "SELECT organization_id, sequence,
                 array_to_string(array(SELECT substr(word, 5) FROM unnest(tsvector_to_array(words)) AS word), ' ')
                 AS words FROM audit_log_search"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let key = |row: &QueryResult| -> (Uuid, i64) {
        (row.try_get("", "organization_id").unwrap(), row.try_get("", "sequence").unwrap())
    };
    let words = |row: &QueryResult| row.try_get("", "words").unwrap();
    let mut index: HashMap<_, String> =
        rows.unwrap().iter().map(|row| (key(row), words(row))).collect();
    for entry in audit_log::Entity::find().all(db).await.unwrap() {
        let words = index.remove(&(entry.organization_id, entry.sequence));
        let words = words.unwrap_or_else(|| panic!("entry {} is not searchable", entry.sequence));
        let texts = [
            Some(&entry.action),
            entry.actor_email.as_ref(),
            entry.actor_name.as_ref(),
            entry.resource_name.as_ref(),
            Some(&entry.resource_id),
        ];
        let text = texts.into_iter().flatten().fold(String::new(), |all, text| all + text + " ");
        // Other scripts are the search tests' own.
        if text.is_ascii() {
            let expected: BTreeSet<_> = text
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_ascii_lowercase)
                .collect();
            let words: BTreeSet<_> = words.split_whitespace().map(str::to_owned).collect();
            assert!(words == expected || text.len() > 255, "{words:?} of {text}");
        }
    }
    assert!(index.is_empty(), "search data of no entry: {:?}", index.keys());
}

/// Checks jobs: events lead to the job's state by legal transitions, the feed has no gaps, and each event
/// has its audit entry.
pub async fn jobs(db: &DatabaseConnection) -> Vec<job::Model> {
    let feed = job_feed::Entity::find_by_id(1).one(db).await.unwrap().unwrap();
    let events =
        job_event::Entity::find().order_by_asc(job_event::Column::Feed).all(db).await.unwrap();
    let mut states: HashMap<Uuid, JobState> = HashMap::new();
    for (event, number) in events.iter().zip(feed.pruned + 1..) {
        assert_eq!(event.feed, number, "a hole or a double in the feed");
        // What came before may be pruned.
        let before = states.get(&event.job_id).copied();
        let is_first_kept = before.is_none() && feed.pruned > 0;
        assert!(is_first_kept || event.from_state == before, "{event:?}");
        let is_legal = matches!(
            (event.from_state, event.to_state),
            (None | Some(JobState::Running), JobState::Queued)
                | (Some(JobState::Queued), JobState::Running | JobState::Canceled)
                | (
                    Some(JobState::Running),
                    JobState::Succeeded | JobState::Failed | JobState::Canceled
                )
        );
        assert!(is_legal, "{event:?}");
        states.insert(event.job_id, event.to_state);
    }
    assert_eq!(feed.feed, feed.pruned + i64::try_from(events.len()).unwrap());
    let jobs = job::Entity::find().all(db).await.unwrap();
    for job in jobs.iter().filter(|job| feed.pruned == 0 || states.contains_key(&job.id)) {
        assert_eq!(states.get(&job.id), Some(&job.state), "{job:?}");
    }
    let entries = audit_log::Entity::find().all(db).await.unwrap();
    let told = entries.iter().filter(|entry| {
        let verb = entry.action.strip_prefix("job.").and_then(|rest| rest.split_once('.'));
        entry.recorded_by == "daybook"
            && verb.is_some_and(|(_, verb)| {
                [
                    "requested",
                    "started",
                    "succeeded",
                    "failed",
                    "canceled",
                    "retried",
                    "interrupted",
                    "rescued",
                ]
                .contains(&verb)
            })
    });
    let told = i64::try_from(told.count()).unwrap();
    let pruned = retention::Entity::find().filter(retention::Column::Pruned.gt(0));
    let is_whole = pruned.one(db).await.unwrap().is_none();
    assert!(told <= feed.feed && (told == feed.feed || !is_whole), "audit entries of transitions");
    jobs
}

/// Checks that each artifact belongs to a job that succeeded, that its file is complete, and that no other
/// file exists.
async fn files(db: &DatabaseConnection, jobs: &[job::Model], folder: &Path) {
    let artifacts = artifact::Entity::find().all(db).await.unwrap();
    // Other kinds are a test's own, and need not make one.
    let makes_one = |job: &&job::Model| ["EXPORT", "BACKUP"].contains(&job.kind.as_str());
    let succeeded = jobs.iter().filter(|job| job.state == JobState::Succeeded).filter(makes_one);
    assert_eq!(artifacts.len(), succeeded.count(), "artifacts of jobs that succeeded");
    let claims: HashMap<_, _> = jobs.iter().map(|job| (job.id, job.claim)).collect();
    for artifact in &artifacts {
        let (_, claim) = artifact.object_key.rsplit_once('-').unwrap();
        let claims = (claim.parse().ok(), claims.get(&artifact.job_id).copied());
        assert_eq!(claims.0, claims.1, "an artifact is the last claim's: {artifact:?}");
    }
    let mut expected = Vec::new();
    for artifact in artifacts.iter().filter(|artifact| artifact.removed_at.is_none()) {
        let path = folder.join(&artifact.object_key);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(i64::try_from(bytes.len()).unwrap(), artifact.size_bytes);
        assert_eq!(Sha256::digest(&bytes).to_vec(), artifact.sha256);
        expected.push(path);
    }
    let mut found = Vec::new();
    walk(folder, &mut found);
    found.retain(|path| !path.ends_with(STORE_IDENTITY));
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "files in the store");
}

fn walk(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}
