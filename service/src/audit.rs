//! The audit log: recording, the hash chain, filters and pages.

mod append;
mod comparable;
mod entry;
mod exported;
mod filter;
pub mod hash;
mod head;
mod histogram;
mod import;
mod interval;
mod limits;
mod list;
mod range;
mod record;
mod recorder;
mod search;
#[cfg(test)]
mod snapshots;
mod start;
mod tail;
mod values;

use daybook_entity::recording;
use sea_orm::{DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use crate::{Core, Result, Scope};

pub(crate) use append::{Draft, append};
pub use entry::{Actor, Change, Metadata, NewEntry, Resource};
pub use exported::read_line;
pub use filter::{ExtraCondition, Filter};
pub(crate) use head::{head_sequence, lock_head};
pub use histogram::{Bucket, MAX_BUCKETS, histogram};
pub use import::{ImportLine, ImportRun, Imported, begin_import, import};
pub use limits::{MAX_ENTRIES, MAX_PROBLEMS};
pub use list::{Order, count, get, get_many, list, statements};
pub use record::{Candidate, RecordedValid};
pub use recorder::{Recorded, Recorder};
pub(crate) use start::{hold_back, no_longer_kept, pruned};
pub use tail::{end, tail};
pub use values::{Facet, MAX_VALUES, values};

pub(crate) use list::{
    after as rows_after, key as order_key, keys as order_keys, sequence as key_sequence,
};
pub(crate) use search::{catch_up as make_searchable, forget as forget_words};

/// True if an organization's log has a recording with this idempotency key.
pub(crate) async fn is_recorded(core: &Core, organization_id: Uuid, key: &str) -> Result<bool> {
    let found = recording::Entity::find_by_id((organization_id, key.to_owned()));
    Ok(found.one(core.db.reader()).await?.is_some())
}

/// Appends one of Daybook's own entries in the caller's transaction.
pub(crate) async fn append_own(
    tx: &DatabaseTransaction,
    scope: &Scope,
    entry: NewEntry,
) -> Result<()> {
    let draft = Draft::new(scope.core(), scope.viewer().subject.clone(), entry);
    append(tx, &scope.core().clock, scope.organization_id(), vec![draft]).await?;
    Ok(())
}
