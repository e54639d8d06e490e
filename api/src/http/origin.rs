//! Checks the origin of pages that open a WebSocket (RFC 6455, section 10.2).
//!
//! Browsers let any page open a WebSocket, without the preflight request that CORS requires elsewhere.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use daybook_service::Instance;
use http::{HeaderMap, HeaderName, StatusCode, header};

use super::problem::Problem;
use crate::{config::ServerLimits, graphql::code};

/// Time after which a warning about the same origin is logged again.
const WARN_AGAIN_AFTER: Duration = Duration::from_secs(60 * 60);
/// Maximum number of origins warned about in that time, so that invented origins can't fill the log.
const MAX_WARNED_ORIGINS: usize = 100;
/// Maximum number of characters of a header's value in a problem and in the log.
const MAX_QUOTED_CHARS: usize = 200;

/// Decides which pages may open a WebSocket, and logs a warning for those that may not.
pub(super) struct Origins {
    /// Origin of `DAYBOOK_PUBLIC_URL`, if that is set.
    configured: Option<String>,
    /// Origin that links begin with.
    public: String,
    listed: Vec<String>,
    warned: Mutex<Warned>,
}

/// Origins that a warning was logged for lately.
struct Warned {
    since: Instant,
    origins: HashSet<String>,
}

impl Origins {
    /// Creates the check. `configured` is `DAYBOOK_PUBLIC_URL`, if that is set.
    pub(super) fn new(
        instance: &Instance,
        server_limits: &ServerLimits,
        configured: Option<&str>,
    ) -> Self {
        let listed = server_limits.cors_origins.iter().map(|origin| normal(origin)).collect();
        let warned = Warned { since: Instant::now(), origins: HashSet::new() };
        Self {
            configured: configured.map(origin_of),
            public: origin_of(&instance.settings.public_url),
            listed,
            warned: Mutex::new(warned),
        }
    }

    /// Allows requests without an origin, from this server's own pages, and from listed origins.
    ///
    /// # Errors
    /// Returns a problem that names what the origin was compared with, and the setting that allows it.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let is_allowed = origin.to_str().is_ok_and(|origin| self.is_allowed(origin, headers));
        if is_allowed {
            return Ok(());
        }
        let (origin, host) = (quoted(headers, header::ORIGIN), quoted(headers, header::HOST));
        self.warn(&origin, &host);
        let detail = self.explain(&origin, &host).into();
        Err(Problem { status: StatusCode::FORBIDDEN, code: code::FORBIDDEN, detail })
    }

    fn is_allowed(&self, origin: &str, headers: &HeaderMap) -> bool {
        let origin = normal(origin);
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let is_own = host.zip(origin.split_once("://")).is_some_and(|(host, (scheme, _))| {
            // A proxy may add the default port, which browsers leave out.
            normal(&format!("{scheme}://{host}")) == origin
        });
        // Behind a proxy, the host may differ from the one that the page was loaded from.
        is_own
            || origin == self.public
            || self.listed.iter().any(|known| known == "*" || *known == origin)
    }

    fn explain(&self, origin: &str, host: &str) -> String {
        let public = match &self.configured {
            Some(url) => format!("DAYBOOK_PUBLIC_URL is {url}"),
            None => "DAYBOOK_PUBLIC_URL is not set".to_owned(),
        };
        if !origin.contains("://") {
            return format!(
                "Pages with the origin {origin} can't open a WebSocket, and no setting allows it, because \
                 the page does not come from a server. The request has the host {host}, and {public}."
            );
        }
        format!(
            "Pages from {origin} are not allowed to open a WebSocket: the request has the host {host}, \
             and {public}. If users open Daybook at {origin} through a proxy, set \
             DAYBOOK_PUBLIC_URL={origin} on the server, or let the proxy pass on the Host header. \
             If {origin} is another site that may use the API, add it to DAYBOOK_CORS_ORIGINS."
        )
    }

    fn warn(&self, origin: &str, host: &str) {
        if !self.is_news(origin) {
            return;
        }
        tracing::warn!(
            origin,
            host,
            public_url = self.configured.as_deref().unwrap_or("not set"),
            "refused a WebSocket from a page of this origin, which gets no live updates: set \
             DAYBOOK_PUBLIC_URL to the URL that users open, or, for another site, add the origin to \
             DAYBOOK_CORS_ORIGINS"
        );
    }

    fn is_news(&self, origin: &str) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.since.elapsed() >= WARN_AGAIN_AFTER {
            *warned = Warned { since: Instant::now(), origins: HashSet::new() };
        }
        warned.origins.len() < MAX_WARNED_ORIGINS && warned.origins.insert(origin.to_owned())
    }
}

/// Value of a header for display: shortened, and without control characters.
fn quoted(headers: &HeaderMap, name: HeaderName) -> String {
    let Some(value) = headers.get(name) else { return "(none)".to_owned() };
    let text = String::from_utf8_lossy(value.as_bytes());
    let show = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let shown: String = text.chars().take(MAX_QUOTED_CHARS).map(show).collect();
    if shown.is_empty() { "(empty)".to_owned() } else { shown }
}

/// Origin of a URL, as browsers send it.
fn origin_of(url: &str) -> String {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    normal(&url[..end])
}

/// Normalizes an origin: lower case, without the scheme's default port.
fn normal(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let port = match origin.split_once("://") {
        Some(("http", _)) => ":80",
        Some(("https", _)) => ":443",
        Some(_) | None => return origin,
    };
    origin.strip_suffix(port).map_or_else(|| origin.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_a_url_without_its_path_and_default_port() {
        for (url, origin) in [
            ("https://daybook.acme.test", "https://daybook.acme.test"),
            ("https://acme.test:8443/daybook/", "https://acme.test:8443"),
            ("HTTPS://Acme.test:443/", "https://acme.test"),
            ("http://acme.test:80", "http://acme.test"),
            ("http://acme.test:443", "http://acme.test:443"),
            ("http://[::1]:80", "http://[::1]"),
            ("acme", "acme"),
        ] {
            assert_eq!(origin_of(url), origin);
        }
    }
}
