//! Traces across processes: W3C trace context, from requests on to the jobs that they start.
//!
//! If the process exports no traces, spans have no context, and the functions here do nothing.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes `span`, which must not have been entered yet, a child of the span that `traceparent`
/// names. If `traceparent` can't be parsed, `span` begins a trace of its own.
pub fn join(span: &Span, traceparent: Option<&str>) {
    if let Some(parent) = traceparent.and_then(parse) {
        // Refused if no traces are exported.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// Returns the `traceparent` by which other processes continue from `span`; none if no traces are
/// exported.
#[must_use]
pub fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    let (trace, id, flags) = (context.trace_id(), context.span_id(), context.trace_flags());
    context.is_valid().then(|| format!("00-{trace}-{id}-{flags:02x}"))
}

/// Parses a `traceparent` (<https://www.w3.org/TR/trace-context/>, section 3.2).
fn parse(text: &str) -> Option<SpanContext> {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.split('-');
    let mut next = |length: usize| parts.next().filter(|part| part.len() == length && is_hex(part));
    let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    // Later versions may append more parts.
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn trace_context_is_read_as_recommended() {
        for (text, is_sampled) in [
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("00-{TRACE}-{SPAN}-00"), false),
            (format!("cc-{TRACE}-{SPAN}-03-what-comes"), true),
        ] {
            let context = parse(&text).expect(&text);
            assert_eq!(context.trace_id().to_string(), TRACE);
            assert_eq!(context.span_id().to_string(), SPAN);
            assert_eq!(context.is_sampled(), is_sampled, "{text}");
        }
        for text in [
            String::new(),
            "00".to_owned(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }
}
