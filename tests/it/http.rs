//! GraphQL over HTTP: methods, media types, malformed requests, GraphiQL.

use daybook_entity::membership::Role;
use daybook_tests::{TestServer, Value, json, on_each_engine};
use reqwest::Method;

struct Said {
    status: u16,
    content_type: String,
    allow: Option<String>,
    text: String,
}

impl Said {
    /// The one error, which says no more than it should.
    fn error(&self) -> Value {
        let body: Value = serde_json::from_str(&self.text).unwrap();
        let errors = body["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{body}");
        assert!(body["data"].is_null(), "{body}");
        for leak in ["secret-in-the-source", "Error(", "Some(", "{ ", "src/", "panicked"] {
            assert!(!self.text.contains(leak), "{leak}: {}", self.text);
        }
        assert!(errors[0]["extensions"]["code"].is_string(), "{body}");
        errors[0].clone()
    }
}

async fn ask(
    server: &TestServer,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Said {
    let mut request = reqwest::Client::new().request(method, server.url(path)).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (content_type, allow) = (header("content-type").unwrap_or_default(), header("allow"));
    let status = response.status().as_u16();
    Said { status, content_type, allow, text: response.text().await.unwrap() }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const GRAPHQL: (&str, &str) = ("accept", "application/graphql-response+json");

async fn post(
    server: &TestServer,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Said {
    ask(server, Method::POST, "/graphql", headers, body).await
}

fn query_path(pairs: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("http://host/graphql", pairs).unwrap();
    format!("/graphql?{}", url.query().unwrap())
}

#[on_each_engine]
async fn body_without_a_credential_has_room_for_a_document_and_little_more(server: &TestServer) {
    let document = |length: usize| {
        let empty = json!({ "query": "{ __typename }", "variables": { "a": "" } }).to_string();
        let text = "x".repeat(length - empty.len());
        json!({ "query": "{ __typename }", "variables": { "a": text } }).to_string()
    };
    let said = post(server, &[JSON], document(320 * 1024)).await;
    assert_eq!((said.status, &said.text[..]), (200, "{\"data\":{\"__typename\":\"Query\"}}"));
    let said = post(server, &[JSON], document(320 * 1024 + 1)).await;
    assert_eq!(said.status, 413);
    assert_eq!(said.error()["extensions"]["code"], "BAD_USER_INPUT");
}

#[on_each_engine]
async fn other_media_types_are_refused(server: &TestServer) {
    let body = json!({ "query": "{ __typename }" }).to_string();
    for kind in [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonp",
        "",
    ] {
        let said = post(server, &[("content-type", kind)], body.clone()).await;
        assert_eq!(said.status, 415, "{kind}");
        said.error();
    }
    let said = post(server, &[], body.clone()).await;
    assert_eq!(said.status, 415, "no media type at all");
    for kind in ["application/json", "Application/JSON ; charset=utf-8"] {
        let said = post(server, &[("content-type", kind)], body.clone()).await;
        assert_eq!(said.status, 200, "{kind}");
    }
}

#[on_each_engine]
async fn mutations_are_not_taken_by_get(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let bearer = format!("Bearer {}", admin.token.as_ref().unwrap());
    let record = format!(
        "mutation M {{ recordAuditLogs(input: {{ organizationId: \"{acme}\", entries: [{{
            actor: {{ id: \"a\" }} action: \"by.get\" resource: {{ type: \"t\" id: \"i\" }} }}] }})
        {{ replayed }} }}"
    );
    let both = format!("query Q {{ __typename }} {record}");
    for pairs in [
        vec![("query", record.as_str())],
        vec![("query", both.as_str()), ("operationName", "M")],
        vec![("query", both.as_str())],
        vec![("query", "subscription { jobUpdates { type } }")],
    ] {
        let headers = [("authorization", bearer.as_str())];
        let said = ask(server, Method::GET, &query_path(&pairs), &headers, "").await;
        assert_eq!((said.status, said.allow.as_deref()), (405, Some("POST")), "{pairs:?}");
        said.error();
    }
    let path = query_path(&[("query", both.as_str()), ("operationName", "Q")]);
    let said = ask(server, Method::GET, &path, &[], "").await;
    assert_eq!(said.text, "{\"data\":{\"__typename\":\"Query\"}}");
    let count = "query($id: ID!) { auditLogs(organizationId: $id, filter: { action: \"by.get\" }) { totalCount } }";
    let page = admin.query(count, json!({ "id": acme })).await;
    assert_eq!(page["auditLogs"]["totalCount"], 0);
}

#[on_each_engine]
async fn malformed_requests_are_told_so_and_not_repeated(server: &TestServer) {
    for body in [
        "",
        "secret-in-the-source",
        "{\"query\": \"{ __typename }\"",
        "null",
        "5",
        "\"{ __typename }\"",
        "[]",
        "[{\"query\":\"{ __typename }\"}]",
        "[\"{ __typename }\"]",
        "{}",
        "{\"query\":null}",
        "{\"query\":5}",
        "{\"query\":{\"secret-in-the-source\":1}}",
        "{\"query\":\"{ __typename }\",\"variables\":[]}",
        "{\"query\":\"{ __typename }\",\"variables\":\"secret-in-the-source\"}",
        "{\"query\":\"{ __typename }\",\"operationName\":5}",
        "{\"query\":\"{ __typename }\",\"extensions\":5}",
    ] {
        for accept in [&[JSON][..], &[JSON, GRAPHQL]] {
            let said = post(server, accept, body.to_owned()).await;
            assert_eq!(said.status, 400, "{}", &body[..body.len().min(60)]);
            assert_eq!(said.error()["extensions"]["code"], "BAD_USER_INPUT");
        }
    }
    let said = post(server, &[JSON], &b"{\"query\":\"\xFF\"}"[..]).await;
    assert_eq!(said.status, 400, "not UTF-8");
    said.error();
    for variables in ["[]", "5", "{", "secret-in-the-source"] {
        let path = query_path(&[("query", "{ __typename }"), ("variables", variables)]);
        let said = ask(server, Method::GET, &path, &[], "").await;
        assert_eq!(said.status, 400, "{variables}");
        said.error();
    }
    for nothing in ["null", "{}"] {
        let path = query_path(&[("query", "{ __typename }"), ("variables", nothing)]);
        assert_eq!(ask(server, Method::GET, &path, &[], "").await.status, 200);
    }
}

#[on_each_engine]
async fn invalid_documents_are_400_for_clients_of_the_graphql_media_type(server: &TestServer) {
    for (document, code) in [
        ("{ secret-in-the-source", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ \"secret-in-the-source\" }", "GRAPHQL_PARSE_FAILED"),
    ] {
        let body = json!({ "query": document }).to_string();
        let said = post(server, &[JSON, GRAPHQL], body.clone()).await;
        assert_eq!(said.status, 400, "{document}");
        assert_eq!(said.error()["extensions"]["code"], code);
        assert_eq!(post(server, &[JSON], body).await.status, 200);
    }
    for document in ["{ noSuchField }", "query A { __typename } query B { __typename }"] {
        let body = json!({ "query": document }).to_string();
        assert_eq!(post(server, &[JSON, GRAPHQL], body.clone()).await.status, 400);
        assert_eq!(post(server, &[JSON], body).await.status, 200);
    }
    // Run, and failed while running.
    let body = json!({ "query": "{ viewer { subject } }" }).to_string();
    let said = post(server, &[JSON, GRAPHQL], body).await;
    assert_eq!(said.status, 200);
    assert_eq!(said.error()["extensions"]["code"], "UNAUTHENTICATED");
}

#[on_each_engine]
async fn answer_is_of_the_media_type_that_the_client_takes(server: &TestServer) {
    let body = json!({ "query": "{ __typename }" }).to_string();
    let (old, new) =
        ("application/json; charset=utf-8", "application/graphql-response+json; charset=utf-8");
    for (accept, expected) in [
        ("application/graphql-response+json", new),
        ("application/graphql-response+json; charset=utf-8, application/json;q=0.9", new),
        ("application/json", old),
        ("*/*", old),
        ("text/html", old),
    ] {
        let said = post(server, &[JSON, ("accept", accept)], body.clone()).await;
        assert_eq!((said.status, &said.content_type[..]), (200, expected), "{accept}");
    }
    assert_eq!(post(server, &[JSON], body).await.content_type, old);
}

#[on_each_engine]
async fn browser_gets_graphiql_and_programs_get_an_error(server: &TestServer) {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let said = ask(server, Method::GET, "/graphql", &[("accept", browser)], "").await;
    assert_eq!(said.status, 200);
    // Its page, or how to build it.
    assert!(said.text.contains("GraphiQL"), "{}", said.text);
    let said = ask(server, Method::GET, "/graphql", &[], "").await;
    assert_eq!(said.status, 400);
    said.error();
    let path = query_path(&[("query", "{ __typename }")]);
    let said = ask(server, Method::GET, &path, &[("accept", browser)], "").await;
    assert_eq!(said.text, "{\"data\":{\"__typename\":\"Query\"}}");
    let said = ask(server, Method::PUT, "/graphql", &[JSON], "{}").await;
    assert_eq!(said.status, 405);
}

#[on_each_engine]
async fn failing_nullable_field_leaves_its_siblings(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let document = "query($organization: ID!) {
        before: viewer { subject }
        job(id: \"nonsense\") { id }
        other: auditLog(id: \"nonsense\") { id }
        organization(id: $organization) { slug }
    }";
    let answer = admin.send(document, json!({ "organization": acme })).await;
    assert_eq!(
        answer.body["data"],
        json!({
            "before": { "subject": "admin" }, "job": null, "other": null,
            "organization": { "slug": "acme" },
        })
    );
    let mut paths: Vec<_> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["path"].clone())
        .collect();
    paths.sort_by_key(Value::to_string);
    assert_eq!(paths, [json!(["job"]), json!(["other"])]);
    // A field that can't be null takes its parent along, here all of the data.
    let document =
        "{ viewer { subject } auditLogs(organizationId: \"nonsense\") { nodes { id } } }";
    let answer = admin.send(document, json!({})).await;
    assert_eq!(answer.body["data"], Value::Null);
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 1);
}
