//! Permissions that are revoked while their holder watches a busy log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use daybook_api::server::Duties;
use daybook_entity::membership::Role;
use daybook_service::{Viewer, organizations::operators, tenancy};
use daybook_tests::{
    Backend, Client, Events, Socket, TestServer, Value, binary, eventually, json, on_each_engine,
};
use tokio::task::JoinSet;

const TAIL: &str =
    "subscription($id: ID!) { auditLogRecorded(organizationId: $id) { node { sequence } } }";
const UPDATES: &str =
    "subscription($id: ID) { jobUpdates(organizationId: $id) { type job { id } } }";
const REVOKE: &str =
    "mutation($id: ID!) { revokeApiKey(input: { apiKeyId: $id }) { userErrors { code } } }";
/// Time within which other nodes follow a change, as the schema promises.
const BOUND: Duration = Duration::from_secs(5);

/// A way to lose a right.
#[derive(Copy, Clone, Debug)]
enum Loss {
    Removed,
    Lowered,
    Revoked,
}

const LOSSES: [Loss; 3] = [Loss::Removed, Loss::Lowered, Loss::Revoked];

/// A watcher, and the events that it received.
struct Watcher {
    seen: Arc<AtomicUsize>,
    task: JoinSet<(Vec<Value>, String)>,
}

impl Watcher {
    /// Watches over a WebSocket until the stream ends; told events, and how it ended.
    fn by_socket(url: &str, token: &str, document: &'static str, id: &Value) -> Self {
        let (url, token, id) = (format!("{url}/graphql"), token.to_owned(), id.clone());
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut socket = Socket::connect(&url, &token).await;
            socket.subscribe("1", document, json!({ "id": id })).await;
            let mut told = Vec::new();
            loop {
                let payload = match socket.next_or_close().await {
                    Ok(message) => message["payload"].clone(),
                    Err(code) => return (told, code.to_string()),
                };
                match end_of(&payload) {
                    Some(end) => return (told, end),
                    None => told.push(payload["data"].clone()),
                }
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { seen, task }
    }

    /// The same over server-sent events.
    fn by_events(url: &str, token: &str, document: &'static str, id: &Value) -> Self {
        let client = Client::new(url.to_owned(), None);
        let request = client.http.post(format!("{url}/graphql/stream")).bearer_auth(token);
        let request = request.header("accept", "text/event-stream");
        let request = request.json(&json!({ "query": document, "variables": { "id": id } }));
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut events = Events::new(request.send().await.unwrap());
            let mut told = Vec::new();
            while let Some(event) = events.event().await.filter(|event| event.event == "next") {
                let payload: Value = serde_json::from_str(&event.data).unwrap();
                match end_of(&payload) {
                    Some(end) => return (told, end),
                    None => told.push(payload["data"].clone()),
                }
                count.fetch_add(1, Ordering::SeqCst);
            }
            (told, "closed".to_owned())
        });
        Self { seen, task }
    }

    fn both(url: &str, token: &str, document: &'static str, id: &Value) -> [Self; 2] {
        let socket = Self::by_socket(url, token, document, id);
        [socket, Self::by_events(url, token, document, id)]
    }

    async fn has_seen(&self, count: usize) {
        eventually("what is recorded to be told", 60, async || {
            (self.seen.load(Ordering::SeqCst) >= count).then_some(())
        })
        .await;
    }

    async fn end(mut self) -> (Vec<Value>, String) {
        let ended = tokio::time::timeout(Duration::from_secs(30), self.task.join_next()).await;
        ended.expect("the stream ends").unwrap().unwrap()
    }
}

fn end_of(payload: &Value) -> Option<String> {
    payload["errors"][0]["extensions"]["code"].as_str().map(str::to_owned)
}

/// Records, and starts exports, as fast as it goes, until it is dropped.
struct Busy {
    _tasks: JoinSet<()>,
}

impl Busy {
    fn start(admin: &Client, organization: &str) -> Self {
        let mut tasks = JoinSet::new();
        for document in [START, RECORD, RECORD, RECORD] {
            let (admin, organization) = (admin.clone(), organization.to_owned());
            tasks.spawn(async move {
                while admin.try_send(document, json!({ "id": organization })).await.is_ok() {}
            });
        }
        Self { _tasks: tasks }
    }
}

