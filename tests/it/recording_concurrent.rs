//! Many writers at once, while transactions roll back and connections are killed: the log has no
//! hole, no fork, nothing twice, and all that was acknowledged.
//!
//! That sequences and hashes are right is computed anew from the rows when the server is finished.

mod faults;

use std::{collections::HashMap, sync::atomic::Ordering::Relaxed, time::Duration};

use daybook_api::server::Server;
use daybook_entity::{audit_log, membership::Role};
use daybook_tests::{
    Backend, Client, TestServer, Value, entry, json, on_each_engine, raw_organization,
};
use futures::future::join_all;
use sea_orm::EntityTrait;

use faults::{Faults, kill, roll_back};

const WRITERS: usize = 24;
const ROUNDS: usize = 25;
const DEADLINE: Duration = Duration::from_secs(240);
/// Minimum number of recordings that must have failed because of the faults.
const HURT: usize = 5;

const RECORD: &str = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) {
    auditLogs { sequence hash action } replayed userErrors { code path }
} }";

/// Answers that one writer received, by the action of its entries.
#[derive(Default)]
struct Told {
    /// Organization and entry of each acknowledged recording.
    acknowledged: Vec<(uuid::Uuid, Value)>,
    /// Answered with a fault: each of these recordings is there whole or not at all.
    unknown: Vec<Vec<String>>,
    refused: Vec<String>,
    faults: usize,
    replays: usize,
}

#[on_each_engine]
async fn writers_rollbacks_and_killed_connections_leave_a_whole_log(server: &TestServer) {
    let faults = Faults::default();
    let cast = Cast::of(server).await;
    let all = async {
        tokio::join!(
            cast.record(server, &faults),
            roll_back(server, &faults),
            kill(server, &faults)
        )
    };
    let (told, (), ()) = tokio::time::timeout(DEADLINE, all).await.expect("an end");
    cast.node.stop().await.unwrap();
    let hurt = compare(server, &told, &faults).await;
    assert!(faults.are_enough(server.backend()));
    match server.backend() {
        Backend::Sqlite => assert_eq!(hurt, 0),
        // There a connection is tried each time that it is lent.
        Backend::Postgres if server.instance().db.has_row_security() => {}
        Backend::Postgres => assert!(hurt >= HURT, "the kills hurt nobody"),
    }
}

#[on_each_engine]
async fn writers_of_two_nodes_wait_for_each_other(server: &TestServer) {
    let cast = Cast::of(server).await;
    let none = Faults::over();
    let told = tokio::time::timeout(DEADLINE, cast.record(server, &none)).await.expect("an end");
    cast.node.stop().await.unwrap();
    assert_eq!(compare(server, &told, &Faults::default()).await, 0);
}

/// Two nodes, so that the lock on the head is what keeps writers apart, and two organizations.
struct Cast {
    node: Server,
    clients: [Client; 2],
    organizations: [String; 2],
}

impl Cast {
    async fn of(server: &TestServer) -> Self {
        let organizations = [server.organization("acme").await, server.organization("beta").await];
        for organization in &organizations {
            server.set_member(organization, "writer", Role::Writer).await;
        }
        let node = server.start_node(|_| {}).await;
        let other = Client::new(format!("http://{}", node.address), Some(server.token("writer")));
        Self { node, clients: [server.client_of("writer"), other], organizations }
    }

    /// Has all writers record.
    async fn record(&self, server: &TestServer, faults: &Faults) -> Vec<Told> {
        let writers = (0..WRITERS).map(|writer| {
            let client = &self.clients[writer / 2 % 2];
            write(server, client, &self.organizations[writer % 2], writer, faults)
        });
        let told = join_all(writers).await;
        faults.is_over.store(true, Relaxed);
        told
    }
}

/// Records `ROUNDS` times and on until the faults are enough.
async fn write(
    server: &TestServer,
    client: &Client,
    organization: &str,
    writer: usize,
    faults: &Faults,
) -> Told {
    let mut told = Told::default();
    let mut round = 0;
    while round < ROUNDS || !faults.are_enough(server.backend()) {
        let name = format!("writer{writer}.round{round}");
        let count = 1 + (writer + round) % 20;
        let actions: Vec<_> = (0..count).map(|index| format!("{name}.entry{index}")).collect();
        let mut entries: Vec<_> = actions.iter().map(|action| entry(action)).collect();
        match round % 4 {
            0 => repeat_with_key(client, organization, &name, entries, &mut told).await,
            1 => {
                entries.push(entry(""));
                let payload =
                    until_answered(client, organization, json!(entries), None, &mut told).await;
                assert_eq!(
                    payload["userErrors"][0]["path"],
                    json!(["entries", count.to_string(), "action"])
                );
                told.refused.extend(actions);
            }
            _ => match record(client, organization, json!(entries), None).await {
                Some(payload) => told.acknowledge(organization, &payload, &actions),
                None => {
                    told.faults += 1;
                    told.unknown.push(actions);
                }
            },
        }
        round += 1;
    }
    told
}

