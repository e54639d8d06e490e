//! Operations on every root field of the API, for what one organization has.

use serde_json::{Value, json};

use crate::{Client, Socket, TestServer};

/// IDs of what an organization has.
#[derive(Clone, Debug)]
pub struct Things {
    pub organization: String,
    pub slug: String,
    pub entry: String,
    pub job: String,
    pub backup: String,
    /// The cursor of the log's first entry, in recorded order.
    pub cursor: String,
    pub workspace: String,
    pub note: String,
    pub key: String,
    /// Name that no workspace has yet.
    pub name: String,
}

/// An operation on one root field.
#[derive(Copy, Clone, Debug)]
pub struct Operation {
    /// Name of the root field, with the type for fields of many types: `Query.node: AuditLog`.
    pub name: &'static str,
    pub document: &'static str,
}

impl Operation {
    /// Returns the root field: `Query.node`.
    pub fn field(&self) -> &'static str {
        self.name.split(':').next().unwrap()
    }
}

/// Operations for every root field, and for `node` with every type that it can return.
pub const OPERATIONS: &[Operation] = &[
    operation("Query.viewer", "{ viewer { subject email isOperator memberships { role } } }"),
    operation("Query.node: Organization", "query($organization: ID!) { node(id: $organization) { id } }"),
    operation("Query.node: AuditLog", "query($entry: ID!) { node(id: $entry) { id } }"),
    operation("Query.node: BackupJob", "query($backup: ID!) { node(id: $backup) { id } }"),
    operation("Query.node: ExportJob", "query($job: ID!) { node(id: $job) { id } }"),
    operation("Query.node: Workspace", "query($workspace: ID!) { node(id: $workspace) { id } }"),
    operation("Query.node: Note", "query($note: ID!) { node(id: $note) { id } }"),
    operation("Query.node: ApiKey", "query($key: ID!) { node(id: $key) { id } }"),
    operation("Query.nodes: ApiKey", "query($key: ID!) { nodes(ids: [$key]) { id } }"),
    operation("Query.nodes: Organization", "query($organization: ID!) { nodes(ids: [$organization]) { id } }"),
    operation("Query.nodes: AuditLog", "query($entry: ID!) { nodes(ids: [$entry]) { id } }"),
    operation("Query.nodes: BackupJob", "query($backup: ID!) { nodes(ids: [$backup]) { id } }"),
    operation("Query.nodes: ExportJob", "query($job: ID!) { nodes(ids: [$job]) { id } }"),
    operation("Query.nodes: Workspace", "query($workspace: ID!) { nodes(ids: [$workspace]) { id } }"),
    operation("Query.nodes: Note", "query($note: ID!) { nodes(ids: [$note]) { id } }"),
    operation("Query.organization: id", "query($organization: ID!) { organization(id: $organization) { slug } }"),
    operation("Query.organization: slug", "query($slug: String!) { organization(slug: $slug) { id } }"),
    operation(
        "Query.organization: exportQuota",
        "query($organization: ID!) { organization(id: $organization) { exportQuota { limit } } }",
    ),
    operation(
        "Query.organization: retention",
        "query($organization: ID!) { organization(id: $organization) { retention { days holds { name } } } }",
    ),
    operation(
        "Query.organization: members",
        "query($organization: ID!) { organization(id: $organization) { members { totalCount nodes { subject } } } }",
    ),
    operation(
        "Query.organization: apiKeys",
        "query($organization: ID!) { organization(id: $organization) { apiKeys { totalCount nodes { id } } } }",
    ),
    operation(
        "Query.organization: workspaces",
        "query($organization: ID!) { organization(id: $organization) {
            workspaces { totalCount nodes { id notes { totalCount } } }
        } }",
    ),
    operation(
        "Query.auditLogs",
        "query($organization: ID!) { auditLogs(organizationId: $organization) { totalCount nodes { id } } }",
    ),
    operation("Query.auditLog", "query($entry: ID!) { auditLog(id: $entry) { id } }"),
    operation(
        "Query.auditLogHistogram",
        "query($organization: ID!) { auditLogHistogram(organizationId: $organization) { count } }",
    ),
    operation(
        "Query.auditLogValues",
        "query($organization: ID!) { auditLogValues(organizationId: $organization, facet: ACTION) }",
    ),
    operation("Query.job", "query($job: ID!) { job(id: $job) { id } }"),
    operation(
        "Query.jobs",
        "query($organization: ID!) { jobs(organizationId: $organization) { totalCount nodes { id } } }",
    ),
    operation(
        "Query.exportEstimate",
        "query($organization: ID!) { exportEstimate(organizationId: $organization, source: { auditLogs: {} }) {
            recordCount inline pieces
        } }",
    ),
    operation(
        "Mutation.recordAuditLogs",
        "mutation($organization: ID!) { recordAuditLogs(input: { organizationId: $organization, entries: [{
            actor: { id: \"ada\" }, action: \"a.b\", resource: { type: \"t\", id: \"1\" }
        }] }) { auditLogs { sequence } userErrors { code message path } } }",
    ),
    operation(
        "Mutation.startExport",
        "mutation($organization: ID!) { startExport(input: {
            organizationId: $organization, source: { auditLogs: {} }, format: CSV
        }) { job { state } userErrors { code message path } } }",
    ),
    operation(
        "Mutation.startBackup",
        "mutation($organization: ID!) { startBackup(input: { organizationId: $organization, verify: false }) {
            job { state } userErrors { code message path }
        } }",
    ),
    operation(
        "Mutation.cancelJob",
        "mutation($job: ID!) { cancelJob(input: { jobId: $job }) {
            job { state } userErrors { code message path }
        } }",
    ),
    operation(
        "Mutation.retryJob",
        "mutation($job: ID!) { retryJob(input: { jobId: $job }) {
            job { state } userErrors { code message path }
        } }",
    ),
    operation(
        "Query.exportEstimate: notes",
        "query($organization: ID!, $workspace: ID!) {
            exportEstimate(organizationId: $organization, source: { notes: { workspaceId: $workspace } }) {
                recordCount inline pieces
            }
        }",
    ),
    operation(
        "Mutation.startExport: notes",
        "mutation($organization: ID!, $workspace: ID!) { startExport(input: {
            organizationId: $organization, source: { notes: { workspaceId: $workspace } }, format: MARKDOWN
        }) { job { state } userErrors { code message path } } }",
    ),
    operation(
        "Mutation.createWorkspace",
        "mutation($organization: ID!, $name: String!) {
            createWorkspace(input: { organizationId: $organization, name: $name }) {
                workspace { id } userErrors { code message path }
            }
        }",
    ),
    operation(
        "Mutation.createNote",
        "mutation($workspace: ID!) { createNote(input: {
            workspaceId: $workspace, path: \"a/b\", title: \"A\", body: \"b\"
        }) { note { id } userErrors { code message path } } }",
    ),
    operation(
        "Mutation.updateNote",
        "mutation($note: ID!) { updateNote(input: { noteId: $note, expectedVersion: 1, title: \"B\" }) {
            note { id } userErrors { code message path }
        } }",
    ),
    operation(
        "Mutation.setMember",
        "mutation($organization: ID!) { setMember(input: {
            organizationId: $organization, subject: \"carol\", role: WRITER
        }) { member { subject role } userErrors { code message path } } }",
    ),
    operation(
        "Mutation.removeMember",
        "mutation($organization: ID!) { removeMember(input: { organizationId: $organization, subject: \"carol\" }) {
            removedSubject userErrors { code message path }
        } }",
    ),
    operation(
        "Mutation.createApiKey",
        "mutation($organization: ID!) { createApiKey(input: {
            organizationId: $organization, name: \"importer\", role: WRITER
        }) { apiKey { role } userErrors { code message path } } }",
    ),
    operation(
        "Mutation.revokeApiKey",
        "mutation($key: ID!) { revokeApiKey(input: { apiKeyId: $key }) {
            apiKey { revokedAt } userErrors { code message path }
        } }",
    ),
    // After everything else that asks for the note.
    operation(
        "Mutation.deleteNote",
        "mutation($note: ID!) { deleteNote(input: { noteId: $note }) {
            deletedNoteId userErrors { code message path }
        } }",
    ),
    operation(
        "Subscription.auditLogRecorded",
        "subscription($organization: ID!, $cursor: String) {
            auditLogRecorded(organizationId: $organization, after: $cursor) { node { id } }
        }",
    ),
    operation(
        "Subscription.jobUpdates: organizationId",
        "subscription($organization: ID!) { jobUpdates(organizationId: $organization) { type job { id } } }",
    ),
    operation(
        "Subscription.jobUpdates: jobId",
        "subscription($organization: ID!, $job: ID!) {
            jobUpdates(organizationId: $organization, jobId: $job) { type job { id } }
        }",
    ),
];

