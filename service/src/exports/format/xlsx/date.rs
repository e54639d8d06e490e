//! Instants as the numbers by which a spreadsheet knows dates: days since the end of 1899.

use chrono::{DateTime, Utc};

const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1_000;
/// Days from the spreadsheet's day 0, 30 December 1899, to 1970.
const DAYS_TO_1970: i64 = 25_569;
/// 1 March 1900. Excel counts a 29 February 1900, so each earlier day has two numbers or none.
const FIRST_DAY: i64 = 61;
/// The day after 31 December 9999.
const END_DAY: i64 = 2_958_466;

/// Returns the number of an instant, cut to milliseconds, which are the most that Excel shows.
/// Returns `None` for an instant that has no number.
pub(super) fn serial(instant: DateTime<Utc>) -> Option<f64> {
    let millis = instant.timestamp_millis() + DAYS_TO_1970 * MILLIS_PER_DAY;
    let (first, end) = (FIRST_DAY * MILLIS_PER_DAY, END_DAY * MILLIS_PER_DAY);
    // Exact: far fewer than 2^53.
    (first..end).contains(&millis).then_some(millis as f64 / MILLIS_PER_DAY as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_the_end_of_1899() {
        for (instant, expected) in [
            ("1900-03-01T00:00:00Z", Some(61.0)),
            ("1900-02-28T23:59:59.999999Z", None),
            ("0001-01-01T00:00:00Z", None),
            ("1970-01-01T00:00:00Z", Some(25_569.0)),
            ("2026-01-01T12:00:00Z", Some(46_023.5)),
            // Cut, not rounded to the next day, or beyond the last one.
            ("2026-01-01T23:59:59.999999Z", Some(46_023.0 + 86_399_999.0 / 86_400_000.0)),
            ("9999-12-31T23:59:59.999999Z", Some(2_958_465.0 + 86_399_999.0 / 86_400_000.0)),
        ] {
            let found = serial(instant.parse().unwrap());
            match (found, expected) {
                (Some(found), Some(expected)) => {
                    assert!((found - expected).abs() < 1e-9, "{instant}");
                }
                _ => assert_eq!(found, expected, "{instant}"),
            }
        }
    }
}
