//! The source of a backup: one snapshot of the database, read table by table as bytes of the file.

use std::sync::Arc;

use super::{
    postgres,
    snapshot::{Pieces, Reading},
    sqlite,
    tables::BackupScope,
};
use crate::{Core, Engine, tenancy};

/// Starts to read a snapshot in the background. Reading stops once the receiver is dropped.
pub(super) fn read(core: &Arc<Core>, scope: BackupScope) -> Reading {
    let (pieces, reading) = Pieces::new();
    let source = Arc::clone(core);
    match core.db.engine() {
        Engine::Sqlite => {
            core.tasks.spawn_blocking(move || {
                if let Err(error) = sqlite::dump::dump(&source, scope, &pieces) {
                    pieces.blocking_fail(error);
                }
            });
        }
        Engine::Postgres => {
            let dumping = async move {
                if let Err(error) = postgres::dump::dump(&source, scope, &pieces).await {
                    pieces.fail(error).await;
                }
            };
            core.tasks.spawn(tenancy::inherit(dumping));
        }
    }
    reading
}
