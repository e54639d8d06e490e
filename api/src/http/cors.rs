//! Cross-origin requests: closed unless origins are configured.
//!
//! There are no cookies here, and a bearer token is nothing that a browser adds by itself, so
//! credentials (in CORS's sense) are never allowed and `*` gives nobody anything.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The answer to browsers that ask for the pages of `origins`; none where there are none.
pub(super) fn layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origin = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let request = ["last-event-id", "traceparent", "x-request-id"].map(HeaderName::from_static);
    let answer = ["x-request-id", "ratelimit", "ratelimit-policy"].map(HeaderName::from_static);
    Some(
        CorsLayer::new()
            .allow_origin(origin)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(
                request
                    .into_iter()
                    .chain([header::AUTHORIZATION, header::CONTENT_TYPE, header::RANGE])
                    .collect::<Vec<_>>(),
            )
            .expose_headers(
                answer
                    .into_iter()
                    .chain([header::RETRY_AFTER, header::CONTENT_DISPOSITION])
                    .collect::<Vec<_>>(),
            )
            .max_age(MAX_AGE),
    )
}
