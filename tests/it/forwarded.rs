//! Daybook's own entries know the client's address and user agent, also behind proxies that are trusted.

use daybook_entity::membership::Role;
use daybook_tests::{Backend, Client, TestServer, Value, json, on_each_backend};

const LAST: &str = "query($id: ID!, $action: String) { auditLogs(organizationId: $id, first: 1, filter: { action: $action }) {
    nodes { metadata { ipAddress userAgent } } } }";

/// Creates a workspace by a request with these headers, and returns the circumstances of its entry.
async fn seen(server: &TestServer, admin: &Client, acme: &str, headers: &[(&str, &str)]) -> Value {
    let create = "mutation($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { userErrors { message } } }";
    let name = format!("w{:?}", std::time::Instant::now())
        .replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let input = json!({ "organizationId": acme, "name": name });
    let mut request = reqwest::Client::new().post(server.url("/graphql"));
    request = request.bearer_auth(admin.token.as_deref().unwrap());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = json!({ "query": create, "variables": { "input": input } });
    let answer: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"]["createWorkspace"]["userErrors"], json!([]), "{answer}");
    let variables = json!({ "id": acme, "action": "workspace.created" });
    admin.query(LAST, variables).await["auditLogs"]["nodes"][0]["metadata"].clone()
}

#[on_each_backend]
async fn entries_know_whom_trusted_proxies_name(backend: Backend) {
    let server = TestServer::start_with(backend, |config| {
        config.server_limits.trusted_proxies =
            ["127.0.0.0/8", "10.0.0.0/8"].map(|network| network.parse().unwrap()).to_vec();
    })
    .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let agent = ("user-agent", "curl/8.9");
    for (headers, address) in [
        (&[agent][..], "127.0.0.1"),
        (&[agent, ("x-forwarded-for", "198.51.100.1")], "198.51.100.1"),
        (&[agent, ("x-forwarded-for", "203.0.113.9, 2001:db8::1, 10.1.2.3")], "2001:db8::1"),
        (&[agent, ("forwarded", "for=\"[2001:db8::2]:99\";proto=https")], "2001:db8::2"),
    ] {
        let expected = json!({ "ipAddress": address, "userAgent": "curl/8.9" });
        assert_eq!(seen(&server, &admin, &acme, headers).await, expected, "{headers:?}");
    }
    let long = "é".repeat(1_500);
    let found = seen(&server, &admin, &acme, &[("user-agent", &long)]).await;
    assert_eq!(found["userAgent"], format!("{}…", "é".repeat(999)));
    server.finish().await;
}

#[on_each_backend]
async fn nobody_else_is_believed(backend: Backend) {
    let server = TestServer::start(backend).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let headers = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.2")];
    assert_eq!(seen(&server, &admin, &acme, &headers).await["ipAddress"], "127.0.0.1");
    // What a job's request did, and what was denied, knows it, too.
    admin.finished(admin.export(&acme, "CSV").await["job"]["id"].as_str().unwrap()).await;
    let auditor = server.client(&acme, Role::Auditor).await;
    assert_eq!(auditor.error("mutation($id: ID!) { createWorkspace(input: { organizationId: $id, name: \"x\" }) { userErrors { code } } }", json!({ "id": acme })).await, "FORBIDDEN");
    for action in ["job.export.requested", "workspace.create"] {
        let found = admin.query(LAST, json!({ "id": acme, "action": action })).await;
        let metadata = &found["auditLogs"]["nodes"][0]["metadata"];
        assert_eq!(metadata["ipAddress"], "127.0.0.1", "{action}: {found}");
    }
    server.finish().await;
}
