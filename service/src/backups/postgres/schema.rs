//! The schema of a PostgreSQL database, written from its catalog as `pg_dump` does. Only the
//! features that Daybook's migrations use are supported. A test compares the catalog of a restored
//! database with the original.

use sqlx::PgConnection;

use super::fault;
use crate::Result;

/// Query for statements that create Daybook's functions. Those of extensions are left out, because
/// the extension creates them.
const FUNCTIONS: &str = "SELECT replace(pg_get_functiondef(p.oid),
        'FUNCTION ' || quote_ident(current_schema()) || '.', 'FUNCTION ') || ';'
    FROM pg_proc AS p WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind = 'f'
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
    ORDER BY p.proname COLLATE \"C\"";

const TABLES: &str =
    "SELECT 'CREATE TABLE ' || quote_ident(c.relname) || E' (\\n    ' || string_agg(
        quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attcollation <> t.typcollation
            THEN ' COLLATE ' || quote_ident(l.collname) ELSE '' END
        || CASE WHEN a.attgenerated = 's'
            THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') STORED'
            WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) ELSE '' END
        || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
        E',\\n    ' ORDER BY a.attnum)
        || E'\\n)' || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || ';'
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
    GROUP BY c.oid, c.relname, c.reloptions ORDER BY c.relname COLLATE \"C\"";

/// Query for statements that add constraints. Foreign keys come last, after the keys that they
/// refer to.
const CONSTRAINTS: &str = "SELECT 'ALTER TABLE ' || quote_ident(c.relname) || ' ADD CONSTRAINT '
        || quote_ident(n.conname) || ' ' || pg_get_constraintdef(n.oid, true) || ';'
    FROM pg_constraint AS n JOIN pg_class AS c ON c.oid = n.conrelid AND c.relkind = 'r'
    WHERE n.connamespace = current_schema()::regnamespace AND n.contype IN ('p', 'u', 'c', 'x', 'f')
    ORDER BY n.contype = 'f', c.relname COLLATE \"C\", n.conname COLLATE \"C\"";

/// Query for statements that create indexes, except those that belong to a constraint.
const INDEXES: &str = "SELECT pg_get_indexdef(i.indexrelid, 0, true) || ';'
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND NOT EXISTS (
        SELECT FROM pg_constraint AS n
        WHERE n.conindid = i.indexrelid AND n.contype IN ('p', 'u', 'x'))
    ORDER BY c.relname COLLATE \"C\"";

/// Query for statements that set the statistics targets that differ from the default.
const STATISTICS: &str = "SELECT 'ALTER TABLE ' || quote_ident(c.relname) || ' ALTER COLUMN '
        || quote_ident(a.attname) || ' SET STATISTICS ' || a.attstattarget || ';'
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
    WHERE a.attnum > 0 AND a.attstattarget >= 0 AND c.relnamespace = current_schema()::regnamespace
    ORDER BY c.relname COLLATE \"C\", a.attnum";

const TRIGGERS: &str = "SELECT pg_get_triggerdef(t.oid, true) || ';'
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
    ORDER BY c.relname COLLATE \"C\", t.tgname COLLATE \"C\"";

/// Returns the statements that create the schema, in two parts: functions and tables, which are
/// created before the rows are inserted, and the rest, which is created after them because that is
/// faster or because it would act on each row.
pub(super) async fn describe(connection: &mut PgConnection) -> Result<(String, String)> {
    let mut parts = [String::new(), String::new()];
    for (part, query) in [
        (0, FUNCTIONS),
        (0, TABLES),
        (1, STATISTICS),
        (1, CONSTRAINTS),
        (1, INDEXES),
        (1, TRIGGERS),
    ] {
        let statements = sqlx::query_scalar::<_, String>(query).fetch_all(&mut *connection);
        for statement in statements.await.map_err(fault)? {
            parts[part].push_str(&statement);
            parts[part].push('\n');
        }
    }
    let [prologue, epilogue] = parts;
    Ok((prologue, epilogue))
}