const RECORD: &str = "mutation($id: ID!) { recordAuditLogs(input: { organizationId: $id, entries: [
    { actor: { id: \"ada\" }, action: \"a.b\", resource: { type: \"t\", id: \"1\" } }
] }) { auditLogs { sequence } userErrors { message } } }";
const START: &str = "mutation($id: ID!) { startExport(input: {
    organizationId: $id, source: { auditLogs: { filter: { action: \"none\" } } }, format: CSV
}) { job { id } userErrors { message } } }";

/// Another export, which joins none that runs already.
const START_LATER: &str = "mutation($id: ID!) { startExport(input: {
    organizationId: $id, source: { auditLogs: { filter: { action: \"later\" } } }, format: CSV
}) { job { id } userErrors { message } } }";

/// An organization with somebody who may read the log and is about to lose that right.
struct Case {
    organization: String,
    slug: String,
    admin: Client,
    subject: String,
    token: String,
    key: Value,
}

impl Case {
    async fn new(server: &TestServer, loss: Loss) -> Self {
        let slug = format!("{loss:?}").to_lowercase();
        let organization = server.organization(&slug).await;
        let admin = server.client(&organization, Role::Admin).await;
        let subject = format!("reader-{slug}");
        server.set_member(&organization, &subject, Role::Auditor).await;
        let key = admin.create_api_key(&organization, "AUDITOR", json!({})).await;
        let token = match loss {
            Loss::Removed | Loss::Lowered => server.token(&subject),
            Loss::Revoked => key["key"].as_str().unwrap().to_owned(),
        };
        Self { organization, slug, admin, subject, token, key }
    }

    async fn lose(&self, loss: Loss) {
        let Self { organization, admin, subject, key, .. } = self;
        let (document, variables) = match loss {
            Loss::Removed => (
                "mutation($id: ID!, $subject: String!) {
                    removeMember(input: { organizationId: $id, subject: $subject }) { userErrors { code } }
                }",
                json!({ "id": organization, "subject": subject }),
            ),
            Loss::Lowered => (
                "mutation($id: ID!, $subject: String!) {
                    setMember(input: { organizationId: $id, subject: $subject, role: WRITER }) {
                        userErrors { code }
                    }
                }",
                json!({ "id": organization, "subject": subject }),
            ),
            Loss::Revoked => (REVOKE, json!({ "id": key["apiKey"]["id"] })),
        };
        let data = admin.query(document, variables).await;
        assert_eq!(data.as_object().unwrap().values().next().unwrap()["userErrors"], json!([]));
    }

    fn lose_by_command(&self, server: &TestServer, loss: Loss) {
        let Self { slug, subject, key, .. } = self;
        let prefix = key["apiKey"]["prefix"].as_str().unwrap();
        let in_it = ["--organization", slug.as_str()];
        let arguments = match loss {
            Loss::Removed => [&["member", "remove"], &in_it[..], &[subject]].concat(),
            Loss::Lowered => {
                [&["member", "set", "--role", "writer"], &in_it[..], &[subject]].concat()
            }
            Loss::Revoked => [&["api-key", "revoke"], &in_it[..], &[prefix]].concat(),
        };
        binary::stdout(binary::daybook_of(server).args(arguments));
    }

    /// Something that is recorded now: its sequence, and the job that is started after it.
    async fn record_later(&self) -> (i64, Value) {
        let variables = json!({ "id": self.organization });
        let recorded = self.admin.query(RECORD, variables.clone()).await;
        let sequence = sequence(&recorded["recordAuditLogs"]["auditLogs"][0]);
        let started = self.admin.query(START_LATER, variables).await;
        (sequence, started["startExport"]["job"]["id"].clone())
    }
}

fn sequence(entry: &Value) -> i64 {
    entry["sequence"].as_str().unwrap().parse().unwrap()
}

fn has_ended_right(end: &str, loss: Loss) -> bool {
    match loss {
        Loss::Removed | Loss::Lowered => end == "FORBIDDEN",
        Loss::Revoked => ["UNAUTHENTICATED", "4403", "closed"].contains(&end),
    }
}

