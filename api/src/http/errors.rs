//! GraphQL errors that the transports make, and bounds on all that they tell.

use async_graphql::{Response, ServerError, Value};

use super::admission::TooMany;
use crate::graphql::{MAX_ANSWER_ERRORS, Refusal, code};

/// Seconds after which it is worth to repeat what a busy database did not do in time.
pub(super) const RETRY_AFTER_SECONDS: u64 = 1;
/// Longest message, in characters.
const MAX_MESSAGE_CHARS: usize = 500;

/// One error with its code.
pub(super) fn error(code: &'static str, message: &str) -> ServerError {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    error
}

/// An operation that took too long, which may do better later.
pub(super) fn timeout(message: &str) -> ServerError {
    let mut error = error(code::TIMEOUT, message);
    error.extensions.get_or_insert_default().set(code::RETRY_AFTER, RETRY_AFTER_SECONDS);
    error
}

/// A request too many.
pub(super) fn too_many(refusal: TooMany) -> Vec<ServerError> {
    let mut error = error(code::RATE_LIMITED, &refusal.message());
    let extensions = error.extensions.get_or_insert_default();
    extensions.set(code::RETRY_AFTER, refusal.retry_after);
    vec![error]
}

/// Seconds after which a refused request is worth to be repeated; none where it wasn't one too
/// many.
pub(super) fn retry_after(errors: &[ServerError]) -> Option<u64> {
    match errors.first()?.extensions.as_ref()?.get(code::RETRY_AFTER)? {
        Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    }
}

/// Refusals as errors, in bounds.
pub(super) fn all(refusals: Vec<Refusal>) -> Vec<ServerError> {
    let mut errors = refusals.into_iter().map(ServerError::from).collect();
    bound(&mut errors);
    errors
}

/// Keeps errors in bounds, saying what was left out: thousands of nodes may fail alike, and a
/// message may hold a name as long as the document.
pub(super) fn bound(errors: &mut Vec<ServerError>) {
    let total = errors.len();
    // One more says already how many were left out.
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

/// Whether the operation was not run: the document is invalid, or names no operation.
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
