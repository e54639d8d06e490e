//! `auditLogRecorded`: the log as it grows.

use daybook_entity::membership::Role;
use daybook_tests::{Client, Socket, TestServer, Value, json, on_each_engine};

const TAIL: &str = "subscription($id: ID!, $filter: AuditLogFilter, $after: String) {
    auditLogRecorded(organizationId: $id, filter: $filter, after: $after) { cursor node { sequence action } }
}";

/// The cursor of the last entry, from which a tail misses nothing however late it begins.
async fn last_cursor(client: &Client, organization: &str, filter: &Value) -> Value {
    let page =
        "query($id: ID!, $filter: AuditLogFilter) { auditLogs(organizationId: $id, filter: $filter,
        first: 1) { pageInfo { endCursor } } }";
    let page = client.query(page, json!({ "id": organization, "filter": filter })).await;
    page["auditLogs"]["pageInfo"]["endCursor"].clone()
}

async fn next(socket: &mut Socket) -> Value {
    socket.data().await["auditLogRecorded"].clone()
}

#[on_each_engine]
async fn every_entry_arrives_once_and_in_order(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let filter = json!({ "action": "test.*" });
    admin.record(&acme, 1).await;
    let after = last_cursor(&admin, &acme, &filter).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    let variables = json!({ "id": acme, "filter": filter, "after": after });
    socket.subscribe("1", TAIL, variables).await;
    let mut seen = Vec::new();
    let more = async {
        let writers = (0..8).map(|_| admin.record(&acme, 100));
        futures::future::join_all(writers).await;
    };
    let read = async {
        while seen.len() < 400 {
            seen.push(next(&mut socket).await);
        }
    };
    futures::join!(more, read);
    drop(socket);
    // A new connection goes on where that one broke off.
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    let after = seen.last().unwrap()["cursor"].clone();
    socket.subscribe("1", TAIL, json!({ "id": acme, "filter": filter, "after": after })).await;
    while seen.len() < 800 {
        seen.push(next(&mut socket).await);
    }
    let sequence =
        |edge: &Value| edge["node"]["sequence"].as_str().unwrap().parse::<i64>().unwrap();
    let sequences: Vec<_> = seen.iter().map(sequence).collect();
    let first = sequences[0];
    assert_eq!(sequences, (first..first + 800).collect::<Vec<_>>());
}

#[on_each_engine]
async fn page_cursor_leads_into_the_tail_and_others_do_not(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 3).await;
    let page =
        "query($id: ID!, $filter: AuditLogFilter) { auditLogs(organizationId: $id, filter: $filter,
        orderBy: RECORDED_ASC, first: 1) { pageInfo { endCursor } } }";
    let filter = json!({ "action": "test.*" });
    let page = admin.query(page, json!({ "id": acme, "filter": filter })).await;
    let after = page["auditLogs"]["pageInfo"]["endCursor"].clone();
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    let variables = json!({ "id": acme, "filter": filter, "after": after });
    socket.subscribe("1", TAIL, variables).await;
    assert_eq!(next(&mut socket).await["node"]["action"], "test.1");
    socket.subscribe("2", TAIL, json!({ "id": acme, "after": after })).await;
    loop {
        let message = socket.next().await;
        if message["id"] == "2" {
            assert_eq!(
                message["payload"]["errors"][0]["extensions"]["argument"], "after",
                "{message}"
            );
            break;
        }
    }
}

#[on_each_engine]
async fn page_without_entries_leads_into_the_tail(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let page = "query($id: ID!, $filter: AuditLogFilter) {
        auditLogs(organizationId: $id, filter: $filter) { ...Page } }
        fragment Page on AuditLogConnection { nodes { id } end: tailCursor }";
    let filter = json!({ "action": "test.*" });
    let none =
        admin.query(page, json!({ "id": acme, "filter": filter })).await["auditLogs"].clone();
    assert_eq!(none["nodes"], json!([]));
    admin.record(&acme, 2).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    let variables = json!({ "id": acme, "filter": filter, "after": none["end"] });
    socket.subscribe("1", TAIL, variables).await;
    assert_eq!(next(&mut socket).await["node"]["action"], "test.0");
    assert_eq!(next(&mut socket).await["node"]["action"], "test.1");
    // It is of this log alone.
    let other = server.organization("other").await;
    let admin = server.client(&other, Role::Admin).await;
    let mut socket = server.socket(admin.token.as_ref().unwrap()).await;
    socket.subscribe("1", TAIL, json!({ "id": other, "after": none["end"] })).await;
    let message = socket.next().await;
    assert_eq!(message["payload"]["errors"][0]["extensions"]["argument"], "after", "{message}");
}

#[on_each_engine]
async fn lost_role_ends_the_tail(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let auditor = server.client(&acme, Role::Auditor).await;
    admin.record(&acme, 1).await;
    let filter = json!({ "action": "test.*" });
    let after = last_cursor(&admin, &acme, &filter).await;
    admin.record(&acme, 1).await;
    let mut socket = server.socket(auditor.token.as_ref().unwrap()).await;
    let variables = json!({ "id": acme, "filter": filter, "after": after });
    socket.subscribe("1", TAIL, variables).await;
    next(&mut socket).await;
    server.remove_member(&acme, "auditor").await;
    let message = socket.next().await;
    assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN", "{message}");
    assert_eq!(socket.next().await, json!({ "type": "complete", "id": "1" }));
}
