//! A PostgreSQL server for one test, which can be stopped and started again.

use std::{
    io::{BufRead, BufReader},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A server made by `tests/with-postgres`, which removes it when this is dropped.
pub struct Cluster {
    keeper: Child,
    /// URL for a superuser, of a database that always exists.
    pub url: String,
    programs: PathBuf,
    data: PathBuf,
}

/// Way to stop the server.
#[derive(Copy, Clone, Debug)]
pub enum Shutdown {
    /// Closes connections, rolls back transactions, and writes everything to disk.
    Fast,
    /// Stops like a crash. The server recovers from its log when it starts again.
    Immediate,
}

impl Cluster {
    pub fn start() -> Self {
        crate::deadline::set();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/with-postgres");
        // Ends when it is told to, and when the test does without having told it.
        let wait = "echo $DAYBOOK_TEST_POSTGRES_URL; echo $DAYBOOK_TEST_POSTGRES_BIN; \
            echo $DAYBOOK_TEST_POSTGRES_DATA; exec tail --pid $0 -f /dev/null >/dev/null";
        let mut keeper = Command::new(script)
            .args(["sh", "-c", wait, &std::process::id().to_string()])
            .env_remove("DAYBOOK_TEST_POSTGRES_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(keeper.stdout.take().unwrap()).lines();
        let mut line = || lines.next().expect("a server").unwrap();
        Self { url: line(), programs: line().into(), data: line().into(), keeper }
    }

    /// Stops the server, and returns once it is down.
    pub fn stop(&self, how: Shutdown) {
        let mode = match how {
            Shutdown::Fast => "fast",
            Shutdown::Immediate => "immediate",
        };
        self.control(&self.data, &["stop", "--mode", mode]);
    }

    /// Starts the server again under the same address, and returns once it accepts connections.
    pub fn start_again(&self) {
        let (_, port) = self.url.rsplit_once(':').unwrap();
        let (port, _) = port.split_once('/').unwrap();
        let log = self.data.with_file_name("server.log");
        let options = format!("-p {port}");
        self.control(&self.data, &["start", "--log", log.to_str().unwrap(), "--options", &options]);
    }

    /// Folder of the server, which is removed with it.
    pub(crate) fn folder(&self) -> &Path {
        self.data.parent().unwrap()
    }

    /// Runs `pg_ctl` on a server's data.
    pub(crate) fn control(&self, data: &Path, arguments: &[&str]) {
        let data = data.to_str().unwrap();
        self.run("pg_ctl", arguments, &["--wait", "--silent", "--pgdata", data]);
    }

    /// Runs a program of PostgreSQL as the owner of the data, since a server refuses to run as root.
    pub(crate) fn run(&self, program: &str, arguments: &[&str], more: &[&str]) {
        let owner = std::fs::metadata(&self.data).unwrap();
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).args(more);
        command.current_dir(self.data.parent().unwrap()).env("LC_ALL", "C");
        // Only root may become someone else, and only root has to.
        let me = std::fs::metadata("/proc/self").unwrap();
        if me.uid() != owner.uid() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        assert!(command.status().unwrap().success(), "{command:?}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.keeper.id().to_string()).status();
        let _ = self.keeper.wait();
    }
}