const fn operation(name: &'static str, document: &'static str) -> Operation {
    Operation { name, document }
}

impl Things {
    pub fn variables(&self) -> Value {
        let Self { organization, slug, entry, job, backup, cursor, workspace, note, key, name } =
            self;
        json!({
            "organization": organization, "slug": slug, "entry": entry, "job": job, "backup": backup, "cursor": cursor,
            "workspace": workspace, "note": note, "key": key, "name": name,
        })
    }

    /// Creates one of each in an organization in which `client` may do everything.
    pub async fn of(client: &Client, organization: &str, slug: &str) -> Self {
        let payload =
            client.record_entries(organization, json!([crate::entry("thing.make")])).await;
        let entry = payload["auditLogs"][0]["id"].as_str().unwrap().to_owned();
        let payload = client.export(organization, "CSV").await;
        let job = payload["job"]["id"].as_str().unwrap().to_owned();
        client.finished(&job).await;
        let start =
            "mutation($id: ID!) { startBackup(input: { organizationId: $id, verify: false }) {
            job { id }
        } }";
        let started = client.query(start, json!({ "id": organization })).await;
        let backup = started["startBackup"]["job"]["id"].as_str().unwrap().to_owned();
        client.finished(&backup).await;
        let first =
            "query($id: ID!) { auditLogs(organizationId: $id, orderBy: RECORDED_ASC, first: 1) {
            pageInfo { endCursor }
        } }";
        let first = client.query(first, json!({ "id": organization })).await;
        let cursor = first["auditLogs"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
        // Unlike any other, so that an organization can be given things more than once.
        let name = format!("notes beside {job}");
        let workspace = client.create_workspace(organization, &format!("{name}, first")).await;
        let note = client.create_note(&workspace, json!({ "path": "first" })).await;
        let note = note["note"]["id"].as_str().unwrap().to_owned();
        let key = client.create_api_key(organization, "WRITER", json!({})).await;
        let key = key["apiKey"]["id"].as_str().unwrap().to_owned();
        let (organization, slug) = (organization.to_owned(), slug.to_owned());
        Self { organization, slug, entry, job, backup, cursor, workspace, note, key, name }
    }
}

/// Runs an operation, and returns its answer, or the first answer of a subscription.
pub async fn ask(
    server: &TestServer,
    token: Option<&str>,
    operation: &Operation,
    variables: Value,
) -> Value {
    if !operation.name.starts_with("Subscription.") {
        let client = Client::new(server.url(""), token.map(str::to_owned));
        return client.send(operation.document, variables).await.body;
    }
    let mut socket = Socket::open(&server.url("/graphql"), Some("graphql-transport-ws")).await;
    let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
    socket.send(json!({ "type": "connection_init", "payload": payload })).await;
    assert_eq!(socket.next().await["type"], "connection_ack");
    socket.subscribe("1", operation.document, variables).await;
    let message = socket.next().await;
    assert_eq!(message["type"], "next", "{message}");
    message["payload"].clone()
}

/// Returns `OK`, or the code of the first error, top-level or in a payload.
pub fn verdict(answer: &Value) -> String {
    if let Some(code) = answer["errors"][0]["extensions"]["code"].as_str() {
        return code.to_owned();
    }
    let payload = answer["data"].as_object().unwrap().values().next().unwrap();
    match payload["userErrors"][0]["code"].as_str() {
        Some(code) => code.to_owned(),
        None => "OK".to_owned(),
    }
}
