//! Sets up the process's log.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{
    config::{Config, LogFormat},
    redact,
    traces::Traces,
};

/// Log levels of libraries. sqlx logs each statement at INFO, and the values of unknown URL parameters;
/// object_store logs each retry; Daybook itself reports the events of async-nats.
const LIBRARY_LEVELS: &str = "sqlx=warn,sqlx_postgres::options::parse=off,sea_orm_migration=warn,\
    object_store=warn,async_nats=off";

/// Starts the log and the export of traces.
///
/// # Errors
/// Fails if `DAYBOOK_LOG` is not a valid filter.
pub(super) fn start(config: &Config, traces: Option<&Traces>) -> Result<()> {
    let filter = EnvFilter::try_new(format!("{},{LIBRARY_LEVELS}", config.log));
    let filter = filter.with_context(|| {
        format!(
            "DAYBOOK_LOG is not valid (it is {}): use a level such as info, or levels by module such as \
             daybook=debug",
            config.log
        )
    })?;
    match traces {
        None => tracing_subscriber::registry().with(filter).with(lines(config)).init(),
        // The filter of the log does not apply to traces.
        Some(traces) => tracing_subscriber::registry()
            .with(lines(config).with_filter(filter))
            .with(traces.layer())
            .init(),
    }
    Ok(())
}

/// Layer that writes log records to standard error.
fn lines<S>(config: &Config) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let log = tracing_subscriber::fmt::layer()
        .with_writer(|| StandardError)
        .with_ansi(io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => log.boxed(),
        LogFormat::Json => log.json().boxed(),
    }
}

/// Standard error with possible secrets redacted. Each event is written in one piece.
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        io::stderr().write_all(redact::text(&text).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
