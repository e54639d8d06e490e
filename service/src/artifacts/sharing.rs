//! Tracks the stores in which the processes of an instance keep artifacts.
//!
//! Every process that serves requests or runs jobs announces its store in the database. A file is
//! in one store, which its artifact names. A process with another store can't hand the file out,
//! must not treat it as lost, and reports where it is.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::TimeDelta;
use daybook_entity::{artifact, artifact_store};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};

use crate::{Core, Database, Result, database};

/// Interval at which a process announces its store.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(60);
/// Time after which a store that no process has announced is no longer in use.
const UNUSED_AFTER: TimeDelta = TimeDelta::minutes(5);

/// Reason why a file can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The file is in another process's store.
    Elsewhere(artifact_store::Model),
    /// The file is in no known store.
    Gone,
}

/// Announces this process's store until the instance stops, and warns of processes that keep
/// artifacts in another store.
pub async fn announce(core: Arc<Core>) {
    let mut visit = tokio::time::interval(ANNOUNCE_INTERVAL);
    visit.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = HashSet::new();
    loop {
        tokio::select! {
            () = core.stopping.cancelled() => return,
            _ = visit.tick() => {}
        }
        match announce_once(&core).await {
            Ok(others) => others.into_iter().for_each(|other| warn(&core, other, &mut known)),
            Err(error) => {
                tracing::warn!(%error, "can't say where artifacts are kept; trying again later");
            }
        }
    }
}

/// Announces this process's store once. Returns the other stores that processes use.
///
/// # Errors
/// A fault of the database or the store.
pub async fn announce_once(core: &Arc<Core>) -> Result<Vec<artifact_store::Model>> {
    let id = core.store.identity().await?;
    let context = (Arc::clone(core), id.clone());
    let said = core.db.transaction(context, |tx, (core, id)| {
        Box::pin(async move {
            let row = artifact_store::Model {
                id: id.clone(),
                place: core.store.place(),
                host: host(),
                seen_at: database::now(tx, &core.clock).await?,
            };
            use artifact_store::Column::{Host, Id, Place, SeenAt};
            let known = OnConflict::column(Id).update_columns([Place, Host, SeenAt]).to_owned();
            artifact_store::Entity::insert(row.into_active_model())
                .on_conflict(known)
                .exec_without_returning(tx)
                .await?;
            Ok(())
        })
    });
    said.await?;
    Ok(others(&core.db, &core.clock, &id).await?)
}

/// Warns of another store, unless it is `known`, and adds it to `known`.
fn warn(core: &Core, other: artifact_store::Model, known: &mut HashSet<String>) {
    if known.insert(other.id) {
        tracing::warn!(
            store = core.store.place(),
            other.store = other.place,
            other.host = other.host,
            "another process on this database keeps artifacts in a store of its own: neither can give \
             out the other's files; set DAYBOOK_ARTIFACTS_URL to one bucket or shared folder for all"
        );
    }
}

/// Returns all stores in use except the one with this `id`.
///
/// # Errors
/// A database fault.
pub async fn others(
    db: &Database,
    clock: &crate::Clock,
    id: &str,
) -> Result<Vec<artifact_store::Model>, DbErr> {
    let now = database::now(db.reader(), clock).await?;
    artifact_store::Entity::find()
        .filter(artifact_store::Column::Id.ne(id))
        .filter(artifact_store::Column::SeenAt.gt(now - UNUSED_AFTER))
        .order_by_asc(artifact_store::Column::Id)
        .all(db.reader())
        .await
}

/// Returns a condition that excludes artifacts whose files are in other processes' stores.
pub(crate) async fn ours(core: &Core) -> Result<Condition> {
    let id = core.store.identity().await?;
    let others = others(&core.db, &core.clock, &id).await?;
    if others.is_empty() {
        return Ok(Condition::all());
    }
    let others = others.into_iter().map(|other| other.id);
    Ok(Condition::all().add(artifact::Column::StoreId.is_not_in(others)))
}

/// True if the artifact's file is in the store of another running process.
pub(crate) async fn is_kept_elsewhere(core: &Core, artifact: &artifact::Model) -> Result<bool> {
    let id = core.store.identity().await?;
    let others = others(&core.db, &core.clock, &id).await?;
    Ok(others.iter().any(|other| other.id == artifact.store_id))
}

/// Determines the reason why the artifact's file is not in this process's store.
pub(crate) async fn missing(core: &Core, artifact: &artifact::Model) -> Result<Missing> {
    let store = &artifact.store_id;
    if *store == core.store.identity().await? {
        return Ok(Missing::Gone);
    }
    let found = artifact_store::Entity::find_by_id(store).one(core.db.reader()).await?;
    Ok(found.map_or(Missing::Gone, Missing::Elsewhere))
}

/// Returns the host name of this machine, or `unknown`.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let name = name.ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}
