//! Commands on a missing database, or on one of another version, create and change nothing, and report where
//! they looked.

use std::{fs, path::Path, process::Output};

use daybook_tests::{Backend, TestDatabase, binary};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

const SECRET: &str = "a secret that is long enough, the first one";

/// Returns every command that needs an existing instance.
fn commands() -> Vec<Vec<&'static str>> {
    let acme = ["--organization", "acme"];
    let of_acme = |command: &[&'static str], rest: &[&'static str]| [command, &acme, rest].concat();
    vec![
        vec!["worker"],
        vec!["migrate", "status"],
        vec!["organization", "create", "acme", "--name", "Acme"],
        of_acme(&["token"], &["--role", "admin"]),
        vec!["token", "--operator"],
        of_acme(&["member", "set"], &["--role", "admin", "ada"]),
        of_acme(&["member", "remove"], &["ada"]),
        of_acme(&["member", "list"], &[]),
        of_acme(&["api-key", "create"], &["--role", "writer", "--name", "shipper"]),
        of_acme(&["api-key", "revoke"], &["1a2b3c4d5e6f7a8b"]),
        of_acme(&["api-key", "list"], &[]),
        vec!["operator", "remove", "ada"],
        vec!["operator", "list"],
        vec!["backup", "list"],
        vec!["backup", "download", "a-backup"],
        vec!["secret", "rotate", "--print"],
        vec!["secret", "adopt", "--accept-loss"],
        of_acme(&["import", "audit-logs"], &["-"]),
        of_acme(&["import", "notes"], &["--workspace", "docs", "."]),
        of_acme(&["retention", "set"], &["--days", "7"]),
        of_acme(&["retention", "show"], &[]),
        of_acme(&["hold", "place"], &["--reason", "a lawsuit", "case-7"]),
        of_acme(&["hold", "release"], &["case-7"]),
        of_acme(&["hold", "list"], &[]),
    ]
}

/// Returns the error of a run in `folder` that must fail and print nothing.
fn refused(folder: &Path, url: Option<&str>, arguments: &[&str]) -> String {
    let output = run(folder, url, arguments);
    let said = binary::stderr(&output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{arguments:?}: {said}");
    said
}

fn run(folder: &Path, url: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = binary::daybook(folder);
    command.env_remove("DAYBOOK_DATA_DIR").current_dir(folder).env("DAYBOOK_SECRET", SECRET);
    command.envs(url.map(|url| ("DAYBOOK_DATABASE_URL", url)));
    command.args(arguments).stdin(std::process::Stdio::null()).output().unwrap()
}

/// Returns the name and content of all files in a folder, whose subfolders must be known.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = files
        .map(|file| {
            (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap_or_default())
        })
        .collect();
    files.sort();
    files
}

/// The text must say where it looked and what to do.
fn names(said: &str, database: &str) {
    for words in [
        &format!("there is no Daybook database at {database}: ")[..],
        "DAYBOOK_DATABASE_URL",
        "`daybook serve` or `daybook migrate up` creates a new database",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn nothing_is_made_in_the_wrong_folder() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let place = folder.path().canonicalize().unwrap();
    let database = format!("sqlite://{}/daybook-data/daybook.db", place.display());
    for command in commands() {
        names(&refused(&place, None, &command), &database);
        assert_eq!(content(&place), [], "{command:?} left something");
    }
    let elsewhere = format!("sqlite://{}/not here/daybook.db?mode=rwc", place.display());
    let said = refused(&place, Some(&elsewhere), &["operator", "list"]);
    names(&said, elsewhere.trim_end_matches("?mode=rwc"));
    assert_eq!(content(&place), []);
}

#[test]
fn file_that_is_not_daybooks_is_left_as_it_is() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let path = folder.path().canonicalize().unwrap();
    let file = path.join("a file.db");
    let url = format!("sqlite://{}", file.display());
    let encoded = url.replace(' ', "%20");
    let another = TempDir::with_prefix("daybook-test-").unwrap();
    let sqlite = another.path().join("another.db");
    let made = std::process::Command::new("python3")
        .args(["-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('CREATE TABLE t (a)'); c.commit()"])
        .arg(&sqlite)
        .status();
    assert!(made.unwrap().success());
    for is in [
        Vec::new(),
        b"no database at all, but a text of some length".repeat(99),
        fs::read(sqlite).unwrap(),
    ] {
        fs::write(&file, &is).unwrap();
        for command in commands() {
            for url in [&url, &encoded] {
                let said = refused(&path, Some(url), &command);
                assert!(
                    said.contains(&format!("sqlite://{}", file.display())),
                    "{command:?}: {said}"
                );
                assert_eq!(content(&path), [("a file.db".to_owned(), is.clone())], "{command:?}");
            }
        }
        let doctor = run(&path, Some(&url), &["doctor"]);
        assert!(!doctor.status.success());
        assert_eq!(content(&path), [("a file.db".to_owned(), is)], "doctor");
    }
}

