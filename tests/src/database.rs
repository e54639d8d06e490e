//! A database for one test.

use std::path::Path;

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};

/// The engine to test on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A database of its own, empty at first.
pub struct TestDatabase {
    pub backend: Backend,
    pub url: String,
    /// The server that it is on, where it is on one.
    server: Option<String>,
}

impl TestDatabase {
    pub async fn create(backend: Backend, folder: &Path) -> Self {
        crate::deadline::set();
        match backend {
            Backend::Sqlite => {
                let url = format!("sqlite://{}", folder.join("daybook.db").display());
                Self { backend, url, server: None }
            }
            Backend::Postgres => Self::create_on(postgres_server()).await,
        }
    }

    /// On a PostgreSQL server, whose URL names a superuser and another database.
    pub async fn create_on(server: String) -> Self {
        let name = uuid::Uuid::from_bytes(daybook_service::random_bytes()).simple();
        let name = format!("test_{name}");
        let admin = Database::connect(&server).await.unwrap();
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        admin.close().await.unwrap();
        let (start, _) = server.rsplit_once('/').unwrap();
        let url = format!("{start}/{name}");
        Self { backend: Backend::Postgres, url, server: Some(server) }
    }

    /// A connection that Daybook does not know of.
    pub async fn connect(&self) -> DatabaseConnection {
        Database::connect(&self.url).await.unwrap()
    }

    /// Removes a PostgreSQL database; a SQLite one goes with its folder.
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

/// The throw-away server that `tests/with-postgres` starts.
pub fn postgres_server() -> String {
    std::env::var("DAYBOOK_TEST_POSTGRES_URL").expect(
        "tests on PostgreSQL need a server: run `make test`, or `tests/with-postgres cargo test …`",
    )
}
