//! A server for one test: the production server in this process, on a free port.

use daybook_api::{
    config::Config,
    server::{Duties, Server},
};
use daybook_entity::membership::Role;
use daybook_service::{
    Clock, GlobalId, Instance, Permission, Scope, Viewer,
    access::token,
    organizations,
    organizations::{members, operators},
    retention, tenancy,
};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

use crate::{Backend, Client, Socket, TestDatabase, invariants};

pub struct TestServer {
    pub database: TestDatabase,
    pub config: Config,
    pub clock: Clock,
    server: Server,
    folder: TempDir,
}

impl TestServer {
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_| {}).await
    }

    /// Starts a server with changed settings.
    pub async fn start_with(backend: Backend, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_as(backend, Duties::ServeAndWork, change).await
    }

    /// Starts a server without a worker, so that jobs stay queued.
    pub async fn start_idle(backend: Backend) -> Self {
        Self::start_idle_with(backend, |_| {}).await
    }

    /// Starts a server without a worker and with changed settings.
    pub async fn start_idle_with(backend: Backend, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_as(backend, Duties::Serve, change).await
    }

    /// Starts a server with other duties. On a server that only serves, jobs stay queued.
    pub async fn start_as(
        backend: Backend,
        duties: Duties,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = TempDir::with_prefix("daybook-test-").unwrap();
        let database = TestDatabase::migrated(backend, folder.path()).await;
        Self::start_on(database, folder, duties, change).await
    }

    /// Starts a server without a worker on an existing database.
    pub async fn start_idle_on(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::with_prefix("daybook-test-").unwrap();
        Self::start_on(database, folder, Duties::Serve, change).await
    }

    /// Starts a server with a worker on an existing database.
    pub async fn start_on_copy(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::with_prefix("daybook-test-").unwrap();
        Self::start_on(database, folder, Duties::ServeAndWork, change).await
    }

    async fn start_on(
        database: TestDatabase,
        folder: TempDir,
        duties: Duties,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config {
            data_dir: folder.path().to_owned(),
            database_url: Some(database.daybook_url().to_owned()),
            listen: "127.0.0.1:0".parse().unwrap(),
            // Most tests are of something else.
            exports_per_hour: 1_000_000,
            ..Config::default()
        };
        config.backups.backups_per_hour = 1_000;
        change(&mut config);
        let clock = Clock::default();
        let server = Server::start(config.clone(), duties, clock.clone()).await.unwrap();
        Self { database, config, clock, server, folder }
    }

    /// Starts the worker of a server that was started without one.
    pub fn start_work(&self) {
        daybook_api::server::start_work(self.instance());
    }

    /// Takes all connections that jobs read with. Attempts wait until the result is dropped.
    pub async fn hold_bulk_connections(&self) -> Vec<sea_orm::DatabaseTransaction> {
        use sea_orm::TransactionTrait;
        let mut held = Vec::new();
        for _ in 0..daybook_service::Database::BULK_CONNECTIONS {
            held.push(self.instance().db.bulk().begin().await.unwrap());
        }
        held
    }

    pub fn backend(&self) -> Backend {
        self.database.backend
    }

    pub fn instance(&self) -> &Arc<Instance> {
        &self.server.instance
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address)
    }

    /// Starts another server on the same database and artifacts.
    pub async fn start_another(&self, duties: Duties) -> Server {
        self.start_another_with(duties, |_| {}).await
    }

    /// Starts another server on the same database and artifacts, with changed settings.
    pub async fn start_another_with(
        &self,
        duties: Duties,
        change: impl FnOnce(&mut Config),
    ) -> Server {
        let mut config = self.config.clone();
        change(&mut config);
        Server::start(config, duties, self.clock.clone()).await.unwrap()
    }

    /// Returns a client of `subject` at another server on the same database.
    pub fn client_at(&self, server: &Server, subject: &str) -> Client {
        Client::new(format!("http://{}", server.address), Some(self.token(subject)))
    }

    /// Starts another server without a worker on the same database and artifacts, with changed settings.
    pub async fn start_node(&self, change: impl FnOnce(&mut Config)) -> Server {
        let mut config = self.config.clone();
        change(&mut config);
        Server::start(config, Duties::Serve, self.clock.clone()).await.unwrap()
    }

    /// Creates an organization, and returns its ID.
    pub async fn organization(&self, slug: &str) -> String {
        let viewer = Viewer::command_line("test");
        let made = organizations::create(&self.instance().core, &viewer, slug, slug);
        let made = tenancy::system(made).await.unwrap();
        GlobalId::Organization(made.id).to_string()
    }

    /// Sets the role of `subject`.
    pub async fn set_member(&self, organization: &str, subject: &str, role: Role) {
        self.as_system(organization, Permission::SetMembers, async |scope| {
            members::set(scope, subject, None, role).await.unwrap();
        })
        .await;
    }

    /// Removes the role of `subject`.
    pub async fn remove_member(&self, organization: &str, subject: &str) {
        self.as_system(organization, Permission::RemoveMembers, async |scope| {
            assert!(members::remove(scope, subject).await.unwrap());
        })
        .await;
    }

    /// Places a hold on the organization's log.
    pub async fn place_hold(&self, organization: &str, name: &str) {
        self.as_system(organization, Permission::PlaceHolds, async |scope| {
            retention::place_hold(scope, name, name).await.unwrap();
        })
        .await;
    }

    /// Does `work` in an organization as the command line does.
    pub async fn as_system(
        &self,
        organization: &str,
        permission: Permission,
        work: impl AsyncFnOnce(&Scope),
    ) {
        let (id, viewer) = (raw_organization(organization), Viewer::command_line("test"));
        tenancy::system(async {
            let scope = self.instance().enter(&viewer, id, permission, &[]).await.unwrap();
            work(&scope).await;
        })
        .await;
    }

    /// Returns a bearer token for `subject`.
    pub fn token(&self, subject: &str) -> String {
        self.token_for(subject, Duration::from_secs(3600))
    }

    pub fn token_for(&self, subject: &str, ttl: Duration) -> String {
        let email = format!("{subject}@test.example");
        let instance = self.instance();
        token::issue(&instance.secret, subject, Some(&email), ttl, self.clock.now()).unwrap()
    }

    /// Returns a client with a role in `organization`, whose subject has the role's name.
    pub async fn client(&self, organization: &str, role: Role) -> Client {
        let subject = format!("{role:?}").to_lowercase();
        self.set_member(organization, &subject, role).await;
        self.client_of(&subject)
    }

    /// Returns a client of a subject, which need not have a role.
    pub fn client_of(&self, subject: &str) -> Client {
        Client::new(self.url(""), Some(self.token(subject)))
    }

    /// Returns a client of an operator.
    pub async fn operator(&self) -> Client {
        let viewer = Viewer::command_line("test");
        let added = operators::add(&self.instance().core, &viewer, "operator", None);
        tenancy::system(added).await.unwrap();
        self.client_of("operator")
    }

    /// Returns a client without a credential.
    pub fn anonymous(&self) -> Client {
        Client::new(self.url(""), None)
    }

    /// Opens a WebSocket, and returns it once the server has acknowledged it.
    pub async fn socket(&self, token: &str) -> Socket {
        Socket::connect(&self.url("/graphql"), token).await
    }

    /// Stops the server without checking invariants, for a database that another server made.
    pub async fn stop(self) {
        self.server.stop().await.unwrap();
        self.database.drop().await;
    }

    /// Stops the server and checks the invariants.
    pub async fn finish(self) {
        let Self { database, server, folder, config, .. } = self;
        server.stop().await.unwrap();
        invariants::check(&database, &config.data_dir.join("artifacts")).await;
        database.drop().await;
        drop(folder);
    }
}

/// Returns the UUID in an organization's ID.
pub fn raw_organization(id: &str) -> uuid::Uuid {
    match id.parse() {
        Ok(GlobalId::Organization(id)) => id,
        other => panic!("{other:?} is no organization"),
    }
}
