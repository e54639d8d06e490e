//! A real streaming replica of a PostgreSQL server for one test, which can be made to lag.

use std::{fs, net::TcpListener, path::PathBuf};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};

use crate::{Cluster, eventually};

/// A standby that follows a [`Cluster`] by streaming; stopped when dropped, which must be before the
/// cluster is, in whose folder it lives.
pub struct Standby<'a> {
    cluster: &'a Cluster,
    data: PathBuf,
    port: u16,
    /// Connection to a database that always exists.
    admin: DatabaseConnection,
}

impl<'a> Standby<'a> {
    /// Starts a standby of the cluster, and returns once it follows. It logs every statement.
    pub async fn of(cluster: &'a Cluster) -> Self {
        let data = cluster.folder().join("standby");
        let folder = data.to_str().unwrap();
        cluster.run(
            "pg_basebackup",
            &["--dbname", &cluster.url, "--pgdata", folder, "--write-recovery-conf"],
            &["--checkpoint", "fast", "--no-sync"],
        );
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        start(cluster, &data, port);
        let admin = Database::connect(at(&cluster.url, port)).await.unwrap();
        Self { cluster, data, port, admin }
    }

    /// URL of a database of the cluster on the standby.
    pub fn url(&self, database: &str) -> String {
        at(database, self.port)
    }

    /// Pauses replay. The standby keeps answering.
    pub async fn pause(&self) {
        self.admin.execute_unprepared("SELECT pg_wal_replay_pause()").await.unwrap();
        eventually("a pause", 30, async || {
            let state = self.ask("SELECT pg_get_wal_replay_pause_state() AS value").await;
            (state == "paused").then_some(())
        })
        .await;
    }

    /// Resumes replay.
    pub async fn resume(&self) {
        self.admin.execute_unprepared("SELECT pg_wal_replay_resume()").await.unwrap();
    }

    /// Promotes the standby to a server that follows none and accepts writes.
    pub async fn promote(&self) {
        self.cluster.control(&self.data, &["promote"]);
    }

    /// Stops the standby immediately, which looks like SIGKILL to its connections.
    pub fn stop(&self) {
        self.cluster.control(&self.data, &["stop", "--mode", "immediate"]);
    }

    /// Starts the standby again after [`Self::stop`], under the same address.
    pub fn start_again(&self) {
        start(self.cluster, &self.data, self.port);
    }

    /// Counts the statements in the standby's log that contain `text`.
    pub fn asked(&self, text: &str) -> usize {
        let log = fs::read(self.data.with_file_name("standby.log")).unwrap();
        String::from_utf8_lossy(&log).matches(text).count()
    }

    async fn ask(&self, sql: &str) -> String {
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let row = self.admin.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "value").unwrap()
    }
}

impl Drop for Standby<'_> {
    fn drop(&mut self) {
        if self.data.join("postmaster.pid").exists() {
            self.stop();
        }
    }
}

fn start(cluster: &Cluster, data: &std::path::Path, port: u16) {
    let log = data.with_file_name("standby.log");
    let options = format!("-p {port} -c log_statement=all");
    cluster.control(data, &["start", "--log", log.to_str().unwrap(), "--options", &options]);
}

/// Returns the URL with another port.
fn at(url: &str, port: u16) -> String {
    let (start, rest) = url.rsplit_once(':').unwrap();
    let (_, database) = rest.split_once('/').unwrap();
    format!("{start}:{port}/{database}")
}
