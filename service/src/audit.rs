//! The audit log: recording, the hash chain, filters and pages.

mod append;
mod chain;
mod entry;
mod filter;
mod histogram;
mod limits;
mod list;
mod range;
mod recorder;
mod search;
#[cfg(test)]
mod snapshots;
mod tail;
mod values;

use std::sync::Arc;

use daybook_entity::recording;
use sea_orm::{DatabaseTransaction, EntityTrait};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Error, Instance, Result, Scope, input};

pub(crate) use append::{Draft, append, lock_head};
pub use chain::{GENESIS, chain, commitment};
pub use entry::{Actor, Change, Metadata, NewEntry, Resource};
pub use filter::Filter;
pub use histogram::{Bucket, MAX_BUCKETS, histogram};
pub use limits::{MAX_ENTRIES, MAX_PROBLEMS};
pub use list::{Order, count, get, get_many, list, statements};
pub use recorder::Recorded;
pub(crate) use recorder::{Key, Recorder, Recording};
pub use tail::{end, tail};
pub use values::{Facet, MAX_VALUES, values};

pub(crate) use list::{
    after as rows_after, head_sequence, key as order_key, keys as order_keys,
    sequence as key_sequence,
};
pub(crate) use search::{catch_up as make_searchable, forget as forget_words};

/// Appends `entries` to the log of the scope's organization, all or none, in the order given.
///
/// The answer comes after COMMIT, and the recording goes on where its caller goes away. A caller
/// that gave an idempotency key and got no answer repeats it: nothing is appended twice.
///
/// # Errors
/// Every value out of bounds, named by entry and field; CONFLICT where the key was used with other
/// entries; a database fault.
pub async fn record(
    scope: &Scope,
    entries: Vec<NewEntry>,
    idempotency_key: Option<String>,
) -> Result<Recorded> {
    let mut problems = limits::check(&entries);
    problems.extend(input::problem_of_key(idempotency_key.as_ref()));
    if !problems.is_empty() {
        return Err(Error::Refused(problems));
    }
    let key = idempotency_key.map(|name| Key { name, request_hash: fingerprint(&entries) });
    submit(scope, entries, key).await
}

/// The idempotency keys of the scope's recordings that begin with `prefix`.
///
/// # Errors
/// A database fault.
pub async fn recorded_keys(scope: &Scope, prefix: &str) -> Result<Vec<String>> {
    Ok(recorder::keys_with(scope.instance.db.reader(), scope.organization_id, prefix).await?)
}

/// Appends entries of our own making, which need no limits.
pub(crate) async fn record_unchecked(scope: &Scope, entries: Vec<NewEntry>) -> Result<Recorded> {
    submit(scope, entries, None).await
}

/// Appends an entry of our own making, unless one was appended under this `key`: once, over all
/// processes.
pub(crate) async fn record_once(scope: &Scope, key: String, entry: NewEntry) -> Result<()> {
    let request_hash = Sha256::digest(&key).into();
    submit(scope, vec![entry], Some(Key { name: key, request_hash })).await?;
    Ok(())
}

/// Reports whether something was recorded in an organization's log under an idempotency key.
pub(crate) async fn is_recorded(
    instance: &Instance,
    organization_id: Uuid,
    key: &str,
) -> Result<bool> {
    let found = recording::Entity::find_by_id((organization_id, key.to_owned()));
    Ok(found.one(instance.db.reader()).await?.is_some())
}

/// Appends one entry of our own making in the caller's transaction.
pub(crate) async fn append_own(
    tx: &DatabaseTransaction,
    scope: &Scope,
    entry: NewEntry,
) -> Result<()> {
    let draft = Draft::new(&scope.instance, scope.viewer.subject.clone(), entry);
    append(tx, &scope.instance.clock, scope.organization_id, vec![draft]).await?;
    Ok(())
}

async fn submit(scope: &Scope, entries: Vec<NewEntry>, key: Option<Key>) -> Result<Recorded> {
    let draft = |entry| Draft::new(&scope.instance, scope.viewer.subject.clone(), entry);
    let drafts = entries.into_iter().map(draft).collect();
    let recording = Recording { drafts, key };
    recorder::submit(&scope.instance, scope.organization_id, Arc::new(recording)).await
}

/// SHA-256 of entries as they were asked for.
fn fingerprint(entries: &[NewEntry]) -> [u8; 32] {
    let text = serde_json::to_vec(entries).expect("entries hold nothing but JSON values");
    Sha256::digest(text).into()
}
