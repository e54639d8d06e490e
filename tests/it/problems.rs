//! Errors elsewhere than in GraphQL: problem details, which name the request.

use daybook_tests::{TestServer, Value, json, on_each_engine};
use reqwest::Method;

#[on_each_engine]
async fn errors_are_problems_that_name_the_request(server: &TestServer) {
    let http = reqwest::Client::new();
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/artifacts/nonsense/file.csv", 404),
        (Method::GET, "/artifacts/%FF/file.csv", 404),
        (Method::POST, "/artifacts/nonsense/file.csv", 405),
        (Method::DELETE, "/healthz", 405),
        (Method::GET, "/assets/nonsense.js", 404),
        (Method::GET, "/assets/a/nonsense.js", 404),
        (Method::GET, "/../../etc/passwd%00", 404),
    ] {
        let request =
            http.request(method.clone(), server.url(path)).header("x-request-id", "test-1");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], "application/problem+json", "{method} {path}");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(
            headers["content-security-policy"],
            "default-src 'none'; frame-ancestors 'none'"
        );
        assert_eq!(headers["x-request-id"], "test-1");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["requestId"], "test-1");
        assert!(problem["title"].is_string(), "{problem}");
        let text = problem.to_string();
        for leak in ["nonsense", "src/", "SELECT", "Error(", "passwd"] {
            assert!(!text.contains(leak), "{text}");
        }
    }
}

#[on_each_engine]
async fn refused_upgrade_is_a_problem(server: &TestServer) {
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let ask = async |name: &'static str, value: &'static str| {
        let mut request = reqwest::Client::new().get(server.url("/graphql"));
        for (name, value) in upgrade {
            request = request.header(name, value);
        }
        let answer = request.header(name, value).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["code"].clone())
    };
    assert_eq!(ask("authorization", "Bearer nonsense").await, (401, json!("UNAUTHENTICATED")));
    assert_eq!(ask("origin", "https://evil.test").await, (403, json!("FORBIDDEN")));
}
