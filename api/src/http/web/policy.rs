//! What the browser lets the pages do.

use http::{HeaderName, HeaderValue, header};

/// The dashboard: its own files and its own server, no inline script or style, no page around it.
/// Trusted types make every way from text to HTML or script throw; the app has none.
pub(super) const DASHBOARD: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// GraphiQL needs more than the dashboard: its editor (Monaco) writes style elements at run time,
/// has icons as `data:` URLs and checks documents in workers, which are files of ours. Scripts
/// are ours alone here, too.
pub(super) const GRAPHIQL: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
    connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// No other site's window or file comes near the pages. Whatever else is safe, like `nosniff`,
/// every answer has.
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
