//! Signs of a proxy that `DAYBOOK_PUBLIC_URL` is missing for.

use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderName, header};

/// What proxies add to a request.
static PROXY_HEADERS: [HeaderName; 4] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
];

/// Warns once when requests come by a proxy and nobody has said where users reach this server.
pub(super) struct Proxies {
    is_settled: AtomicBool,
}

impl Proxies {
    /// `public_url` is `DAYBOOK_PUBLIC_URL`, if that is set: then there is nothing to warn of.
    pub(super) fn new(public_url: Option<&str>) -> Self {
        Self { is_settled: AtomicBool::new(public_url.is_some()) }
    }

    /// Looks for a proxy's headers in a request.
    pub(super) fn look(&self, headers: &HeaderMap) {
        if self.is_settled.load(Ordering::Relaxed) {
            return;
        }
        let Some(name) = PROXY_HEADERS.iter().find(|name| headers.contains_key(*name)) else {
            return;
        };
        if self.is_settled.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(
            header = %name,
            "requests come by a proxy, and DAYBOOK_PUBLIC_URL is not set: set it to the URL that \
             users open, or links to files lead elsewhere and live updates may be refused"
        );
    }
}
