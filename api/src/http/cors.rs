//! Cross-origin requests: closed unless origins are configured.
//!
//! Daybook uses no cookies, and browsers never add a bearer token by themselves. Therefore credentials
//! in the sense of CORS are never allowed, and `*` gives other sites no access to a user's data.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Time for which a browser may cache a preflight response.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);

/// Builds the CORS layer for pages of `origins`; none if there are no origins.
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
            .max_age(PREFLIGHT_MAX_AGE),
    )
}
