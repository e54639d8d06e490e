//! The scalars.

use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, SecondsFormat, Utc};
use daybook_service::{InstantError, Problem, ProblemCode, parse_instant};

use super::code;

/// An instant. As an input it may be one that can't be used, which [`read`] says, for it knows the field.
#[derive(Copy, Clone, Debug)]
pub(super) struct Instant(Result<DateTime<Utc>, InstantError>);

/// An RFC 3339 instant in UTC between the years 1 and 9999, e.g. 2026-02-13T10:30:00.123456Z. Input
/// accepts any offset. Nothing is rounded: more than six digits of a second and leap seconds are errors.
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

/// The instant that the input field at `root` and `field` gives; none, with its problem, if it can't be used.
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

/// `error` with the code that every problem with an argument has.
fn bad_input<T: InputType>(error: InputValueError<T>) -> InputValueError<T> {
    error.with_extension("code", code::BAD_USER_INPUT)
}

/// A 64-bit whole number, written as a string so that no client rounds it.
#[derive(Copy, Clone, Debug)]
pub(super) struct BigInt(pub(super) i64);

/// A 64-bit whole number, written as a string so that no client rounds it.
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

/// Any JSON value. Whole numbers are exact within 64 bits, others are IEEE 754 doubles.
#[derive(Clone, Debug)]
pub(super) struct Json(pub(super) serde_json::Value);

/// Any JSON value. Whole numbers are exact within 64 bits, others are IEEE 754 doubles.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

impl Json {
    /// Stored JSON text as a value.
    pub(super) fn stored(text: &str) -> async_graphql::Result<Self> {
        serde_json::from_str(text).map(Self).map_err(|error| {
            tracing::error!(%error, "stored JSON can't be read");
            async_graphql::Error::new("stored JSON can't be read")
        })
    }
}
