//! Errors, mapped to GraphQL in one place.
//!
//! Problems that the caller of a mutation can fix are `UserError`s of the payload. Everything else
//! is a top-level error with `extensions.code`, and, for an argument, `extensions.argument`.

use async_graphql::{Enum, ErrorExtensions, SimpleObject};
use daybook_service::{Error, Fault, Problem, ProblemCode, workload::Operation};

/// Codes of top-level errors.
pub mod code {
    /// The request has no credential, or an invalid one.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The viewer's role does not have the required permission.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// An argument or a variable has an invalid value.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// An object that an argument names does not exist.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// Too many requests; the client should try again later.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// The operation exceeded its time limit.
    pub const TIMEOUT: &str = "TIMEOUT";
    /// The server can't process the operation now; the client should try again later.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// Daybook failed; its log has the cause.
    pub const INTERNAL: &str = "INTERNAL_SERVER_ERROR";
    /// The document has a syntax error.
    pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document breaks a rule of the specification.
    pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// This server runs only trusted documents, and the document is not one of them.
    pub const NOT_TRUSTED: &str = "DOCUMENT_NOT_TRUSTED";
    /// The server does not store documents by ID; Apollo's clients recognize this code.
    pub const NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
    /// The extension with the number of seconds after which to try again.
    pub const RETRY_AFTER: &str = "retryAfter";
    /// The document exceeds a limit on its size, depth or cost.
    pub const TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
}

/// A problem with one argument of a query.
pub(super) struct FieldError {
    code: &'static str,
    message: String,
    argument: String,
}

impl FieldError {
    pub(super) fn invalid(path: &[&str], message: &str) -> Self {
        Self { code: code::BAD_USER_INPUT, message: message.to_owned(), argument: path.join(".") }
    }
}

impl From<FieldError> for async_graphql::Error {
    fn from(error: FieldError) -> Self {
        let FieldError { code, message, argument } = error;
        let text = if argument.is_empty() { message } else { format!("{argument}: {message}") };
        Self::new(text).extend_with(|_, extensions| {
            extensions.set("code", code);
            if !argument.is_empty() {
                extensions.set("argument", argument.as_str());
            }
        })
    }
}

/// Returns `error` as a top-level error. A fault is logged here, once, and its details are not
/// shown to the client.
pub(super) fn to_error(error: Error) -> async_graphql::Error {
    let (code, text) = match &error {
        Error::Unauthenticated(_) => (code::UNAUTHENTICATED, error.to_string()),
        Error::Unavailable { .. } => (code::UNAVAILABLE, error.to_string()),
        Error::Forbidden(_) => (code::FORBIDDEN, error.to_string()),
        Error::Refused(problems) => return refused(problems),
        Error::Fault(fault @ (Fault::Busy(_) | Fault::TimedOut(_))) => return not_now(fault),
        Error::Fault(fault) => {
            tracing::error!(error = %fault, "request failed");
            let text = match fault {
                Fault::CommitUnknown(_) => {
                    "The database failed during the commit, so the outcome is unknown: repeat the \
                     request with the same idempotency key"
                }
                _ => "Internal error; the server's log has the details under this request's ID",
            };
            (code::INTERNAL, text.to_owned())
        }
    };
    async_graphql::Error::new(text).extend_with(|_, extensions| extensions.set("code", code))
}

/// Returns the error for a statement that the database did not run in time.
fn not_now(fault: &Fault) -> async_graphql::Error {
    tracing::warn!(error = %fault, "the database is too busy for a request");
    let (code, text) = match fault {
        Fault::TimedOut(_) => {
            let advice = Operation::current().and_then(|operation| operation.advice());
            let advice = advice.unwrap_or("request less data, or try again later");
            (code::TIMEOUT, format!("The database did not answer in time; {advice}"))
        }
        _ => {
            let text = "The database has no free connection; try again later";
            (code::RATE_LIMITED, text.to_owned())
        }
    };
    async_graphql::Error::new(text).extend_with(|_, extensions| {
        extensions.set("code", code);
        extensions.set(code::RETRY_AFTER, 1);
    })
}

fn refused(problems: &[Problem]) -> async_graphql::Error {
    let Some(first) = problems.first() else {
        return async_graphql::Error::new("refused");
    };
    let code = match first.code {
        ProblemCode::NotFound => code::NOT_FOUND,
        ProblemCode::RateLimited => code::RATE_LIMITED,
        ProblemCode::Invalid
        | ProblemCode::Conflict
        | ProblemCode::TooLarge
        | ProblemCode::Unsupported => code::BAD_USER_INPUT,
    };
    let argument = first.path.join(".");
    FieldError { code, message: first.message.clone(), argument }.into()
}

/// A problem that the caller of a mutation can fix. All other problems, such as missing
/// credentials, a malformed document or a failure of Daybook, are top-level errors with
/// `extensions.code`.
#[derive(SimpleObject, Clone, Debug)]
pub(super) struct UserError {
    /// Category of the problem.
    code: UserErrorCode,
    /// Description of the problem, with the allowed values.
    message: String,
    /// Path of the input field, from the root of `input`.
    path: Vec<String>,
}

/// The category of a problem that the caller can fix.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum UserErrorCode {
    /// The field does not accept this value.
    Invalid,
    /// The object does not exist, or the caller may not see it.
    NotFound,
    /// The request contradicts the current state, such as a newer version of a note.
    Conflict,
    /// Too many requests within a period. Try again later.
    RateLimited,
    /// The value exceeds its maximum size.
    TooLarge,
    /// The request is valid, but this instance does not support it.
    Unsupported,
}

/// Splits the outcome of a mutation into its value and the problems that the caller can fix. All
/// other errors are top-level errors.
pub(super) fn split<T>(
    outcome: Result<T, Error>,
) -> async_graphql::Result<(Option<T>, Vec<UserError>)> {
    match outcome {
        Ok(value) => Ok((Some(value), Vec::new())),
        Err(Error::Refused(problems)) => Ok((None, problems.into_iter().map(user_error).collect())),
        Err(error) => Err(to_error(error)),
    }
}

pub(super) fn user_error(problem: Problem) -> UserError {
    let Problem { code, message, path } = problem;
    let code = match code {
        ProblemCode::Invalid => UserErrorCode::Invalid,
        ProblemCode::NotFound => UserErrorCode::NotFound,
        ProblemCode::Conflict => UserErrorCode::Conflict,
        ProblemCode::TooLarge => UserErrorCode::TooLarge,
        ProblemCode::RateLimited => UserErrorCode::RateLimited,
        ProblemCode::Unsupported => UserErrorCode::Unsupported,
    };
    // Paths start at the root of `input`; the domain's paths include `input` itself.
    let path = path.into_iter().skip_while(|part| part == "input").collect();
    UserError { code, message, path }
}
