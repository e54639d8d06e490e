//! Errors, mapped to GraphQL in one place.
//!
//! What a mutation's caller can put right is a `UserError` of the payload. Everything else is a
//! top-level error with `extensions.code`, and, for an argument, `extensions.argument`.

use async_graphql::{Enum, ErrorExtensions, SimpleObject};
use daybook_service::{Error, Fault, Problem, ProblemCode};

/// Codes of top-level errors.
pub mod code {
    /// No credential, or one that doesn't hold.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The role does not allow it.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// An argument can't be used.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// Something of a mutation-like field does not exist.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// Too many at once.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// It took too long.
    pub const TIMEOUT: &str = "TIMEOUT";
    /// Not now.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// A fault of ours.
    pub const INTERNAL: &str = "INTERNAL_SERVER_ERROR";
    /// The document can't be parsed.
    pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document breaks a rule of the specification.
    pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// Only trusted documents are run, and this is none of them.
    pub const NOT_TRUSTED: &str = "DOCUMENT_NOT_TRUSTED";
    /// Documents have no ids here, as Apollo's clients understand it.
    pub const NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
    /// The extension that says after how many seconds to try again.
    pub const RETRY_AFTER: &str = "retryAfter";
    /// The document is larger or deeper than this server takes.
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

/// `error` as a top-level error. A fault is logged here, once, and not shown.
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
                    "it is not known whether this was done: repeat it with the same idempotency key"
                }
                _ => "Daybook failed; its log says why, under the request's id",
            };
            (code::INTERNAL, text.to_owned())
        }
    };
    async_graphql::Error::new(text).extend_with(|_, extensions| extensions.set("code", code))
}

/// Error for a statement that the database did not run in time.
fn not_now(fault: &Fault) -> async_graphql::Error {
    tracing::warn!(error = %fault, "the database is too busy for a request");
    let (code, text) = match fault {
        Fault::TimedOut(_) => {
            (code::TIMEOUT, "The database took too long: ask for less, or try again later")
        }
        _ => (code::RATE_LIMITED, "The database has no connection free: try again later"),
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

/// What the caller can put right. What it can't (no or bad credentials, a malformed document, a
/// fault of ours) is a top-level error with extensions.code.
#[derive(SimpleObject, Clone, Debug)]
pub(super) struct UserError {
    /// What kind of problem.
    code: UserErrorCode,
    /// What is wrong and what would be right.
    message: String,
    /// The input field, from the root of `input`.
    path: Vec<String>,
}

/// What kind of problem it is that the caller can put right.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum UserErrorCode {
    /// A value is not what the field takes.
    Invalid,
    /// It does not exist, or not for this caller.
    NotFound,
    /// It contradicts what was done before.
    Conflict,
    /// Too many in too short a time.
    RateLimited,
    /// A value is larger than it may be.
    TooLarge,
    /// Well-formed, but not done by this instance.
    Unsupported,
}

/// The outcome of a mutation: what it did, or what the caller has to put right.
pub(super) fn split<T>(
    outcome: Result<T, Error>,
) -> async_graphql::Result<(Option<T>, Vec<UserError>)> {
    match outcome {
        Ok(value) => Ok((Some(value), Vec::new())),
        Err(Error::Refused(problems)) => Ok((None, problems.into_iter().map(user_error).collect())),
        Err(error) => Err(to_error(error)),
    }
}

fn user_error(problem: Problem) -> UserError {
    let Problem { code, message, path } = problem;
    let code = match code {
        ProblemCode::Invalid => UserErrorCode::Invalid,
        ProblemCode::NotFound => UserErrorCode::NotFound,
        ProblemCode::Conflict => UserErrorCode::Conflict,
        ProblemCode::TooLarge => UserErrorCode::TooLarge,
        ProblemCode::RateLimited => UserErrorCode::RateLimited,
        ProblemCode::Unsupported => UserErrorCode::Unsupported,
    };
    // Paths start at the root of `input`, which the domain's do not leave out.
    let path = path.into_iter().skip_while(|part| part == "input").collect();
    UserError { code, message, path }
}
