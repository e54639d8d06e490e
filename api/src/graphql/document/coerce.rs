//! From the variables of a request to the values of an operation (GraphQL, section 6.1.2).
//!
//! Each value is coerced to its type. If that fails, the request is refused with the path of the
//! value, but not the value itself. Custom scalars are passed on unchanged to their own parsers:
//! `JSON` as bytes of its text (see [`given`](super::given)), others as values.

use apollo_compiler::{
    Node, Schema,
    ast::{self, Type},
    executable::Operation,
    schema::{ExtendedType, InputObjectType},
    validation::Valid,
};
use async_graphql::{Name, Value, Variables};
use serde_json::{Value as Json, value::RawValue};

use super::{
    given::{GivenVariables, Members},
    refusal::{MAX_REFUSALS, Refusal},
    values::is_one_of,
};

/// Maximum number of lists and objects around a value. What is in a `JSON` value does not count.
const MAX_DEPTH: usize = 64;

/// Returns the values of the operation's variables. Variables that it does not declare are ignored.
///
/// # Errors
/// Values that do not fit their type, and required values that are absent.
pub(super) fn coerce(
    schema: &Valid<Schema>,
    operation: &Operation,
    given: &GivenVariables,
) -> Result<Variables, Vec<Refusal>> {
    let mut coercion = Coercion { schema, errors: Vec::new(), path: String::new(), depth: 0 };
    let mut values = Variables::default();
    let mut given: Members<'_> = serde_json::from_str(given.text())
        .map_err(|error| vec![Refusal::bad_variable(format!("Variables: {}", reason(&error)))])?;
    for variable in &operation.variables {
        let name = variable.name.as_str();
        coercion.path = format!("${name}");
        let value = match (given.take(name), &variable.default_value) {
            (Some(value), _) => coercion.value(&variable.ty, value.get()),
            (None, Some(default)) => constant(default),
            (None, None) if variable.ty.is_non_null() => {
                coercion.refuse(&format!("is required: {} has no default", variable.ty))
            }
            // An absent variable is not the same as null.
            (None, None) => continue,
        };
        values.insert(Name::new(name), value);
    }
    let mut errors = coercion.errors;
    errors.truncate(MAX_REFUSALS);
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

struct Coercion<'a> {
    schema: &'a Valid<Schema>,
    errors: Vec<Refusal>,
    /// Path of the current value in the variables, e.g. `$input.entries[0].action`.
    path: String,
    /// Number of lists and objects around the current value.
    depth: usize,
}

impl Coercion<'_> {
    fn refuse(&mut self, what: &str) -> Value {
        if self.errors.len() < MAX_REFUSALS {
            self.errors.push(Refusal::bad_variable(format!("Variable {}: {what}", self.path)));
        }
        Value::Null
    }

    /// Runs `inner` with `step` appended to the path.
    fn below(&mut self, step: &str, inner: impl FnOnce(&mut Self) -> Value) -> Value {
        let length = self.path.len();
        self.path.push_str(step);
        self.depth += 1;
        let outcome = if self.depth > MAX_DEPTH {
            self.refuse(&format!("has more than {MAX_DEPTH} lists and objects around it"))
        } else {
            inner(self)
        };
        self.depth -= 1;
        self.path.truncate(length);
        outcome
    }

    fn value(&mut self, ty: &Type, value: &str) -> Value {
        if value == "null" {
            return if ty.is_non_null() {
                self.refuse(&format!("must be {ty}, not null"))
            } else {
                Value::Null
            };
        }
        match ty {
            Type::List(item) | Type::NonNullList(item) if value.starts_with('[') => {
                self.list(item, value)
            }
            // A single value stands for a list of one.
            Type::List(item) | Type::NonNullList(item) => {
                Value::List(vec![self.value(item, value)])
            }
            Type::Named(name) | Type::NonNullNamed(name) => self.named(name, value),
        }
    }

    fn list(&mut self, item: &Type, value: &str) -> Value {
        match serde_json::from_str::<Vec<&RawValue>>(value) {
            Ok(values) => {
                let values = values.into_iter().enumerate().map(|(index, value)| {
                    self.below(&format!("[{index}]"), |below| below.value(item, value.get()))
                });
                Value::List(values.collect())
            }
            Err(error) => self.refuse(&reason(&error)),
        }
    }

    fn named(&mut self, name: &apollo_compiler::Name, value: &str) -> Value {
        let schema = self.schema;
        match schema.types.get(name) {
            Some(ExtendedType::Scalar(_)) if name == "JSON" => {
                Value::Binary(value.to_owned().into_bytes().into())
            }
            Some(ExtendedType::Scalar(_)) => match serde_json::from_str(value) {
                Ok(value) => {
                    scalar(name, value).unwrap_or_else(|| self.refuse(&format!("must be {name}")))
                }
                Err(error) => self.refuse(&reason(&error)),
            },
            Some(ExtendedType::Enum(definition)) => match serde_json::from_str(value) {
                Ok(Json::String(text)) if definition.values.contains_key(text.as_str()) => {
                    Value::Enum(Name::new(text))
                }
                _ => self.refuse(&format!("must be one of the values of {name}")),
            },
            Some(ExtendedType::InputObject(object)) if value.starts_with('{') => {
                match serde_json::from_str(value) {
                    Ok(fields) => self.object(object, fields),
                    Err(error) => self.refuse(&reason(&error)),
                }
            }
            Some(ExtendedType::InputObject(_)) => {
                self.refuse(&format!("must be an object of type {name}"))
            }
            // Validation lets only input types through.
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
            | None => self.refuse(&format!("can't be of type {name}")),
        }
    }

    fn object(&mut self, object: &InputObjectType, mut given: Members<'_>) -> Value {
        let mut fields = async_graphql::indexmap::IndexMap::new();
        for (name, field) in &object.fields {
            let value = match (given.take(name.as_str()), &field.default_value) {
                (Some(value), _) => {
                    self.below(&format!(".{name}"), |below| below.value(&field.ty, value.get()))
                }
                (None, Some(default)) => constant(default),
                (None, None) if field.ty.is_non_null() => self
                    .below(&format!(".{name}"), |below| {
                        below.refuse(&format!("is required: {} has no default", field.ty))
                    }),
                (None, None) => continue,
            };
            fields.insert(Name::new(name.as_str()), value);
        }
        if let Some(unknown) = given.rest() {
            self.refuse(&format!("{} has no field \"{unknown}\"", object.name));
        }
        let is_one = fields.len() == 1 && !fields.values().any(|value| *value == Value::Null);
        if is_one_of(object) && !is_one && self.errors.is_empty() {
            self.refuse(&format!(
                "must have exactly one field of {}, which must not be null",
                object.name
            ));
        }
        Value::Object(fields)
    }
}

