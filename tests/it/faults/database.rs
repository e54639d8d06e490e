//! A database that stops and starts again.

use std::time::{Duration, Instant};

use daybook_entity::job::JobState;
use daybook_tests::{
    Client, Cluster, Process, Shutdown, TestDatabase, TestServer, Value, entry, eventually, json,
};
use futures::future::join;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use tokio::sync::watch;

use super::{Site, any_moment, path, random, rounds, settings, start_surely, surely};

const RECORDS: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_database_costs_time_and_nothing_else() {
    let nodes = Nodes::start().await;
    let (site, cluster) = (&nodes.site, &nodes.cluster);
    let (stop, stopped) = watch::channel(false);
    let faults = async {
        let (mut jobs, mut hits) = (Vec::new(), 0);
        let rounds = rounds(3);
        for round in 0..rounds {
            let id = start_surely(&nodes.client, &site.organization).await;
            site.advanced(&id, 1).await;
            cluster.stop(if round % 2 == 0 { Shutdown::Immediate } else { Shutdown::Fast });
            let away = Instant::now();
            nodes.ready(503, 5).await;
            let noticed = away.elapsed();
            cluster.start_again();
            let back = Instant::now();
            hits += usize::from(site.row(&id).await.state == JobState::Running);
            jobs.push(id);
            nodes.ready(200, 30).await;
            println!("not ready after {noticed:?}, ready again after {:?}", back.elapsed());
        }
        stop.send(true).unwrap();
        println!("{rounds} restarts, {hits} of them in mid-job");
        assert!(hits * 2 >= rounds, "too few restarts hit anything");
        jobs
    };
    let (jobs, acknowledged) = join(faults, record(&nodes.client, site, stopped)).await;
    nodes.finish(jobs, acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_connections_cost_time_and_nothing_else() {
    let nodes = Nodes::start().await;
    let site = &nodes.site;
    let admin = Database::connect(&nodes.cluster.url).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let faults = async {
        let (mut jobs, mut terminated, mut hits) = (Vec::<String>::new(), 0, 0);
        let (rounds, mut cuts) = (rounds(10), 0);
        // And on until enough of them hit something.
        while cuts < rounds || hits * 2 < rounds {
            assert!(cuts < 10 * rounds, "too few faults");
            cuts += 1;
            // A job has five attempts: the last one is left alone.
            if let Some(job) = jobs.last()
                && site.row(job).await.attempt >= 4
            {
                eventually("its end", 60, async || (site.unfinished().await == 0).then_some(()))
                    .await;
            }
            // Not through a client, whose request may be the one that is hit.
            if site.unfinished().await == 0 {
                jobs.push(start_surely(&nodes.client, &site.organization).await);
            }
            eventually("an attempt", 30, async || is_any_running(site).await.then_some(())).await;
            tokio::time::sleep(any_moment(Duration::from_millis(500))).await;
            hits += usize::from(is_any_running(site).await);
            terminated += terminate(&admin, &site.server.database).await;
        }
        stop.send(true).unwrap();
        println!("{cuts} rounds, {terminated} connections terminated, {hits} times in mid-job");
        assert!(terminated >= rounds, "too few faults");
        jobs
    };
    let (jobs, acknowledged) = join(faults, record(&nodes.client, site, stopped)).await;
    admin.close().await.unwrap();
    nodes.finish(jobs, acknowledged).await;
}

/// A `serve` that works jobs and a `worker`, on a PostgreSQL server of their own.
struct Nodes {
    site: Site,
    serve: Process,
    worker: Process,
    /// Client of the `serve` process.
    client: Client,
    /// Last: dropped when nobody uses it any more.
    cluster: Cluster,
}

impl Nodes {
    async fn start() -> Self {
        let cluster = Cluster::start();
        let database = TestDatabase::create_on(cluster.url.clone()).await;
        let site = Site::new(TestServer::start_idle_on(database, settings).await, RECORDS).await;
        let serve = Process::serve(&site.server.config, &[]).await;
        let worker = Process::worker(&site.server.config).await;
        let client = Client::new(serve.url().await, site.admin.token.clone());
        Self { site, serve, worker, client, cluster }
    }

    /// Waits until `/readyz` of the `serve` answers with `status`.
    async fn ready(&self, status: u16, seconds: u64) {
        let url = format!("{}/readyz", self.serve.url().await);
        eventually(&format!("/readyz with {status}"), seconds, async || {
            let response = self.client.http.get(&url).send().await.unwrap();
            let is_there = response.status().as_u16() == status;
            let report: Value = response.json().await.unwrap();
            let (overall, database) = match status {
                200 => ("ready", "ok"),
                _ => ("unready", "failed"),
            };
            // Whatever it is asked, it says so whole.
            assert!(!is_there || report["status"] == overall, "{report}");
            assert!(
                !is_there || report["components"]["database"]["status"] == database,
                "{report}"
            );
            for leak in ["SELECT", "sqlx", "Error", "127.0.0.1", "(", "seaql"] {
                assert!(!report.to_string().contains(leak), "{report}");
            }
            is_there.then_some(())
        })
        .await;
    }

    /// All jobs end well, all that was acknowledged is there once, and the processes live.
    async fn finish(self, jobs: Vec<String>, acknowledged: usize) {
        let Self { site, mut serve, mut worker, client, cluster } = self;
        let mut attempts = 0;
        for id in &jobs {
            let job = client.finished_after_faults(id).await;
            assert_eq!(job["state"], "SUCCEEDED", "{job}");
            assert_eq!(job["artifact"]["recordCount"], RECORDS.to_string());
            attempts += path(&job).iter().filter(|(state, _)| *state == "RUNNING").count();
        }
        let query =
            "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"ack.*\" }) {
            totalCount } }";
        // As above: one of the questions may meet a connection that is dead.
        let found = eventually("an answer", 60, async || {
            let answer = client.send(query, json!({ "id": site.organization })).await;
            answer.body.get("errors").is_none().then(|| answer.body["data"].clone())
        })
        .await;
        assert_eq!(found["auditLogs"]["totalCount"], acknowledged);
        println!(
            "{} jobs in {attempts} attempts, {acknowledged} recordings acknowledged",
            jobs.len()
        );
        assert!(serve.is_alive() && worker.is_alive());
        worker.stop().await;
        serve.stop().await;
        daybook_service::janitor::sweep(&site.server.instance().core).await.unwrap();
        site.finish().await;
        drop(cluster);
    }
}

