//! Checks before execution refuse documents that would end the process or keep it busy.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use daybook_tests::{Backend, Client, Process, TestServer, json, on_each_engine};

/// Maximum time of a refusal on a busy machine. It usually takes milliseconds.
const FAST: Duration = Duration::from_secs(5);

fn nested_literal(levels: usize) -> String {
    format!("{{ node(id: {}{}) {{ id }} }}", "[".repeat(levels), "]".repeat(levels))
}

fn nested_selection(levels: usize) -> String {
    format!("{{ a{}{} }}", "{ a".repeat(levels), "}".repeat(levels))
}

fn doubling_fragments(levels: usize) -> String {
    let fragments: String = (0..levels)
        .map(|level| format!("fragment f{level} on Query {{ ...f{0} ...f{0} }} ", level + 1))
        .collect();
    format!("{{ ...f0 }} {fragments} fragment f{levels} on Query {{ __typename }}")
}

/// The cycle in the schema's description of itself: each level multiplies what it comes to.
fn nested_introspection(levels: usize) -> String {
    let (start, end) = ("interfaces { possibleTypes { ".repeat(levels), " } }".repeat(levels));
    format!("{{ __schema {{ types {{ {start} name {end} }} }} }}")
}

/// Fragments that spread one another, each at the bottom of as many inline fragments.
fn fragment_chain(fragments: usize, inline: usize) -> String {
    let (start, end) = ("...{".repeat(inline), "}".repeat(inline));
    let spread =
        |level| format!("fragment f{level} on Query {{ {start} ...f{} {end} }} ", level + 1);
    let chain: String = (0..fragments).map(spread).collect();
    format!("{{ ...f0 }} {chain} fragment f{fragments} on Query {{ __typename }}")
}

fn bombs() -> Vec<String> {
    let mut bombs = vec![
        nested_literal(2_000),
        nested_literal(65),
        format!("{{ node(id: {}{}) {{ id }} }}", "{a:".repeat(2_000), "}".repeat(2_000)),
        nested_literal(2_000).replace(']', ""),
        nested_selection(2_000),
        nested_selection(33),
        format!("query({}) {{ __typename }}", "$a: [".repeat(500)),
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned(),
        format!("{{ {} }}", "a: __typename ".repeat(6_000)),
        nested_introspection(3),
        nested_introspection(14),
        "{ __type(name: \"Node\") { fields { type { fields { type { fields { name } } } } } } }".to_owned(),
        "{ __schema { types { ...t } } } fragment t on __Type { possibleTypes { interfaces { ...u } } }
         fragment u on __Type { possibleTypes { name } }".to_owned(),
    ];
    bombs.extend((20..40).chain([64, 200, 400]).map(doubling_fragments));
    bombs.extend([34, 50, 64].map(nested_selection));
    bombs.extend(
        [(48, 60), (140, 20), (490, 0)]
            .map(|(fragments, inline)| fragment_chain(fragments, inline)),
    );
    bombs
}

/// Growth of memory that is none, in kilobytes: what allocators keep.
const FLAT: u64 = 16 * 1024;
/// Bytes that each bomb is made: to keep the texts alone of some rounds would be more than that.
const LENGTH: usize = 60_000;

#[tokio::test]
async fn forty_bombs_leave_memory_flat() {
    let server = TestServer::start_idle(Backend::Sqlite).await;
    let process = Process::serve(&server.config, &["--no-jobs"]).await;
    let url = process.url().await;
    let client = Client::new(url.trim().trim_end_matches('/').to_owned(), None);
    let bombs: Vec<_> = bombs().iter().map(|bomb| format!("{bomb:LENGTH$}")).collect();
    assert!(bombs.len() >= 40, "{}", bombs.len());
    let mut longest = Duration::ZERO;
    let mut before = 0;
    for round in 0..12 {
        for bomb in &bombs {
            let started = Instant::now();
            assert_eq!(client.error(bomb, json!({})).await, "QUERY_TOO_COMPLEX", "{}", start(bomb));
            // The first round fills what is filled once.
            if round > 0 {
                longest = longest.max(started.elapsed());
            }
        }
        if round == 0 {
            before = process.memory();
        }
    }
    let after = process.memory();
    println!("{} bombs: longest {longest:?}, memory {before} kB, then {after} kB", bombs.len());
    assert!(longest < FAST, "{longest:?}");
    assert!(after < before + FLAT, "{before} kB, then {after} kB");
    drop(process);
    server.finish().await;
}

