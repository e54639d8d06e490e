//! Reasons for which a document is not run.

use apollo_compiler::parser::LineColumn;
use async_graphql::{Pos, ServerError};

use crate::graphql::error::code;

/// Maximum number of refusals in one answer.
pub(super) const MAX_REFUSALS: usize = 20;

/// The reason why a document is not run, as a message and a code for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Code of the error, one of [`code`].
    pub code: &'static str,
    /// Description of the error. Includes the limit if one was exceeded.
    pub message: String,
    /// Position in the document, if known.
    pub location: Option<Pos>,
}

impl Refusal {
    /// Refuses a document or variables that break a rule of the specification.
    pub(super) fn invalid(message: String, location: Option<Pos>) -> Self {
        Self { code: code::VALIDATION_FAILED, message, location }
    }

    /// Refuses the value of a variable that does not fit its type.
    pub(super) fn bad_variable(message: String) -> Self {
        Self { code: code::BAD_USER_INPUT, message, location: None }
    }

    /// Refuses introspection, which this server does not allow.
    pub(super) fn no_introspection(location: Pos) -> Self {
        let message = "Introspection is disabled on this server".to_owned();
        Self { code: code::FORBIDDEN, message, location: Some(location) }
    }

    /// Refuses an operation whose cost exceeds the limit.
    pub(super) fn costly(cost: u64, limit: u64) -> Self {
        let message = format!(
            "The operation costs {cost}: at most {limit} is allowed. A field costs 1, fields below a \
             list are multiplied by its length, and a count or histogram of a log costs 1000: \
             request smaller pages, fewer counts or fewer fields"
        );
        Self { code: code::TOO_COMPLEX, message, location: None }
    }

    /// Refuses a document that exceeds a limit.
    pub(super) fn too(what: &str, limit: u64, unit: &str) -> Self {
        let message = format!("The document is too {what}: at most {limit} {unit} are allowed");
        Self { code: code::TOO_COMPLEX, message, location: None }
    }
}

/// Returns a position of apollo-compiler as one of async-graphql.
pub(super) fn position(LineColumn { line, column }: &LineColumn) -> Pos {
    Pos { line: *line, column: *column }
}

impl From<Refusal> for ServerError {
    fn from(refusal: Refusal) -> Self {
        let mut error = Self::new(refusal.message, refusal.location);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", refusal.code);
        error
    }
}
