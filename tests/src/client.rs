//! A minimal GraphQL client over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    url: String,
    pub token: Option<String>,
}

/// A GraphQL response.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Client {
    pub fn new(url: String, token: Option<String>) -> Self {
        // Far longer than any answer takes: what never comes is said, not waited for.
        let http = reqwest::Client::builder().timeout(Duration::from_secs(120)).build().unwrap();
        Self { http, url, token }
    }

    /// Runs a document with variables, and returns any answer.
    pub async fn send(&self, query: &str, variables: Value) -> Answer {
        self.try_send(query, variables).await.unwrap()
    }

    /// Runs a document on a server that may stop in the meantime.
    pub async fn try_send(&self, query: &str, variables: Value) -> reqwest::Result<Answer> {
        let mut request = self.http.post(format!("{}/graphql", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let body = json!({ "query": query, "variables": variables });
        let response = request.json(&body).send().await?;
        let status = response.status().as_u16();
        Ok(Answer { status, body: response.json().await? })
    }

    /// Runs a document that must succeed, and returns its data.
    pub async fn query(&self, query: &str, variables: Value) -> Value {
        let answer = self.send(query, variables).await;
        assert_eq!(answer.body.get("errors"), None, "{query}");
        answer.body["data"].clone()
    }

    /// Runs a document that must fail, and returns the code of its first error.
    pub async fn error(&self, query: &str, variables: Value) -> String {
        self.send(query, variables).await.code()
    }

    /// Records `count` plain entries with actions `test.0` …, a thousand at a time.
    pub async fn record(&self, organization: &str, count: usize) {
        for first in (0..count).step_by(1_000) {
            let entries: Vec<_> = (first..count.min(first + 1_000))
                .map(|index| entry(&format!("test.{index}")))
                .collect();
            let payload = self.record_entries(organization, json!(entries)).await;
            assert_eq!(payload["userErrors"], json!([]));
        }
    }

    /// Records entries, and returns the payload.
    pub async fn record_entries(&self, organization: &str, entries: Value) -> Value {
        let input = json!({ "organizationId": organization, "entries": entries });
        self.query(RECORD, json!({ "input": input })).await["recordAuditLogs"].clone()
    }

    /// Starts an export of the whole log, and returns the payload.
    pub async fn export(&self, organization: &str, format: &str) -> Value {
        let source = json!({ "auditLogs": {} });
        self.start_export(
            json!({ "organizationId": organization, "source": source, "format": format }),
        )
        .await
    }

    /// Starts an export, and returns the payload.
    pub async fn start_export(&self, input: Value) -> Value {
        self.query(START_EXPORT, json!({ "input": input })).await["startExport"].clone()
    }

    /// Creates a workspace, and returns its ID.
    pub async fn create_workspace(&self, organization: &str, name: &str) -> String {
        let input = json!({ "organizationId": organization, "name": name });
        let data = self.query(CREATE_WORKSPACE, json!({ "input": input })).await;
        data["createWorkspace"]["workspace"]["id"].as_str().unwrap().to_owned()
    }

    /// Creates a note with these fields and defaults for the others, and returns the payload.
    pub async fn create_note(&self, workspace: &str, fields: Value) -> Value {
        let mut input = json!({ "workspaceId": workspace, "path": "a", "title": "A", "body": "a" });
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.query(CREATE_NOTE, json!({ "input": input })).await["createNote"].clone()
    }

    /// Changes a note, and returns the payload.
    pub async fn update_note(&self, note: &str, version: i32, fields: Value) -> Value {
        let mut input = json!({ "noteId": note, "expectedVersion": version });
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.query(UPDATE_NOTE, json!({ "input": input })).await["updateNote"].clone()
    }

    /// Deletes a note, and returns the payload.
    pub async fn delete_note(&self, note: &str) -> Value {
        let input = json!({ "noteId": note });
        self.query(DELETE_NOTE, json!({ "input": input })).await["deleteNote"].clone()
    }

    /// Creates an API key with these fields and defaults for the others, and returns the payload.
    pub async fn create_api_key(&self, organization: &str, role: &str, fields: Value) -> Value {
        let mut input = json!({ "organizationId": organization, "name": "key", "role": role });
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.query(CREATE_API_KEY, json!({ "input": input })).await["createApiKey"].clone()
    }

    /// Waits until a job has finished, and returns it.
    pub async fn finished(&self, id: &str) -> Value {
        crate::eventually("the job's end", 60, async || {
            let job = self.job(id).await;
            matches!(job["state"].as_str(), Some("SUCCEEDED" | "FAILED" | "CANCELED"))
                .then_some(job)
        })
        .await
    }

    /// Waits until a job has finished on a server some of whose connections may be dead, and returns it. A
    /// request that fails reveals a dead connection.
    pub async fn finished_after_faults(&self, id: &str) -> Value {
        crate::eventually("the job's end", 60, async || {
            let answer = self.send(JOB, json!({ "id": id })).await;
            let job = &answer.body["data"]["job"];
            let is_over =
                matches!(job["state"].as_str(), Some("SUCCEEDED" | "FAILED" | "CANCELED"));
            is_over.then(|| job.clone())
        })
        .await
    }

    /// Returns a job in its current state.
    pub async fn job(&self, id: &str) -> Value {
        self.query(JOB, json!({ "id": id })).await["job"].clone()
    }

    /// Downloads the file behind a link.
    pub async fn download(&self, url: &str) -> Vec<u8> {
        let response = self.http.get(url).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{url}");
        response.bytes().await.unwrap().to_vec()
    }
}

impl Answer {
    /// Returns the code of the first error.
    pub fn code(&self) -> String {
        let code = self.body["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or_else(|| panic!("no error in {}", self.body)).to_owned()
    }
}

/// Returns the input of a plain entry.
#[must_use]
pub fn entry(action: &str) -> Value {
    json!({
        "actor": { "id": "ada", "email": "ada@acme.test" },
        "action": action,
        "resource": { "type": "device", "id": "d1" },
    })
}

const RECORD: &str = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) {
    auditLogs { id sequence hash action timestamp recordedAt } replayed userErrors { code message path }
} }";

const START_EXPORT: &str = "mutation($input: StartExportInput!) { startExport(input: $input) {
    job { id state recordsMatched truncated continuation artifact { downloadUrl sizeBytes sha256 manifest } }
    inlineDataUrl userErrors { code message path }
} }";

const JOB: &str = "query($id: ID!) { job(id: $id) {
    id kind state attempt progress { done total fraction } error { code message retryable }
    transitions { cursor from to attempt reason }
    artifact { downloadUrl sizeBytes sha256 recordCount fileName contentType expired manifest }
    ... on ExportJob { format recordsMatched truncated continuation }
} }";

const CREATE_API_KEY: &str = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
    apiKey { id name prefix subject role createdBy createdAt expiresAt revokedAt lastUsedAt } key
    userErrors { code message path }
} }";

const CREATE_WORKSPACE: &str =
    "mutation($input: CreateWorkspaceInput!) { createWorkspace(input: $input) {
    workspace { id } userErrors { code message path }
} }";

const CREATE_NOTE: &str = "mutation($input: CreateNoteInput!) { createNote(input: $input) {
    note { id path title tags version createdAt updatedAt workspace { id } } userErrors { code message path }
} }";

const UPDATE_NOTE: &str = "mutation($input: UpdateNoteInput!) { updateNote(input: $input) {
    note { id path title body tags version createdAt updatedAt } userErrors { code message path }
} }";

const DELETE_NOTE: &str = "mutation($input: DeleteNoteInput!) { deleteNote(input: $input) {
    deletedNoteId userErrors { code message path }
} }";
