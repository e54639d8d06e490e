//! The custom scalars: `DateTime`, `BigInt` and `JSON`.

use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, SecondsFormat, Utc};
use daybook_service::{InstantError, Problem, ProblemCode, parse_instant};

use serde::de::DeserializeOwned;

use super::error::code;

/// A point in time. As an input it can be invalid, which [`read`] reports with the path of the
/// field.
#[derive(Copy, Clone, Debug)]
pub(super) struct Instant(Result<DateTime<Utc>, InstantError>);

/// A point in time in UTC between the years 1 and 9999, in the format of RFC 3339, such as
/// 2026-02-13T10:30:00.123456Z. Input can have any offset. Nothing is rounded: more than six
/// fractional digits of a second and leap seconds are errors.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html"
)]
impl ScalarType for Instant {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(bad_input(InputValueError::expected_type(value)));
        };
        Ok(Self(parse_instant(text)))
    }

    fn to_value(&self) -> Value {
        let text = |instant: DateTime<Utc>| instant.to_rfc3339_opts(SecondsFormat::Micros, true);
        self.0.map_or(Value::Null, |instant| Value::String(text(instant)))
    }
}

/// Returns the time in the input field `field` under `root`. If it is invalid, returns none and
/// adds the problem to `problems`.
pub(super) fn read(
    given: Option<Instant>,
    (root, field): (&[&str], &str),
    problems: &mut Vec<Problem>,
) -> Option<DateTime<Utc>> {
    let read = given.map(|Instant(read)| read).transpose();
    read.unwrap_or_else(|error| {
        let path = [root, &[field]].concat();
        problems.push(Problem::new(ProblemCode::Invalid, &path, error.to_string()));
        None
    })
}

impl From<DateTime<Utc>> for Instant {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(Ok(instant))
    }
}

/// Adds the code of an invalid argument to `error`.
fn bad_input<T: InputType>(error: InputValueError<T>) -> InputValueError<T> {
    error.with_extension("code", code::BAD_USER_INPUT)
}

/// A 64-bit signed integer, written as a string so that no client rounds it.
#[derive(Copy, Clone, Debug)]
pub(super) struct BigInt(pub(super) i64);

/// A 64-bit signed integer, written as a string so that no client rounds it.
#[Scalar(name = "BigInt")]
impl ScalarType for BigInt {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i64(),
            Value::Null
            | Value::Boolean(_)
            | Value::Binary(_)
            | Value::Enum(_)
            | Value::List(_)
            | Value::Object(_) => None,
        };
        number.map(Self).ok_or_else(|| bad_input(InputValueError::expected_type(value)))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// Any JSON value. Integers are exact within 64 bits; other numbers are IEEE 754 doubles.
#[derive(Clone, Debug)]
pub(super) struct Json(pub(super) serde_json::Value);

/// Any JSON value. Integers are exact within 64 bits; other numbers are IEEE 754 doubles.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// Returns what stored JSON text holds.
///
/// # Errors
/// Text that is not JSON of this type. The cause is logged here.
pub(super) fn stored<T: DeserializeOwned>(text: &str) -> async_graphql::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        tracing::error!(%error, "failed to read stored JSON");
        async_graphql::Error::new("Failed to read stored JSON; the server's log has the details")
    })
}
