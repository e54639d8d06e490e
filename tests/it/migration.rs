//! The schema: up, down and up again, by several processes at once, and the same as the entities.

use std::collections::{BTreeMap, BTreeSet};

use daybook_entity::{
    api_key, artifact, artifact_store, audit_log, audit_log_head, clock_step, hold, import_line,
    import_run, instance, job, job_event, job_feed, membership, note, operator, organization,
    recording, restore, retention, workspace,
};
use daybook_tests::{Backend, TestDatabase, binary};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, EntityTrait, Iterable, PrimaryKeyToColumn, Statement,
};
use tempfile::TempDir;

/// A column: whether it can be null, and its place in the primary key, from 1 on.
pub(crate) type Column = (bool, Option<usize>);
pub(crate) type Table = BTreeMap<String, Column>;

/// Table of the migrator itself.
const BOOKKEEPING: &str = "seaql_migrations";
/// Table of each engine's index of words.
const SEARCH: &str = "audit_log_search";

/// Each entity's table. One that is forgotten here is a table that nothing here describes.
fn entities() -> BTreeMap<String, Table> {
    macro_rules! tables {
        ($($module:ident),* $(,)?) => {
            [$((name::<$module::Entity>(), table::<$module::Entity>())),*].into()
        };
    }
    tables![
        api_key,
        artifact,
        artifact_store,
        audit_log,
        audit_log_head,
        clock_step,
        hold,
        import_line,
        import_run,
        instance,
        job,
        job_event,
        job_feed,
        membership,
        note,
        operator,
        organization,
        recording,
        restore,
        retention,
        workspace,
    ]
}

fn name<E: EntityTrait>() -> String {
    E::default().table_name().to_owned()
}

fn table<E: EntityTrait>() -> Table {
    use sea_orm::{ColumnTrait, IdenStatic};
    let keys: Vec<_> =
        E::PrimaryKey::iter().map(|key| key.into_column().as_str().to_owned()).collect();
    E::Column::iter()
        .map(|column| {
            let name = column.as_str().to_owned();
            let place = keys.iter().position(|key| *key == name).map(|index| index + 1);
            (name, (column.def().is_null(), place))
        })
        .collect()
}

/// Every table is in backups, or left out of them on purpose.
#[test]
fn backups_hold_every_table() {
    let tables = daybook_service::backups::tables().iter().map(|table| table.name);
    let known: BTreeSet<_> = tables.chain(daybook_service::backups::LEFT_OUT).collect();
    let entities = entities();
    let all: BTreeSet<_> = entities.keys().map(String::as_str).chain([BOOKKEEPING]).collect();
    let forgotten: Vec<_> = all.difference(&known).collect();
    assert!(
        forgotten.is_empty(),
        "service/src/backups/tables.rs says whose rows it holds: {forgotten:?}"
    );
}

