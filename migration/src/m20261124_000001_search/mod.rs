//! The index of words for searches of the log, filled from the existing entries.

mod words;

use sea_orm_migration::{
    prelude::*,
    sea_orm::{DbBackend, Statement, Value, prelude::Uuid},
};

use words::{prefix, words};

/// Number of entries in one INSERT.
const ROWS: u64 = 1_000;

/// The index of words.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000001_search"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let tables = match manager.get_database_backend() {
            DbBackend::Postgres => include_str!("postgres.sql"),
            _ => include_str!("sqlite.sql"),
        };
        db.execute_unprepared(tables).await?;
        let heads = Statement::from_string(
            db.get_database_backend(),
            "SELECT organization_id FROM audit_log_heads WHERE sequence > 0",
        );
        for head in db.query_all_raw(heads).await? {
            fill(db, head.try_get("", "organization_id")?).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP TABLE audit_log_search").await?;
        if manager.get_database_backend() != DbBackend::Postgres {
            db.execute_unprepared("DROP TABLE audit_log_search_spaces").await?;
        }
        Ok(())
    }
}

/// Adds all entries of an organization.
async fn fill(db: &SchemaManagerConnection<'_>, organization_id: Uuid) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let entries = format!(
        "SELECT sequence, concat_ws(' ', action, actor_email, actor_name, resource_name, resource_id) AS text
         FROM audit_logs WHERE organization_id = $1 AND sequence > $2 ORDER BY sequence LIMIT {ROWS}"
    );
    let mut last: i64 = 0;
    loop {
        let values = [organization_id.into(), last.into()];
        let entries = Statement::from_sql_and_values(backend, &entries, values);
        let mut rows = Vec::new();
        for entry in db.query_all_raw(entries).await? {
            last = entry.try_get("", "sequence")?;
            let text: String = entry.try_get("", "text")?;
            rows.push((last, words(&text).into_iter().collect::<Vec<_>>()));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let (sql, values) = match backend {
            DbBackend::Postgres => postgres(organization_id, &rows),
            _ => sqlite(organization_id, &rows),
        };
        db.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
}

fn sqlite(organization_id: Uuid, rows: &[(i64, Vec<String>)]) -> (String, Vec<Value>) {
    let places = vec!["(?, ?)"; rows.len()].join(", ");
    let sql = format!(
        "INSERT INTO audit_log_search (rowid, words)
         SELECT (space.number << 40) + entry.column1, entry.column2
         FROM (SELECT number FROM audit_log_search_spaces WHERE organization_id = ?) AS space,
             (VALUES {places}) AS entry"
    );
    let mut values = vec![organization_id.into()];
    for (sequence, words) in rows {
        let words: String = words.iter().map(|word| format!(" {word}")).collect();
        values.extend([(*sequence).into(), format!("{words} ").into()]);
    }
    (sql, values)
}

fn postgres(organization_id: Uuid, rows: &[(i64, Vec<String>)]) -> (String, Vec<Value>) {
    let place = |index: usize| format!("(${}::bigint, ${}::text)", 2 * index + 2, 2 * index + 3);
    let places: Vec<_> = (0..rows.len()).map(place).collect();
    let sql = format!(
        "INSERT INTO audit_log_search (organization_id, sequence, timestamp, words)
         SELECT organization_id, sequence, timestamp,
             array_to_tsvector(string_to_array(entry.words, ' '))
         FROM (VALUES {}) AS entry (sequence, words) JOIN audit_logs USING (sequence)
         WHERE organization_id = $1",
        places.join(", ")
    );
    let prefix = prefix(organization_id);
    let mut values = vec![organization_id.into()];
    for (sequence, words) in rows {
        let words: Vec<_> = words.iter().map(|word| format!("{prefix}{word}")).collect();
        values.extend([(*sequence).into(), words.join(" ").into()]);
    }
    (sql, values)
}
