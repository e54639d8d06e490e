//! What the process logs, and how.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{
    config::{Config, LogFormat},
    traces::Traces,
};

/// Starts the log and, beside it, what is traced.
///
/// # Errors
/// `DAYBOOK_LOG` is no filter.
pub(super) fn start(config: &Config, traces: Option<&Traces>) -> Result<()> {
    // sqlx tells each statement at INFO, and what async-nats tells is told by who uses it.
    let filter = format!("{},sqlx=warn,sea_orm_migration=warn,async_nats=off", config.log);
    let filter = EnvFilter::try_new(filter).context("DAYBOOK_LOG can't be used")?;
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
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => log.boxed(),
        LogFormat::Json => log.json().boxed(),
    }
}
