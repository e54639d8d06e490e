//! Rust's cynic: documents made from types, which are checked against `schema.graphql` when they are compiled.

use cynic::{GraphQlResponse, Id, MutationBuilder, Operation, QueryBuilder, SubscriptionBuilder};
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};
use serde::{Serialize, de::DeserializeOwned};

use super::{check, start};

#[allow(unused, reason = "all of the schema's names, of which few are used")]
mod schema {
    cynic::use_schema!("../schema.graphql");
}

#[derive(cynic::QueryVariables)]
struct Page {
    organization_id: Id,
    first: i32,
    after: Option<String>,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql", graphql_type = "Query", variables = "Page")]
struct Entries {
    #[arguments(organizationId: $organization_id, orderBy: RECORDED_ASC, first: $first, after: $after)]
    audit_logs: AuditLogConnection,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct AuditLogConnection {
    edges: Vec<AuditLogEdge>,
    page_info: PageInfo,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct AuditLogEdge {
    node: AuditLog,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct AuditLog {
    action: String,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct PageInfo {
    end_cursor: Option<String>,
}

#[derive(cynic::QueryVariables)]
struct Recording {
    input: RecordAuditLogsInput,
}

#[derive(cynic::InputObject)]
#[cynic(schema_path = "../schema.graphql")]
struct RecordAuditLogsInput {
    organization_id: Id,
    entries: Vec<AuditLogEntryInput>,
}

#[derive(cynic::InputObject)]
#[cynic(schema_path = "../schema.graphql")]
struct AuditLogEntryInput {
    action: String,
    actor: AuditActorInput,
    resource: AuditResourceInput,
}

#[derive(cynic::InputObject)]
#[cynic(schema_path = "../schema.graphql")]
struct AuditActorInput {
    id: String,
}

#[derive(cynic::InputObject)]
#[cynic(schema_path = "../schema.graphql")]
struct AuditResourceInput {
    id: String,
    #[cynic(rename = "type")]
    kind: String,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql", graphql_type = "Mutation", variables = "Recording")]
struct Record {
    #[arguments(input: $input)]
    record_audit_logs: RecordAuditLogsPayload,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct RecordAuditLogsPayload {
    audit_logs: Vec<AuditLog>,
}

#[derive(cynic::QueryVariables)]
struct Exporting {
    input: StartExportInput,
}

#[derive(cynic::InputObject)]
#[cynic(schema_path = "../schema.graphql")]
struct StartExportInput {
    organization_id: Id,
    format: ExportFormat,
    source: ExportSource,
}

#[derive(cynic::InputObject)]
#[cynic(schema_path = "../schema.graphql")]
enum ExportSource {
    AuditLogs(AuditLogsSource),
}

#[derive(cynic::InputObject)]
#[cynic(schema_path = "../schema.graphql")]
struct AuditLogsSource {
    filter: AuditLogFilter,
}

#[derive(cynic::InputObject)]
#[cynic(schema_path = "../schema.graphql")]
struct AuditLogFilter {
    action: String,
}

#[derive(cynic::Enum, Clone, Copy)]
#[cynic(schema_path = "../schema.graphql")]
enum ExportFormat {
    Csv,
    Json,
    Jsonl,
    Markdown,
    Parquet,
    Xlsx,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql", graphql_type = "Mutation", variables = "Exporting")]
struct Export {
    #[arguments(input: $input)]
    start_export: StartExportPayload,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct StartExportPayload {
    job: Option<ExportJob>,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct ExportJob {
    id: Id,
}

#[derive(cynic::QueryVariables)]
struct One {
    organization_id: Id,
    job_id: Id,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql", graphql_type = "Subscription", variables = "One")]
struct Updates {
    #[arguments(organizationId: $organization_id, jobId: $job_id)]
    job_updates: JobUpdate,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct JobUpdate {
    job: Option<Job>,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct Job {
    state: JobState,
    artifact: Option<Artifact>,
}

#[derive(cynic::Enum, Clone, Copy, PartialEq, Debug)]
#[cynic(schema_path = "../schema.graphql")]
enum JobState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Canceled,
}

#[derive(cynic::QueryFragment)]
#[cynic(schema_path = "../schema.graphql")]
struct Artifact {
    download_url: Option<String>,
}

async fn ask<T: DeserializeOwned, V: Serialize>(
    client: &Client,
    url: &str,
    operation: Operation<T, V>,
) -> T {
    let request = client.http.post(url).bearer_auth(client.token.as_ref().unwrap());
    let answer = request.json(&operation).send().await.unwrap();
    let answer: GraphQlResponse<T> = answer.json().await.unwrap();
    assert!(answer.errors.is_none(), "{:?}", answer.errors);
    answer.data.unwrap()
}

#[on_each_engine]
async fn cynic_walks(server: &TestServer) {
    let (server, acme, token) = start(server.backend()).await;
    let (client, url) = (Client::new(server.url(""), Some(token.clone())), server.url("/graphql"));
    let organization_id = || Id::new(&acme);
    let mut actions = Vec::new();
    let mut after = None;
    for _ in 0..2 {
        let page = Page { organization_id: organization_id(), first: 3, after };
        let page = ask(&client, &url, Entries::build(page)).await.audit_logs;
        actions.extend(page.edges.into_iter().map(|edge| edge.node.action));
        after = page.page_info.end_cursor;
    }

    let action = "client.cynic".to_owned();
    let actor = AuditActorInput { id: "cynic".to_owned() };
    let resource = AuditResourceInput { id: "cynic".to_owned(), kind: "client".to_owned() };
    let entries = vec![AuditLogEntryInput { action: action.clone(), actor, resource }];
    let input = RecordAuditLogsInput { organization_id: organization_id(), entries };
    let recorded = ask(&client, &url, Record::build(Recording { input })).await.record_audit_logs;
    let source = ExportSource::AuditLogs(AuditLogsSource { filter: AuditLogFilter { action } });
    let format = ExportFormat::Jsonl;
    let input = StartExportInput { organization_id: organization_id(), format, source };
    let started = ask(&client, &url, Export::build(Exporting { input })).await.start_export;

    let job_id = started.job.unwrap().id;
    let updates = Updates::build(One { organization_id: organization_id(), job_id });
    let mut socket = server.socket(&token).await;
    socket.send(json!({ "id": "1", "type": "subscribe", "payload": updates })).await;
    let mut states = Vec::new();
    let artifact = loop {
        let update: Updates = serde_json::from_value(socket.data().await).unwrap();
        let Some(job) = update.job_updates.job else {
            server.start_work();
            continue;
        };
        if states.last() != Some(&job.state) {
            states.push(job.state);
        }
        if let Some(artifact) = job.artifact {
            break artifact;
        }
        assert!(states.len() < 4, "{states:?}");
    };
    let file = client.download(&artifact.download_url.unwrap()).await;
    let states: Vec<Value> =
        states.iter().map(|state| json!(format!("{state:?}").to_uppercase())).collect();
    let recorded = &recorded.audit_logs[0].action;
    let seen = json!({ "actions": actions, "recorded": recorded, "states": states, "file": String::from_utf8(file).unwrap() });
    check(&seen, "client.cynic");
    server.finish().await;
}