#[on_each_engine]
async fn nothing_recorded_after_the_answer_is_delivered(server: &TestServer) {
    for loss in LOSSES {
        let case = Case::new(server, loss).await;
        let _busy = Busy::start(&case.admin, &case.organization);
        let (url, id) = (server.url(""), json!(case.organization));
        let tails = Watcher::both(&url, &case.token, TAIL, &id);
        let feeds = Watcher::both(&url, &case.token, UPDATES, &id);
        for watcher in tails.iter().chain(&feeds) {
            watcher.has_seen(20).await;
        }
        case.lose(loss).await;
        let (later, job) = case.record_later().await;
        for watcher in tails {
            let (told, end) = watcher.end().await;
            let last = told.last().map(|data| sequence(&data["auditLogRecorded"]["node"])).unwrap();
            assert!(
                last < later,
                "{loss:?}: {last} was recorded {} after the answer",
                last - later
            );
            assert!(has_ended_right(&end, loss), "{loss:?}: {end}");
        }
        for watcher in feeds {
            let (told, end) = watcher.end().await;
            assert!(!told.iter().any(|data| data["jobUpdates"]["job"]["id"] == job), "{loss:?}");
            assert!(has_ended_right(&end, loss), "{loss:?}: {end}");
        }
    }
}

#[on_each_engine]
async fn command_line_ends_streams_of_a_running_server(server: &TestServer) {
    for loss in LOSSES {
        let case = Case::new(server, loss).await;
        let _busy = Busy::start(&case.admin, &case.organization);
        let (url, id) = (server.url(""), json!(case.organization));
        let watchers = Watcher::both(&url, &case.token, TAIL, &id);
        for watcher in &watchers {
            watcher.has_seen(20).await;
        }
        case.lose_by_command(server, loss);
        let lost = Instant::now();
        for watcher in watchers {
            let (_, end) = watcher.end().await;
            assert!(lost.elapsed() < BOUND, "{loss:?}: {:?}", lost.elapsed());
            assert!(has_ended_right(&end, loss), "{loss:?}: {end}");
        }
    }
}

#[on_each_engine]
async fn removed_operator_is_told_of_no_later_job(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let operator = server.operator().await;
    let _busy = Busy::start(&admin, &acme);
    let token = operator.token.unwrap();
    // All organizations' jobs, and one's.
    let all = Watcher::both(&server.url(""), &token, UPDATES, &Value::Null);
    let one = Watcher::both(&server.url(""), &token, UPDATES, &json!(acme));
    let watchers: Vec<_> = all.into_iter().chain(one).collect();
    for watcher in &watchers {
        watcher.has_seen(20).await;
    }
    let viewer = Viewer::command_line("test");
    let removed = operators::remove(&server.instance().core, &viewer, "operator");
    assert!(tenancy::system(removed).await.unwrap());
    let started = admin.query(START_LATER, json!({ "id": acme })).await;
    let job = &started["startExport"]["job"]["id"];
    for watcher in watchers {
        let (told, end) = watcher.end().await;
        assert!(!told.iter().any(|data| data["jobUpdates"]["job"]["id"] == *job));
        assert_eq!(end, "FORBIDDEN");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_nodes_hear_of_it_within_the_bound() {
    let server = TestServer::start(Backend::Postgres).await;
    let other = server.start_another(Duties::Serve).await;
    for loss in LOSSES {
        let case = Case::new(&server, loss).await;
        let _busy = Busy::start(&case.admin, &case.organization);
        let url = format!("http://{}", other.address);
        let watchers = Watcher::both(&url, &case.token, TAIL, &json!(case.organization));
        for watcher in &watchers {
            watcher.has_seen(20).await;
        }
        case.lose(loss).await;
        let lost = Instant::now();
        for watcher in watchers {
            let (_, end) = watcher.end().await;
            assert!(lost.elapsed() < BOUND, "{loss:?}: {:?}", lost.elapsed());
            assert!(has_ended_right(&end, loss), "{loss:?}: {end}");
        }
    }
    other.stop().await.unwrap();
    server.finish().await;
}
