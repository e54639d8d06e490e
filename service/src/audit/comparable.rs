//! Values in the form in which filters compare them.

use std::{net::IpAddr, ops::RangeInclusive};

use icu_casemap::CaseMapper;
use ipnet::IpNet;

/// Returns `text` without regard to case, by Unicode's simple case folding (Unicode Standard,
/// section 3.13.3): each character for itself, in every language.
pub(super) fn folded(text: &str) -> String {
    let mapper = CaseMapper::new();
    text.chars().map(|c| mapper.simple_fold(c)).collect()
}

/// Returns the 16 bytes of an IP address in hexadecimal, an IPv4 address as its IPv6 form (RFC 4291,
/// section 2.5.5.2) and without a zone; none if `text` is no address.
///
/// The texts of a network's addresses are those from its first to its last.
pub(super) fn address_key(text: &str) -> Option<String> {
    Some(key(text.split('%').next()?.parse().ok()?))
}

/// Returns the first and the last key of the addresses that `text` stands for: one address, or a
/// network by its CIDR prefix (RFC 4632), whose bits after the prefix don't matter; none if `text`
/// is neither.
pub(super) fn address_range(text: &str) -> Option<RangeInclusive<String>> {
    let network: IpNet = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    Some(key(network.network())..=key(network.broadcast()))
}

fn key(address: IpAddr) -> String {
    let bytes = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    crate::hex(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_in_every_script() {
        for (text, expected) in [
            ("Ada@Acme.TEST", "ada@acme.test"),
            ("ÉMILE@ΣΊΣΥΦΟΣ.gr", "émile@σίσυφοσ.gr"),
            // Simple folding keeps the number of characters.
            ("STRASSE ẞ", "strasse ß"),
            ("İ", "İ"),
        ] {
            assert_eq!(folded(text), expected, "{text}");
        }
    }

    #[test]
    fn address_has_one_key_however_it_is_written() {
        let key = |text| address_key(text).unwrap_or_default();
        assert_eq!(key("192.0.2.1"), "00000000000000000000ffffc0000201");
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_eq!(key("2001:DB8::1"), "20010db8000000000000000000000001");
        assert_eq!(key("2001:0db8:0:0::0001"), key("2001:db8::1"));
        assert_eq!(key("fe80::1%eth0"), key("fe80::1"));
        for text in ["", "unknown", "10.0.0.0/8", "10.0.0.01", "192.0.2.1:443", "%eth0"] {
            assert_eq!(address_key(text), None, "{text}");
        }
    }

    #[test]
    fn range_holds_the_addresses_of_the_network_and_no_others() {
        for (network, within, beside) in [
            ("192.0.2.7", vec!["192.0.2.7", "::ffff:192.0.2.7"], vec!["192.0.2.6", "192.0.2.8"]),
            ("10.1.2.3/8", vec!["10.0.0.0", "10.255.255.255"], vec!["9.255.255.255", "11.0.0.0"]),
            (
                "0.0.0.0/0",
                vec!["0.0.0.0", "255.255.255.255"],
                vec!["::1", "::1:0:0:0", "2001:db8::1"],
            ),
            ("2001:db8::/33", vec!["2001:db8::", "2001:db8:7fff::1"], vec!["2001:db8:8000::"]),
            ("::ffff:10.0.0.0/104", vec!["10.9.9.9"], vec!["11.0.0.0", "::1"]),
            ("::/0", vec!["::", "10.0.0.1", "ffff::1"], vec![]),
        ] {
            let range = address_range(network).expect("a network");
            let is_within = |text: &str| range.contains(&address_key(text).expect("an address"));
            assert!(within.iter().all(|text| is_within(text)), "{network}");
            assert!(!beside.iter().any(|text| is_within(text)), "{network}");
        }
        for text in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "/8",
            "::/129",
            "fe80::1%eth0",
            " ::1",
        ] {
            assert_eq!(address_range(text), None, "{text}");
        }
    }
}