/// Returns what is wrong with a value that can't be read, without the value. Matches serde_json's
/// text, since its errors have no kind for this.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.contains("surrogate") || text.contains("hex escape") {
        return "has an escape that is only half of a surrogate pair".to_owned();
    }
    if text.contains("out of range") {
        return "is a number beyond the range of IEEE 754 doubles".to_owned();
    }
    match text.split_once(" at line ") {
        Some((what, _)) if what.ends_with("is there twice") => what.to_owned(),
        _ => "can't be read".to_owned(),
    }
}

/// Returns the value of a scalar, or none if it does not fit the type. As in graphql-js, an integer
/// can be written as a fraction, because JavaScript has one type of number.
fn scalar(name: &str, value: Json) -> Option<Value> {
    match (name, value) {
        ("Int", Json::Number(number)) => {
            let whole = i32::try_from(whole(&number)?).ok()?;
            Some(Value::Number(whole.into()))
        }
        ("Float", Json::Number(number)) => Some(Value::Number(number)),
        ("String" | "ID", Json::String(text)) => Some(Value::String(text)),
        ("ID", Json::Number(number)) => Some(Value::String(whole(&number)?.to_string())),
        ("Boolean", Json::Bool(value)) => Some(Value::Boolean(value)),
        ("Int" | "Float" | "String" | "ID" | "Boolean", _) => None,
        (_, value) => Value::from_json(value).ok(),
    }
}

fn whole(number: &serde_json::Number) -> Option<i64> {
    /// The limit up to which doubles represent every integer.
    const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| {
        let double = number
            .as_f64()
            .filter(|double| double.fract() == 0.0 && double.abs() < MAX_EXACT_INTEGER)?;
        // Exact: a whole number of at most 53 bits.
        Some(double as i64)
    })
}

/// Returns a default value of the document or the schema, which has been validated.
fn constant(value: &ast::Value) -> Value {
    match value {
        ast::Value::Null | ast::Value::Variable(_) => Value::Null,
        ast::Value::Enum(name) => Value::Enum(Name::new(name.as_str())),
        ast::Value::String(text) => Value::String(text.clone()),
        ast::Value::Int(digits) => number(digits.as_str()),
        ast::Value::Float(digits) => number(digits.as_str()),
        ast::Value::Boolean(value) => Value::Boolean(*value),
        ast::Value::List(values) => {
            Value::List(values.iter().map(|value| constant(value)).collect())
        }
        ast::Value::Object(fields) => {
            let field = |(name, value): &(apollo_compiler::Name, Node<ast::Value>)| {
                (Name::new(name.as_str()), constant(value))
            };
            Value::Object(fields.iter().map(field).collect())
        }
    }
}

fn number(digits: &str) -> Value {
    digits.parse().map_or(Value::Null, Value::Number)
}
