//! Content security policies of the pages.

use http::{HeaderName, HeaderValue, header};

/// Policy of the dashboard: own files and own server only, no inline script or style, no framing.
/// Trusted types make every conversion of text to HTML or script throw; the app has none.
pub(super) const DASHBOARD: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Policy of GraphiQL, which needs more than the dashboard: its editor (Monaco) writes style elements
/// at run time, has icons as `data:` URLs and checks documents in workers. Scripts and workers are
/// files of this server only.
pub(super) const GRAPHIQL: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
    connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Headers that isolate the pages from other sites' windows and files. Headers that all responses
/// have, such as `nosniff`, are set elsewhere.
pub(super) const ISOLATION: [(HeaderName, HeaderValue); 3] = [
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];
