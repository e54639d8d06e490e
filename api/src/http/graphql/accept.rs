//! Content negotiation (RFC 9110, section 12.5.1) between the two media types of GraphQL over HTTP.

use http::{HeaderMap, header};

/// The parts of the client's `Accept` header that matter here.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Accept {
    /// Media type of the response.
    pub(super) kind: Kind,
    /// True if the client accepts HTML, as a browser does.
    pub(super) is_browser: bool,
}

/// Media type of a response.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `application/graphql-response+json`: the status code reports whether the request was executed.
    GraphQLResponse,
    /// `application/json`, the older type: a well-formed request always gets 200.
    Json,
}

impl Accept {
    /// Parses `headers`. A client that accepts neither media type gets JSON: RFC 9110 permits a server
    /// to disregard the header, and a readable error is more useful than a 406.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut graphql = Preference::default();
        let mut json = Preference::default();
        let mut is_browser = false;
        for (range, quality) in values.flat_map(|value| value.split(',')).map(range) {
            graphql.consider(&range, "graphql-response+json", quality);
            json.consider(&range, "json", quality);
            is_browser |= range == "text/html" && quality > 0;
        }
        // A wildcard does not show that the client knows the newer type, whose status codes differ.
        let takes_graphql = graphql.is_named && graphql.quality > 0;
        let is_graphql = takes_graphql && graphql.quality >= json.quality;
        let kind = if is_graphql { Kind::GraphQLResponse } else { Kind::Json };
        Self { kind, is_browser }
    }
}

/// Preference for one media type, from the most specific range that covers it.
#[derive(Copy, Clone, Debug, Default)]
struct Preference {
    /// Quality value in thousandths, 0 to 1000.
    quality: u16,
    specificity: u8,
    is_named: bool,
}

impl Preference {
    fn consider(&mut self, range: &str, subtype: &str, quality: u16) {
        let specificity = match range.split_once('/') {
            Some(("application", wanted)) if wanted == subtype => 3,
            Some(("application", "*")) => 2,
            Some(("*", "*")) => 1,
            Some(_) | None => return,
        };
        if specificity >= self.specificity {
            *self = Self { quality, specificity, is_named: specificity == 3 };
        }
    }
}

/// Parses a media range into lower case and its quality in thousandths.
fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    (range, quality.map_or(1_000, thousandths))
}

/// Parses a quality value; a malformed one counts as 0.
fn thousandths(text: &str) -> u16 {
    let quality: f32 = text.parse().unwrap_or_default();
    if !(0.0..=1.0).contains(&quality) {
        return 0;
    }
    // Exact: at most 1,000.
    (quality * 1_000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(accept: &str) -> Kind {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().expect("a header"));
        Accept::of(&headers).kind
    }

    #[test]
    fn newer_type_is_for_those_who_name_it_and_do_not_like_it_less() {
        for accept in [
            "application/graphql-response+json",
            "Application/GraphQL-Response+JSON; charset=utf-8",
            "application/graphql-response+json, application/json",
            "application/json, application/graphql-response+json",
            "application/graphql-response+json, application/json;q=0.9",
            "application/graphql-response+json;q=0.1, */*;q=0.1",
            "application/graphql-response+json; q=0.5, application/json; q=0",
        ] {
            assert_eq!(kind(accept), Kind::GraphQLResponse, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/*",
            "application/json",
            "text/html",
            "application/graphql-response+json;q=0",
            "application/graphql-response+json;q=0.5, application/json",
            "application/graphql-response+json;q=0.5, */*",
            "application/graphql-response+json;q=2",
            "application/graphql-response+json;q=nan",
            "application/graphql",
            ";;;=,,/",
        ] {
            assert_eq!(kind(accept), Kind::Json, "{accept}");
        }
    }

    #[test]
    fn browser_is_one_that_takes_pages() {
        let is_browser = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            Accept::of(&headers).is_browser
        };
        assert!(is_browser("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!is_browser("*/*"));
        assert!(!is_browser("text/html;q=0, */*"));
    }
}
