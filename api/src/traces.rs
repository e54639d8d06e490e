//! Exports traces by OTLP over HTTP, if OpenTelemetry's environment variables are set.

use std::env;

use anyhow::{Context, Result, bail};
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// Sends spans to a collector until it is stopped.
pub(crate) struct Traces(SdkTracerProvider);

/// Marks a subscriber that exports traces.
struct Exported;

impl<S: Subscriber> Layer<S> for Exported {}

impl Traces {
    /// Starts the export that the environment describes; returns none if no collector is set.
    ///
    /// Must not be called on a thread of a Tokio runtime, since the client has a runtime of its own.
    ///
    /// # Errors
    /// Fails if the protocol is not supported or the address is not valid.
    pub(crate) fn from_environment() -> Result<Option<Self>> {
        let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        let is_off = variable("OTEL_SDK_DISABLED")
            .is_some_and(|it| it.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter == "none");
        if is_off || !endpoints.iter().any(|name| variable(name).is_some()) {
            return Ok(None);
        }
        let protocols = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
        if let Some(protocol) = protocols.iter().find_map(|name| variable(name))
            && protocol != "http/protobuf"
        {
            bail!("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf (it is {protocol})");
        }
        let exporter = SpanExporter::builder().with_http().build();
        let exporter =
            exporter.context("can't export traces: check the OTEL_EXPORTER_OTLP_… variables")?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_batch_exporter(exporter)
            .build();
        Ok(Some(Self(provider)))
    }

    /// Layer that exports this program's spans and their events, independent of the log's filter.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let ours = ["daybook_api", "daybook_service"].map(|name| (name, LevelFilter::INFO));
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer("daybook"));
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        layer.and_then(Exported).with_filter(Targets::new().with_targets(ours))
    }

    /// Sends the remaining spans. Must not be called on a thread of a Tokio runtime.
    pub(crate) fn stop(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "failed to export the last traces");
        }
    }
}

/// Returns true if this process exports spans.
pub(crate) fn are_exported() -> bool {
    tracing::dispatcher::get_default(tracing::Dispatch::is::<Exported>)
}

/// Attributes of this process: those of the environment, and name and version of the program.
fn resource() -> Resource {
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let is_named = variable("OTEL_SERVICE_NAME").is_some() || attributes.contains("service.name=");
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    if is_named { resource.build() } else { resource.with_service_name("daybook").build() }
}

/// Value of an environment variable; an empty one counts as unset, as OpenTelemetry specifies.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
