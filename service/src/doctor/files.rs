//! Checks that no other account on this machine can open or replace Daybook's files.

use super::Finding;
use crate::private::{Exposed, PrivatePaths};

/// Maximum number of paths that a finding names.
const MAX_NAMED: usize = 5;

/// Checks that only the owner can open or replace Daybook's files and folders.
#[must_use]
pub fn files(places: &PrivatePaths) -> Finding {
    let mut open = places.exposed();
    open.extend(places.exposed_artifacts());
    // The next start restricts an empty folder before anything is written to it.
    open.retain(|exposed| !exposed.is_empty_folder());
    if !open.is_empty() {
        let advice = advice(&open, "the next start of `daybook serve` does it, too");
        return Finding::fail("files", found(&open, "can be opened by other accounts"), advice);
    }
    let replaceable = places.writable_by_others();
    if !replaceable.is_empty() {
        let advice = advice(&replaceable, "or keep Daybook's files in a folder of their own");
        let found = found(&replaceable, "lets other accounts replace Daybook's files");
        return Finding::fail("files", found, advice);
    }
    Finding::ok("files", "only their owner can open them")
}

fn found(exposed: &[Exposed], what: &str) -> String {
    let named: Vec<_> = exposed.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = exposed.len().saturating_sub(MAX_NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}: {what}", named.join(", "))
}

fn advice(exposed: &[Exposed], more: &str) -> String {
    let commands: Vec<_> = exposed.iter().take(MAX_NAMED).map(Exposed::command).collect();
    format!("run `{}`; {more}", commands.join("; "))
}
