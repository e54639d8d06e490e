//! Where a browser's page that opens a WebSocket comes from (RFC 6455, section 10.2).
//!
//! Browsers let any page open one, without asking as they ask by CORS.

use daybook_service::Instance;
use http::{HeaderMap, header};

use crate::config::FrontDoor;

/// Whether the request comes from no browser, from this server's own pages, or from an origin that
/// is let in.
pub(super) fn is_let_in(instance: &Instance, front_door: &FrontDoor, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_own = origin.split_once("://").is_some_and(|(_, authority)| {
        host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
    });
    // Behind a proxy the host may be another than the one that the page was loaded from.
    let is_public = origin.eq_ignore_ascii_case(origin_of(&instance.settings.public_url));
    let is_listed = |known: &String| known == "*" || known.eq_ignore_ascii_case(origin);
    is_own || is_public || front_door.cors_origins.iter().any(is_listed)
}

/// A URL without its path.
fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_a_url_without_its_path() {
        for (url, origin) in [
            ("https://daybook.acme.test", "https://daybook.acme.test"),
            ("https://acme.test:8443/daybook/", "https://acme.test:8443"),
            ("acme", "acme"),
        ] {
            assert_eq!(origin_of(url), origin);
        }
    }
}