/// The same key twice at once, and each until it is answered.
async fn repeat_with_key(
    client: &Client,
    organization: &str,
    key: &str,
    entries: Vec<Value>,
    told: &mut Told,
) {
    let actions: Vec<_> =
        entries.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect();
    let entries = json!(entries);
    let mut other = Told::default();
    let (one, two) = tokio::join!(
        until_answered(client, organization, entries.clone(), Some(key), told),
        until_answered(client, organization, entries.clone(), Some(key), &mut other),
    );
    told.faults += other.faults;
    assert_eq!(one["auditLogs"], two["auditLogs"], "answers to one key");
    let replays = [&one, &two].iter().filter(|payload| payload["replayed"] == true).count();
    assert!(replays >= 1, "a key was used twice and appended twice");
    told.replays += replays;
    told.acknowledge(organization, &one, &actions);
}

async fn until_answered(
    client: &Client,
    organization: &str,
    entries: Value,
    key: Option<&str>,
    told: &mut Told,
) -> Value {
    loop {
        if let Some(payload) = record(client, organization, entries.clone(), key).await {
            return payload;
        }
        told.faults += 1;
    }
}

/// The payload; none where the answer is a fault of the server's.
async fn record(
    client: &Client,
    organization: &str,
    entries: Value,
    key: Option<&str>,
) -> Option<Value> {
    let input =
        json!({ "organizationId": organization, "entries": entries, "idempotencyKey": key });
    let answer = client.send(RECORD, json!({ "input": input })).await;
    if answer.body.get("errors").is_some() {
        assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR");
        return None;
    }
    Some(answer.body["data"]["recordAuditLogs"].clone())
}

impl Told {
    fn acknowledge(&mut self, organization: &str, payload: &Value, actions: &[String]) {
        assert_eq!(payload["userErrors"], json!([]));
        let entries = payload["auditLogs"].as_array().unwrap();
        let answered: Vec<_> =
            entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(answered, actions);
        let organization = raw_organization(organization);
        self.acknowledged.extend(entries.iter().map(|entry| (organization, entry.clone())));
    }
}

/// Compares the stored entries with the writers' answers. Returns the number of answers that were faults.
async fn compare(server: &TestServer, told: &[Told], faults: &Faults) -> usize {
    let db = server.database.connect().await;
    let mut stored: HashMap<String, Vec<audit_log::Model>> = HashMap::new();
    for row in audit_log::Entity::find().all(&db).await.unwrap() {
        if row.action.starts_with("writer") {
            stored.entry(row.action.clone()).or_default().push(row);
        }
    }
    db.close().await.unwrap();
    let rows: usize = stored.values().map(Vec::len).sum();
    let (mut acknowledged, mut kept, mut lost) = (0, 0, 0);
    for told in told {
        for (organization, entry) in &told.acknowledged {
            let rows = stored.remove(entry["action"].as_str().unwrap()).unwrap_or_default();
            assert_eq!(rows.len(), 1, "rows of {entry}");
            let hash: String = rows[0].hash.iter().map(|byte| format!("{byte:02x}")).collect();
            let row = (rows[0].organization_id, json!(rows[0].sequence.to_string()), json!(hash));
            assert_eq!(row, (*organization, entry["sequence"].clone(), entry["hash"].clone()));
            acknowledged += 1;
        }
        for actions in &told.unknown {
            let found: Vec<_> = actions.iter().filter_map(|action| stored.remove(action)).collect();
            assert!(found.is_empty() || found.len() == actions.len(), "a part of {actions:?}");
            assert!(found.iter().all(|rows| rows.len() == 1), "twice: {actions:?}");
            *(if found.is_empty() { &mut lost } else { &mut kept }) += 1;
        }
        assert!(
            told.refused.iter().all(|action| !stored.contains_key(action)),
            "refused, yet stored"
        );
    }
    assert!(stored.is_empty(), "nobody recorded {stored:?}");
    let sum = |count: fn(&Told) -> usize| told.iter().map(count).sum::<usize>();
    let (hurt, replays) = (sum(|told| told.faults), sum(|told| told.replays));
    println!(
        "{:?}: {WRITERS} writers, {rows} rows, {acknowledged} acknowledged, {} refused, {replays} replays; \
         {} rollbacks, {} connections killed, {hurt} faults answered, of those without key {kept} stored, \
         {lost} not",
        server.backend(),
        sum(|told| told.refused.len()),
        faults.rollbacks.load(Relaxed),
        faults.kills.load(Relaxed),
    );
    assert!(acknowledged >= WRITERS * ROUNDS);
    hurt
}
