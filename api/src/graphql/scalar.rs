//! The custom scalars: `DateTime`, `BigInt` and `JSON`.

use async_graphql::{
    InputType, InputValueError, InputValueResult, Name, Scalar, ScalarType, Value,
};
use async_graphql_value::RAW_VALUE_TOKEN;
use chrono::{DateTime, SecondsFormat, Utc};
use daybook_service::{InstantError, JsonText, Problem, ProblemCode, parse_instant};

use serde::de::DeserializeOwned;

use super::error::code;

/// A point in time. As an input it can be invalid, which [`read`] reports with the path of the
/// field.
#[derive(Copy, Clone, Debug)]
pub(super) struct Instant(Result<DateTime<Utc>, InstantError>);

/// A point in time in UTC between the years 1 and 9999, in the format of RFC 3339, such as
/// 2026-02-13T10:30:00.123456Z. Input can have any offset. Nothing is rounded: more than six
/// fractional digits of a second and leap seconds are errors.
#[Scalar(name = "DateTime", specified_by_url = "/docs/scalars#datetime")]
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
#[Scalar(name = "BigInt", specified_by_url = "/docs/scalars#bigint")]
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

/// Any JSON value, as it was given: see the documentation of the scalar.
#[derive(Clone, Debug)]
pub(super) struct Json(pub(super) JsonText);

/// Any JSON value (RFC 8259). It comes back as it was given in a variable or a file: with its numbers,
/// however large or precise, the order of its members and its spelling, but without white space
/// between its parts. An object in which a member is there twice, a number beyond the range of IEEE
/// 754 doubles, and half of a surrogate pair are errors.
#[Scalar(name = "JSON", specified_by_url = "/docs/scalars#json")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            // The text of a variable, which its coercion has left as it is.
            Value::Binary(text) => {
                let text = std::str::from_utf8(&text).map_err(InputValueError::custom)?;
                Ok(Self(JsonText::parse(text).map_err(InputValueError::custom)?))
            }
            value => Ok(Self(value.into_json()?.into())),
        }
    }

    fn to_value(&self) -> Value {
        // Written as it is.
        let text = Value::String(self.0.get().to_owned());
        Value::Object([(Name::new(RAW_VALUE_TOKEN), text)].into_iter().collect())
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
