//! The scalars.

use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, SecondsFormat, Utc};

use super::code;

/// An RFC 3339 instant in UTC, e.g. 2026-02-13T10:30:00.123456Z. Input accepts any offset. Digits
/// past the microsecond are not kept.
#[derive(Copy, Clone, Debug)]
pub(super) struct Instant(pub(super) DateTime<Utc>);

/// An RFC 3339 instant in UTC, e.g. 2026-02-13T10:30:00.123456Z. Input accepts any offset. Digits
/// past the microsecond are not kept.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html"
)]
impl ScalarType for Instant {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(bad_input(InputValueError::expected_type(value)));
        };
        let parsed = DateTime::parse_from_rfc3339(text);
        let parsed = parsed.map_err(|_| {
            let message = "must be an RFC 3339 date and time with an offset";
            bad_input(InputValueError::custom(message))
        })?;
        Ok(Self(parsed.with_timezone(&Utc)))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant)
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
