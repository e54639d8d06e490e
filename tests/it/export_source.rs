//! The source and the compression of a job, known from its start.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, json, on_each_engine};

const JOBS: &str = "query($id: ID!) { jobs(organizationId: $id, first: 10) { nodes {
    ... on ExportJob { compression source {
        auditLogs { filter orderBy throughSequence } notes { workspaceId } } }
    ... on BackupJob { compression }
} } }";

#[on_each_engine]
async fn job_says_what_it_exports_from_its_start(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let workspace = admin.create_workspace(&acme, "docs").await;
    let filter = json!({
        "actorEmail": "Ada@Acme.test", "outcome": ["DENIED"], "action": ["device.*"],
        "from": "2026-01-01T00:00:00.5Z",
    });
    for (source, format, compression) in [
        (json!({ "auditLogs": { "filter": filter, "orderBy": "TIMESTAMP_ASC" } }), "CSV", "GZIP"),
        (json!({ "auditLogs": {} }), "JSONL", "ZSTD"),
        (json!({ "notes": { "workspaceId": workspace } }), "MARKDOWN", "NONE"),
    ] {
        let input = json!({
            "organizationId": acme, "source": source, "format": format, "compression": compression,
        });
        assert_eq!(admin.start_export(input).await["userErrors"], json!([]));
    }
    let backup =
        "mutation($id: ID!) { startBackup(input: { organizationId: $id, compression: ZSTD }) {
        userErrors { message } } }";
    admin.query(backup, json!({ "id": acme })).await;
    let found = admin.query(JOBS, json!({ "id": acme })).await;
    let nodes = found["jobs"]["nodes"].as_array().unwrap();
    let compressions: Vec<_> = nodes.iter().map(|node| &node["compression"]).collect();
    assert_eq!(compressions, ["ZSTD", "NONE", "ZSTD", "GZIP"]);
    assert_eq!(
        nodes[1]["source"],
        json!({ "auditLogs": null, "notes": { "workspaceId": workspace } })
    );
    let [all, some] = [&nodes[2]["source"]["auditLogs"], &nodes[3]["source"]["auditLogs"]];
    assert_eq!((&all["filter"], &all["orderBy"]), (&json!({}), &json!("RECORDED_DESC")));
    assert_eq!(some["orderBy"], "TIMESTAMP_ASC");
    assert_eq!(some["filter"]["action"], filter["action"]);
    assert_eq!(some["filter"]["outcome"], filter["outcome"]);
    assert!(some["throughSequence"].as_str().unwrap().parse::<i64>().unwrap() > 0);
    // It is a filter again, and finds the same.
    let list = "query($id: ID!, $f: AuditLogFilter) { auditLogs(organizationId: $id, filter: $f) { totalCount } }";
    let again = admin.query(list, json!({ "id": acme, "f": some["filter"] })).await;
    assert_eq!(again["auditLogs"]["totalCount"], 0);
    // Who may see the jobs of an organization, but not what they export.
    let operator = server.operator().await;
    let found = operator.query(JOBS, json!({ "id": acme })).await;
    let nodes = found["jobs"]["nodes"].as_array().unwrap();
    assert!(nodes.iter().all(|node| node.get("source").is_none_or(Value::is_null)), "{found}");
}
