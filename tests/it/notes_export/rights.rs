//! Permissions to export notes, to see the job, and to download its file.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, json, on_each_engine, on_each_idle_engine};

use super::{acme, create, export, input};

const NODE: &str =
    "query($id: ID!) { node(id: $id) { id } job(id: $id) { state artifact { downloadUrl } } }";

const WATCH: &str = "subscription($organization: ID!, $job: ID!) {
    jobUpdates(organizationId: $organization, jobId: $job) { type job { id state } }
}";

#[on_each_engine]
async fn member_exports_and_sees_its_own_jobs(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    create(&member, &workspace, json!({})).await;
    let admin = server.client(&acme, Role::Admin).await;
    let payload = member.start_export(input(&acme, &workspace)).await;
    let id = payload["job"]["id"].as_str().unwrap().to_owned();
    let inline = member
        .query(
            "mutation($input: StartExportInput!) { startExport(input: $input) { inlineDataUrl } }",
            json!({ "input": input(&acme, &workspace) }),
        )
        .await;
    let url = inline["startExport"]["inlineDataUrl"].as_str().unwrap();
    assert!(url.starts_with("data:application/zip;base64,UEsDB"), "{url}");
    let seen = member.query(NODE, json!({ "id": id })).await;
    assert_eq!((&seen["node"]["id"], &seen["job"]["state"]), (&json!(id), &json!("SUCCEEDED")));
    member.download(seen["job"]["artifact"]["downloadUrl"].as_str().unwrap()).await;

    let mut socket = server.socket(member.token.as_ref().unwrap()).await;
    socket.subscribe("1", WATCH, json!({ "organization": acme, "job": id })).await;
    let update = socket.data().await["jobUpdates"].clone();
    assert_eq!(update, json!({ "type": "SNAPSHOT", "job": { "id": id, "state": "SUCCEEDED" } }));

    let (others, _) = export(&admin, &acme, &workspace).await;
    let others = json!({ "id": others["id"] });
    assert_eq!(member.error(NODE, others.clone()).await, "FORBIDDEN", "another one's");
    let all = "query($id: ID!) { jobs(organizationId: $id) { totalCount } }";
    assert_eq!(member.error(all, json!({ "id": acme })).await, "FORBIDDEN");

    let auditor = server.client(&acme, Role::Auditor).await;
    let start = "mutation($input: StartExportInput!) { startExport(input: $input) { replayed } }";
    let variables = json!({ "input": input(&acme, &workspace) });
    assert_eq!(auditor.error(start, variables).await, "FORBIDDEN");
    let seen = auditor.query(NODE, others).await;
    assert_eq!(seen["job"]["artifact"]["downloadUrl"], json!(null), "sees the job, not the notes");
    let log = "query($id: ID!) { auditLogs(organizationId: $id, filter: { actorId: \"auditor\", outcome: DENIED }) {
        nodes { action } } }";
    let log = admin.query(log, json!({ "id": acme })).await;
    assert_eq!(log["auditLogs"]["nodes"], json!([{ "action": "note.export" }]));

    server.set_member(&acme, "member", Role::Auditor).await;
    let seen = member.query(NODE, json!({ "id": id })).await;
    assert_eq!(seen["job"]["artifact"]["downloadUrl"], json!(null));
    server.remove_member(&acme, "member").await;
    let seen = member.query(NODE, json!({ "id": id })).await;
    assert_eq!(seen, json!({ "node": null, "job": null }));
}

#[on_each_idle_engine]
async fn role_that_is_lost_meanwhile_ends_the_job(server: &TestServer) {
    // Only jobs that the answer doesn't wait for.
    let (acme, member, workspace) = acme(server).await;
    create(&member, &workspace, json!({})).await;
    let admin = server.client(&acme, Role::Admin).await;
    let waiting = member.start_export(input(&acme, &workspace));
    let change = async {
        let list = "query($id: ID!) { jobs(organizationId: $id) { nodes { id } } }";
        let id = daybook_tests::eventually("the job", 10, async || {
            let jobs = admin.query(list, json!({ "id": acme })).await;
            jobs["jobs"]["nodes"][0]["id"].as_str().map(str::to_owned)
        })
        .await;
        server.set_member(&acme, "member", Role::Auditor).await;
        server.start_work();
        admin.finished(&id).await
    };
    let (_, job) = tokio::join!(waiting, change);
    assert_eq!(
        (&job["state"], &job["error"]["code"]),
        (&json!("FAILED"), &json!("ACCESS_REVOKED"))
    );
}

#[on_each_idle_engine]
async fn member_cancels_and_repeats_an_export_of_notes(server: &TestServer) {
    let (acme, member, workspace) = acme(server).await;
    let admin = server.client(&acme, Role::Admin).await;
    let waiting = member.start_export(input(&acme, &workspace));
    let act = async {
        let list = "query($id: ID!) { jobs(organizationId: $id) { nodes { id } } }";
        let id = daybook_tests::eventually("the job", 10, async || {
            let jobs = admin.query(list, json!({ "id": acme })).await;
            jobs["jobs"]["nodes"][0]["id"].as_str().map(str::to_owned)
        })
        .await;
        let cancel = "mutation($id: ID!) { cancelJob(input: { jobId: $id }) { job { state } userErrors { code } } }";
        let canceled = member.query(cancel, json!({ "id": id })).await;
        assert_eq!(canceled["cancelJob"]["job"]["state"], "CANCELED");
        let retry = "mutation($id: ID!) { retryJob(input: { jobId: $id }) { job { id state } userErrors { code } } }";
        let repeated = member.query(retry, json!({ "id": id })).await["retryJob"]["job"].clone();
        server.start_work();
        let job = member.finished(repeated["id"].as_str().unwrap()).await;
        assert_eq!(job["state"], "SUCCEEDED");
    };
    tokio::join!(waiting, act);
}
