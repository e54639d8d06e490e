//! The main flow, end to end: record, query, export, watch, download.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, json, on_each_engine};

const UPDATES: &str =
    "subscription($organization: ID!) { jobUpdates(organizationId: $organization) {
    type cursor previousState job { id state }
} }";

#[on_each_engine]
async fn record_query_export_watch_download(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    socket.subscribe("1", UPDATES, json!({ "organization": acme })).await;
    assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");

    admin.record(&acme, 1_500).await;
    let page = admin
        .query(
            "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"test.149*\" }) {
                totalCount nodes { action }
            } }",
            json!({ "id": acme }),
        )
        .await;
    assert_eq!(page["auditLogs"]["totalCount"], 11);
    assert_eq!(page["auditLogs"]["nodes"][0]["action"], "test.1499");

    let payload = admin.export(&acme, "CSV").await;
    let id = payload["job"]["id"].as_str().unwrap();
    let job = admin.finished(id).await;
    assert_eq!(job["state"], "SUCCEEDED", "{job}");
    let file = admin.download(job["artifact"]["downloadUrl"].as_str().unwrap()).await;
    let records = csv::Reader::from_reader(&file[..]).records().count();
    // The entries, the organization's creation, the member; not the export's own telemetry.
    assert_eq!(records, 1_502);

    for (from, to) in
        [(None, "QUEUED"), (Some("QUEUED"), "RUNNING"), (Some("RUNNING"), "SUCCEEDED")]
    {
        let update = loop {
            let update = socket.data().await["jobUpdates"].clone();
            if update["type"] != "PROGRESS" {
                break update;
            }
        };
        assert_eq!(update["type"], "TRANSITION");
        assert_eq!(update["previousState"].as_str(), from);
        assert_eq!(
            (update["job"]["id"].as_str(), update["job"]["state"].as_str()),
            (Some(id), Some(to))
        );
    }
}
