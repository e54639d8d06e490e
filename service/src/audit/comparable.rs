//! Values in the form in which filters compare them.

use std::net::IpAddr;

use icu_casemap::CaseMapper;

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
    let address: IpAddr = text.split('%').next()?.parse().ok()?;
    let bytes = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    Some(crate::hex(&bytes))
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
}
