//! How many bytes of bodies one operation may read: notes can have a mebibyte each, a page a
//! hundred of them, and a document asks for a page as often as it likes.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::Context;
use daybook_service::{Error, ProblemCode, Result};

/// Most bytes of bodies in what one operation answers.
const BYTES: usize = 16 * 1024 * 1024;

/// What an operation has taken of its allowance. The transport gives each operation one.
#[derive(Debug, Default)]
pub struct BodyAllowance(AtomicUsize);

impl BodyAllowance {
    /// Takes the bytes of one body.
    fn take(&self, bytes: usize) -> Result<()> {
        // Added also where it is too much: what follows is then refused, too.
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= BYTES {
            return Ok(());
        }
        let message = format!(
            "bodies of notes have more than {BYTES} bytes together: ask for fewer at once, or \
             leave out `body`"
        );
        Err(Error::problem(ProblemCode::TooLarge, &[], message))
    }
}

/// Takes the bytes of one body from the operation's allowance.
///
/// # Errors
/// Where that is used up.
pub(super) fn take(ctx: &Context<'_>, bytes: usize) -> Result<()> {
    ctx.data_opt::<BodyAllowance>().map_or(Ok(()), |allowance| allowance.take(bytes))
}
