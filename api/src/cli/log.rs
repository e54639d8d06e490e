//! What the process logs, and how.

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

/// Log records of libraries that Daybook leaves out: sqlx each statement at INFO, and the values of parameters
/// that it does not know; object_store each retry; what async-nats says is said by who uses it.
const LIBRARY_LEVELS: &str = "sqlx=warn,sqlx_postgres::options::parse=off,sea_orm_migration=warn,\
    object_store=warn,async_nats=off";

/// Starts the log and, beside it, what is traced.
///
/// # Errors
/// `DAYBOOK_LOG` is no filter.
pub(super) fn start(config: &Config, traces: Option<&Traces>) -> Result<()> {
    let filter = EnvFilter::try_new(format!("{},{LIBRARY_LEVELS}", config.log));
    let filter = filter.with_context(|| {
        format!(
            "DAYBOOK_LOG can't be used (it is {}): name a level such as info, or levels of modules such \
             as daybook=debug",
            config.log
        )
    })?;
    match traces {
        None => tracing_subscriber::registry().with(filter).with(lines(config)).init(),
        // What is logged says nothing of what is traced.
        Some(traces) => tracing_subscriber::registry()
            .with(lines(config).with_filter(filter))
            .with(traces.layer())
            .init(),
    }
    Ok(())
}

/// What is logged, as the lines of standard error.
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

/// Standard error, without what may be a secret. An event comes in one piece.
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
