//! Real processes are killed, stopped and cut off, and the invariants hold.
//!
//! `DAYBOOK_TEST_ROUNDS` sets the rounds of the loops, which are few in the suite.
#![allow(clippy::print_stdout, reason = "a fault test says how many faults there were")]

mod database;
mod kill;
mod nats;
mod nodes;
mod socket;
mod stop;
mod zombie;

use std::time::Duration;

use daybook_api::config::Config;
use daybook_entity::{
    artifact, audit_log, job,
    job::{JobState, Model},
    job_event,
    membership::Role,
};
use daybook_service::{Clock, GlobalId};
use daybook_tests::{Client, TestServer, Value, eventually, json};
use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
};

/// A server without a worker, and its database, on which worker processes run.
struct Site {
    server: TestServer,
    organization: String,
    admin: Client,
    /// Connection of the test itself.
    db: DatabaseConnection,
}

/// Sets short leases, so that a rescue comes soon, and no cap on exports.
fn settings(config: &mut Config) {
    config.testing.job_lease = Duration::from_secs(3);
    config.export_max_records = 1_000_000;
    config.testing.export_inline_records = 0;
}

impl Site {
    /// Creates a site with `count` entries to export.
    async fn new(server: TestServer, count: usize) -> Self {
        let organization = server.organization("acme").await;
        let admin = server.client(&organization, Role::Admin).await;
        admin.record(&organization, count).await;
        let db = server.database.connect().await;
        Self { server, organization, admin, db }
    }

    /// Starts an export of the entries whose action matches, and returns its ID.
    async fn start(&self, action: &str) -> String {
        start(&self.admin, &self.organization, action).await
    }

    /// A job's row.
    async fn row(&self, id: &str) -> Model {
        job::Entity::find_by_id(key(id)).one(&self.db).await.unwrap().unwrap()
    }

    /// Waits until the job runs and has written `records` at least; its row.
    async fn advanced(&self, id: &str, records: i64) -> Model {
        eventually("progress", 60, async || {
            let job = self.row(id).await;
            let is_over = !matches!(job.state, JobState::Queued | JobState::Running);
            assert!(!is_over, "{id} is over before anything could be done to it: {job:?}");
            (job.state == JobState::Running && job.progress_done >= records).then_some(job)
        })
        .await
    }

    /// Returns the number of attempts that a process holds.
    async fn attempts_of(&self, node: &str) -> u64 {
        let held = job::Entity::find()
            .filter(job::Column::State.eq(JobState::Running))
            .filter(job::Column::LeasedBy.eq(node));
        held.count(&self.db).await.unwrap()
    }

    /// Returns the number of queued jobs that a worker could claim now.
    async fn claimable(&self) -> u64 {
        let jobs = job::Entity::find()
            .filter(job::Column::State.eq(JobState::Queued))
            .filter(job::Column::AvailableAt.lte(Clock::default().now()));
        jobs.count(&self.db).await.unwrap()
    }

    /// Returns the number of unfinished jobs.
    async fn unfinished(&self) -> u64 {
        let states = [JobState::Queued, JobState::Running];
        let jobs = job::Entity::find().filter(job::Column::State.is_in(states));
        jobs.count(&self.db).await.unwrap()
    }

    /// Returns a job's row, events, artifact and entries, as a text for messages.
    async fn all_of(&self, id: &str) -> String {
        let (_, raw) = key(id);
        let db = &self.db;
        let job = self.row(id).await;
        let events = job_event::Entity::find()
            .filter(job_event::Column::JobId.eq(raw))
            .order_by_asc(job_event::Column::Feed);
        let events = events.all(db).await.unwrap();
        let artifact = artifact::Entity::find_by_id(key(id)).one(db).await.unwrap();
        let entries = audit_log::Entity::find()
            .filter(audit_log::Column::ResourceId.eq(id))
            .filter(audit_log::Column::Action.starts_with("job."))
            .order_by_asc(audit_log::Column::Sequence);
        let entries = entries.all(db).await.unwrap();
        format!("{job:#?}\n{events:#?}\n{artifact:#?}\n{entries:#?}")
    }

    /// Ends the server and checks what all of them left behind.
    async fn finish(self) {
        self.db.close().await.unwrap();
        self.server.finish().await;
    }
}

/// Starts an export that differs from all others, and returns its ID.
async fn start(client: &Client, organization: &str, action: &str) -> String {
    let payload = client.start_export(export(organization, action)).await;
    assert_eq!(payload["userErrors"], json!([]));
    payload["job"]["id"].as_str().unwrap().to_owned()
}

/// Starts an export as [`start`] does, on a server that may be down.
async fn start_surely(client: &Client, organization: &str) -> String {
    let start = "mutation($input: StartExportInput!) { startExport(input: $input) {
        job { id } userErrors { code } } }";
    let data = surely(client, start, export(organization, "test.*")).await;
    data["startExport"]["job"]["id"].as_str().unwrap().to_owned()
}

/// Repeats a mutation unchanged until it is answered, and returns its data.
async fn surely(client: &Client, mutation: &str, input: Value) -> Value {
    eventually("an acknowledgement", 60, async || {
        let answer = client.try_send(mutation, json!({ "input": input })).await.ok()?;
        answer.body.get("errors").is_none().then(|| answer.body["data"].clone())
    })
    .await
}

fn export(organization: &str, action: &str) -> Value {
    json!({
        "organizationId": organization,
        "source": { "auditLogs": { "filter": { "action": action } } },
        "format": "JSONL",
        "idempotencyKey": random::<u128>().to_string(),
    })
}

/// Returns the states that a job went through, each with its attempt.
fn path(job: &Value) -> Vec<(&str, i64)> {
    let transitions = job["transitions"].as_array().unwrap().iter();
    transitions.map(|t| (t["to"].as_str().unwrap(), t["attempt"].as_i64().unwrap())).collect()
}

fn key(id: &str) -> (uuid::Uuid, uuid::Uuid) {
    match id.parse() {
        Ok(GlobalId::Job { organization_id, id }) => (organization_id, id),
        other => panic!("{other:?} is no job"),
    }
}

/// Returns the number of rounds: `DAYBOOK_TEST_ROUNDS`, or `usual`.
pub(crate) fn rounds(usual: usize) -> usize {
    std::env::var("DAYBOOK_TEST_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
}

pub(crate) fn random<T: From<u64>>() -> T {
    u64::from_be_bytes(daybook_service::random_bytes()).into()
}

/// Returns a random time below `longest`, so that faults come at any moment.
fn any_moment(longest: Duration) -> Duration {
    longest.mul_f64(f64::from(u16::from_be_bytes(daybook_service::random_bytes())) / 65_536.0)
}
