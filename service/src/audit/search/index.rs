//! Writing the indexes of words and of related resources, in the transaction that appends the entries.

use std::collections::BTreeSet;

use daybook_entity::audit_log::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement, Value,
};
use uuid::Uuid;

use super::{FIRST_ROW_NUMBER, SEQUENCES, query::prefix, resources, words::words};

/// Number of entries in one step of [`catch_up`].
const CATCH_UP_ENTRIES: u64 = 1_000;

/// Adds `entries`, all of one organization, to the indexes.
pub(in crate::audit) async fn add(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
    entries: &[Model],
) -> Result<(), DbErr> {
    if entries.is_empty() {
        return Ok(());
    }
    resources::add(tx, organization_id, entries).await?;
    let backend = tx.get_database_backend();
    if backend != DbBackend::Postgres {
        let sql = "INSERT OR IGNORE INTO audit_log_search_spaces (organization_id) VALUES (?)";
        let values = [organization_id.into()];
        tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    let (sql, values) = match backend {
        DbBackend::Postgres => postgres(organization_id, entries),
        _ => sqlite(organization_id, entries),
    };
    let added = tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    if added.rows_affected() == entries.len() as u64 {
        return Ok(());
    }
    Err(DbErr::RecordNotFound(format!("place for organization {organization_id} in the search")))
}

/// Indexes the next entries that are not yet indexed, in a log that was restored without its index.
/// Returns false if there are none.
pub(crate) async fn catch_up(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
) -> Result<bool, DbErr> {
    let backend = tx.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => {
            "SELECT max(sequence) AS last FROM audit_log_search WHERE organization_id = $1"
                .to_owned()
        }
        _ => format!(
            "SELECT max(id) - space.start AS last FROM audit_log_search_content,
                 (SELECT {FIRST_ROW_NUMBER} AS start) AS space
             WHERE id BETWEEN space.start AND space.start + {SEQUENCES}"
        ),
    };
    let statement = Statement::from_sql_and_values(backend, sql, [organization_id.into()]);
    let last: Option<i64> =
        tx.query_one_raw(statement).await?.map_or(Ok(None), |row| row.try_get("", "last"))?;
    let entries = Entity::find()
        .filter(Column::OrganizationId.eq(organization_id))
        .filter(Column::Sequence.gt(last.unwrap_or(0)))
        .order_by_asc(Column::Sequence)
        .limit(CATCH_UP_ENTRIES)
        .all(tx)
        .await?;
    add(tx, organization_id, &entries).await?;
    Ok(!entries.is_empty())
}

/// Removes an organization's entries after `after`, up to `through`, from the indexes.
pub(crate) async fn forget(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
    after: i64,
    through: i64,
) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    let (sql, values): (_, Vec<Value>) = match backend {
        DbBackend::Postgres => (
            "DELETE FROM audit_log_search
             WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3"
                .to_owned(),
            vec![organization_id.into(), after.into(), through.into()],
        ),
        _ => (
            format!(
                "DELETE FROM audit_log_search WHERE rowid > {FIRST_ROW_NUMBER} + ? AND rowid <= {FIRST_ROW_NUMBER} + ?"
            ),
            vec![organization_id.into(), after.into(), organization_id.into(), through.into()],
        ),
    };
    tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    resources::forget(tx, organization_id, after, through).await
}

/// Returns the words of the fields that a search covers.
fn words_of(entry: &Model) -> BTreeSet<String> {
    let texts = [
        Some(&entry.action),
        entry.actor_email.as_ref(),
        entry.actor_name.as_ref(),
        entry.resource_name.as_ref(),
        Some(&entry.resource_id),
    ];
    texts.into_iter().flatten().flat_map(|text| words(text)).collect()
}

/// Returns the INSERT for SQLite. Spaces surround each word, so that it can be found as a whole.
fn sqlite(organization_id: Uuid, entries: &[Model]) -> (String, Vec<Value>) {
    let rows = vec!["(?, ?)"; entries.len()].join(", ");
    let sql = format!(
        "INSERT INTO audit_log_search (rowid, words)
         SELECT space.start + entry.column1, entry.column2
         FROM (SELECT {FIRST_ROW_NUMBER} AS start) AS space, (VALUES {rows}) AS entry"
    );
    let mut values = vec![organization_id.into()];
    for entry in entries {
        let words: String = words_of(entry).iter().map(|word| format!(" {word}")).collect();
        values.extend([entry.sequence.into(), format!("{words} ").into()]);
    }
    (sql, values)
}

/// Returns the INSERT for PostgreSQL. Each word begins with a part of the organization's id, so
/// that each organization's words stand together in the index.
fn postgres(organization_id: Uuid, entries: &[Model]) -> (String, Vec<Value>) {
    let row = |index: usize| {
        let first = 3 * index + 2;
        format!("(${first}::bigint, ${}::timestamptz, ${}::text)", first + 1, first + 2)
    };
    let rows: Vec<String> = (0..entries.len()).map(row).collect();
    let sql = format!(
        "INSERT INTO audit_log_search (organization_id, sequence, timestamp, words)
         SELECT $1, sequence, timestamp, array_to_tsvector(string_to_array(words, ' '))
         FROM (VALUES {}) AS entry (sequence, timestamp, words)",
        rows.join(", ")
    );
    let prefix = prefix(organization_id);
    let mut values = vec![organization_id.into()];
    for entry in entries {
        let words = words_of(entry);
        let words: Vec<String> = words.iter().map(|word| format!("{prefix}{word}")).collect();
        values.extend([entry.sequence.into(), entry.timestamp.into(), words.join(" ").into()]);
    }
    (sql, values)
}