/// Each table of the database.
pub(crate) async fn tables(db: &DatabaseConnection, backend: Backend) -> BTreeMap<String, Table> {
    let sql = match backend {
        Backend::Sqlite => {
            // An integer primary key is the rowid, which is never null whatever the pragma says.
            "SELECT t.name AS table_name, c.name AS column_name,
                    c.\"notnull\" = 0 AND NOT (c.pk = 1 AND lower(c.type) = 'integer') AS is_nullable,
                    c.pk AS place
             FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        }
        Backend::Postgres => {
            "SELECT c.table_name::text, c.column_name::text, c.is_nullable = 'YES' AS is_nullable,
                    coalesce(k.ordinal_position, 0)::int AS place
             FROM information_schema.columns AS c
             LEFT JOIN information_schema.table_constraints AS p
                 ON p.table_schema = c.table_schema AND p.table_name = c.table_name
                 AND p.constraint_type = 'PRIMARY KEY'
             LEFT JOIN information_schema.key_column_usage AS k
                 ON k.constraint_schema = p.constraint_schema AND k.table_name = p.table_name
                 AND k.constraint_name = p.constraint_name AND k.column_name = c.column_name
             WHERE c.table_schema = current_schema()"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in rows.unwrap() {
        let place: i32 = row.try_get("", "place").unwrap();
        let place = usize::try_from(place).unwrap();
        let column = (row.try_get("", "is_nullable").unwrap(), (place > 0).then_some(place));
        let table: String = row.try_get("", "table_name").unwrap();
        let column_name = row.try_get("", "column_name").unwrap();
        tables.entry(table).or_default().insert(column_name, column);
    }
    tables.remove(BOOKKEEPING);
    // What is derived for searching has no entity.
    tables.retain(|table, _| !table.starts_with(SEARCH));
    tables
}

/// Everything that the schema consists of, as the database tells it.
pub(crate) async fn objects(db: &DatabaseConnection, backend: Backend) -> BTreeSet<String> {
    let sql = match backend {
        Backend::Sqlite => {
            "SELECT type || ' ' || name || ' ' || coalesce(sql, '') AS object FROM sqlite_schema"
        }
        Backend::Postgres => {
            "SELECT 'relation ' || relname || ' ' || relkind::text || ' ' || coalesce(reloptions::text, '')
                 AS object FROM pg_class WHERE relnamespace = current_schema()::regnamespace
             UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index
                 JOIN pg_class ON pg_class.oid = indexrelid
                 WHERE relnamespace = current_schema()::regnamespace
             UNION ALL SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid)
                 FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
             UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
             UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc
                 WHERE pronamespace = current_schema()::regnamespace
             UNION ALL SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' '
                     || coalesce(collation_name, '')
                 FROM information_schema.columns WHERE table_schema = current_schema()"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let objects = rows.unwrap().into_iter().map(|row| row.try_get("", "object").unwrap());
    objects.filter(|object: &String| !object.contains(BOOKKEEPING)).collect()
}

async fn goes_up_down_and_up_again(backend: Backend) {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(backend, folder.path()).await;
    if backend == Backend::Sqlite {
        std::fs::File::create(folder.path().join("daybook.db")).unwrap();
    }
    let db = database.connect().await;
    let states = async || -> Vec<bool> {
        let steps = daybook_migration::status(&db).await.unwrap();
        steps.iter().map(|step| step.is_applied).collect()
    };
    assert!(!states().await.is_empty());
    assert_eq!(tables(&db, backend).await, BTreeMap::new());
    assert!(states().await.iter().all(|is_applied| !is_applied));
    let empty = objects(&db, backend).await;
    daybook_migration::up(&db).await.unwrap();
    assert!(states().await.iter().all(|is_applied| *is_applied));
    let first = objects(&db, backend).await;
    assert!(first.len() > empty.len() + 50);

    daybook_migration::down(&db).await.unwrap();
    assert!(states().await.iter().all(|is_applied| !is_applied));
    assert_eq!(objects(&db, backend).await, empty, "left behind");
    daybook_migration::up(&db).await.unwrap();
    assert_eq!(objects(&db, backend).await, first, "another schema at the second time");
    daybook_migration::up(&db).await.unwrap();
    assert_eq!(objects(&db, backend).await, first, "up changes what is up to date");
    db.close().await.unwrap();
    database.drop().await;
}

async fn schema_is_that_of_the_entities(backend: Backend) {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(backend, folder.path()).await;
    migrate(&database, folder.path(), "up");
    let db = database.connect().await;
    let (found, expected) = (tables(&db, backend).await, entities());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (table, columns) in expected {
        assert_eq!(found[&table], columns, "{table}: column → (can be null, place in the key)");
    }
    db.close().await.unwrap();
    database.drop().await;
}

/// Runs `daybook migrate`, and returns its lines.
fn migrate(database: &TestDatabase, folder: &std::path::Path, verb: &str) -> Vec<String> {
    let mut command = binary::daybook(folder);
    command.args(["migrate", verb]).env("DAYBOOK_DATABASE_URL", &database.url);
    binary::stdout(&mut command).lines().map(str::to_owned).collect()
}

async fn command_line_tells_and_applies_what_is_missing(backend: Backend) {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(backend, folder.path()).await;
    let applied = migrate(&database, folder.path(), "up");
    assert!(applied[0].starts_with("applied m") && applied[0].ends_with("_initial"), "{applied:?}");
    assert_eq!(migrate(&database, folder.path(), "status"), applied);
    assert_eq!(migrate(&database, folder.path(), "up"), applied);
    let db = database.connect().await;
    let (last, rest) = applied.split_last().unwrap();
    let name = last.strip_prefix("applied ").unwrap();
    let forget = format!("DELETE FROM seaql_migrations WHERE version = '{name}'");
    db.execute_unprepared(&forget).await.unwrap();
    db.close().await.unwrap();
    let missing = [rest, &[format!("missing {name}")]].concat();
    for _ in 0..2 {
        assert_eq!(
            migrate(&database, folder.path(), "status"),
            missing,
            "asking changed something"
        );
    }
    database.drop().await;
}

async fn many_processes_migrate_at_once(backend: Backend) {
    for round in 0..5 {
        let folder = TempDir::with_prefix("daybook-test-").unwrap();
        let database = TestDatabase::create(backend, folder.path()).await;
        let verbs = ["up", "status", "up", "status", "up", "status"];
        let processes: Vec<_> = verbs
            .iter()
            .map(|verb| {
                let mut command = binary::daybook(folder.path());
                command.args(["migrate", verb]).env("DAYBOOK_DATABASE_URL", &database.url);
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
                command.spawn().unwrap()
            })
            .collect();
        for (verb, process) in verbs.iter().zip(processes) {
            let output = process.wait_with_output().unwrap();
            let said = binary::stderr(&output);
            let is_too_early =
                *verb == "status" && said.contains("there is no Daybook database at ");
            assert!(output.status.success() || is_too_early, "round {round}: {said}");
        }
        let db = database.connect().await;
        assert_eq!(tables(&db, backend).await, entities());
        db.close().await.unwrap();
        database.drop().await;
    }
}

async fn newer_schema_is_refused(backend: Backend) {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(backend, folder.path()).await;
    migrate(&database, folder.path(), "up");
    let db = database.connect().await;
    // Also one that the version before could go on with: who starts is to be of the newer version.
    let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20991231_000001_expand_all', 1)";
    db.execute_unprepared(sql).await.unwrap();
    let before = objects(&db, backend).await;
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    for arguments in [&serve[..], &["worker"], &["migrate", "up"], &["migrate", "status"]] {
        let mut command = binary::daybook(folder.path());
        command.args(arguments).env("DAYBOOK_DATABASE_URL", &database.url);
        let output = command.output().unwrap();
        let said = binary::stderr(&output);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        for words in [
            "schema is newer than this version of Daybook",
            "m20991231_000001_expand_all",
            "run the version that migrated it",
        ] {
            assert!(said.contains(words), "{arguments:?}: {said}");
        }
        assert!(!said.contains("SELECT") && !said.contains("Custom"), "{said}");
    }
    assert_eq!(objects(&db, backend).await, before);
    db.close().await.unwrap();
    database.drop().await;
}

async fn database_of_before_the_first_release_is_refused(backend: Backend) {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(backend, folder.path()).await;
    migrate(&database, folder.path(), "up");
    let db = database.connect().await;
    let sql = "UPDATE seaql_migrations SET version = 'm20261121_000001_initial' WHERE version LIKE '%_initial'";
    db.execute_unprepared(sql).await.unwrap();
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["worker"],
        &["migrate", "up"],
        &["migrate", "status"],
        &["token", "--organization", "acme", "--role", "admin"],
    ] {
        let mut command = binary::daybook(folder.path());
        command.args(arguments).env("DAYBOOK_DATABASE_URL", &database.url);
        let output = command.output().unwrap();
        let said = binary::stderr(&output);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        for words in ["development version", "before the first release", "use a new, empty one"] {
            assert!(said.contains(words), "{arguments:?}: {said}");
        }
    }
    db.close().await.unwrap();
    database.drop().await;
}

/// PostgreSQL's own setting waits for a fifth of a table, which is much of a large one.
#[tokio::test]
async fn postgres_vacuums_the_log_by_the_hundredth() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(Backend::Postgres, folder.path()).await;
    let db = database.connect().await;
    daybook_migration::up(&db).await.unwrap();
    for table in ["audit_logs", SEARCH] {
        let sql = format!("SELECT reloptions::text FROM pg_class WHERE oid = '{table}'::regclass");
        let statement = Statement::from_string(db.get_database_backend(), sql);
        let options = db.query_one_raw(statement).await.unwrap().unwrap();
        let options: String = options.try_get_by_index(0).unwrap();
        for setting in ["vacuum_scale_factor", "vacuum_insert_scale_factor"] {
            assert!(options.contains(&format!("autovacuum_{setting}=0.01")), "{table}: {options}");
        }
    }
    db.close().await.unwrap();
    database.drop().await;
}

/// A test of a database without a server, on each engine.
macro_rules! on_each_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                super::$name(daybook_tests::Backend::Sqlite).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                super::$name(daybook_tests::Backend::Postgres).await;
            })*
        }
    };
}

on_each_database! {
    command_line_tells_and_applies_what_is_missing,
    goes_up_down_and_up_again,
    many_processes_migrate_at_once,
    database_of_before_the_first_release_is_refused,
    newer_schema_is_refused,
    schema_is_that_of_the_entities,
}
