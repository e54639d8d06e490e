//! A condition on a JSON text, exact for all numbers and keys.
//!
//! PostgreSQL compares such values itself. SQLite has no comparison of JSON values, turns numbers
//! into doubles, and has no path to some keys. A function of one's own would need unsafe code, and
//! a collation does not: under [`COLLATION`], a JSON text equals the [`text`] of each condition
//! that it meets.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

/// Name of the collation.
pub(crate) const COLLATION: &str = "json_condition";
/// The first character of a condition, with which no JSON text begins.
const MARK: char = '@';

/// Returns the condition that the value at `path` equals the JSON `value`, as text.
pub(crate) fn text(path: &[String], value: &str) -> String {
    let path: serde_json::Value = path.into();
    format!("{MARK}[{path},{value}]")
}

/// Compares a JSON text with a condition: equal if the text meets it.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let (condition, json) = match (one.strip_prefix(MARK), other.strip_prefix(MARK)) {
        (Some(condition), None) => (condition, other),
        (None, Some(condition)) => (condition, one),
        (Some(_), Some(_)) | (None, None) => return one.cmp(other),
    };
    if meets(json, condition) { Ordering::Equal } else { one.cmp(other) }
}

fn meets(json: &str, condition: &str) -> bool {
    let Some((path, value)) = read::<(Vec<String>, &RawValue)>(condition) else { return false };
    let mut place = json;
    for key in &path {
        let Some(next) = member(place, key) else { return false };
        place = next;
    }
    equals(place, value.get())
}

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    serde_json::from_str(json).ok()
}

/// Returns the member of an object or list with this key, as a step of a JSON Pointer (RFC 6901).
fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    match json.trim_start().chars().next()? {
        '{' => {
            let mut fields: BTreeMap<String, &RawValue> = read(json)?;
            fields.remove(key).map(RawValue::get)
        }
        '[' if is_index(key) => {
            let values: Vec<&RawValue> = read(json)?;
            values.get(key.parse::<usize>().ok()?).map(|value| value.get())
        }
        _ => None,
    }
}

/// True if a step of a JSON Pointer can name a member of a list.
pub(crate) fn is_index(key: &str) -> bool {
    let is_number = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (key == "0" || !key.starts_with('0'))
}

/// True if two JSON texts have the same value. Their depth is limited when they are recorded and
/// read.
fn equals(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    match (one.chars().next(), other.chars().next()) {
        (Some('{'), Some('{')) => {
            let fields = |json| read::<BTreeMap<String, &RawValue>>(json).unwrap_or_default();
            let (one, other) = (fields(one), fields(other));
            one.len() == other.len()
                && one.iter().zip(&other).all(|((name, one), (other_name, other))| {
                    name == other_name && equals(one.get(), other.get())
                })
        }
        (Some('['), Some('[')) => {
            let values = |json| read::<Vec<&RawValue>>(json).unwrap_or_default();
            let (one, other) = (values(one), values(other));
            one.len() == other.len()
                && one.iter().zip(&other).all(|(one, other)| equals(one.get(), other.get()))
        }
        (Some('"'), Some('"')) => read::<String>(one) == read::<String>(other),
        (Some('-' | '0'..='9'), Some('-' | '0'..='9')) => match (decimal(one), decimal(other)) {
            (Some(one), Some(other)) => one == other,
            _ => one == other,
        },
        // true, false and null.
        _ => one == other,
    }
}

/// A number: its sign, its digits without zeros at either end, and the exponent of the last one.
type Decimal = (bool, String, i64);

/// Returns a number in the only form for its value; none if its exponent is too large.
fn decimal(number: &str) -> Option<Decimal> {
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_end_matches('0');
    let dropped = i64::try_from(all.len() - digits.len()).ok()?;
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some((false, String::new(), 0));
    }
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    Some((number != unsigned, digits.to_owned(), exponent.checked_add(dropped)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use serde_json::{Value, json};

    fn is_met(json: &str, path: &[&str], value: &str) -> bool {
        let path: Vec<String> = path.iter().map(|&key| key.to_owned()).collect();
        let condition = format!("{MARK}[{},{value}]", Value::from(path));
        let both = [compare(json, &condition), compare(&condition, json)];
        assert_eq!(both[0], both[1].reverse());
        both[0] == Ordering::Equal
    }

    #[test]
    fn values_are_compared_by_what_they_mean() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("-0.0", "0"),
            ("0e99999999999999999999", "0"),
            ("1.50E+1", "15"),
            ("12345678901234567890123", "12345678901234567890123.000"),
            (r#""é""#, r#""\u00e9""#),
            (r#"{"a":1,"b":[true,null]}"#, r#" { "b" : [ true , null ], "a" : 1.0 } "#),
        ] {
            assert!(is_met(one, &[], other) && is_met(other, &[], one), "{one} {other}");
        }
        for (one, other) in [
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.10000000000000001"),
            ("1", "-1"),
            ("1", "\"1\""),
            ("null", "false"),
            ("[1,2]", "[2,1]"),
            ("[]", "{}"),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            ("1e99999999999999999999", "1e99999999999999999998"),
        ] {
            assert!(!is_met(one, &[], other) && !is_met(other, &[], one), "{one} {other}");
        }
    }

    #[test]
    fn path_leads_through_objects_and_lists() {
        let json = r#"{"a\"b":[{"0":"zero"},["x"]],"":{"~":1}}"#;
        assert!(is_met(json, &["a\"b", "0", "0"], r#""zero""#));
        assert!(is_met(json, &["a\"b", "1", "0"], r#""x""#));
        assert!(is_met(json, &["", "~"], "1"));
        for path in [&["a\"b", "00"][..], &["a\"b", "-1"], &["a\"b", "2"], &["0"], &["", "~", "x"]]
        {
            assert!(!is_met(json, path, r#""x""#), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_compared(one: String, other: String, path in vec(any::<String>(), 0..3)) {
            let condition = text(&path, &json!(other).to_string());
            prop_assert_eq!(compare(&one, &condition), compare(&condition, &one).reverse());
            prop_assert_eq!(compare(&one, &other), one.cmp(&other));
            prop_assert_eq!(compare(&json!(one).to_string(), &text(&[], &json!(one).to_string())), Ordering::Equal);
        }

        #[test]
        fn decimals_are_equal_with_the_numbers(one: f64, zeros in 0..9_usize) {
            prop_assume!(one.is_finite());
            let long = format!("{one:.330}{}", "0".repeat(zeros));
            prop_assert!(decimal(&long).is_some());
            prop_assert_eq!(is_met(&format!("{one:e}"), &[], &json!(one).to_string()), true);
        }
    }
}
