//! A database for one test.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

const SQLITE_FILE: &str = "daybook.db";

/// Content of a SQLite file with the schema, which is created once in a run and copied.
static SQLITE_SCHEMA: OnceCell<Vec<u8>> = OnceCell::const_new();
/// Database with the schema on the run's PostgreSQL server, which is created once in a run and copied.
static POSTGRES_SCHEMA: OnceCell<TestDatabase> = OnceCell::const_new();

/// The engine to test on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A database for one test.
pub struct TestDatabase {
    pub backend: Backend,
    /// URL for the test itself, which inspects and removes the database.
    pub url: String,
    /// URL for Daybook, if Daybook connects as a role with fewer privileges.
    role_url: Option<String>,
    /// URL of the PostgreSQL server that holds the database. None on SQLite.
    server: Option<String>,
}

impl TestDatabase {
    /// Role that owns nothing, so that row-level security applies to it. Its name is its password.
    pub const ROLE: &str = "daybook_without_rights";

    /// Creates an empty database.
    pub async fn create(backend: Backend, folder: &Path) -> Self {
        crate::deadline::set();
        match backend {
            Backend::Sqlite => Self::sqlite(folder),
            Backend::Postgres => Self::create_on(postgres_server()).await,
        }
    }

    /// Creates a database with the schema, for a server that starts on it. If `DAYBOOK_TEST_ROW_SECURITY` is
    /// set, a database on PostgreSQL is [`walled`](Self::walled).
    pub async fn migrated(backend: Backend, folder: &Path) -> Self {
        crate::deadline::set();
        match backend {
            Backend::Sqlite => {
                let database = Self::sqlite(folder);
                let schema = SQLITE_SCHEMA.get_or_init(sqlite_schema).await;
                let mut options = OpenOptions::new();
                let file = options.write(true).create_new(true).mode(0o600);
                let mut file = file.open(folder.join(SQLITE_FILE)).unwrap();
                file.write_all(schema).unwrap();
                database
            }
            Backend::Postgres => {
                let template = POSTGRES_SCHEMA.get_or_init(postgres_schema).await;
                let options = format!("TEMPLATE {}", template.name());
                let database = Self::copied_on(postgres_server(), &options).await;
                if template.role_url.is_some() { database.with_role() } else { database }
            }
        }
    }

    fn sqlite(folder: &Path) -> Self {
        let url = format!("sqlite://{}", folder.join(SQLITE_FILE).display());
        Self { backend: Backend::Sqlite, url, role_url: None, server: None }
    }

    /// Creates an empty database on a PostgreSQL server, whose URL names a superuser and another database.
    pub async fn create_on(server: String) -> Self {
        Self::copied_on(server, "").await
    }

    async fn copied_on(server: String, options: &str) -> Self {
        let name = uuid::Uuid::from_bytes(daybook_service::random_bytes()).simple();
        let name = format!("test_{name}");
        let admin = Database::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name} {options}");
        admin.execute_unprepared(&create).await.unwrap();
        admin.close().await.unwrap();
        let (start, _) = server.rsplit_once('/').unwrap();
        let url = format!("{start}/{name}");
        Self { backend: Backend::Postgres, url, role_url: None, server: Some(server) }
    }

    /// Creates the schema, and has Daybook connect as a role that may use the tables but doesn't own them,
    /// so that row-level security applies to it.
    pub async fn walled(self) -> Self {
        let owner = self.connect().await;
        let role = Self::ROLE;
        let role = format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN PASSWORD '{role}'; \
               EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$; \
             ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}; \
             ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO {role}"
        );
        owner.execute_unprepared(&role).await.unwrap();
        daybook_migration::up(&owner).await.unwrap();
        owner.close().await.unwrap();
        self.with_role()
    }

    /// Has Daybook connect as the role without privileges.
    fn with_role(mut self) -> Self {
        let (scheme, rest) = self.url.split_once("://").unwrap();
        let (_, place) = rest.split_once('@').unwrap();
        self.role_url = Some(format!("{scheme}://{0}:{0}@{place}", Self::ROLE));
        self
    }

    /// Name of a PostgreSQL database.
    fn name(&self) -> &str {
        self.url.rsplit_once('/').unwrap().1
    }

    /// URL with which Daybook connects.
    pub fn daybook_url(&self) -> &str {
        self.role_url.as_deref().unwrap_or(&self.url)
    }

    /// Opens a connection that is independent of Daybook.
    pub async fn connect(&self) -> DatabaseConnection {
        Database::connect(&self.url).await.unwrap()
    }

    /// Removes a PostgreSQL database. A SQLite database is removed with its folder.
    pub async fn drop(self) {
        if let Some(server) = &self.server {
            let admin = Database::connect(server).await.unwrap();
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name());
            admin.execute_unprepared(&sql).await.unwrap();
            admin.close().await.unwrap();
        }
    }
}

async fn sqlite_schema() -> Vec<u8> {
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    migrate(&TestDatabase::sqlite(folder.path())).await;
    std::fs::read(folder.path().join(SQLITE_FILE)).unwrap()
}

async fn postgres_schema() -> TestDatabase {
    let database = TestDatabase::create_on(postgres_server()).await;
    if std::env::var_os("DAYBOOK_TEST_ROW_SECURITY").is_some() {
        return database.walled().await;
    }
    migrate(&database).await;
    database
}

/// Creates the schema as a server does, which then stops.
async fn migrate(database: &TestDatabase) {
    let read_timeout = Duration::from_secs(60);
    let db = daybook_service::Database::connect_with(&database.url, read_timeout).await.unwrap();
    daybook_migration::up(db.for_migration()).await.unwrap();
    db.close().await.unwrap();
}

/// Returns the URL of the temporary server that `tests/with-postgres` starts.
pub fn postgres_server() -> String {
    std::env::var("DAYBOOK_TEST_POSTGRES_URL").expect(
        "tests on PostgreSQL need a server: run `make test`, or `tests/with-postgres cargo test …`",
    )
}
