//! The index of related resources, by which a filter finds the entries that name one.

use std::collections::BTreeSet;

use daybook_entity::audit_log::Model;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, ExprTrait,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use crate::audit::Resource;

/// Name of the index's table.
pub(in crate::audit) const RESOURCES_TABLE: &str = "audit_log_search_resources";
/// Rows in one INSERT: a row has 4 values, and SQLite accepts 32,766 in a statement.
const MAX_INSERT_ROWS: usize = 8_000;

/// Adds the related resources of `entries`, all of one organization.
pub(super) async fn add(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
    entries: &[Model],
) -> Result<(), DbErr> {
    let mut rows = BTreeSet::new();
    for entry in entries {
        for Resource { r#type, id, name: _ } in related(entry)? {
            rows.insert((entry.sequence, r#type, id));
        }
    }
    let rows: Vec<_> = rows.into_iter().collect();
    for rows in rows.chunks(MAX_INSERT_ROWS) {
        let mut insert = Query::insert();
        insert.into_table(RESOURCES_TABLE).columns([
            "organization_id",
            "sequence",
            "resource_type",
            "resource_id",
        ]);
        for (sequence, r#type, id) in rows {
            let row = [organization_id.into(), (*sequence).into(), r#type.into(), id.into()];
            insert.values_panic(row);
        }
        tx.execute(&insert).await?;
    }
    Ok(())
}

/// Removes an organization's entries after `after`, up to `through`.
pub(super) async fn forget(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
    after: i64,
    through: i64,
) -> Result<(), DbErr> {
    let delete = Query::delete()
        .from_table(RESOURCES_TABLE)
        .and_where(Expr::col("organization_id").eq(organization_id))
        .and_where(Expr::col("sequence").gt(after))
        .and_where(Expr::col("sequence").lte(through))
        .to_owned();
    tx.execute(&delete).await?;
    Ok(())
}

/// Returns the related resources of an entry.
pub(super) fn related(entry: &Model) -> Result<Vec<Resource>, DbErr> {
    serde_json::from_str(&entry.related_resources).map_err(|error| DbErr::Json(error.to_string()))
}