/// Recordings of a test, at the least.
const RECORDINGS: usize = 20;

/// Records one entry after the other, each repeated with its key until it is acknowledged; how many.
async fn record(client: &Client, site: &Site, stopped: watch::Receiver<bool>) -> usize {
    let mut acknowledged = 0;
    while !*stopped.borrow() || acknowledged < RECORDINGS {
        let input = json!({
            "organizationId": site.organization,
            "entries": [entry(&format!("ack.{acknowledged}"))],
            "idempotencyKey": acknowledged.to_string(),
        });
        let record = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) {
            auditLogs { sequence } userErrors { code } } }";
        surely(client, record, input).await;
        acknowledged += 1;
    }
    acknowledged
}

async fn is_any_running(site: &Site) -> bool {
    use daybook_entity::job::{Column, Entity};
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
    let running = Entity::find().filter(Column::State.eq(JobState::Running));
    running.one(&site.db).await.unwrap().is_some()
}

/// Terminates some of Daybook's connections, or all; how many.
async fn terminate(admin: &DatabaseConnection, database: &TestDatabase) -> usize {
    let (_, name) = database.url.rsplit_once('/').unwrap();
    let share = [0.2, 0.5, 1.0][random::<u64>() as usize % 3];
    let sql = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = '{name}' AND application_name = 'daybook' AND random() < {share}"
    );
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    admin.query_all_raw(statement).await.unwrap().len()
}
