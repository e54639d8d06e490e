//! The canonical form of a row: the line of text that PostgreSQL's COPY writes for it.
//!
//! Fields are separated by tabs, and NULL is `\N`. A backslash and the control characters that
//! COPY has letters for are escaped by a backslash (PostgreSQL's manual, COPY, "Text Format").
//! UUIDs have hyphens, bytes are `\x` and hexadecimal, and times are UTC without trailing zeros in
//! their fraction.

use crate::text::{has, push_hex};

/// The field that stands for NULL.
pub(super) const NULL: &[u8] = br"\N";

/// Appends `text` as COPY escapes it.
pub(super) fn escape(text: &[u8], out: &mut Vec<u8>) {
    // The control characters that have letters are 8 to 13.
    if !has(text, |byte| byte.wrapping_sub(8) <= 5 || byte == b'\\') {
        return out.extend_from_slice(text);
    }
    let mut start = 0;
    for (index, byte) in text.iter().enumerate() {
        let letter = match byte {
            b'\\' => b'\\',
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            _ => continue,
        };
        out.extend_from_slice(&text[start..index]);
        out.extend_from_slice(&[b'\\', letter]);
        start = index + 1;
    }
    out.extend_from_slice(&text[start..]);
}

/// Returns the text that `field` stands for; none if it contains an escape sequence that [`escape`]
/// does not write.
pub(super) fn unescape(field: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 0x0b,
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(text)
}

/// Decodes lower-case hexadecimal; returns none if `text` is anything else.
pub(super) fn unhex_all(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let pairs = text.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Decodes `N` bytes of lower-case hexadecimal; returns none if `text` is anything else.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    unhex_all(text.as_bytes())?.try_into().ok()
}

/// Appends a UUID with hyphens.
pub(super) fn push_uuid(bytes: &[u8; 16], out: &mut Vec<u8>) {
    for (index, part) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
        if index > 0 {
            out.push(b'-');
        }
        push_hex(out, &bytes[part]);
    }
}

/// Length in bytes of a date and a time of day, up to the second.
const SECONDS_LENGTH: usize = 19;

/// Number of fraction digits for microseconds.
const FRACTION_DIGITS: usize = 6;

/// Appends a time from SQLite in the form that PostgreSQL writes, truncated to microseconds.
///
/// `text` must be `YYYY-MM-DDThh:mm:ss[.fraction]+00:00`, with a fraction of at most nine digits.
/// Otherwise, appends nothing and returns false.
pub(super) fn push_time(text: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(rest) = text.strip_suffix(b"+00:00") else { return false };
    let Some((whole, fraction)) = split_time(rest, b'T') else { return false };
    let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS)];
    out.extend_from_slice(&whole[..10]);
    out.push(b' ');
    out.extend_from_slice(&whole[11..]);
    let zeros = fraction.iter().rev().take_while(|digit| **digit == b'0').count();
    let fraction = &fraction[..fraction.len() - zeros];
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    out.extend_from_slice(b"+00");
    true
}

/// Converts a time from PostgreSQL to the text that SQLite stores for it, with a fraction of zero,
/// three or six digits. Returns none if `field` is not a time in UTC.
pub(super) fn time_for_sqlite(field: &[u8]) -> Option<String> {
    let (whole, fraction) = split_time(field.strip_suffix(b"+00")?, b' ')?;
    let mut text = String::with_capacity(32);
    text.push_str(std::str::from_utf8(&whole[..10]).ok()?);
    text.push('T');
    text.push_str(std::str::from_utf8(&whole[11..]).ok()?);
    if fraction.len() > FRACTION_DIGITS {
        return None;
    }
    if !fraction.is_empty() {
        let digits = if fraction.len() <= 3 { 3 } else { 6 };
        text.push('.');
        text.push_str(std::str::from_utf8(fraction).ok()?);
        text.extend(std::iter::repeat_n('0', digits - fraction.len()));
    }
    text.push_str("+00:00");
    Some(text)
}

/// Splits a time without its offset into date and time of day, and the digits of the fraction.
/// Returns none if the time is malformed.
fn split_time(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let (whole, rest) = text.split_at_checked(SECONDS_LENGTH)?;
    let is_right = whole.iter().enumerate().all(|(index, byte)| match index {
        4 | 7 => *byte == b'-',
        10 => *byte == separator,
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let fraction = match rest.split_first() {
        None => rest,
        Some((b'.', digits)) if !digits.is_empty() => digits,
        Some(_) => return None,
    };
    let is_right = is_right && fraction.len() <= 9 && fraction.iter().all(u8::is_ascii_digit);
    is_right.then_some((whole, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, SecondsFormat};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaped_text_is_one_field_of_one_line_and_reads_back(
            text in proptest::collection::vec(prop_oneof![any::<u8>(), 0u8..16, Just(b'\\')], 0..50),
        ) {
            let mut field = Vec::new();
            escape(&text, &mut field);
            prop_assert!(!field.contains(&b'\n') && !field.contains(&b'\t'));
            prop_assert_ne!(field.as_slice(), NULL);
            prop_assert_ne!(field.as_slice(), br"\.");
            prop_assert_eq!(unescape(&field), Some(text));
        }

        #[test]
        fn time_survives_both_ways(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            let instant = DateTime::from_timestamp_micros(micros).unwrap();
            let text = instant.to_rfc3339_opts(SecondsFormat::AutoSi, false);
            let mut field = Vec::new();
            prop_assert!(push_time(text.as_bytes(), &mut field));
            prop_assert_eq!(time_for_sqlite(&field), Some(text));
        }
    }

    #[test]
    fn nanoseconds_are_cut_to_microseconds() {
        for (text, expected) in [
            ("2026-01-01T00:00:00.123456789+00:00", "2026-01-01 00:00:00.123456+00"),
            ("2026-01-01T00:00:00.120000789+00:00", "2026-01-01 00:00:00.12+00"),
            ("2026-01-01T00:00:00.000+00:00", "2026-01-01 00:00:00+00"),
        ] {
            let mut out = Vec::new();
            assert!(push_time(text.as_bytes(), &mut out));
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01 00:00:00+00:00",
            "2026-01-01T00:00:00.+00:00",
            "2026-01-01T00:00:00.1234567890+00:00",
            "2026-01-01T00:00:0x+00:00",
        ] {
            let mut out = Vec::new();
            assert!(!push_time(text.as_bytes(), &mut out), "{text}");
            assert!(out.is_empty(), "{text}");
        }
    }
}
