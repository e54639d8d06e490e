//! GraphQL over server-sent events: `/graphql/stream`.

use std::{process::Command, time::Duration};

use daybook_entity::membership::Role;
use daybook_tests::{
    Backend, Client, Event, Events, TestServer, Value, clients, json, on_each_engine,
};

const RECORDED: &str = "subscription($id: ID!, $after: String) {
    auditLogRecorded(organizationId: $id, after: $after) { node { action } } }";
const UPDATES: &str = "subscription($id: ID!, $job: ID) { jobUpdates(organizationId: $id, jobId: $job) { type job { state } } }";

async fn open(
    client: &Client,
    server: &TestServer,
    query: &str,
    variables: Value,
    headers: &[(&str, &str)],
) -> Events {
    let mut request = client.http.post(server.url("/graphql/stream"));
    if let Some(token) = &client.token {
        request = request.bearer_auth(token);
    }
    request = request.header("accept", "text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = json!({ "query": query, "variables": variables });
    Events::new(request.json(&body).send().await.unwrap())
}

fn data(event: &Event) -> Value {
    assert_eq!(event.event, "next");
    serde_json::from_str(&event.data).unwrap()
}

fn complete() -> Event {
    Event { event: "complete".to_owned(), ..Event::default() }
}

#[on_each_engine]
async fn subscription_is_told_to_its_end(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 10).await;
    let job = admin.export(&acme, "CSV").await["job"]["id"].clone();
    let mut events = open(&admin, server, UPDATES, json!({ "id": acme, "job": job }), &[]).await;
    assert_eq!(events.status, 200);
    assert!(events.headers["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    assert_eq!(events.headers["cache-control"], "no-store");
    assert_eq!(events.headers.get("content-encoding"), None);
    let first = events.event().await.unwrap();
    assert_eq!(
        data(&first),
        json!({ "data": { "jobUpdates": { "type": "SNAPSHOT", "job": { "state": "SUCCEEDED" } } } })
    );
    assert!(first.id.is_some());
    let mut last = first;
    while let Some(event) = events.event().await {
        last = event;
    }
    assert_eq!(last, complete());
}

#[on_each_engine]
async fn query_and_mutation_are_one_event(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut events = open(&admin, server, "{ viewer { subject } }", json!({}), &[]).await;
    let event = events.event().await.unwrap();
    assert_eq!(
        (data(&event), event.id),
        (json!({ "data": { "viewer": { "subject": "admin" } } }), None)
    );
    assert_eq!(events.event().await, Some(complete()));
    assert_eq!(events.event().await, None);
}

#[on_each_engine]
async fn last_event_id_goes_on_exactly_there(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut events = open(&admin, server, UPDATES, json!({ "id": acme }), &[]).await;
    let synced = events.event().await.unwrap();
    assert_eq!(data(&synced)["data"]["jobUpdates"], json!({ "type": "SYNCED", "job": null }));
    drop(events);
    let job = admin.export(&acme, "CSV").await["job"]["id"].as_str().unwrap().to_owned();
    admin.finished(&job).await;
    let mut last = synced.id.unwrap();
    let mut states = Vec::new();
    // A connection for each event.
    loop {
        let mut events =
            open(&admin, server, UPDATES, json!({ "id": acme }), &[("last-event-id", &last)]).await;
        let event = events.event().await.unwrap();
        let update = data(&event)["data"]["jobUpdates"].clone();
        if update["type"] == "SYNCED" {
            break;
        }
        states.push(update["job"]["state"].as_str().unwrap().to_owned());
        last = event.id.unwrap();
    }
    assert_eq!(states, ["QUEUED", "RUNNING", "SUCCEEDED"]);

    // The log, with a variable for the cursor, which the header stands before.
    admin.record(&acme, 3).await;
    let first = "query($id: ID!) { auditLogs(organizationId: $id, orderBy: RECORDED_ASC, first: 1) { pageInfo { endCursor } } }";
    let first = admin.query(first, json!({ "id": acme })).await;
    let first = first["auditLogs"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    let mut events =
        open(&admin, server, RECORDED, json!({ "id": acme, "after": first }), &[]).await;
    let second = events.event().await.unwrap();
    let third = events.event().await.unwrap();
    let mut events = open(
        &admin,
        server,
        RECORDED,
        json!({ "id": acme, "after": first }),
        &[("last-event-id", second.id.as_ref().unwrap())],
    )
    .await;
    assert_eq!(events.event().await.unwrap(), third);
    // No cursor is in what the client did not ask for.
    assert_eq!(data(&third)["data"]["auditLogRecorded"].as_object().unwrap().len(), 1);
    // One that is none is told so.
    let mut events =
        open(&admin, server, RECORDED, json!({ "id": acme }), &[("last-event-id", "nonsense")])
            .await;
    assert_eq!(
        data(&events.event().await.unwrap())["errors"][0]["extensions"]["code"],
        "BAD_USER_INPUT"
    );
}

#[on_each_engine]
async fn event_source_of_a_browser_asks_by_get(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let variables = json!({ "id": acme }).to_string();
    let ask = async |query: &str| {
        let pairs = [("query", query), ("variables", &variables)];
        let url = reqwest::Url::parse_with_params(&server.url("/graphql/stream"), pairs).unwrap();
        let request = admin.http.get(url).bearer_auth(admin.token.as_ref().unwrap());
        Events::new(request.header("accept", "text/event-stream").send().await.unwrap())
    };
    let mut events = ask(UPDATES).await;
    assert_eq!(data(&events.event().await.unwrap())["data"]["jobUpdates"]["type"], "SYNCED");
    let events =
        ask("mutation($id: ID!) { cancelJob(input: { jobId: $id }) { job { id } } }").await;
    assert_eq!((events.status, events.headers["allow"].to_str().unwrap()), (405, "POST"));
}

#[on_each_engine]
async fn refusals_are_events_and_requests_that_are_none_are_errors(server: &TestServer) {
    let nobody = server.anonymous();
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($id: ID!) { node(id: $id) { id } }", "BAD_USER_INPUT"),
        ("{ viewer { subject } }", "UNAUTHENTICATED"),
    ] {
        let mut events = open(&nobody, server, query, json!({}), &[]).await;
        assert_eq!(events.status, 200, "{query}");
        assert_eq!(
            data(&events.event().await.unwrap())["errors"][0]["extensions"]["code"],
            code,
            "{query}"
        );
        assert_eq!(events.event().await, Some(complete()));
    }
    let url = server.url("/graphql/stream");
    let body = json!({ "query": "{ __typename }" });
    let plain = nobody.http.post(&url).json(&body).header("accept", "application/json");
    assert_eq!(plain.send().await.unwrap().status().as_u16(), 406);
    let bad = nobody
        .http
        .post(&url)
        .json(&body)
        .header("accept", "text/event-stream")
        .bearer_auth("nonsense");
    assert_eq!(bad.send().await.unwrap().status().as_u16(), 401);
    let text = nobody.http.post(&url).body("{}").header("accept", "text/event-stream");
    assert_eq!(text.send().await.unwrap().status().as_u16(), 415);
    let put = nobody.http.put(&url).header("accept", "text/event-stream");
    assert_eq!(put.send().await.unwrap().status().as_u16(), 405);
}

#[on_each_engine]
async fn graphql_sse_client_watches_an_export(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 10).await;
    let job = admin.export(&acme, "CSV").await["job"]["id"].clone();
    let run = async |token: &str, query: &str, variables: Value| {
        let mut command = Command::new("node");
        command.arg(clients::script("events.mjs")).arg(server.url("/graphql/stream"));
        command.args([token, query, &variables.to_string()]);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    };
    let token = admin.token.as_ref().unwrap();
    let output = run(token, UPDATES, json!({ "id": acme, "job": job })).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let types: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(types[0]["data"]["jobUpdates"]["job"]["state"], "SUCCEEDED");
    assert_eq!(types.last().unwrap()["data"]["jobUpdates"]["type"], "SYNCED");
    let output = run(token, "{ viewer { subject } }", json!({})).await;
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        "{\"data\":{\"viewer\":{\"subject\":\"admin\"}}}"
    );
    let output = run("-", "{ nothing }", json!({})).await;
    assert!(String::from_utf8(output.stdout).unwrap().contains("GRAPHQL_VALIDATION_FAILED"));
    let output = run("nonsense", "{ viewer { subject } }", json!({})).await;
    assert_eq!(output.status.code(), Some(1));
}

