//! Idempotency keys: a request that repeats an earlier one with the same key gets the answer to the
//! earlier one, and nothing is done twice.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Error, Problem, ProblemCode, Result, input};

/// Maximum length of a key, in characters.
const MAX_KEY_CHARS: usize = 200;
/// Path of the field that holds the key, the same in all mutations.
const PATH: [&str; 2] = ["input", "idempotencyKey"];

/// Returns what is wrong with a client's key, or `None` if the key is valid or missing.
pub(crate) fn problem_of_key(key: Option<&String>) -> Option<Problem> {
    let message = input::problem_of_name(key?, MAX_KEY_CHARS)?;
    Some(Problem::new(ProblemCode::Invalid, &PATH, message))
}

/// Returns the SHA-256 of a request without its key.
pub(crate) fn request_hash(request: &(impl Serialize + ?Sized)) -> [u8; 32] {
    let text = serde_json::to_vec(request).expect("a request consists of JSON values");
    Sha256::digest(text).into()
}

/// Checks that a request with a known key is the request with which the key was first used. Both
/// are given as hashes.
///
/// # Errors
/// CONFLICT if it is another request.
pub(crate) fn check_repetition(first: &[u8], repetition: &[u8]) -> Result<()> {
    if first == repetition {
        return Ok(());
    }
    Err(Error::problem(ProblemCode::Conflict, &PATH, "was used before with different input"))
}
