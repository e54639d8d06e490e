//! Daybook refuses to start with wrong settings, and says what to change.

use std::{process::Stdio, time::Duration};

use daybook_tests::{Backend, TestDatabase, binary, postgres_server};
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

const SECRET: &str = "a secret that is long enough, the first one";

/// Returns the error of a start that must fail, and that must print nothing to standard output.
async fn refusal(folder: &TempDir, url: &str, secret: &str, arguments: &[&str]) -> String {
    let mut command = binary::daybook(folder.path());
    command.env("DAYBOOK_DATABASE_URL", url).env("DAYBOOK_SECRET", secret);
    command.env("DAYBOOK_LISTEN", "127.0.0.1:0").args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        while child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let is_over = ended.await.is_ok();
    if !is_over {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(is_over, "{arguments:?} runs on {url}");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", binary::stderr(&output));
    assert!(output.stdout.is_empty());
    binary::stderr(&output)
}

fn create_organization(folder: &TempDir, url: &str, secret: &str, slug: &str) {
    let mut command = binary::daybook(folder.path());
    command.env("DAYBOOK_DATABASE_URL", url).env("DAYBOOK_SECRET", secret);
    binary::stdout(command.args(["organization", "create", slug, "--name", slug, "--init"]));
}

async fn another_secret_is_refused(backend: Backend) {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(backend, folder.path()).await;
    create_organization(&folder, &database.url, SECRET, "acme");
    let other = SECRET.replace("first", "second");
    let token = ["token", "--organization", "acme", "--role", "admin"];
    for arguments in [&["serve"][..], &["worker"], &token] {
        let said = refusal(&folder, &database.url, &other, arguments).await;
        assert!(said.contains("another secret") && said.contains("DAYBOOK_SECRET"), "{said}");
        assert!(!said.contains(&other) && !said.contains(SECRET), "{said}");
    }
    // The first one still opens it.
    create_organization(&folder, &database.url, SECRET, "beta");
    database.drop().await;
}

#[tokio::test]
async fn another_secret_is_refused_on_sqlite() {
    another_secret_is_refused(Backend::Sqlite).await;
}

#[tokio::test]
async fn another_secret_is_refused_on_postgres() {
    another_secret_is_refused(Backend::Postgres).await;
}

#[tokio::test]
async fn short_secret_is_refused() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let url = format!("sqlite://{}", folder.path().join("daybook.db").display());
    let said = refusal(&folder, &url, "hunter2", &["serve"]).await;
    assert!(said.contains("DAYBOOK_SECRET") && said.contains("32 characters"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn sqlite_in_memory_is_refused() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    for url in
        ["sqlite::memory:", "sqlite://:memory:", "sqlite:", "sqlite://", "sqlite:x?mode=memory"]
    {
        let said = refusal(&folder, url, SECRET, &["serve"]).await;
        assert!(said.contains("name a file"), "{url}: {said}");
    }
}

#[tokio::test]
async fn unknown_kind_of_database_is_refused() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    for url in ["mysql://localhost/daybook", "daybook.db", ""] {
        let said = refusal(&folder, url, SECRET, &["serve"]).await;
        assert!(said.contains("sqlite:") && said.contains("postgres:"), "{url}: {said}");
    }
}

#[tokio::test]
async fn postgres_that_commits_asynchronously_is_refused() {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let database = TestDatabase::create(Backend::Postgres, folder.path()).await;
    let (_, name) = database.url.rsplit_once('/').unwrap();
    let admin = Database::connect(postgres_server()).await.unwrap();
    let role = format!("{name}_role");
    admin.execute_unprepared(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'")).await.unwrap();
    admin.execute_unprepared(&format!("GRANT ALL ON DATABASE {name} TO {role}")).await.unwrap();
    let (_, address) = database.url.rsplit_once('@').unwrap();
    let of_role = format!("postgres://{role}:x@{address}");
    for (subject, url) in
        [(format!("DATABASE {name}"), &database.url), (format!("ROLE {role}"), &of_role)]
    {
        let set = format!("ALTER {subject} SET synchronous_commit = off");
        admin.execute_unprepared(&set).await.unwrap();
        let said = refusal(&folder, url, SECRET, &["serve"]).await;
        assert!(said.contains("set synchronous_commit = on"), "{subject}: {said}");
        let reset = format!("ALTER {subject} RESET synchronous_commit");
        admin.execute_unprepared(&reset).await.unwrap();
    }
    // Nothing but that setting was in its way.
    create_organization(&folder, &database.url, SECRET, "acme");
    database.drop().await;
    admin.execute_unprepared(&format!("DROP ROLE {role}")).await.unwrap();
    admin.close().await.unwrap();
}
