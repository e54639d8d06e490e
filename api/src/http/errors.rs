//! GraphQL errors of the transports, and bounds on the number and length of errors.

use async_graphql::{Response, ServerError, Value};

use super::admission::TooMany;
use crate::graphql::{MAX_ANSWER_ERRORS, Refusal, code};

/// Seconds after which a request that failed because the database was busy may be repeated.
pub(super) const RETRY_AFTER_SECONDS: u64 = 1;
/// Maximum length of an error's message, in characters.
const MAX_MESSAGE_CHARS: usize = 500;

/// Creates an error with a code.
pub(super) fn error(code: &'static str, message: &str) -> ServerError {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    error
}

/// Creates the error for an operation that took too long, with a time after which to retry.
pub(super) fn timeout(message: &str) -> ServerError {
    let mut error = error(code::TIMEOUT, message);
    error.extensions.get_or_insert_default().set(code::RETRY_AFTER, RETRY_AFTER_SECONDS);
    error
}

/// Creates the error for a request that exceeds a limit.
pub(super) fn too_many(refusal: TooMany) -> Vec<ServerError> {
    let mut error = error(code::RATE_LIMITED, &refusal.message());
    let extensions = error.extensions.get_or_insert_default();
    extensions.set(code::RETRY_AFTER, refusal.retry_after);
    vec![error]
}

/// Seconds after which a refused request may be repeated; none if no limit was exceeded.
pub(super) fn retry_after(errors: &[ServerError]) -> Option<u64> {
    match errors.first()?.extensions.as_ref()?.get(code::RETRY_AFTER)? {
        Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    }
}

/// Converts refusals into errors, within the bounds.
pub(super) fn all(refusals: Vec<Refusal>) -> Vec<ServerError> {
    let mut errors = refusals.into_iter().map(ServerError::from).collect();
    bound(&mut errors);
    errors
}

/// Limits the number and length of errors, and reports how many were left out: thousands of nodes may
/// fail in the same way, and a message may contain a name as long as the document.
pub(super) fn bound(errors: &mut Vec<ServerError>) {
    let total = errors.len();
    // If only one were left out, the report about it would take its place.
    if total > MAX_ANSWER_ERRORS + 1 {
        errors.truncate(MAX_ANSWER_ERRORS);
        let left_out = total - MAX_ANSWER_ERRORS;
        errors.push(ServerError::new(format!("… and {left_out} more errors"), None));
    }
    for error in errors {
        if let Some((end, _)) = error.message.char_indices().nth(MAX_MESSAGE_CHARS) {
            error.message.truncate(end);
            error.message.push('…');
        }
    }
}

/// Returns true if the operation was not executed, because the document is not valid or names no operation.
pub(super) fn is_refusal(response: &Response) -> bool {
    response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_bounded_in_number_and_length() {
        let mut few = vec![error("A", "é"); MAX_ANSWER_ERRORS];
        bound(&mut few);
        assert_eq!((few.len(), few[0].message.as_str()), (MAX_ANSWER_ERRORS, "é"));
        let mut many = vec![error("A", &"é".repeat(MAX_MESSAGE_CHARS + 1)); MAX_ANSWER_ERRORS + 7];
        bound(&mut many);
        assert_eq!(many.len(), MAX_ANSWER_ERRORS + 1);
        assert_eq!(many[0].message.chars().count(), MAX_MESSAGE_CHARS + 1);
        assert_eq!(many[MAX_ANSWER_ERRORS].message, "… and 7 more errors");
    }
}
