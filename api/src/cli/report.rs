//! Messages on standard error: lines for people, or one JSON object per line and nothing else if
//! `DAYBOOK_LOG_FORMAT=json`.

use std::{panic, sync::OnceLock};

use chrono::SecondsFormat;
use daybook_service::{Clock, chain};
use serde_json::json;

use super::settings;
use crate::{config::LogFormat, redact};

/// Format of this process's standard error.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Sets the format of all messages from now on, including panics.
pub(super) fn set_format(format: LogFormat) {
    if FORMAT.set(format).is_ok() && format == LogFormat::Json {
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let what = panic.payload_as_str().unwrap_or("no text");
            write("ERROR", &format!("panic at {place}: {what}"));
        }));
    }
}

/// Reports an error, and names settings as the user gave them: by flag or by variable.
pub(crate) fn complain(message: &str) {
    write("ERROR", &settings::as_given(message));
}

/// Returns the texts of an error and its causes, joined. Leaves out the prefix `input.` of fields, which the command line does not have.
pub(super) fn reason(error: &anyhow::Error) -> String {
    let text = chain(error.as_ref());
    text.strip_prefix("input.").map(str::to_owned).unwrap_or(text)
}

/// Reports a result or advice to the user.
pub(crate) fn inform(message: &str) {
    write("INFO", message);
}

/// Returns true if standard error is read by programs, as JSON.
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
