//! A real PgBouncer in transaction mode, in front of a PostgreSQL server for one test.

use std::{
    fs::{self, File, Permissions},
    net::{TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Child, Command, Stdio},
};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use tempfile::TempDir;

use crate::{Cluster, eventually};

/// Number of connections that the pooler opens to a database: fewer than its clients, which have to share
/// them.
const SHARED: u32 = 4;
/// Role of the pooler at the server, by which its connections are recognized.
const ROLE: &str = "pooled";

/// A PgBouncer, which is killed when dropped.
pub struct PgBouncer {
    child: Child,
    port: u16,
    /// Connection to the server that bypasses the pooler.
    admin: DatabaseConnection,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts a pooler that connects to the server as a superuser.
    pub async fn of(cluster: &Cluster) -> Self {
        Self::with_rights(cluster, "SUPERUSER").await
    }

    /// Starts a pooler that has the privileges of `role`.
    pub async fn of_member(cluster: &Cluster, role: &str) -> Self {
        Self::with_rights(cluster, &format!("IN ROLE {role}")).await
    }

    async fn with_rights(cluster: &Cluster, rights: &str) -> Self {
        let admin = Database::connect(&cluster.url).await.unwrap();
        let role = format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}' {rights}");
        admin.execute_unprepared(&role).await.unwrap();
        let timeout = format!("ALTER ROLE {ROLE} SET idle_in_transaction_session_timeout = '10s'");
        admin.execute_unprepared(&timeout).await.unwrap();
        let folder = TempDir::with_prefix("daybook-pgbouncer-").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (_, server) = cluster.url.rsplit_once(':').unwrap();
        let (server, _) = server.split_once('/').unwrap();
        let configuration = format!(
            "[databases]
* = host=127.0.0.1 port={server} user={ROLE} password={ROLE}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
max_client_conn = 500
default_pool_size = {SHARED}
{}",
            recommended()
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, configuration).unwrap();
        // Read by somebody else, where this is root.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let child = run(&file);
        eventually("a PgBouncer that listens", 30, async || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .await;
        Self { child, port, admin, _folder: folder }
    }

    /// URL of a database of the server through the pooler.
    pub fn url(&self, database: &str) -> String {
        let (_, name) = database.rsplit_once('/').unwrap();
        format!("postgres://daybook@127.0.0.1:{}/{name}", self.port)
    }

    /// Asserts that the pooler was used, and that its clients shared few connections.
    pub async fn is_shared(&self) {
        let sql =
            format!("SELECT count(*) AS count FROM pg_stat_activity WHERE usename = '{ROLE}'");
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let row = self.admin.query_one_raw(statement).await.unwrap().unwrap();
        let connections: i64 = row.try_get("", "count").unwrap();
        assert!((1..=i64::from(SHARED)).contains(&connections), "{connections} connections");
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the settings that README.md recommends.
fn recommended() -> String {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, settings) =
        readme.split_once("```ini\n").expect("README.md tells PgBouncer's settings");
    let (settings, _) = settings.split_once("```").unwrap();
    // Which versions before 1.21 don't know.
    let known = |line: &&str| !line.starts_with("max_prepared_statements") || is_new();
    settings.lines().filter(known).collect::<Vec<_>>().join("\n")
}

fn is_new() -> bool {
    let output = program().arg("--version").output().expect(MISSING);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(1).expect("a version");
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next(), parts.next()) >= (Some(1), Some(21))
}

/// Returns the program, which Debian installs in a folder that is not in every PATH.
fn program() -> Command {
    let debians = Path::new("/usr/sbin/pgbouncer");
    Command::new(if debians.exists() { debians } else { Path::new("pgbouncer") })
}

const MISSING: &str = "no PgBouncer: run `make readers`, or install Debian's package pgbouncer";

fn run(configuration: &Path) -> Child {
    let log = File::create(configuration.with_file_name("log")).unwrap();
    let mut command = program();
    // It refuses to run as root.
    if fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
        command.args(["-u", "nobody"]);
    }
    command.arg(configuration);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect(MISSING)
}
