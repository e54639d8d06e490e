//! GraphQL over HTTP, checked by graphql-http's audits, and cases that they leave out.

use std::{collections::BTreeMap, io::Read, process::Command};

use daybook_entity::membership::Role;
use daybook_tests::{Backend, TestServer, Value, clients, json, on_each_engine};
use reqwest::{Method, StatusCode, header::HeaderMap};

const ORIGIN: &str = "https://app.acme.test";

async fn ask(
    server: &TestServer,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = reqwest::Client::new().request(method, server.url(path)).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[on_each_engine]
async fn every_audit_of_graphql_http_is_passed(server: &TestServer) {
    let mut command = Command::new("node");
    command.arg(clients::script("audit.mjs")).arg(server.url("/graphql"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let audits: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<_> = audits.iter().filter(|audit| audit["status"] != "ok").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let mut levels = BTreeMap::new();
    for audit in &audits {
        let level = audit["name"].as_str().unwrap().split(' ').next().unwrap();
        *levels.entry(level).or_insert(0) += 1;
    }
    println!("passed {levels:?}");
    assert_eq!(audits.len(), 61, "{levels:?}");
    assert!(output.status.success());
}

#[on_each_engine]
async fn answers_are_kept_by_nobody_and_taken_for_nothing_else(server: &TestServer) {
    let good = json!({ "query": "{ __typename }" }).to_string();
    for (method, path, kind, body) in [
        (Method::POST, "/graphql", "application/json", good.as_str()),
        (Method::POST, "/graphql", "application/json", "nonsense"),
        (Method::POST, "/graphql", "text/plain", "nonsense"),
        (Method::GET, "/graphql?query=%7B__typename%7D", "", ""),
        (Method::PUT, "/graphql", "application/json", good.as_str()),
    ] {
        let (_, headers, _) =
            ask(server, method.clone(), path, &[("content-type", kind)], body.to_owned()).await;
        assert_eq!(header(&headers, "cache-control"), Some("no-store"), "{method} {path} {body}");
        assert_eq!(
            header(&headers, "x-content-type-options"),
            Some("nosniff"),
            "{method} {path} {body}"
        );
        assert!(header(&headers, "x-request-id").is_some());
    }
}

#[on_each_engine]
async fn other_methods_are_told_which_ones_there_are(server: &TestServer) {
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let (status, headers, body) = ask(server, method.clone(), "/graphql", &[], "").await;
        assert_eq!(
            (status.as_u16(), header(&headers, "allow")),
            (405, Some("GET, HEAD, POST")),
            "{method}"
        );
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    }
    let (status, _, body) =
        ask(server, Method::HEAD, "/graphql?query=%7B__typename%7D", &[], "").await;
    assert_eq!((status.as_u16(), body.len()), (200, 0));
}

#[on_each_engine]
async fn operation_name_variables_and_extensions_are_taken_by_get(server: &TestServer) {
    let ask = async |pairs: &[(&str, &str)]| {
        let url = reqwest::Url::parse_with_params("http://host/graphql", pairs).unwrap();
        let path = format!("/graphql?{}", url.query().unwrap());
        let (status, _, body) = ask(server, Method::GET, &path, &[], "").await;
        (status.as_u16(), serde_json::from_slice::<Value>(&body).unwrap())
    };
    let query = "query A { a: __typename } query B($n: String!) { __type(name: $n) { name } }";
    let (status, body) = ask(&[
        ("query", query),
        ("operationName", "B"),
        ("variables", "{\"n\":\"Role\"}"),
        ("extensions", "{}"),
    ])
    .await;
    assert_eq!((status, body), (200, json!({ "data": { "__type": { "name": "Role" } } })));
    let (_, body) = ask(&[("query", query), ("operationName", "A")]).await;
    assert_eq!(body, json!({ "data": { "a": "Query" } }));
    let (_, body) = ask(&[("query", query), ("operationName", "C")]).await;
    assert!(body["errors"][0]["message"].is_string() && body.get("data").is_none(), "{body}");
    // What clients send who have nothing to say.
    let (status, body) = ask(&[
        ("query", "{ __typename }"),
        ("operationName", ""),
        ("variables", ""),
        ("extensions", "null"),
    ])
    .await;
    assert_eq!((status, &body["data"]["__typename"]), (200, &json!("Query")));
    for name in ["variables", "extensions"] {
        for value in ["[]", "5", "\"text\"", "{"] {
            let (status, body) = ask(&[("query", "{ __typename }"), (name, value)]).await;
            assert_eq!(
                (status, &body["errors"][0]["extensions"]["code"]),
                (400, &json!("BAD_USER_INPUT")),
                "{name} {value}"
            );
        }
    }
}

#[on_each_engine]
async fn other_charsets_and_codings_are_refused(server: &TestServer) {
    let body = json!({ "query": "{ __typename }" }).to_string();
    for (kind, coding, expected) in [
        ("application/json; charset=utf-8", "identity", 200),
        ("application/json; charset=\"UTF-8\"", "identity", 200),
        ("application/json; charset=utf-16", "identity", 415),
        ("application/json; charset=iso-8859-1", "identity", 415),
        ("application/json", "gzip", 415),
    ] {
        let headers = [("content-type", kind), ("content-encoding", coding)];
        let (status, _, _) = ask(server, Method::POST, "/graphql", &headers, body.clone()).await;
        assert_eq!(status.as_u16(), expected, "{kind} {coding}");
    }
}

#[on_each_engine]
async fn long_answers_are_compressed_for_those_who_take_it(server: &TestServer) {
    let long = json!({ "query": "{ __schema { types { name description fields { name description } } } }" }).to_string();
    let short = json!({ "query": "{ __typename }" }).to_string();
    let json = ("content-type", "application/json");
    let gzip = ("accept-encoding", "gzip");
    let (_, headers, plain) = ask(server, Method::POST, "/graphql", &[json], long.clone()).await;
    assert_eq!(header(&headers, "content-encoding"), None);
    let (status, headers, packed) =
        ask(server, Method::POST, "/graphql", &[json, gzip], long).await;
    assert_eq!((status.as_u16(), header(&headers, "content-encoding")), (200, Some("gzip")));
    assert!(packed.len() * 2 < plain.len(), "{} of {}", packed.len(), plain.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    let (_, headers, _) = ask(server, Method::POST, "/graphql", &[json, gzip], short).await;
    assert_eq!(header(&headers, "content-encoding"), None);
}

#[on_each_engine]
async fn download_is_never_compressed(server: &TestServer) {
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    admin.record(&acme, 50).await;
    let url = admin.export(&acme, "CSV").await["job"]["artifact"]["downloadUrl"]
        .as_str()
        .unwrap()
        .to_owned();
    let response =
        reqwest::Client::new().get(url).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(header(response.headers(), "content-encoding"), None);
    assert!(response.content_length().unwrap() > 1_024);
}

#[on_each_engine]
async fn errors_are_bounded_in_number_and_length(server: &TestServer) {
    let (json, kind) =
        (("content-type", "application/json"), ("accept", "application/graphql-response+json"));
    let name = "x".repeat(20_000);
    let many: String = (0..2_000).map(|index| format!("nothing{index} ")).collect();
    for document in [
        format!("{{ {name} }}"),
        format!("{{ {many} }}"),
        format!("{{ node(id: \"{name}\" no: 1) {{ id }} }}"),
    ] {
        let body = json!({ "query": document }).to_string();
        let (status, _, body) = ask(server, Method::POST, "/graphql", &[json, kind], body).await;
        assert_eq!(status.as_u16(), 400);
        assert!(body.len() < 40_000, "{} bytes", body.len());
    }
    // Failed while running, each of 100 by itself.
    let many: String =
        (0..100).map(|index| format!("a{index}: job(id: \"nonsense\") {{ id }} ")).collect();
    let body = json!({ "query": format!("{{ {many} }}") }).to_string();
    let (_, _, body) = ask(server, Method::POST, "/graphql", &[json, kind], body).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["errors"].as_array().unwrap().len(), 51);
    assert_eq!(body["errors"][50]["message"], "… and 50 more errors");
}

#[on_each_engine]
async fn other_origins_are_not_let_in_by_default(server: &TestServer) {
    let preflight = [("origin", ORIGIN), ("access-control-request-method", "POST")];
    let (status, headers, _) = ask(server, Method::OPTIONS, "/graphql", &preflight, "").await;
    assert_eq!(status.as_u16(), 405);
    assert!(headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{headers:?}");
    let (_, headers, _) =
        ask(server, Method::GET, "/graphql?query=%7B__typename%7D", &[("origin", ORIGIN)], "")
            .await;
    assert!(headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{headers:?}");
}

#[tokio::test]
async fn configured_origins_are_let_in_and_no_others() {
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.server_limits.cors_origins =
            vec![ORIGIN.to_owned(), "http://localhost:3000".to_owned()];
    })
    .await;
    let preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization, content-type"),
        ];
        ask(&server, Method::OPTIONS, "/graphql", &headers, "").await
    };
    for origin in [ORIGIN, "http://localhost:3000"] {
        let (status, headers, _) = preflight(origin).await;
        assert_eq!(status.as_u16(), 200);
        assert_eq!(header(&headers, "access-control-allow-origin"), Some(origin));
        let allowed = header(&headers, "access-control-allow-headers").unwrap().to_owned();
        assert!(allowed.contains("authorization") && allowed.contains("content-type"), "{allowed}");
        assert_eq!(header(&headers, "access-control-allow-credentials"), None);
    }
    for origin in ["https://evil.test", "https://app.acme.test.evil.test", "null"] {
        let (_, headers, _) = preflight(origin).await;
        assert_eq!(header(&headers, "access-control-allow-origin"), None, "{origin}");
    }
    let path = "/graphql?query=%7B__typename%7D";
    let (_, headers, _) = ask(&server, Method::GET, path, &[("origin", ORIGIN)], "").await;
    assert_eq!(header(&headers, "access-control-allow-origin"), Some(ORIGIN));
    let exposed = header(&headers, "access-control-expose-headers").unwrap();
    assert!(exposed.contains("x-request-id"), "{exposed}");
    // Health is for those who run it.
    let (_, headers, _) = ask(&server, Method::GET, "/healthz", &[("origin", ORIGIN)], "").await;
    assert_eq!(header(&headers, "access-control-allow-origin"), None);
    server.finish().await;
}
