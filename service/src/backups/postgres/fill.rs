//! Fills a PostgreSQL database from canonical lines.

use sea_orm::DatabaseConnection;
use sqlx::PgConnection;

use super::{connection, dump::digests, fault, run};
use crate::{
    Result,
    backups::{TableDigest, batch::Batches, fill_script::FillScript},
};

/// Prefix of the schema that holds temporary tables.
const TEMPORARY: &str = "pg_temp.";

/// Fills temporary tables and returns their tallies. The server drops the tables when the
/// connection ends, however it ends.
pub(in crate::backups) async fn scratch(
    db: &DatabaseConnection,
    script: &FillScript,
    batches: Batches,
) -> Result<Vec<TableDigest>> {
    let mut connection = connection(db).await?;
    // Names without a schema are created, and found, in the first schema of the search path.
    let path =
        "SELECT set_config('search_path', 'pg_temp, ' || quote_ident(current_schema()), false)";
    run(&mut connection, path).await?;
    // Functions are the exception: those in pg_temp are found only by their qualified name.
    let epilogue = script.epilogue.replace(" EXECUTE FUNCTION ", " EXECUTE FUNCTION pg_temp.");
    run(&mut connection, &script.prologue).await?;
    copy_in(&mut connection, TEMPORARY, batches).await?;
    // Run one at a time, so that the server logs only the statement that is slow, not all of them.
    for statement in epilogue.split_inclusive(";\n") {
        run(&mut connection, statement).await?;
    }
    digests(&mut connection, TEMPORARY, &script.parts).await
}

/// Fills a migrated database in one transaction, which is committed only if `check` accepts the
/// tallies of the tables.
pub(in crate::backups) async fn restore(
    db: &DatabaseConnection,
    script: &FillScript,
    batches: Batches,
    check: impl FnOnce(Vec<TableDigest>) -> Result<()>,
) -> Result<()> {
    let mut connection = connection(db).await?;
    run(&mut connection, "SET idle_in_transaction_session_timeout = 0; BEGIN").await?;
    run(&mut connection, &script.prologue).await?;
    copy_in(&mut connection, "", batches).await?;
    run(&mut connection, &script.epilogue).await?;
    check(digests(&mut connection, "", &script.parts).await?)?;
    run(&mut connection, "COMMIT").await
}

async fn copy_in(connection: &mut PgConnection, schema: &str, mut batches: Batches) -> Result<()> {
    let mut next = batches.next().await;
    while let Some(batch) = next {
        let (index, table) = (batch.index, &batch.table);
        let names = table.column_names();
        let copy = format!("COPY {schema}{} ({names}) FROM STDIN", table.name);
        let mut copying = connection.copy_in_raw(&copy).await.map_err(fault)?;
        next = Some(batch);
        while let Some(batch) = next.take_if(|batch| batch.index == index) {
            copying.send(batch.lines.as_slice()).await.map_err(fault)?;
            batches.done(batch);
            next = batches.next().await;
        }
        copying.finish().await.map_err(fault)?;
    }
    Ok(())
}
