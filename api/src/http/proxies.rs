//! Detects a proxy in front of a server without `DAYBOOK_PUBLIC_URL`.

use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderName, header};

/// Headers that proxies add to a request.
static PROXY_HEADERS: [HeaderName; 4] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
];

/// Warns once if requests come through a proxy and no public URL is set.
pub(super) struct Proxies {
    is_settled: AtomicBool,
}

impl Proxies {
    /// Creates the detector, which never warns if `public_url` (`DAYBOOK_PUBLIC_URL`) is set.
    pub(super) fn new(public_url: Option<&str>) -> Self {
        Self { is_settled: AtomicBool::new(public_url.is_some()) }
    }

    /// Looks for proxy headers in a request.
    pub(super) fn inspect(&self, headers: &HeaderMap) {
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
            "requests come through a proxy, but DAYBOOK_PUBLIC_URL is not set: set it to the URL that \
             users open; otherwise download links may not work and live updates may be refused"
        );
    }
}
