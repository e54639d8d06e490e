//! The limit on the bytes of note bodies that one operation may read. A note can have a mebibyte, a
//! page a hundred notes, and a document can select any number of pages.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::Context;
use daybook_service::{Error, ProblemCode, Result};

/// Maximum bytes of note bodies in the result of one operation: 16 MiB.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The bytes of note bodies that an operation has read so far. The transport creates one for each
/// operation.
#[derive(Debug, Default)]
pub struct BodyAllowance(AtomicUsize);

impl BodyAllowance {
    /// Takes the bytes of one body.
    fn take(&self, bytes: usize) -> Result<()> {
        // Added even if it exceeds the limit, so that all later bodies are refused, too.
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= MAX_BODY_BYTES {
            return Ok(());
        }
        let message = format!(
            "The bodies of the selected notes exceed {MAX_BODY_BYTES} bytes: request fewer notes at once, or \
             leave out `body`"
        );
        Err(Error::problem(ProblemCode::TooLarge, &[], message))
    }
}

/// Takes the bytes of one body from the operation's allowance.
///
/// # Errors
/// TOO_LARGE if the allowance is exhausted.
pub(super) fn take(ctx: &Context<'_>, bytes: usize) -> Result<()> {
    ctx.data_opt::<BodyAllowance>().map_or(Ok(()), |allowance| allowance.take(bytes))
}
