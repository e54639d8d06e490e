//! Parses instants from outside, with the same rules for records and for queries.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Deserializer, de::Error as _};

/// The last instant that Daybook stores and returns: the end of the year 9999.
pub const MAX_INSTANT: DateTime<Utc> =
    DateTime::from_timestamp_micros(253_402_300_799_999_999).expect("within chrono's calendar");

/// Years in UTC that both engines store and compare alike and that RFC 3339 can write.
const VALID_YEARS: RangeInclusive<i32> = 1..=9999;
/// Most digits of a second's fraction, which are microseconds.
const MAX_DIGITS: usize = 6;
/// Positions of the seconds in an instant, and of the text after them.
const SECONDS_POSITION: usize = 17;
const AFTER_SECOND: usize = 19;

/// The reason why Daybook does not accept a text as an instant, worded for the caller.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstantError {
    /// The text is not a date and time with an offset, or the date and time don't exist.
    #[error(
        "must be an RFC 3339 date and time with an offset, such as 2026-02-13T10:30:00.123456Z"
    )]
    Malformed,
    /// The second has more digits than are stored.
    #[error("must have at most six digits of a second: instants are kept to the microsecond")]
    TooPrecise,
    /// The second is 60, which the databases can't distinguish from the next second.
    #[error("must not be in a leap second (:60): give the second before or after it")]
    LeapSecond,
    /// The year is outside 1 to 9999 in UTC.
    #[error("must be between the years 1 and 9999 in UTC")]
    OutOfRange,
}

/// Parses an RFC 3339 instant exactly: a value that can't be stored as given is refused, never
/// rounded.
///
/// # Errors
/// Returns the reason why the text can't be stored as an instant.
pub fn parse_instant(text: &str) -> Result<DateTime<Utc>, InstantError> {
    // chrono also accepts a minus sign outside of ASCII, which RFC 3339 does not allow.
    let parsed = Some(text).filter(|text| text.is_ascii());
    let parsed = parsed.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let instant = parsed.ok_or(InstantError::Malformed)?.to_utc();
    if text.get(SECONDS_POSITION..AFTER_SECOND) == Some("60") {
        return Err(InstantError::LeapSecond);
    }
    let fraction = text.get(AFTER_SECOND..).and_then(|rest| rest.strip_prefix('.'));
    let digits = fraction.map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if digits > MAX_DIGITS {
        return Err(InstantError::TooPrecise);
    }
    if !VALID_YEARS.contains(&instant.year()) {
        return Err(InstantError::OutOfRange);
    }
    Ok(instant)
}

/// Parses an optional instant of a JSON document, for serde's `deserialize_with`.
pub(crate) fn deserialize_optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let instant = text.map(|text| parse_instant(&text)).transpose();
    instant.map_err(|error| D::Error::custom(format!("timestamp: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    #[test]
    fn instants_are_read_exactly_or_refused_with_the_reason() {
        let read = |text: &str| {
            parse_instant(text).map(|instant| instant.to_rfc3339_opts(SecondsFormat::Micros, true))
        };
        for (text, expected) in [
            ("2026-02-13T10:30:00Z", "2026-02-13T10:30:00.000000Z"),
            ("2026-02-13t10:30:00.1z", "2026-02-13T10:30:00.100000Z"),
            ("2026-02-13T10:30:00.123456-00:00", "2026-02-13T10:30:00.123456Z"),
            ("2026-02-13T10:30:00+23:59", "2026-02-12T10:31:00.000000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
            ("0000-12-31T23:00:00-01:00", "0001-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, error) in [
            ("2026-02-13T10:30:00.1234567Z", InstantError::TooPrecise),
            ("2026-02-13T10:30:00.0000000+01:00", InstantError::TooPrecise),
            ("9999-12-31T23:59:59.9999999Z", InstantError::TooPrecise),
            ("2026-02-13T10:30:00.123456789012Z", InstantError::TooPrecise),
            ("2016-12-31T23:59:60Z", InstantError::LeapSecond),
            ("2016-12-31T23:59:60.5Z", InstantError::LeapSecond),
            ("2026-02-13T10:30:60+05:30", InstantError::LeapSecond),
            ("0000-01-01T00:00:00Z", InstantError::OutOfRange),
            ("0001-01-01T00:00:00+00:01", InstantError::OutOfRange),
            ("9999-12-31T23:59:59-00:01", InstantError::OutOfRange),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-02-13",
            "2026-02-13T10:30:00",
            "2026-02-13T10:30Z",
            "2026-02-13T10:30:00.Z",
            "2026-02-13T10:30:00,5Z",
            "2026-02-13T10:30:00+24:00",
            "2026-02-13T10:30:00+23:60",
            "2026-02-13T10:30:00+0100",
            "2026-02-13T10:30:00\u{2212}01:00",
            "2026-02-13T24:00:00Z",
            "2026-02-13T10:60:00Z",
            "2026-02-13T10:30:61Z",
            "2026-02-29T10:30:00Z",
            "10000-01-01T00:00:00Z",
            "+2026-02-13T10:30:00Z",
            "-001-01-01T00:00:00Z",
            " 2026-02-13T10:30:00Z",
            "2026-02-13T10:30:00Z ",
        ] {
            assert_eq!(read(text), Err(InstantError::Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_stored_as_it_is(text in "\\PC{0,40}|[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,9})?(Z|z|[+-][0-2][0-9]:[0-6][0-9])") {
            if let Ok(instant) = parse_instant(&text) {
                prop_assert_eq!(DateTime::from_timestamp_micros(instant.timestamp_micros()), Some(instant));
                prop_assert!(instant <= MAX_INSTANT && VALID_YEARS.contains(&instant.year()));
                let written = instant.to_rfc3339_opts(SecondsFormat::Micros, true);
                prop_assert_eq!(parse_instant(&written), Ok(instant));
            }
        }
    }
}
