//! Progress and messages of an import, on standard error.

use std::{io::IsTerminal, time::Duration};

use crate::cli::{inform, is_for_programs};

/// Interval between updates of the displayed progress.
pub(super) const INTERVAL: Duration = Duration::from_millis(200);

/// Returns true if standard error is a terminal, on which progress is shown.
pub(super) fn is_watched() -> bool {
    !is_for_programs() && std::io::stderr().is_terminal()
}

/// Prints a line in place of the progress.
#[allow(clippy::print_stderr, reason = "reports the import's result to the user")]
pub(super) fn line(text: &str) {
    if is_for_programs() {
        inform(text);
    } else {
        eprintln!("{}{text}", start());
    }
}

/// Shows the progress in place of the previous one.
#[allow(clippy::print_stderr, reason = "shows progress to the user")]
pub(super) fn overwrite(text: &str) {
    eprint!("{}{text}", start());
}

fn start() -> &'static str {
    if is_watched() { "\r\x1b[K" } else { "" }
}
