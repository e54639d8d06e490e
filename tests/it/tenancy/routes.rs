//! Every route, requested by every viewer for what another organization has.

use std::{collections::BTreeMap, fs, path::Path};

use daybook_tests::{
    Backend, Client, TestServer,
    fields::{OPERATIONS, Things},
    json, on_each_backend,
};
use reqwest::{Method, Url};

use super::{
    absent_like,
    walk::{Caller, MARK, callers, fill, start},
};

/// A request that names a thing, and the same for one that is not there.
type Pair = [(Method, Url, Option<String>); 2];

/// Routes as the source says them.
fn routes() -> Vec<String> {
    let mut routes = Vec::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/src");
    let mut folders = vec![source];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            let found = text.split(".route(\"").skip(1).map(|it| it.split('"').next().unwrap());
            routes.extend(found.map(str::to_owned));
        }
    }
    assert!(routes.len() > 8, "{routes:?}");
    routes
}

/// Returns the requests to try on a route. Empty for a route that has no case here.
fn pairs(
    server: &TestServer,
    route: &str,
    foreign: &Things,
    absent: &Things,
    link: &str,
) -> Vec<Pair> {
    let url = |path: &str| Url::parse(&server.url(path)).unwrap();
    let get = |path: &str| (Method::GET, url(path), None);
    let same = |path: &str| vec![[get(path), get(path)]];
    match route {
        "/graphql" => operations(
            |document, things| {
                let mut url = url("/graphql");
                let variables = things.variables().to_string();
                url.query_pairs_mut()
                    .append_pair("query", document)
                    .append_pair("variables", &variables);
                (Method::GET, url, None)
            },
            foreign,
            absent,
            &["Query."],
        ),
        "/graphql/stream" => operations(
            |document, things| {
                let body = json!({ "query": document, "variables": things.variables() });
                (Method::POST, url("/graphql/stream"), Some(body.to_string()))
            },
            foreign,
            absent,
            &["Query.", "Mutation.", "Subscription."],
        ),
        "/artifacts/{token}/{file_name}" => {
            let (start, name) = link.rsplit_once('/').unwrap();
            let (_, token) = start.rsplit_once('/').unwrap();
            // Another last character, or none.
            let forged = format!(
                "{}{}",
                &token[..token.len() - 2],
                if token.ends_with("AA") { "BA" } else { "AA" }
            );
            let absent = get(&format!("/artifacts/unknown/{name}"));
            [forged, token[..token.len() - 1].to_owned()]
                .map(|token| [get(&format!("/artifacts/{token}/{name}")), absent.clone()])
                .to_vec()
        }
        "/graphql/origin" => {
            let post = (Method::POST, url(route), None);
            vec![[post.clone(), post]]
        }
        "/o/{*path}" => vec![[get("/o/globex/audit-log"), get("/o/initech/audit-log")]],
        "/instance/{*path}" => vec![[get("/instance/globex"), get("/instance/initech")]],
        "/assets/{*path}" => vec![[get("/assets/globex"), get("/assets/initech")]],
        "/" | "/favicon.svg" | "/healthz" | "/readyz" | "/schema.graphql" | "/docs/scalars" => {
            same(route)
        }
        // Counts what is asked for between two requests.
        "/metrics" => vec![[get(route), get("/healthz")]],
        _ => Vec::new(),
    }
}

fn operations(
    request: impl Fn(&str, &Things) -> (Method, Url, Option<String>),
    foreign: &Things,
    absent: &Things,
    roots: &[&str],
) -> Vec<Pair> {
    OPERATIONS
        .iter()
        .filter(|it| roots.iter().any(|root| it.name.starts_with(root)))
        .map(|it| [request(it.document, foreign), request(it.document, absent)])
        .collect()
}

/// Status, headers and body, without what no two answers share.
async fn said(
    client: &Client,
    request: (Method, Url, Option<String>),
) -> (u16, BTreeMap<String, String>, String) {
    let (method, url, body) = request;
    let mut request = client.http.request(method, url).header("x-request-id", "walk");
    if let Some(token) = &client.token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .body(body);
    }
    let response = request.send().await.unwrap();
    let headers = response.headers().iter().filter(|(name, _)| {
        !["date", "content-length"].contains(&name.as_str())
            && !name.as_str().starts_with("ratelimit")
    });
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    (response.status().as_u16(), headers, response.text().await.unwrap())
}

fn named(text: &str, things: &Things) -> String {
    let variables = things.variables();
    variables.as_object().unwrap().iter().fold(text.to_owned(), |text, (name, id)| {
        text.replace(id.as_str().unwrap(), &format!("${name}"))
    })
}

#[on_each_backend]
async fn strangers_get_nothing_by_any_route(backend: Backend) {
    let server = start(backend).await;
    let (owner, globex) = fill(&server).await;
    let (callers, _) = callers(&server, &globex.organization).await;
    let absent = absent_like(&globex);
    let link = owner.job(&globex.job).await["artifact"]["downloadUrl"].as_str().unwrap().to_owned();
    let mut untried = Vec::new();
    for route in routes() {
        let pairs = pairs(&server, &route, &globex, &absent, &link);
        if pairs.is_empty() {
            untried.push(route.clone());
        }
        for Caller { name, client } in &callers {
            // They see other organizations' jobs.
            if *name == "operator" && route.starts_with("/graphql") {
                continue;
            }
            for [foreign, of_absent] in pairs.clone() {
                let what = format!("{name}: {foreign:?}");
                let (status, headers, body) = said(client, foreign).await;
                assert!(!body.contains(MARK), "{what}: {body}");
                let body = named(&body, &globex);
                if route != "/metrics" {
                    let (absent_status, absent_headers, absent_body) =
                        said(client, of_absent).await;
                    let absent_body = named(&absent_body, &absent);
                    assert_eq!(
                        (status, headers, body),
                        (absent_status, absent_headers, absent_body),
                        "{what}"
                    );
                }
            }
        }
    }
    assert_eq!(
        untried,
        Vec::<String>::new(),
        "routes: say in tests/it/tenancy/routes.rs what to try"
    );
    server.finish().await;
}
