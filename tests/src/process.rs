//! Real `daybook` processes, which can be killed, stopped and continued.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use daybook_api::config::{ArtifactLinks, Config, Messages};

use crate::{binary, eventually};

/// A `daybook` process, which is killed and reaped when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// A signal other than SIGKILL.
#[derive(Copy, Clone, Debug)]
pub enum Signal {
    Terminate,
    Stop,
    Continue,
}

impl Process {
    /// Starts `daybook worker`, and returns once it works on jobs.
    pub async fn worker(config: &Config) -> Self {
        Self::worker_with(config, &[]).await
    }

    /// Starts `daybook worker` with additional environment variables.
    pub async fn worker_with(config: &Config, environment: &[(&str, String)]) -> Self {
        let process = Self::start(config, &["worker"], environment);
        process.says("running jobs").await;
        process
    }

    /// Starts `daybook serve`, and returns once it serves.
    pub async fn serve(config: &Config, arguments: &[&str]) -> Self {
        let process = Self::start(config, &[&["serve"], arguments].concat(), &[]);
        process.says("Daybook is at ").await;
        process
    }

    /// Starts `daybook serve --no-jobs` with additional environment variables.
    pub async fn serve_idle_with(config: &Config, environment: &[(&str, String)]) -> Self {
        let process = Self::start(config, &["serve", "--no-jobs"], environment);
        process.says("Daybook is at ").await;
        process
    }

    /// Starts `daybook serve` with additional environment variables.
    pub async fn serve_with(config: &Config, environment: &[(&str, String)]) -> Self {
        let process = Self::start(config, &["serve"], environment);
        process.says("Daybook is at ").await;
        process
    }

    /// Starts any command, with its standard error in the file `log`.
    pub fn spawn(command: &mut Command, log: PathBuf) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    fn start(config: &Config, arguments: &[&str], environment: &[(&str, String)]) -> Self {
        let number = u64::from_be_bytes(daybook_service::random_bytes());
        let log = config.data_dir.join(format!("{}-{number:x}.log", arguments[0]));
        let mut command = command(config);
        Self::spawn(command.args(arguments).envs(environment.iter().cloned()), log)
    }

    /// Returns what the process has logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until the process logs `text`, and returns the rest of that line.
    pub async fn says(&self, text: &str) -> String {
        let what = format!("{text:?} in {}", self.log.display());
        eventually(&what, 60, async || {
            let log = self.log();
            let (_, rest) = log.split_once(text)?;
            Some(rest.split_once('\n')?.0.to_owned())
        })
        .await
    }

    /// Returns the URL of a `serve` process.
    pub async fn url(&self) -> String {
        self.says("Daybook is at ").await
    }

    /// Returns the name under which the process holds leases.
    pub async fn node(&self) -> String {
        let rest = self.says("running jobs node=").await;
        rest.split([' ', '"']).find(|word| !word.is_empty()).unwrap().to_owned()
    }

    /// Returns the current memory of the process in KiB.
    pub fn memory(&self) -> u64 {
        self.kilobytes("VmRSS:")
    }

    /// Returns the peak memory of the process in KiB.
    pub fn peak_memory(&self) -> u64 {
        self.kilobytes("VmHWM:")
    }

    fn kilobytes(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills the process with SIGKILL, and returns once it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Terminate => "-TERM",
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
        };
        // Not reaped before `kill` or the drop: the id can't have become another process's.
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for the process to end, and returns its status.
    pub async fn exit(&mut self, seconds: u64) -> ExitStatus {
        eventually("the process's end", seconds, async || self.child.try_wait().unwrap()).await
    }

    /// Stops the process with SIGTERM, and asserts that it ends successfully.
    pub async fn stop(&mut self) {
        self.signal(Signal::Terminate);
        let status = self.exit(30).await;
        assert!(status.success(), "{status}: {}", self.log());
    }
}

impl Drop for Process {
    #[allow(clippy::print_stderr, reason = "shown with the test that failed")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the end of {}\n{}", self.log.display(), tail(&self.log));
        }
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Returns the binary with the settings of a test's server.
fn command(config: &Config) -> Command {
    let mut command = binary::daybook(&config.data_dir);
    command
        .env("DAYBOOK_DATABASE_URL", config.database_url())
        .env("DAYBOOK_LISTEN", config.listen.to_string())
        .env("DAYBOOK_EXPORT_MAX_RECORDS", config.export_max_records.to_string())
        .env("DAYBOOK_EXPORT_INLINE_RECORDS", config.testing.export_inline_records.to_string())
        .env("DAYBOOK_EXPORTS_PER_HOUR", config.exports_per_hour.to_string())
        .env("DAYBOOK_JOB_CONCURRENCY", config.job_concurrency.to_string())
        .env("DAYBOOK_JOB_LEASE", format!("{}ms", config.testing.job_lease.as_millis()))
        .env("DAYBOOK_LOG", "info");
    if let Some(url) = &config.artifacts_url {
        command.env("DAYBOOK_ARTIFACTS_URL", url);
    }
    let Messages { nats_url, nats_credentials, nats_ca } = &config.messages;
    if let Some(url) = nats_url {
        command.env("DAYBOOK_NATS_URL", url);
    }
    let files = [("DAYBOOK_NATS_CREDENTIALS", nats_credentials), ("DAYBOOK_NATS_CA", nats_ca)];
    command.envs(files.into_iter().filter_map(|(name, file)| Some((name, file.as_ref()?))));
    if config.artifact_links == ArtifactLinks::Presigned {
        command.env("DAYBOOK_ARTIFACT_LINKS", "presigned");
    }
    command
}
