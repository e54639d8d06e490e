//! Retention: the time that an organization's log is kept for, and holds that keep it longer.
//!
//! Entries that are older than the organization's number of days are pruned in the log's own order,
//! from its start. Before the first of them is removed, the pruning is announced by an entry in the
//! log. The hash of the last removed entry is kept, so that the chain of the remaining ones can be
//! verified. Nothing is removed while the organization has a hold or an unfinished export.

mod age;
mod holds;
mod outlook;
mod preview;
mod prune;

use daybook_entity::{audit_log, retention};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel,
    QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    Error, Fault, GlobalId, Permission, Result, Scope, Viewer,
    audit::{self, Change, NewEntry, Resource, hash::GENESIS},
};

pub use holds::{holds, place_hold, release_hold};
pub(crate) use outlook::outlook_of;
pub use outlook::{Obstacle, Outlook, outlook};
pub use preview::{Preview, preview};
pub use prune::prune;

/// Maximum number of days that a log can be kept for: a thousand years.
pub const MAX_DAYS: u32 = 365_250;
/// Permissions that include reading a log's retention and holds. Whoever sets the retention or
/// releases a hold is shown first what that would remove.
const PERMISSIONS_TO_READ: [Permission; 3] =
    [Permission::ReadRetention, Permission::SetRetention, Permission::ReleaseHolds];

/// Returns the retention of the scope's log, or `None` if it was never set.
///
/// # Errors
/// A database fault.
pub async fn find(scope: &Scope) -> Result<Option<retention::Model>> {
    scope.require_one_of(&PERMISSIONS_TO_READ)?;
    let found = scope.find::<retention::Entity>();
    Ok(found.one(scope.core().db.reader()).await?)
}

/// Sets the number of days that entries of the scope's log are kept for, at the least; `None` keeps
/// them forever. Entries that were removed already stay removed.
///
/// # Errors
/// A number of days that is not between 1 and [`MAX_DAYS`]; a database fault.
pub async fn set(scope: &Scope, days: Option<u32>) -> Result<()> {
    scope.require(Permission::SetRetention)?;
    let days = check(days)?;
    let set = scope.core().db.transaction((scope.clone(), days), |tx, (scope, days)| {
        Box::pin(async move {
            let before = lock(tx, scope.organization_id()).await?.days;
            if before == *days {
                return Ok(());
            }
            scope
                .update::<retention::Entity>()
                .set(retention::ActiveModel { days: Set(*days), ..Default::default() })
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

/// Checks a number of days, and returns it as it is stored.
fn check(days: Option<u32>) -> Result<Option<i32>> {
    if days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
        let message = format!("must be 1 to {MAX_DAYS}");
        return Err(Error::invalid(&["days"], message));
    }
    Ok(days.and_then(|days| i32::try_from(days).ok()))
}

/// Locks an organization's retention until the transaction ends, and creates it if there is none. A
/// transaction that also locks the head of the log must lock the retention first.
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
    Ok(found.ok_or_else(|| Fault::Missing("the log's retention".to_owned()))?)
}

fn entry(viewer: &Viewer, action: &str, organization_id: Uuid) -> NewEntry {
    let id = GlobalId::Organization(organization_id).to_string();
    NewEntry::by(viewer, action, Resource { r#type: "audit_log".to_owned(), id, name: None })
}

/// Returns the entry with this sequence, if it exists.
async fn entry_at<C: ConnectionTrait>(
    db: &C,
    organization_id: Uuid,
    sequence: i64,
) -> Result<Option<audit_log::Model>> {
    Ok(audit_log::Entity::find_by_id((organization_id, sequence)).one(db).await?)
}