#[on_each_engine]
async fn removed_member_s_stream_ends(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut events = open(&admin, server, UPDATES, json!({ "id": acme }), &[]).await;
    events.event().await.unwrap();
    server.remove_member(&acme, "admin").await;
    let error = events.event().await.unwrap();
    assert_eq!(data(&error)["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(events.event().await, Some(complete()));
}

#[tokio::test]
async fn silent_stream_tells_that_it_is_there() {
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.testing.stream_heartbeat = Duration::from_millis(100);
    })
    .await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let mut events = open(&admin, &server, UPDATES, json!({ "id": acme }), &[]).await;
    events.event().await.unwrap();
    for _ in 0..3 {
        assert!(events.next().await.unwrap().comment);
    }
    drop(events);
    server.finish().await;
}

#[tokio::test]
async fn stream_ends_with_its_token_and_with_the_server_and_is_not_completed() {
    let server = TestServer::start(Backend::Sqlite).await;
    let acme = server.organization("acme").await;
    let mut admin = server.client(&acme, Role::Admin).await;
    admin.token = Some(server.token_for("admin", Duration::from_secs(3)));
    let mut short = open(&admin, &server, UPDATES, json!({ "id": acme }), &[]).await;
    short.event().await.unwrap();
    assert_eq!(short.event().await, None);
    admin.token = Some(server.token("admin"));
    let mut long = open(&admin, &server, UPDATES, json!({ "id": acme }), &[]).await;
    long.event().await.unwrap();
    let (end, ()) = tokio::join!(long.event(), server.finish());
    assert_eq!(end, None);
}