/// Asserts that the server still answers.
async fn is_alive(client: &Client) {
    let answer = client.query("{ __typename }", json!({})).await;
    assert_eq!(answer["__typename"], "Query");
}

fn start(text: &str) -> &str {
    &text[..text.len().min(80)]
}

#[on_each_engine]
async fn bombs_are_refused_fast_over_post_and_get(server: &TestServer) {
    let client = server.anonymous();
    for bomb in bombs() {
        let started = Instant::now();
        let answer = client.send(&bomb, json!({})).await;
        assert!(started.elapsed() < FAST, "{}", start(&bomb));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (200, "QUERY_TOO_COMPLEX"),
            "{}",
            start(&bomb)
        );

        let url =
            reqwest::Url::parse_with_params(&server.url("/graphql"), [("query", &bomb)]).unwrap();
        if url.as_str().len() < 60_000 {
            let started = Instant::now();
            let response = client.http.get(url).send().await.unwrap();
            assert!(started.elapsed() < FAST, "{}", start(&bomb));
            let body: serde_json::Value = response.json().await.unwrap();
            assert_eq!(body["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX");
        }
        is_alive(&client).await;
    }
}

#[on_each_engine]
async fn bombs_are_refused_over_the_socket_which_stays_open(server: &TestServer) {
    let mut socket = server.socket(&server.token("nobody")).await;
    for (id, bomb) in bombs().into_iter().enumerate() {
        let id = id.to_string();
        let started = Instant::now();
        socket.subscribe(&id, &bomb, json!({})).await;
        let message = socket.next().await;
        assert!(started.elapsed() < FAST, "{}", start(&bomb));
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)), "{message}");
        assert_eq!(message["payload"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX");
    }
    socket.subscribe("alive", "{ __typename }", json!({})).await;
    assert_eq!(socket.data().await["__typename"], "Query");
    is_alive(&server.anonymous()).await;
}

#[on_each_engine]
async fn nested_variables_are_refused_fast(server: &TestServer) {
    let client = server.anonymous();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for levels in [127, 2_000, 100_000] {
            let end = if open == "[" { "" } else { "1" };
            let value = format!("{}{end}{}", open.repeat(levels), close.repeat(levels));
            let body = format!(
                "{{\"query\":\"query($v: ID!) {{ node(id: $v) {{ id }} }}\",\"variables\":{{\"v\":{value}}}}}"
            );
            let started = Instant::now();
            let request = client.http.post(server.url("/graphql"));
            let response =
                request.header("content-type", "application/json").body(body).send().await.unwrap();
            assert!(started.elapsed() < FAST, "{open} {levels}");
            let body: serde_json::Value = response.json().await.unwrap();
            assert!(body["errors"][0]["message"].is_string(), "{body}");
            is_alive(&client).await;
        }
    }
}

#[on_each_engine]
async fn ordinary_documents_pass(server: &TestServer) {
    let client = server.anonymous();
    let answer = client.query(&doubling_fragments(8), json!({})).await;
    assert_eq!(answer["__typename"], "Query");
    let strings =
        format!("{{ __typename # {0}\n __type(name: \"{0}\") {{ name }} }}", "[{(".repeat(100));
    assert_eq!(client.query(&strings, json!({})).await["__typename"], "Query");
}

#[on_each_engine]
async fn standard_introspection_works(server: &TestServer) {
    let client = server.anonymous();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");
    for options in [
        "{}",
        "{ descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true }",
        "{ schemaDescription: true, inputValueDeprecation: true, oneOf: true }",
    ] {
        let script = format!(
            "import {{ getIntrospectionQuery }} from 'graphql';
             process.stdout.write(getIntrospectionQuery({options}))"
        );
        let output = Command::new("node")
            .args(["--input-type=module", "-e", &script])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let document = String::from_utf8(output.stdout).unwrap();
        let answer = client.query(&document, json!({})).await;
        assert_eq!(answer["__schema"]["queryType"]["name"], "Query", "{options}");
        assert!(answer["__schema"]["types"].as_array().unwrap().len() > 30);
    }
}
