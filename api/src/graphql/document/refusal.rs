//! Why a document is not run.

use async_graphql::{Pos, ServerError};

use crate::graphql::error::code;

/// Why a document is not run: a text for the client and a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of [`code`].
    pub code: &'static str,
    /// What is wrong; holds the limit where it's one.
    pub message: String,
    /// Where in the document, where that is known.
    pub location: Option<Pos>,
}

impl Refusal {
    /// A document or variables that break a rule of the specification.
    pub(super) fn invalid(message: String, location: Option<Pos>) -> Self {
        Self { code: code::VALIDATION_FAILED, message, location }
    }

    /// A variable's value that isn't what its type takes.
    pub(super) fn bad_variable(message: String) -> Self {
        Self { code: code::BAD_USER_INPUT, message, location: None }
    }

    /// The schema is not told.
    pub(super) fn no_introspection(location: Pos) -> Self {
        let message = "The schema is not told here: introspection is switched off".to_owned();
        Self { code: code::FORBIDDEN, message, location: Some(location) }
    }

    /// An operation that would do too much.
    pub(super) fn costly(cost: u64, limit: u64) -> Self {
        let message = format!(
            "The operation costs {cost}: at most {limit} is taken. A field costs 1, what is below a \
             list as often as the list is long, and a count or histogram of a log 1000: ask for \
             smaller pages, fewer counts or fewer fields"
        );
        Self { code: code::TOO_COMPLEX, message, location: None }
    }

    /// A document over a limit.
    pub(super) fn too(what: &str, limit: u64, unit: &str) -> Self {
        let message = format!("The document is too {what}: at most {limit} {unit} are taken");
        Self { code: code::TOO_COMPLEX, message, location: None }
    }
}

impl From<Refusal> for ServerError {
    fn from(refusal: Refusal) -> Self {
        let mut error = Self::new(refusal.message, refusal.location);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", refusal.code);
        error
    }
}
