//! The secret that a database is bound to: the one it was first used with, or a successor of it.
//!
//! The database stores only a fingerprint of the secret. With any other secret, all tokens, links
//! and API keys issued so far would silently stop working, so Daybook refuses to start with one.

use std::sync::Arc;

use daybook_entity::{api_key, instance, organization::INSTANCE};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect, Statement, sea_query::OnConflict,
};

use crate::{
    Core, Database, Engine, Error, Fault, Permission, Purpose, Result, Scope, Viewer,
    audit::{self, NewEntry, Resource},
    database,
    organizations::api_keys,
};

/// Error message for a start with a secret that the database is not bound to, with the remedy.
pub const OTHER_SECRET: &str = "this database was made with another secret: set DAYBOOK_SECRET to \
    that one; if it is lost, `daybook secret adopt --help` says how to go on and what stops working";

/// Returns the fingerprint of the secret that a database is bound to, or none if the database has
/// not been used yet. Works with or without a schema.
///
/// # Errors
/// A database fault.
pub async fn fingerprint(db: &Database) -> Result<Option<Vec<u8>>> {
    let sql = match db.engine() {
        Engine::Sqlite => "SELECT count(*) AS tables FROM sqlite_schema WHERE name = 'instance'",
        Engine::Postgres => "SELECT count(to_regclass('instance')) AS tables",
    };
    let db = db.for_migration();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let tables: i64 = row.map_or(Ok(0), |row| row.try_get("", "tables"))?;
    if tables == 0 {
        return Ok(None);
    }
    let known = instance::Entity::find_by_id(1).one(db).await?;
    Ok(known.map(|known| known.secret_fingerprint))
}

/// Binds a new database to the instance's secret, or verifies that it is already bound to it. A
/// database that is bound to a previous secret is rebound to the current one, which is recorded in
/// the instance's log.
pub(crate) async fn bind(core: &Arc<Core>) -> Result<()> {
    let bound = core.db.transaction(Arc::clone(core), |tx, core| {
        Box::pin(async move {
            let row = || instance::Entity::find_by_id(1).lock_exclusive().one(tx);
            let mut known = row().await?;
            if known.is_none() {
                insert(tx, core).await?;
                known = row().await?;
            }
            let known = known.map(|known| known.secret_fingerprint).unwrap_or_default();
            if core.secret.is_current(Purpose::Fingerprint, &[], &known) {
                return Ok(());
            }
            if core.secret.verify(Purpose::Fingerprint, &[], &known) {
                let viewer = Viewer::command_line("daybook");
                return rebind(tx, core, viewer, "secret.rotated").await;
            }
            Err(Fault::misconfigured(OTHER_SECRET).into())
        })
    });
    bound.await
}

/// Binds a database whose secret was lost to the instance's secret. Revokes all API keys, because
/// they can be verified only with the lost secret, and returns how many were revoked.
pub(crate) async fn adopt(core: &Arc<Core>, viewer: &Viewer) -> Result<usize> {
    match fingerprint(&core.db).await? {
        None => return Err(Error::invalid(&[], "this database is not bound to a secret yet")),
        Some(known) if core.secret.verify(Purpose::Fingerprint, &[], &known) => {
            let message = "this secret is the one that the database was made with: nothing is lost";
            return Err(Error::invalid(&[], message));
        }
        Some(_) => {}
    }
    let held = api_key::Entity::find().filter(api_key::Column::RevokedAt.is_null());
    let held = held.all(core.db.for_migration()).await?;
    for key in &held {
        let organization_id = key.organization_id;
        api_keys::revoke(&scope(core, viewer, organization_id), key.id).await?;
    }
    let context = (Arc::clone(core), viewer.clone());
    let bound = core.db.transaction(context, |tx, (core, viewer)| {
        Box::pin(rebind(tx, core, viewer.clone(), "secret.adopted"))
    });
    bound.await?;
    Ok(held.len())
}

async fn insert(tx: &DatabaseTransaction, core: &Core) -> Result<()> {
    let new = instance::Model {
        id: 1,
        secret_fingerprint: core.secret.sign(Purpose::Fingerprint, &[]).to_vec(),
        created_at: database::now(tx, &core.clock).await?,
    };
    // If several nodes start at once on an empty database, the first one inserts the row.
    instance::Entity::insert(new.into_active_model())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

async fn rebind(
    tx: &DatabaseTransaction,
    core: &Arc<Core>,
    viewer: Viewer,
    action: &str,
) -> Result<()> {
    let fingerprint = core.secret.sign(Purpose::Fingerprint, &[]).to_vec();
    let bound =
        instance::ActiveModel { secret_fingerprint: Set(fingerprint), ..Default::default() };
    instance::Entity::update_many().set(bound).filter(instance::Column::Id.eq(1)).exec(tx).await?;
    let resource = Resource { r#type: "instance".to_owned(), id: "secret".to_owned(), name: None };
    let entry = NewEntry::by(&viewer, action, resource);
    audit::append_own(tx, &scope(core, &viewer, INSTANCE), entry).await
}

fn scope(core: &Arc<Core>, viewer: &Viewer, organization_id: uuid::Uuid) -> Scope {
    Scope::system(core, organization_id, viewer.clone(), Permission::RevokeApiKeys)
}
