//! Several processes on one PostgreSQL.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_api::config::Config;
use daybook_service::Clock;
use daybook_tests::{Backend, Client, Process, Socket, TestServer, eventually, json};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Site, settings, start};

const UPDATES: &str = "subscription($organization: ID!) {
    jobUpdates(organizationId: $organization, kinds: [EXPORT]) {
        type job { id state createdAt startedAt finishedAt }
    } }";

/// Two `serve`s and two `worker`s.
pub(super) struct Nodes {
    pub(super) site: Site,
    pub(super) serves: [Process; 2],
    workers: [Process; 2],
    /// Client of the first `serve` process.
    client: Client,
    /// Socket of the second `serve` process.
    socket: Socket,
}

impl Nodes {
    async fn start(records: usize) -> Self {
        Self::start_with(records, |_| {}).await
    }

    pub(super) async fn start_with(records: usize, change: impl FnOnce(&mut Config)) -> Self {
        let settings = |config: &mut Config| {
            settings(config);
            change(config);
        };
        let server = TestServer::start_idle_with(Backend::Postgres, settings).await;
        let site = Site::new(server, records).await;
        let config = &site.server.config;
        let serve = || Process::serve(config, &["--no-jobs"]);
        let serves = [serve().await, serve().await];
        let workers = [Process::worker(config).await, Process::worker(config).await];
        let client = Client::new(serves[0].url().await, site.admin.token.clone());
        let token = site.admin.token.as_ref().unwrap();
        let url = format!("{}/graphql", serves[1].url().await);
        let mut socket = Socket::connect(&url, token).await;
        let variables = json!({ "organization": site.organization });
        socket.subscribe("1", UPDATES, variables).await;
        assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");
        Self { site, serves, workers, client, socket }
    }

    /// Starts a job at the one node and waits until the other has told of its end; how long after
    /// it was made each of its transitions was there.
    pub(super) async fn delays(&mut self) -> Vec<TimeDelta> {
        let id = start(&self.client, &self.site.organization, "test.*").await;
        let mut delays = Vec::new();
        loop {
            let update = self.socket.data().await["jobUpdates"].clone();
            if update["type"] != "TRANSITION" {
                continue;
            }
            let job = &update["job"];
            assert_eq!(job["id"], id);
            let (at, is_last) = match job["state"].as_str().unwrap() {
                "QUEUED" => (&job["createdAt"], false),
                "RUNNING" => (&job["startedAt"], false),
                "SUCCEEDED" => (&job["finishedAt"], true),
                other => panic!("{other}: {job}"),
            };
            let at: DateTime<Utc> = at.as_str().unwrap().parse().unwrap();
            delays.push(Clock::default().now() - at);
            if is_last {
                return delays;
            }
        }
    }

    pub(super) async fn finish(mut self) {
        for process in self.workers.iter_mut().chain(&mut self.serves) {
            process.stop().await;
        }
        self.site.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_is_shared_between_processes() {
    let nodes = Nodes::start(2_000).await;
    let jobs = 24;
    for _ in 0..jobs {
        start(&nodes.client, &nodes.site.organization, "test.*").await;
    }
    let done = eventually("the end of all jobs", 60, async || {
        let done = nodes
            .workers
            .each_ref()
            .map(|worker| worker.log().matches("attempt ended job.state=Succeeded").count());
        (done.iter().sum::<usize>() == jobs).then_some(done)
    })
    .await;
    println!("jobs done by each worker: {done:?}");
    assert_eq!(nodes.site.unfinished().await, 0);
    assert!(done.iter().all(|done| done * 5 >= jobs), "{done:?}");
    nodes.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transition_made_in_one_process_reaches_subscribers_of_another() {
    let mut nodes = Nodes::start(10).await;
    let mut delays = Vec::new();
    for _ in 0..20 {
        delays.extend(nodes.delays().await);
    }
    let median = median(delays.clone());
    println!("{} transitions, median {median}, longest {:?}", delays.len(), delays.iter().max());
    assert!(delays.len() >= 50 && median < TimeDelta::milliseconds(100), "{delays:?}");
    nodes.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_listener_delays_and_comes_back() {
    let mut nodes = Nodes::start(10).await;
    let (database, mut terminated) = (nodes.site.server.database.connect().await, 0);
    let without_bell = {
        let (listeners, told) = (terminate_listeners(&database, &mut terminated), nodes.delays());
        tokio::select! {
            () = listeners => unreachable!("it goes on"),
            delays = told => delays,
        }
    };
    println!("{terminated} listeners terminated meanwhile, {without_bell:?} until told");
    assert!(terminated > 2, "{terminated}");
    // Three transitions at a tick of two seconds each, and time for what happens.
    assert!(without_bell.iter().all(|delay| *delay < TimeDelta::seconds(5)), "{without_bell:?}");
    eventually("five listeners", 30, async || (listeners(&database).await == 5).then_some(()))
        .await;
    let mut delays = Vec::new();
    for _ in 0..7 {
        delays.extend(nodes.delays().await);
    }
    assert!(median(delays.clone()) < TimeDelta::milliseconds(100), "{delays:?}");
    database.close().await.unwrap();
    nodes.finish().await;
}

const LISTENING: &str = "FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'daybook' AND query LIKE 'LISTEN%'";

/// Terminates every listening connection as soon as it's there, until dropped.
async fn terminate_listeners(db: &impl ConnectionTrait, terminated: &mut usize) {
    let sql = format!("SELECT pg_terminate_backend(pid) {LISTENING}");
    loop {
        let statement = Statement::from_string(DbBackend::Postgres, &sql);
        *terminated += db.query_all_raw(statement).await.unwrap().len();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) async fn listeners(db: &impl ConnectionTrait) -> i64 {
    let statement =
        Statement::from_string(DbBackend::Postgres, format!("SELECT count(*) {LISTENING}"));
    db.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

pub(super) fn median(mut delays: Vec<TimeDelta>) -> TimeDelta {
    delays.sort();
    delays[delays.len() / 2]
}
