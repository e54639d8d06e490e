//! Messages on standard error: lines for people, or with `DAYBOOK_LOG_FORMAT=json` an object
//! a line and nothing else, whoever speaks.

use std::{panic, sync::OnceLock};

use chrono::SecondsFormat;
use daybook_service::Clock;
use serde_json::json;

use super::usage;
use crate::{config::LogFormat, redact};

/// Format of this process's standard error.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Writes everything in `format` from now on, panics included.
pub(super) fn speak(format: LogFormat) {
    if FORMAT.set(format).is_ok() && format == LogFormat::Json {
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let what = panic.payload_as_str().unwrap_or("no text");
            write("ERROR", &format!("panic at {place}: {what}"));
        }));
    }
}

/// Reports why a command failed, and names settings as they were given.
pub(crate) fn complain(message: &str) {
    write("ERROR", &usage::as_given(message));
}

/// The text of an error and its causes. What a cause repeats of what is above it is said once, and fields
/// are called as they are on the command line, which has no `input`.
pub(super) fn reason(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.ends_with(&cause) {
            let colon = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{colon}{cause}");
        }
    }
    text.strip_prefix("input.").map(str::to_owned).unwrap_or(text)
}

/// Reports something that whoever runs the command wants to know.
pub(crate) fn inform(message: &str) {
    write("INFO", message);
}

/// Determines that standard error is for programs.
pub(crate) fn is_for_programs() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

#[allow(clippy::print_stderr, reason = "the one place that does")]
fn write(level: &str, message: &str) {
    let message = redact::text(message);
    if is_for_programs() {
        let timestamp = Clock::default().now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let fields = json!({ "message": message });
        let line = json!({ "timestamp": timestamp, "level": level, "fields": fields, "target": "daybook" });
        eprintln!("{line}");
    } else {
        eprintln!("daybook: {message}");
    }
}
