//! What an import says while it runs, on standard error.

use std::io::IsTerminal;

use crate::cli::{inform, is_for_programs};

/// Determines that somebody looks on, who is shown how far it is.
pub(super) fn is_watched() -> bool {
    !is_for_programs() && std::io::stderr().is_terminal()
}

/// Says a line, in the place of what was shown last.
#[allow(clippy::print_stderr, reason = "what was taken and what not is for whoever waits")]
pub(super) fn line(text: &str) {
    if is_for_programs() {
        inform(text);
    } else {
        eprintln!("{}{text}", start());
    }
}

/// Shows how far it is, in the place of what was shown last.
#[allow(clippy::print_stderr, reason = "progress is for whoever waits")]
pub(super) fn overwrite(text: &str) {
    eprint!("{}{text}", start());
}

fn start() -> &'static str {
    if is_watched() { "\r\x1b[K" } else { "" }
}