#[tokio::test]
async fn nothing_is_made_in_an_empty_postgres() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(Backend::Postgres, folder.path()).await;
    let place = folder.path().canonicalize().unwrap();
    let db = database.connect().await;
    let empty = crate::migration::objects(&db, Backend::Postgres).await;
    let (login, rest) = database.url.split_once('@').unwrap();
    let (user, password) = login.rsplit_once(':').unwrap();
    assert!(!password.is_empty() && password != "***", "the test needs a password to look for");
    for command in commands() {
        let said = refused(&place, Some(&database.url), &command);
        names(&said, &format!("{user}:***@{rest}"));
        assert_eq!(content(&place), [], "{command:?} left something");
    }
    assert_eq!(crate::migration::objects(&db, Backend::Postgres).await, empty);
    db.close().await.unwrap();
    database.drop().await;
}

/// The database must be named, without its password.
fn names_database(said: &str, url: &str) {
    let place = url.rsplit_once('@').map_or(url, |(_, place)| place);
    assert!(said.contains(place.trim_end_matches("?mode=rwc")), "{url}: {said}");
}

async fn schema_of_another_version_is_left_as_it_is(backend: Backend) {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(backend, folder.path()).await;
    let place = folder.path().canonicalize().unwrap();
    let url = Some(&database.url[..]);
    assert!(run(&place, url, &["migrate", "up"]).status.success());
    let db = database.connect().await;
    let last = daybook_migration::names().pop().unwrap();
    let forget = format!("DELETE FROM seaql_migrations WHERE version = '{last}'");
    db.execute_unprepared(&forget).await.unwrap();
    for command in commands().iter().filter(|command| command[..] != ["migrate", "status"]) {
        let said = refused(&place, url, command);
        let words = "older than this version of Daybook (1 migrations are missing): run `daybook migrate up`";
        assert!(said.contains(words), "{command:?}: {said}");
        names_database(&said, &database.url);
    }
    let status = run(&place, url, &["migrate", "status"]);
    assert!(binary::stdout_of(&status).contains(&format!("missing {last}")));
    let learn = "INSERT INTO seaql_migrations VALUES ('m29990101_000001_later', 1)";
    db.execute_unprepared(learn).await.unwrap();
    for command in commands() {
        let said = refused(&place, url, &command);
        assert!(said.contains("newer than this version of Daybook"), "{command:?}: {said}");
        names_database(&said, &database.url);
    }
    db.close().await.unwrap();
    database.drop().await;
}

#[tokio::test]
async fn schema_of_another_version_is_left_as_it_is_on_sqlite() {
    schema_of_another_version_is_left_as_it_is(Backend::Sqlite).await;
}

#[tokio::test]
async fn schema_of_another_version_is_left_as_it_is_on_postgres() {
    schema_of_another_version_is_left_as_it_is(Backend::Postgres).await;
}

/// An organization can be the first thing that there is, for whoever says so.
#[test]
fn organization_with_init_makes_the_database() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let daybook = |arguments: &[&str]| {
        let mut command = binary::daybook(folder.path());
        command.args(arguments).output().unwrap()
    };
    let create = ["organization", "create", "acme", "--name", "Acme"];
    assert_eq!(daybook(&create).status.code(), Some(1));
    assert_eq!(content(folder.path()), []);
    assert!(daybook(&[&create[..], &["--init"]].concat()).status.success());
    assert!(daybook(&["token", "--organization", "acme", "--role", "admin"]).status.success());
    // Without the secret nothing is signed with another one.
    fs::remove_file(folder.path().join("secret")).unwrap();
    let said = binary::stderr(&daybook(&["token", "--operator"]));
    assert!(said.contains("made with another secret") && said.contains("DAYBOOK_SECRET"), "{said}");
    assert!(!folder.path().join("secret").exists());
}

/// A command that runs elsewhere than the server does needs no folder of its own.
#[tokio::test]
async fn command_makes_no_folder_of_artifacts() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(Backend::Postgres, folder.path()).await;
    let place = folder.path().canonicalize().unwrap();
    assert!(run(&place, Some(&database.url), &["migrate", "up"]).status.success());
    let create = ["organization", "create", "acme", "--name", "Acme"];
    assert!(run(&place, Some(&database.url), &create).status.success());
    assert_eq!(content(&place), []);
    database.drop().await;
}
