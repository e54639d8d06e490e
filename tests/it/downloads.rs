//! Downloads: ranges and conditions of RFC 9110, and links that can't be forged or stretched.

use std::{collections::HashSet, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daybook_entity::membership::Role;
use daybook_service::{Purpose, artifacts::link::verify};
use daybook_tests::{Client, TestServer, Value, json, on_each_engine};
use futures::{StreamExt, stream};

use crate::exports::{Exported, export, input};

type Headers<'a> = &'a [(&'static str, &'a str)];

/// Response of a server: status, headers, body.
struct Said {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Said {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn ask(method: reqwest::Method, url: &str, headers: Headers<'_>) -> Said {
    let mut request = reqwest::Client::new().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Said { status, headers, body: response.bytes().await.unwrap().to_vec() }
}

async fn get(url: &str, headers: Headers<'_>) -> Said {
    ask(reqwest::Method::GET, url, headers).await
}

fn link(file: &Exported) -> &str {
    file.job["artifact"]["downloadUrl"].as_str().unwrap()
}

async fn exported(server: &TestServer, slug: &str) -> (String, Client, Exported) {
    let organization = server.organization(slug).await;
    let admin = server.client(&organization, Role::Admin).await;
    admin.record(&organization, 50).await;
    let request = input(&organization, &Value::Null, "RECORDED_ASC", "CSV");
    let file = export(&admin, request).await;
    (organization, admin, file)
}

/// Returns a link with its token replaced.
fn with_token(link: &str, token: &str) -> String {
    let (start, rest) = link.split_once("/artifacts/").unwrap();
    let (_, name) = rest.split_once('/').unwrap();
    format!("{start}/artifacts/{token}/{name}")
}

fn token(link: &str) -> Vec<u8> {
    let (_, rest) = link.split_once("/artifacts/").unwrap();
    URL_SAFE_NO_PAD.decode(rest.split_once('/').unwrap().0).unwrap()
}

/// Asserts that `url` looks like a link that never existed.
async fn is_missing(url: &str) {
    let told = |said: &Said| {
        let mut headers: Vec<_> = said
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect();
        headers.sort_by(|a, b| a.0.cmp(&b.0));
        (said.status, headers, said.body.clone())
    };
    // The answer names its request.
    let request = ("x-request-id", "missing");
    let unknown = get(&with_token(url, "unknown"), &[request]).await;
    assert_eq!(unknown.status, 404);
    for header in [None, Some(("range", "bytes=0-4")), Some(("if-none-match", "*"))] {
        let headers: Vec<_> = header.into_iter().chain([request]).collect();
        assert_eq!(told(&get(url, &headers).await), told(&unknown), "{url}");
    }
}

const ENTRIES: &str =
    "query($id: ID!, $action: String!) { auditLogs(organizationId: $id, first: 100,
    filter: { action: $action }) { nodes { id metadata { extra } } } }";

async fn entries(client: &Client, organization: &str, action: &str) -> Vec<Value> {
    let page = client.query(ENTRIES, json!({ "id": organization, "action": action })).await;
    page["auditLogs"]["nodes"].as_array().unwrap().clone()
}

async fn downloads(client: &Client, organization: &str) -> Vec<Value> {
    entries(client, organization, "artifact.downloaded").await
}

/// Returns a client at an address of its own, which has not used any link.
fn client_at(last: u8) -> reqwest::Client {
    let address: std::net::IpAddr = [127, 0, 0, last].into();
    reqwest::Client::builder().local_address(address).build().unwrap()
}

#[on_each_engine]
async fn whole_file_comes_with_what_a_browser_needs(server: &TestServer) {
    let (_, _, file) = exported(server, "acme").await;
    let artifact = &file.job["artifact"];
    let etag = format!("\"{}\"", artifact["sha256"].as_str().unwrap());
    let name = artifact["fileName"].as_str().unwrap();
    let disposition = format!("attachment; filename=\"{name}\"");
    for method in [reqwest::Method::GET, reqwest::Method::HEAD] {
        let said = ask(method.clone(), link(&file), &[]).await;
        assert_eq!(said.status, 200);
        for (header, expected) in [
            ("content-length", artifact["sizeBytes"].as_str().unwrap()),
            ("content-type", "text/csv; charset=utf-8; header=present"),
            ("content-disposition", &disposition),
            ("etag", &etag),
            ("accept-ranges", "bytes"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(said.header(header), Some(expected), "{header} of {method}");
        }
        let body = if method == reqwest::Method::GET { &file.bytes[..] } else { &[] };
        assert_eq!(said.body, body);
    }
    let said = ask(reqwest::Method::HEAD, link(&file), &[("range", "bytes=0-4")]).await;
    assert_eq!(said.status, 200, "ranges are for GET (RFC 9110, section 14.2)");
    assert!(link(&file).ends_with(name), "curl -O saves it under its name");
}

#[on_each_engine]
async fn ranges_are_parts_of_the_file(server: &TestServer) {
    let (_, _, file) = exported(server, "acme").await;
    let size = file.bytes.len();
    let last = size - 1;
    for (range, part) in [
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=0-9".to_owned(), 0..10),
        ("bytes=5-".to_owned(), 5..size),
        ("bytes=-5".to_owned(), size - 5..size),
        (format!("bytes={last}-{last}"), last..size),
        (format!("bytes=10-{}", size * 2), 10..size),
        ("bytes=-99999999".to_owned(), 0..size),
    ] {
        let said = get(link(&file), &[("range", &range)]).await;
        assert_eq!(said.status, 206, "{range}");
        assert_eq!(said.body, file.bytes[part.clone()], "{range}");
        let expected = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        assert_eq!(said.header("content-range"), Some(&expected[..]));
        assert_eq!(said.header("content-length"), Some(&part.len().to_string()[..]));
    }
    for range in
        [format!("bytes={size}-"), format!("bytes={size}-{}", size + 5), "bytes=-0".to_owned()]
    {
        let said = get(link(&file), &[("range", &range)]).await;
        assert_eq!((said.status, said.body.len()), (416, 0), "{range}");
        assert_eq!(said.header("content-range"), Some(&format!("bytes */{size}")[..]));
    }
    // Several ranges and units that it doesn't know are answered by the whole.
    for range in ["bytes=0-1,5-6", "lines=1-2"] {
        let said = get(link(&file), &[("range", range)]).await;
        assert_eq!((said.status, &said.body), (200, &file.bytes), "{range}");
        assert_eq!(said.header("content-range"), None);
    }
}

#[on_each_engine]
async fn interrupted_download_goes_on_where_it_stopped(server: &TestServer) {
    let (_, _, file) = exported(server, "acme").await;
    let middle = file.bytes.len() / 2;
    let first = get(link(&file), &[("range", &format!("bytes=0-{}", middle - 1))]).await;
    let etag = first.header("etag").unwrap();
    let rest = format!("bytes={middle}-");
    let second = get(link(&file), &[("range", &rest), ("if-range", etag)]).await;
    assert_eq!((first.status, second.status), (206, 206));
    assert_eq!([first.body.clone(), second.body].concat(), file.bytes);
    let weak = format!("W/{etag}");
    for other in ["\"another\"", &weak, "Wed, 21 Oct 2015 07:28:00 GMT"] {
        let whole = get(link(&file), &[("range", &rest), ("if-range", other)]).await;
        assert_eq!((whole.status, &whole.body), (200, &file.bytes), "{other}");
    }
}

#[on_each_engine]
async fn known_file_is_not_sent_again(server: &TestServer) {
    let (_, _, file) = exported(server, "acme").await;
    let etag = format!("\"{}\"", file.job["artifact"]["sha256"].as_str().unwrap());
    for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let said = get(link(&file), &[("if-none-match", &known), ("range", "bytes=0-4")]).await;
        assert_eq!((said.status, said.body.len()), (304, 0), "{known}");
        assert_eq!(said.header("etag"), Some(&etag[..]));
    }
    let said = get(link(&file), &[("if-none-match", "\"x\"")]).await;
    assert_eq!((said.status, said.body), (200, file.bytes));
}

#[on_each_engine]
async fn file_is_sent_only_if_it_is_the_one_that_is_meant(server: &TestServer) {
    let (_, _, file) = exported(server, "acme").await;
    let etag = format!("\"{}\"", file.job["artifact"]["sha256"].as_str().unwrap());
    for wanted in [etag.clone(), format!("\"x,y\", {etag}"), "*".to_owned()] {
        let whole = get(link(&file), &[("if-match", &wanted)]).await;
        assert_eq!((whole.status, &whole.body), (200, &file.bytes), "{wanted}");
        let part = get(link(&file), &[("if-match", &wanted), ("range", "bytes=0-4")]).await;
        assert_eq!((part.status, &part.body[..]), (206, &file.bytes[..5]), "{wanted}");
    }
    // A weak tag says nothing of the bytes, and what is no tag names no file.
    for other in [
        "\"x\"".to_owned(),
        format!("W/{etag}"),
        "\"x\", \"y\"".to_owned(),
        "x".to_owned(),
        String::new(),
    ] {
        for more in [("range", "bytes=0-4"), ("if-none-match", &etag[..])] {
            let said = get(link(&file), &[("if-match", &other), more]).await;
            assert_eq!(said.status, 412, "{other:?}");
            assert_eq!(said.header("etag"), Some(&etag[..]));
            assert_eq!(said.header("content-type"), Some("application/problem+json"));
        }
        let head = ask(reqwest::Method::HEAD, link(&file), &[("if-match", &other)]).await;
        assert_eq!((head.status, head.body.len()), (412, 0), "{other:?}");
    }
    let known = get(link(&file), &[("if-match", &etag), ("if-none-match", &etag)]).await;
    assert_eq!(known.status, 304);
    let two = get(link(&file), &[("if-match", "\"x\""), ("if-match", &etag)]).await;
    assert_eq!(two.status, 200, "a list may have several lines");
}

#[on_each_engine]
async fn link_and_client_are_one_entry_however_often(server: &TestServer) {
    let (organization, admin, file) = exported(server, "acme").await;
    let another = server.start_node(|_| {}).await;
    let (_, path) = link(&file).split_once("/artifacts/").unwrap();
    let elsewhere = format!("http://{}/artifacts/{path}", another.address);
    let before = downloads(&admin, &organization).await.len();
    let http = client_at(2);
    let size = file.bytes.len();
    let ranges = (0..300).map(|n| {
        let url = if n % 2 == 0 { link(&file) } else { &elsewhere };
        let range = format!("bytes={}-{}", n % size, size - 1);
        let request = http.get(url).header("range", range).send();
        async move { request.await.unwrap().status().as_u16() }
    });
    let answers: Vec<u16> = stream::iter(ranges).buffer_unordered(20).collect().await;
    assert_eq!(answers, [206; 300]);
    for _ in 0..3 {
        assert_eq!(get(link(&file), &[]).await.status, 200);
    }
    let entries = downloads(&admin, &organization).await;
    assert_eq!(entries.len(), before + 1, "{entries:?}");
    let samples =
        admin.http.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(samples.contains("daybook_downloads_total{entry=\"repeated\"}"), "{samples}");
    another.stop().await.unwrap();
}

#[on_each_engine]
async fn what_sends_nothing_is_no_download(server: &TestServer) {
    let (organization, admin, file) = exported(server, "acme").await;
    let before = downloads(&admin, &organization).await;
    let etag = format!("\"{}\"", file.job["artifact"]["sha256"].as_str().unwrap());
    let http = client_at(2);
    for (header, value, status) in [
        ("if-none-match", &etag[..], 304),
        ("if-match", "\"x\"", 412),
        ("range", "bytes=99999999-", 416),
    ] {
        let answer = http.get(link(&file)).header(header, value).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
    assert_eq!(http.head(link(&file)).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(downloads(&admin, &organization).await, before);
}

#[on_each_engine]
async fn clients_of_a_link_are_bounded(server: &TestServer) {
    let (organization, admin, file) = exported(server, "acme").await;
    let before = downloads(&admin, &organization).await.len();
    let mut served = 0;
    for n in 2..=60 {
        let answer = client_at(n).get(link(&file)).send().await.unwrap();
        match answer.status().as_u16() {
            200 => served += 1,
            429 => {
                let after = answer.headers()["retry-after"].to_str().unwrap();
                assert!((1..=3).contains(&after.parse::<u64>().unwrap()), "{after}");
                let problem: Value = answer.json().await.unwrap();
                assert_eq!(problem["code"], "RATE_LIMITED");
            }
            other => panic!("{other}"),
        }
    }
    assert!((29..50).contains(&served), "{served} of 59 clients");
    assert_eq!(downloads(&admin, &organization).await.len(), before + served);
    // Whoever has begun goes on.
    let again = client_at(2).get(link(&file)).send().await.unwrap();
    assert_eq!(again.status().as_u16(), 200);
}

#[on_each_engine]
async fn asking_again_gives_the_same_link_and_no_other_entry(server: &TestServer) {
    let (organization, admin, file) = exported(server, "acme").await;
    let aliases: String = (0..100).map(|n| format!("a{n}: downloadUrl ")).collect();
    let query = format!("query($id: ID!) {{ job(id: $id) {{ artifact {{ {aliases} }} }} }}");
    for _ in 0..3 {
        admin.query(&query, json!({ "id": file.job["id"] })).await;
    }
    let entries = entries(&admin, &organization, "artifact.link_issued").await;
    // A minute may have passed.
    assert!(entries.len() <= 2, "{} entries", entries.len());
}

#[on_each_engine]
async fn inline_file_is_a_download(server: &TestServer) {
    let organization = server.organization("acme").await;
    let admin = server.client(&organization, Role::Admin).await;
    let start =
        "mutation($input: StartExportInput!, $isInline: Boolean!) { startExport(input: $input) {
        inlineDataUrl @include(if: $isInline) replayed userErrors { message } } }";
    let mut request = input(&organization, &Value::Null, "RECORDED_ASC", "CSV");
    request["idempotencyKey"] = json!("inline");
    admin.query(start, json!({ "input": request, "isInline": false })).await;
    assert_eq!(downloads(&admin, &organization).await.len(), 0, "nobody asked for the file");
    for _ in 0..3 {
        let data = admin.query(start, json!({ "input": request, "isInline": true })).await;
        assert!(data["startExport"]["inlineDataUrl"].is_string(), "{data}");
    }
    let found = downloads(&admin, &organization).await;
    assert!((1..=2).contains(&found.len()), "{found:?}");
    assert_eq!(found[0]["metadata"]["extra"]["via"], "inline");
}

#[on_each_engine]
async fn exports_of_one_moment_have_names_of_their_own(server: &TestServer) {
    let (organization, admin, _) = exported(server, "acme").await;
    let mut names = HashSet::new();
    for action in ["a.b", "a.c", "a.d", "a.e"] {
        let request = input(&organization, &json!({ "action": action }), "RECORDED_ASC", "CSV");
        let file = export(&admin, request).await;
        names.insert(file.job["artifact"]["fileName"].as_str().unwrap().to_owned());
    }
    assert_eq!(names.len(), 4, "{names:?}");
}

#[on_each_engine]
async fn forged_links_lead_nowhere(server: &TestServer) {
    let (_, admin, file) = exported(server, "acme").await;
    let (_, _, other) = exported(server, "other").await;
    let mine = token(link(&file));
    for at in 0..mine.len() {
        let mut forged = mine.clone();
        forged[at] ^= 1 << (at % 8);
        is_missing(&with_token(link(&file), &URL_SAFE_NO_PAD.encode(forged))).await;
    }
    for length in [0, 1, 40, 41, 42, mine.len() - 1] {
        // Nothing at all is not even a link.
        let token = URL_SAFE_NO_PAD.encode(&mine[..length.max(1)]);
        is_missing(&with_token(link(&file), &token)).await;
    }
    let mut longer = mine.clone();
    longer.push(0);
    is_missing(&with_token(link(&file), &URL_SAFE_NO_PAD.encode(longer))).await;
    // Another file's name under this signature, whole or in part.
    let foreign = token(link(&other));
    for part in [1..17, 17..33, 1..33, 33..41, 41..73] {
        let mut mixed = mine.clone();
        mixed[part.clone()].copy_from_slice(&foreign[part]);
        // Links of one minute end at once.
        if mixed == mine {
            continue;
        }
        is_missing(&with_token(link(&file), &URL_SAFE_NO_PAD.encode(mixed))).await;
    }
    for text in ["%FF", "..%2F..%2Fdaybook.db", "%00", "a b", &"A".repeat(5_000)] {
        is_missing(&with_token(link(&file), text)).await;
    }
    let bearer = admin.token.as_deref().unwrap();
    is_missing(&with_token(link(&file), bearer)).await;
    assert_eq!(get(link(&file), &[]).await.body, file.bytes, "its own link still works");
}

#[on_each_engine]
async fn hundred_thousand_forged_links_are_all_refused(server: &TestServer) {
    let (_, _, file) = exported(server, "acme").await;
    let (_, _, other) = exported(server, "other").await;
    let (mine, foreign) = (token(link(&file)), token(link(&other)));
    let random = || u64::from_be_bytes(daybook_service::random_bytes());
    let below = |most: usize| usize::try_from(random() % most as u64).unwrap();
    let body = mine.len() - 32;
    let mut accepted = 0;
    for round in 0..100_000 {
        let mut forged = mine.clone();
        match round % 5 {
            0 => (0..=below(3)).for_each(|_| forged[below(mine.len())] ^= 1 << below(8)),
            1 => forged.truncate(below(mine.len())),
            2 => forged.extend(random().to_be_bytes()),
            // Parts of another valid one.
            3 => (0..=below(20)).for_each(|_| {
                let at = below(mine.len().min(foreign.len()));
                forged[at] = foreign[at];
            }),
            // Stretched, and signed with a key that is for something else.
            _ => {
                forged[33..41].copy_from_slice(&(i64::MAX / 2).to_be_bytes());
                let purposes = [Purpose::Token, Purpose::ApiKey, Purpose::Cursor, Purpose::Backup];
                let secret = &server.instance().secret;
                let tag = secret.sign(purposes[below(4)], &[&forged[..body]]);
                forged[body..].copy_from_slice(&tag);
            }
        }
        let is_forged = forged != mine && forged != foreign;
        let forged = URL_SAFE_NO_PAD.encode(forged);
        accepted += u32::from(is_forged && verify(server.instance(), &forged).is_some());
    }
    assert_eq!(accepted, 0);
    assert!(verify(server.instance(), &URL_SAFE_NO_PAD.encode(mine)).is_some());
}

#[on_each_engine]
async fn link_expires_and_the_next_read_signs_another(server: &TestServer) {
    let (_, admin, file) = exported(server, "acme").await;
    server.clock.advance(Duration::from_secs(8 * 60));
    assert_eq!(get(link(&file), &[]).await.status, 200);
    server.clock.advance(Duration::from_secs(2 * 60));
    is_missing(link(&file)).await;
    let job = admin.finished(file.job["id"].as_str().unwrap()).await;
    let again = job["artifact"]["downloadUrl"].as_str().unwrap();
    assert_ne!(again, link(&file));
    assert_eq!(get(again, &[]).await.body, file.bytes);
}

#[on_each_engine]
async fn expired_artifact_has_no_link_and_its_last_ones_die_with_it(server: &TestServer) {
    let (_, _, file) = exported(server, "acme").await;
    server.clock.advance(Duration::from_secs(24 * 3600 - 5 * 60));
    // Tokens hold for an hour.
    let admin = server.client_of("admin");
    let id = file.job["id"].as_str().unwrap();
    let job = admin.finished(id).await;
    let last = job["artifact"]["downloadUrl"].as_str().unwrap().to_owned();
    assert_eq!(get(&last, &[]).await.status, 200);
    // Well before ten minutes are over.
    server.clock.advance(Duration::from_secs(5 * 60));
    is_missing(&last).await;
    let job = admin.finished(id).await;
    assert_eq!(job["state"], "SUCCEEDED");
    assert_eq!(job["artifact"]["expired"], true);
    assert_eq!(job["artifact"]["downloadUrl"], Value::Null);
}

#[on_each_engine]
async fn links_of_another_instance_are_unknown(server: &TestServer) {
    let (_, _, file) = exported(server, "acme").await;
    let foreign = TestServer::start(server.backend()).await;
    let (_, _, theirs) = exported(&foreign, "acme").await;
    let (_, path) = link(&theirs).split_once("/artifacts/").unwrap();
    is_missing(&server.url(&format!("/artifacts/{path}"))).await;
    assert_eq!(get(link(&file), &[]).await.status, 200);
    foreign.finish().await;
}

#[on_each_engine]
async fn links_do_not_repeat_between_jobs(server: &TestServer) {
    let (organization, admin, file) = exported(server, "acme").await;
    let request = input(&organization, &json!({}), "RECORDED_ASC", "CSV");
    let next = export(&admin, request).await;
    let links = HashSet::from([link(&file), link(&next)]);
    assert_eq!(links.len(), 2);
    assert_ne!(file.bytes, next.bytes, "the second holds the first's telemetry");
}
