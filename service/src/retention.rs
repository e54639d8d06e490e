//! Retention: how long an organization's log is kept, and what holds it all the same.
//!
//! Entries go in the log's own order, from its start, when they are older than the organization's
//! number of days. The log says so in an entry before the first of them goes. What is left begins
//! after the last one that went, whose hash is kept: the chain can be verified from there. While the
//! organization has a hold, or an export that has not ended, nothing goes.

mod holds;
mod preview;
mod prune;

use daybook_entity::{audit_log, retention};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    Error, Fault, GlobalId, Result, Scope, Viewer,
    audit::{self, Change, GENESIS, NewEntry, Resource},
};

pub use holds::{holds, place_hold, release_hold};
pub use preview::{Preview, preview};
pub use prune::prune;

/// Most days that can be said: a thousand years.
pub const MOST_DAYS: u32 = 365_250;

/// How the scope's log is kept; none where nothing was ever said about it.
///
/// # Errors
/// A database fault.
pub async fn find(scope: &Scope) -> Result<Option<retention::Model>> {
    let found = retention::Entity::find_by_id(scope.organization_id());
    Ok(found.one(scope.core().db.reader()).await?)
}

/// Keeps the entries of the scope's log for `days`, at the least; none: for ever. What was removed
/// stays removed.
///
/// # Errors
/// A number of days that is no number of days; a database fault.
pub async fn set(scope: &Scope, days: Option<u32>) -> Result<()> {
    let days = check(days)?;
    let set = scope.core().db.transaction((scope.clone(), days), |tx, (scope, days)| {
        Box::pin(async move {
            let before = lock(tx, scope.organization_id()).await?.days;
            if before == *days {
                return Ok(());
            }
            retention::Entity::update_many()
                .set(retention::ActiveModel { days: Set(*days), ..Default::default() })
                .filter(retention::Column::OrganizationId.eq(scope.organization_id()))
                .exec(tx)
                .await?;
            let mut entry = entry(scope.viewer(), "retention.set", scope.organization_id());
            let (old, new) = (before.map(Into::into), days.map(Into::into));
            entry.changes = vec![Change { field: "days".to_owned(), old, new }];
            audit::append_own(tx, scope, entry).await
        })
    });
    set.await
}

/// Refuses a number of days that is none; the number as it is stored.
fn check(days: Option<u32>) -> Result<Option<i32>> {
    if days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        let message = format!("must be 1 to {MOST_DAYS}");
        return Err(Error::invalid(&["days"], message));
    }
    Ok(days.and_then(|days| i32::try_from(days).ok()))
}

/// Locks an organization's retention, made where there is none, until the transaction ends. Before
/// the end of its log, where both are locked.
async fn lock(tx: &DatabaseTransaction, organization_id: Uuid) -> Result<retention::Model> {
    let new = retention::Model {
        organization_id,
        days: None,
        announced: 0,
        pruned: 0,
        pruned_hash: GENESIS.to_vec(),
    };
    retention::Entity::insert(new.into_active_model())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    let found = retention::Entity::find_by_id(organization_id).lock_exclusive().one(tx).await?;
    Ok(found.ok_or_else(|| Fault::Stored("a retention is gone".to_owned()))?)
}

fn entry(viewer: &Viewer, action: &str, organization_id: Uuid) -> NewEntry {
    let id = GlobalId::Organization(organization_id).to_string();
    NewEntry::by(viewer, action, Resource { r#type: "audit_log".to_owned(), id, name: None })
}

/// When the entry with this sequence was recorded, and its hash.
async fn entry_at<C: ConnectionTrait>(
    db: &C,
    organization_id: Uuid,
    sequence: i64,
) -> Result<Option<audit_log::Model>> {
    Ok(audit_log::Entity::find_by_id((organization_id, sequence)).one(db).await?)
}
