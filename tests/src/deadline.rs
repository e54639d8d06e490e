//! Ends the whole run if a test hangs, and names the test.

use std::{
    io::Write,
    process::Command,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// Time limit of a test: many times what any test takes, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);

thread_local! {
    /// Deadline of the test on this thread. It lives as long as the thread, which waits for all tasks of the
    /// test.
    static DEADLINE: Option<Sender<()>> = begin();
}

/// Sets a deadline for the test on this thread, unless `DAYBOOK_TEST_ROUNDS` is set.
pub(crate) fn set() {
    DEADLINE.with(|_| ());
}

fn begin() -> Option<Sender<()>> {
    let test = thread::current().name()?.to_owned();
    if !test.contains("::") || std::env::var_os("DAYBOOK_TEST_ROUNDS").is_some() {
        return None;
    }
    let (over, waiting) = channel();
    thread::spawn(move || {
        if waiting.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            end(&test);
        }
    });
    Some(over)
}

fn end(test: &str) {
    // Not by a macro, whose output would be kept until the test ends.
    let _ = writeln!(std::io::stderr(), "\ntest {test} hangs: not over after {LIMIT:?}");
    // Its servers would go on for ever.
    let parent = std::process::id().to_string();
    let _ = Command::new("pkill").args(["-KILL", "--parent", &parent]).status();
    std::process::exit(101);
}
