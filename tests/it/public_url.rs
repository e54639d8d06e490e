//! Warnings of a server whose users reach it under another name than its own.

use daybook_api::config::Config;
use daybook_tests::{Backend, Process, Socket, TestServer, Value, binary, eventually, json};
use reqwest::Method;
use tempfile::TempDir;

const PROXIED: &str = "https://daybook.acme.test";

#[tokio::test]
async fn refused_page_learns_what_to_set() {
    let server = TestServer::start(Backend::Sqlite).await;
    let host = server.url("").replace("http://", "");
    for (method, path) in [(Method::GET, "/graphql"), (Method::POST, "/graphql/origin")] {
        let (status, problem) = ask(&server.url(path), method, PROXIED).await;
        assert_eq!((status, &problem["code"]), (403, &json!("FORBIDDEN")));
        let detail = problem["detail"].as_str().unwrap();
        let (host, advice) = (format!("the host {host}"), format!("DAYBOOK_PUBLIC_URL={PROXIED}"));
        for words in
            [PROXIED, &host, "DAYBOOK_PUBLIC_URL is not set", &advice, "DAYBOOK_CORS_ORIGINS"]
        {
            assert!(detail.contains(words), "{words} is not in {detail}");
        }
    }
    let (status, _) = ask(&server.url("/graphql/origin"), Method::POST, &server.url("")).await;
    assert_eq!(status, 204, "its own pages");
    let none = reqwest::Client::new().post(server.url("/graphql/origin")).send().await.unwrap();
    assert_eq!(none.status(), 204, "no browser");
    // A page of no server, such as a sandboxed frame: there is nothing to set.
    let (status, problem) = ask(&server.url("/graphql"), Method::GET, "null").await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(status == 403 && detail.contains("no setting allows it"), "{detail}");
    assert!(!detail.contains("DAYBOOK_PUBLIC_URL=null"), "{detail}");
    server.finish().await;
}

#[tokio::test]
async fn default_ports_are_the_same_with_and_without() {
    let server = TestServer::start_with(Backend::Sqlite, |config| {
        config.public_url = Some("https://Daybook.acme.test:443/log".to_owned());
        config.server_limits.cors_origins = vec!["http://app.acme.test:80".to_owned()];
    })
    .await;
    let url = server.url("/graphql");
    for origin in [PROXIED, "http://app.acme.test"] {
        assert!(Socket::open_from(&url, origin).await.is_ok(), "{origin}");
    }
    for origin in
        ["http://daybook.acme.test", "https://app.acme.test", "https://daybook.acme.test:444"]
    {
        assert_eq!(Socket::open_from(&url, origin).await.map(drop), Err(403), "{origin}");
    }
    // A proxy passes the port on that browsers leave out.
    let request = reqwest::Client::new().post(server.url("/graphql/origin"));
    let request =
        request.header("host", "other.acme.test:443").header("origin", "https://other.acme.test");
    assert_eq!(request.send().await.unwrap().status(), 204);
    server.finish().await;
}

#[tokio::test]
async fn log_names_each_refused_origin_once_and_a_proxy_once() {
    let (folder, config) = place().await;
    let mut serve = Process::serve(&config, &[]).await;
    let url = serve.url().await;
    for origin in [PROXIED, PROXIED, "https://other.acme.test", PROXIED, "a\u{e9}"] {
        assert_eq!(ask(&format!("{url}/graphql"), Method::GET, origin).await.0, 403);
    }
    for header in ["x-forwarded-host", "forwarded"] {
        let request =
            reqwest::Client::new().get(format!("{url}/graphql")).header(header, "acme.test");
        request.send().await.unwrap();
    }
    eventually("all is logged", 30, async || {
        serve.log().contains("requests come through a proxy").then_some(())
    })
    .await;
    let log = serve.log();
    let lines = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(lines("refused a WebSocket from a page of this origin"), 3, "{log}");
    assert_eq!(lines(PROXIED), 1, "{log}");
    assert_eq!(lines("requests come through a proxy"), 1, "{log}");
    assert!(log.contains("WARN") && log.contains("DAYBOOK_CORS_ORIGINS"), "{log}");
    serve.stop().await;
    drop(folder);
}

#[tokio::test]
async fn banner_names_the_public_url_where_others_may_come() {
    let (_folder, mut config) = place().await;
    let banner = async |config: &Config, environment: &[(&str, String)]| {
        let mut serve = Process::serve_with(config, environment).await;
        serve.stop().await;
        serve.log()
    };
    assert!(!banner(&config, &[]).await.contains("DAYBOOK_PUBLIC_URL"), "on loopback");
    config.listen = "0.0.0.0:0".parse().unwrap();
    assert!(
        banner(&config, &[]).await.contains("set DAYBOOK_PUBLIC_URL to the URL that users open")
    );
    let set = [("DAYBOOK_PUBLIC_URL", PROXIED.to_owned())];
    assert!(!banner(&config, &set).await.contains("DAYBOOK_PUBLIC_URL"), "it is set");
}

#[tokio::test]
async fn banner_advises_by_the_organizations_that_there_are() {
    let (folder, config) = place().await;
    let banner = async || {
        let mut serve = Process::serve(&config, &[]).await;
        serve.stop().await;
        serve.log()
    };
    let create = |slug: &str| {
        binary::stdout(binary::daybook(folder.path()).args([
            "organization",
            "create",
            slug,
            "--name",
            slug,
        ]));
    };
    let empty = banner().await;
    assert!(empty.contains("daybook organization create SLUG --name NAME, then"), "{empty}");
    create("globex");
    let one = banner().await;
    assert!(one.contains("daybook token --organization globex --role admin"), "{one}");
    assert!(!one.contains("organization create"), "{one}");
    for slug in ["a", "b", "c", "d", "e"] {
        create(slug);
    }
    let many = banner().await;
    assert!(many.contains("daybook token --organization SLUG --role admin"), "{many}");
    assert!(many.contains("SLUG is one of a, b, c, d, e, …"), "{many}");
    let secret = std::fs::read_to_string(folder.path().join("secret")).unwrap();
    assert!(![empty, one, many].iter().any(|log| log.contains(secret.trim())));
}

/// A folder with nothing in it, and how a process is set up there.
async fn place() -> (TempDir, Config) {
    let server = TestServer::start_idle(Backend::Sqlite).await;
    let folder = TempDir::with_prefix("daybook-test-").unwrap();
    let data_dir = folder.path().to_owned();
    let config = Config { data_dir, database_url: None, ..server.config.clone() };
    server.finish().await;
    (folder, config)
}

/// Status and problem of an upgrade, or of another request, by a page of `origin`.
async fn ask(url: &str, method: Method, origin: &str) -> (u16, Value) {
    let mut request = reqwest::Client::new().request(method.clone(), url);
    if method == Method::GET {
        request = request
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    }
    let response = request.header("origin", origin).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}
