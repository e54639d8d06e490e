//! The web app: the dashboard at `/`, GraphiQL at `/graphql`, and their files.
//!
//! `make web` builds it into `api/web/dist`, which is embedded in the binary. Files under `/assets/`
//! have a hash in their name and are cached forever; pages are revalidated each time by their ETag.
//! Each file exists in up to three encodings, made at build time.

mod embedded;
mod policy;

use axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{problem::Problem, state::State};
use crate::graphql::code;
use embedded::File;

const CACHE_FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
const NOT_BUILT: &str = "\
Daybook is running, but this build has no web app: neither the dashboard nor GraphiQL.

Building it requires Node.js 20 or newer:

    make web
    make run

The API is at /graphql.
";

/// Routes of the dashboard, and of the files of both pages.
pub(super) fn routes() -> Router<State> {
    // Listed one by one, so that any other path gets a 404 and not the dashboard.
    Router::new()
        .route("/", get(dashboard))
        .route("/o/{*path}", get(dashboard))
        .route("/instance/{*path}", get(dashboard))
        .route("/assets/{*path}", get(asset))
        .route("/favicon.svg", get(icon))
}

/// Serves GraphiQL's page.
pub(super) fn graphiql(headers: &HeaderMap) -> Response {
    page("graphiql.html", policy::GRAPHIQL, headers)
}

async fn dashboard(headers: HeaderMap) -> Response {
    page("index.html", policy::DASHBOARD, &headers)
}

async fn icon(headers: HeaderMap) -> Response {
    answer("favicon.svg", REVALIDATE, &headers).unwrap_or_else(missing)
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    // All assets are in one folder. A development build reads files, and must not read from others.
    if path.contains('/') {
        return missing();
    }
    let Some(mut response) = answer(&format!("assets/{path}"), CACHE_FOREVER, &headers) else {
        return missing();
    };
    // The policy of a worker's own file applies to it, not that of its page.
    let policy = HeaderValue::from_static(policy::GRAPHIQL);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn page(name: &str, policy: &'static str, headers: &HeaderMap) -> Response {
    let Some(mut response) = answer(name, REVALIDATE, headers) else {
        return NOT_BUILT.into_response();
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    for (name, value) in policy::ISOLATION {
        headers.insert(name, value);
    }
    response
}

/// Responds with the file in the best encoding that the client accepts, or 304 if it already has it.
fn answer(name: &str, caching: HeaderValue, headers: &HeaderMap) -> Option<Response> {
    let File { bytes, etag, content_type, encoding } = embedded::find(name, headers)?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|known| known.trim() == etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, caching);
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(encoding) = encoding.filter(|_| !is_known) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn missing() -> Response {
    let detail = "The file does not exist.".into();
    Problem { status: StatusCode::NOT_FOUND, code: code::NOT_FOUND, detail }.into_response()
}
