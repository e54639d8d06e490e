//! Ends the whole run where a test hangs: else nothing would end it, or say which test it is.

use std::{
    io::Write,
    process::Command,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// Many times what any test takes, on a busy machine, too.
const LIMIT: Duration = Duration::from_secs(600);

thread_local! {
    /// Lives as long as the test's thread, which waits for all that the test left behind.
    static DEADLINE: Option<Sender<()>> = begin();
}

/// From now on the test that this thread runs has a deadline. Whoever asks for more rounds than usual
/// gives it all the time that they take.
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
