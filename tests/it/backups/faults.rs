//! Backups whose process is killed, whose disk is full, whose file the store changes.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use daybook_api::config::Config;
use daybook_entity::{job, job_event, membership::Role};
use daybook_service::{Clock, janitor};
use daybook_tests::{
    Backend, Process, TestServer, Value, binary, eventually, json, on_each_backend,
};
use sea_orm::{ConnectionTrait, EntityTrait, Statement};

use super::{finished, instance_backed_up, start};
use crate::faults::{random, rounds};

fn settings(config: &mut Config) {
    config.testing.job_lease = Duration::from_secs(2);
}

/// A server that serves only, and an organization with `count` entries.
async fn site(backend: Backend, count: usize) -> TestServer {
    let server = TestServer::start_idle_with(backend, settings).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, count).await;
    server
}

async fn killed_processes_leave_nothing(backend: Backend, rounds: usize) {
    let server = site(backend, 3_000).await;
    let operator = server.operator().await;
    let db = server.database.connect().await;
    let (mut writing, mut restoring) = (0, 0);
    for round in 0..rounds {
        let mut worker = Process::worker(&server.config).await;
        let payload = start(&operator, json!({ "idempotencyKey": round.to_string() })).await;
        // In every other round a verification.
        let wanted = if round % 2 == 0 { "write" } else { "restore" };
        let phase = eventually("the phase", 60, async || {
            let jobs = job::Entity::find().all(&db).await.unwrap();
            let job = jobs.into_iter().max_by_key(|job| job.created_at)?;
            let phase = job.progress_phase.clone().unwrap_or_default();
            (job.finished_at.is_some() || phase.starts_with(wanted)).then_some(job)
        })
        .await;
        tokio::time::sleep(Duration::from_millis(random::<u64>() % 100)).await;
        worker.kill();
        let phase = phase.progress_phase.unwrap_or_default();
        writing += usize::from(phase.starts_with("write"));
        restoring += usize::from(phase.starts_with("restore"));
        let mut next = Process::worker(&server.config).await;
        let job = finished(&operator, &payload["job"]["id"]).await;
        assert_eq!(job["state"], "SUCCEEDED", "{job}");
        assert_eq!(job["verification"]["ok"], true);
        next.stop().await;
    }
    let events = job_event::Entity::find().all(&db).await.unwrap();
    let rescued = events.iter().filter(|event| {
        (event.from_state, event.to_state) == (Some(job::JobState::Running), job::JobState::Queued)
    });
    println!(
        "{backend:?}: {rounds} processes killed, {} of them at work ({writing} writing, {restoring} \
         restoring), each backup made anew and verified",
        rescued.count()
    );
    if backend == Backend::Postgres {
        eventually("the end of temporary tables", 30, async || {
            let sql = "SELECT count(*) AS left FROM pg_class AS c JOIN pg_namespace AS n
                ON n.oid = c.relnamespace WHERE n.nspname LIKE 'pg_temp%' OR n.nspname LIKE 'scratch%'";
            let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
            let left: i64 = row.unwrap().unwrap().try_get("", "left").unwrap();
            (left == 0).then_some(())
        })
        .await;
    }
    db.close().await.unwrap();
    janitor::sweep(&server.instance().core).await.unwrap();
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_leave_nothing_on_sqlite() {
    killed_processes_leave_nothing(Backend::Sqlite, rounds(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_leave_nothing_on_postgres() {
    killed_processes_leave_nothing(Backend::Postgres, rounds(2)).await;
}

/// A worker that finds a disk of half a MiB where artifacts are kept: a mount of its own.
fn worker_with_little_room(server: &TestServer, log: &Path) -> std::process::Child {
    let artifacts = server.folder().join("artifacts");
    let mount = "mount -t tmpfs -o size=512k none \"$0\" && exec \"$1\" worker";
    let daybook = binary::daybook_of(server);
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", mount]);
    command.arg(&artifacts).arg(binary::path());
    for (name, value) in daybook.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("DAYBOOK_JOB_LEASE", "2s").env("DAYBOOK_LOG", "info");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log).unwrap());
    command.spawn().unwrap()
}

#[on_each_backend]
async fn full_disk_fails_the_job_and_nothing_else(backend: Backend) {
    let server = site(backend, 4_000).await;
    let operator = server.operator().await;
    let payload = start(&operator, json!({ "idempotencyKey": "full" })).await;
    let log = server.folder().join("full.log");
    let mut worker = worker_with_little_room(&server, &log);
    let job = finished(&operator, &payload["job"]["id"]).await;
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(
        (&job["state"], &job["error"]["code"]),
        (&json!("FAILED"), &json!("STORAGE")),
        "{job}"
    );
    assert!(job["error"]["message"].as_str().unwrap().starts_with("table audit_logs: "), "{job}");
    assert_eq!((&job["artifact"], &job["tables"]), (&Value::Null, &json!([])));
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.lines().any(|line| line.contains("ERROR") && line.contains("STORAGE")), "{said}");
    // With room again the next one is fine.
    let mut worker = Process::worker(&server.config).await;
    let (job, _) = instance_backed_up(&server, json!({ "idempotencyKey": "room" })).await;
    assert_eq!(job["verification"]["ok"], true);
    worker.stop().await;
    server.finish().await;
}

/// The file that a running backup has just finished is changed before it's read back.
#[on_each_backend]
async fn changed_file_fails_the_verification(backend: Backend) {
    let server = site(backend, 2_000).await;
    let operator = server.operator().await;
    let folder = server.folder().join("artifacts/backups");
    let mut hits = 0;
    for round in 0..20 {
        let payload =
            start(&operator, json!({ "idempotencyKey": format!("changed {round}") })).await;
        if round == 0 {
            server.start_work();
        }
        let changed = eventually("the file or the job's end", 60, async || {
            let mut files = Vec::new();
            walk(&folder, &mut files);
            let now = Clock::default().now();
            files.into_iter().find(|file| {
                let modified = file.metadata().and_then(|found| found.modified());
                let modified = modified.map(chrono::DateTime::<chrono::Utc>::from);
                modified.is_ok_and(|modified| (now - modified).num_milliseconds() < 500)
                    && !file.to_string_lossy().contains('#')
            })
        })
        .await;
        let Ok(bytes) = std::fs::read(&changed) else { continue };
        let at = bytes.windows(7).rposition(|window| window == b"test.10");
        if let Some(at) = at {
            // In place: at no moment is the file shorter than it was.
            let file = std::fs::OpenOptions::new().write(true).open(&changed).unwrap();
            file.write_all_at(b"7", at as u64 + 5).unwrap();
        }
        let job = finished(&operator, &payload["job"]["id"]).await;
        if job["state"] == "FAILED" {
            assert_eq!(job["error"]["code"], "STORAGE", "{job}");
            assert!(
                job["error"]["message"].as_str().unwrap().contains("table audit_logs: "),
                "{job}"
            );
            hits += 1;
            break;
        }
    }
    assert!(hits > 0, "the verification was always faster");
    server.stop().await;
}

fn walk(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let Ok(items) = std::fs::read_dir(folder) else { return };
    for item in items.flatten() {
        let path = item.path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}
