//! A database for one test.

use std::path::Path;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};

/// The engine to test on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A database for one test, empty at first.
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

    pub async fn create(backend: Backend, folder: &Path) -> Self {
        crate::deadline::set();
        match backend {
            Backend::Sqlite => {
                let url = format!("sqlite://{}", folder.join("daybook.db").display());
                Self { backend, url, role_url: None, server: None }
            }
            Backend::Postgres => Self::create_on(postgres_server()).await,
        }
    }

    /// Creates a database on a PostgreSQL server, whose URL names a superuser and another database.
    pub async fn create_on(server: String) -> Self {
        let name = uuid::Uuid::from_bytes(daybook_service::random_bytes()).simple();
        let name = format!("test_{name}");
        let admin = Database::connect(&server).await.unwrap();
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        admin.close().await.unwrap();
        let (start, _) = server.rsplit_once('/').unwrap();
        let url = format!("{start}/{name}");
        Self { backend: Backend::Postgres, url, role_url: None, server: Some(server) }
    }

    /// Creates the schema, and has Daybook connect as a role that may use the tables but doesn't own them,
    /// so that row-level security applies to it.
    pub async fn walled(mut self) -> Self {
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
        let (scheme, rest) = self.url.split_once("://").unwrap();
        let (_, place) = rest.split_once('@').unwrap();
        self.role_url = Some(format!("{scheme}://{0}:{0}@{place}", Self::ROLE));
        self
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
        if let Some(server) = self.server {
            let (_, name) = self.url.rsplit_once('/').unwrap();
            let admin = Database::connect(server).await.unwrap();
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            admin.execute_unprepared(&sql).await.unwrap();
            admin.close().await.unwrap();
        }
    }
}

/// Returns the URL of the temporary server that `tests/with-postgres` starts.
pub fn postgres_server() -> String {
    std::env::var("DAYBOOK_TEST_POSTGRES_URL").expect(
        "tests on PostgreSQL need a server: run `make test`, or `tests/with-postgres cargo test …`",
    )
}
