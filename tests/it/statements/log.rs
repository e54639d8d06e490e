//! Statements that a PostgreSQL server received, according to its log.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use daybook_tests::{TestDatabase, postgres_server};
use sea_orm::{ConnectionTrait, Database};

/// Has the server log each statement that is sent to this database from now on.
pub(super) async fn begin(database: &TestDatabase) {
    let name = name(database);
    let admin = Database::connect(postgres_server()).await.unwrap();
    for setting in ["log_statement = 'all'", "log_parameter_max_length = 0"] {
        let sql = format!("ALTER DATABASE {name} SET {setting}");
        admin.execute_unprepared(&sql).await.unwrap();
    }
    admin.close().await.unwrap();
}

/// Each statement that Daybook sent to the database, once.
pub(super) fn statements(database: &TestDatabase) -> BTreeSet<String> {
    let folder = env::var("DAYBOOK_TEST_POSTGRES_DATA").expect(
        "its statements are read from the log of a server that tests/with-postgres started",
    );
    let log = PathBuf::from(folder).with_file_name("server.log");
    let log = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
    let sender = format!(" {} daybook LOG:  ", name(database));
    // A statement's lines but the first begin with a tab.
    let records = log.replace("\n\t", "\n ");
    let mut statements = BTreeSet::new();
    let mut statement: Option<String> = None;
    for line in records.lines() {
        if let (true, Some(statement)) = (line.starts_with(' '), &mut statement) {
            *statement += &format!("\n{line}");
            continue;
        }
        statements.extend(statement.take());
        statement = line.split_once(&sender).and_then(|(_, said)| {
            let (how, sql) = said.split_once(": ")?;
            (how == "statement" || how.starts_with("execute ")).then(|| sql.to_owned())
        });
    }
    statements.extend(statement);
    statements
}

fn name(database: &TestDatabase) -> &str {
    database.url.rsplit_once('/').unwrap().1
}
