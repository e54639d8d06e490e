//! Trusted documents: by id, by hash or by text, and nothing else.

use daybook_api::server::{Duties, Server};
use daybook_entity::membership::Role;
use daybook_service::{Clock, hex};
use daybook_tests::{Backend, TestServer, Value, json};
use sha2::{Digest, Sha256};

const VIEWER: &str = "query Viewer { viewer { subject } }";
const WATCH: &str = "subscription Watch($id: ID!) { jobUpdates(organizationId: $id) { type } }";
const OTHER: &str = "query Viewer { viewer { email } }";

fn hash(text: &str) -> String {
    hex(&Sha256::digest(text))
}

async fn server(folder: &std::path::Path) -> TestServer {
    let file = folder.join("documents.json");
    let documents = json!({ "viewer": VIEWER, format!("sha256:{}", hash(WATCH)): WATCH });
    std::fs::write(&file, documents.to_string()).unwrap();
    TestServer::start_with(Backend::Sqlite, |config| {
        config.server_limits.trusted_documents = Some(file);
    })
    .await
}

fn persisted(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

#[tokio::test]
async fn only_documents_of_the_file_are_run() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let acme = server.organization("acme").await;
    let admin = server.client(&acme, Role::Admin).await;
    let (token, url) = (admin.token.clone().unwrap(), server.url("/graphql"));
    let ask = async |body: Value| {
        let answer = admin.http.post(&url).bearer_auth(&token).json(&body).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    for trusted in [
        json!({ "documentId": "viewer" }),
        json!({ "documentId": hash(VIEWER) }),
        json!({ "documentId": format!("sha256:{}", hash(VIEWER)) }),
        json!({ "extensions": persisted(&hash(VIEWER)) }),
        json!({ "query": VIEWER }),
        json!({ "query": VIEWER, "extensions": persisted(&hash(VIEWER)) }),
    ] {
        let answer = ask(trusted.clone()).await;
        assert_eq!(answer["data"]["viewer"]["subject"], "admin", "{trusted}: {answer}");
    }
    for other in [
        json!({ "query": OTHER }),
        json!({ "query": "{ __schema { types { name } } }" }),
        json!({ "query": format!("{VIEWER} ") }),
        json!({ "documentId": "nobody" }),
        json!({ "documentId": "" }),
        json!({ "extensions": persisted(&hash(OTHER)) }),
        // A trusted hash is no cover for another text.
        json!({ "query": OTHER, "extensions": persisted(&hash(VIEWER)) }),
        json!({ "query": OTHER, "documentId": "viewer" }),
    ] {
        let answer = ask(other.clone()).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "DOCUMENT_NOT_TRUSTED", "{other}");
        assert_eq!(answer.get("data"), None, "{other}");
    }
    assert!(ask(json!({})).await["errors"][0]["message"].as_str().unwrap().contains("`query`"));
    // By URL.
    let by_id = format!("{url}?documentId=viewer");
    let answer = admin.http.get(by_id).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["data"]["viewer"]["subject"], "admin");
    // On a WebSocket.
    let mut socket = server.socket(&token).await;
    let payload = json!({ "documentId": hash(WATCH), "variables": { "id": acme } });
    socket.send(json!({ "id": "1", "type": "subscribe", "payload": payload })).await;
    assert_eq!(socket.data().await["jobUpdates"]["type"], "SYNCED");
    socket.subscribe("2", OTHER, json!({})).await;
    let refused = socket.next().await;
    assert_eq!(refused["payload"][0]["extensions"]["code"], "DOCUMENT_NOT_TRUSTED", "{refused}");
    server.finish().await;
}

#[tokio::test]
async fn id_alone_is_not_supported_where_any_document_is_run() {
    let server = TestServer::start(Backend::Sqlite).await;
    let http = reqwest::Client::new();
    let ask = async |body: Value| {
        let answer = http.post(server.url("/graphql")).json(&body).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let answer = ask(json!({ "extensions": persisted(&hash(VIEWER)) })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_NOT_SUPPORTED");
    let text = "{ __typename }";
    let answer = ask(json!({ "query": text, "extensions": persisted(&hash(text)) })).await;
    assert_eq!(answer["data"]["__typename"], "Query");
    server.finish().await;
}

#[tokio::test]
async fn file_that_can_t_be_used_keeps_the_server_from_starting() {
    let server = TestServer::start(Backend::Sqlite).await;
    let file = server.folder().join("documents.json");
    for (content, reason) in [
        ("[]".to_owned(), "must be a JSON object"),
        (json!({ "a": 1 }).to_string(), "must be a JSON object"),
        (json!({ "": VIEWER }).to_string(), "1 to 200 bytes"),
        (json!({ hash(OTHER): VIEWER }).to_string(), "is not the SHA-256 of its document"),
        (json!({ "a": "{ nothing }" }).to_string(), "the document a is not valid"),
    ] {
        std::fs::write(&file, &content).unwrap();
        let mut config = server.config.clone();
        config.server_limits.trusted_documents = Some(file.clone());
        let started = Server::start(config, Duties::Serve, Clock::default()).await;
        let error = started.err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(error.contains("DAYBOOK_TRUSTED_DOCUMENTS") && error.contains(reason), "{error}");
    }
    server.finish().await;
}
