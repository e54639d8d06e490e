//! Results of commands, on standard output.

use std::io::{self, Write};

use anyhow::Result;

/// Prints a line of a command's result on standard output.
pub(super) fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
