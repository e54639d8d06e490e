//! The address of a client behind trusted proxies.
//!
//! Each proxy adds the address of its own client at the end of `Forwarded` (RFC 7239) or
//! `X-Forwarded-For`. What stands before the last proxy that is trusted could come from anybody, so the
//! list is read from its end, as far as the addresses are those of trusted proxies.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the address of the client whose request came from `peer` with these headers.
pub(super) fn client(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    let mut client = peer;
    if !is_trusted(client) {
        return client;
    }
    let nodes = match lines(headers, &header::FORWARDED) {
        Some(forwarded) => elements(&forwarded).into_iter().map(forwarded_for).collect(),
        None => lines(headers, &X_FORWARDED_FOR)
            .map(|list| list.split(',').map(address).collect::<Vec<_>>())
            .unwrap_or_default(),
    };
    for node in nodes.into_iter().rev() {
        // What a proxy does not tell, nobody before it can.
        let Some(address) = node else { break };
        client = address;
        if !is_trusted(address) {
            break;
        }
    }
    client
}

/// Returns all values of a header as one list (RFC 9110, section 5.3); none if it is absent.
fn lines(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("unknown"));
    let values: Vec<_> = values.collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Splits `Forwarded` at its commas, except those in quotes.
fn elements(list: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_end = |c: char| {
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = is_quoted && c == '\\' && !is_escaped;
        c == ',' && !is_quoted
    };
    list.split(is_end).collect()
}

/// Returns the address in the parameter `for` of an element.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let value = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    })?;
    address(value.trim().trim_matches('"'))
}

/// Reads an address with or without a port, an IPv6 address also in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    address.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

/// Reads a network as `DAYBOOK_TRUSTED_PROXIES` names it: an address or a CIDR prefix.
///
/// # Errors
/// Fails if the text is neither.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse());
    network.map_err(|_| "expected an IP address or a CIDR prefix, such as 10.0.0.0/8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, name: HeaderName, values: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|text| network(text).expect("a network"));
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), value.parse().expect("a value"));
        }
        client(&trusted, peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn list_is_believed_as_far_as_proxies_are_trusted() {
        for (peer, values, expected) in [
            ("192.0.2.9", &["198.51.100.1"][..], "192.0.2.9"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.7, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.7", "198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            ("10.0.0.1", &["198.51.100.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, nonsense, 10.2.2.2"], "10.2.2.2"),
            ("10.0.0.1", &["[2001:db9::1]:443"], "2001:db9::1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            assert_eq!(of(peer, X_FORWARDED_FOR, values), expected, "{peer} {values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        for (values, expected) in [
            (&["for=198.51.100.1"][..], "198.51.100.1"),
            (&["For=\"198.51.100.1:80\";proto=https"], "198.51.100.1"),
            (&["proto=http; for=\"[2001:db9::1]:4711\""], "2001:db9::1"),
            (&["for=198.51.100.1, for=10.2.2.2;by=\"a,b\""], "198.51.100.1"),
            (&["for=198.51.100.1, for=\"_hidden\""], "10.0.0.1"),
            (&["for=unknown"], "10.0.0.1"),
            (&["by=198.51.100.1"], "10.0.0.1"),
            (&["\"", "for=\"198.51.100.1"], "10.0.0.1"),
        ] {
            assert_eq!(of("10.0.0.1", header::FORWARDED, values), expected, "{values:?}");
        }
    }

    #[test]
    fn networks_are_addresses_or_prefixes() {
        for text in ["10.0.0.0/8", "192.0.2.1", "::1", "2001:db8::/32", " 10.1.2.3/16 "] {
            assert!(network(text).is_ok(), "{text}");
        }
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "*"] {
            assert!(network(text).is_err(), "{text}");
        }
    }
}
