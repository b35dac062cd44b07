//! Traces: the spans of one payment under one trace id, whichever process and step they are of.
//!
//! The id of the trace is the id of the payment. Without a collector no span of payments and packets is made.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use crate::collector::{CollectorError, tracers};

/// The target of spans of packets. They are finer than anything that is logged.
pub const PACKETS: &str = "ilp";
/// The target of spans of payments.
const PAYMENTS: &str = "payment";

/// Outside crates whose spans would be told too; those of the exporter would even tell of themselves.
const OUTSIDE: [&str; 9] = ["h2", "hyper", "hyper_util", "tonic", "tower", "sqlx", "sea_orm", "reqwest", "rustls"];

/// Traces on their way to collectors.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Traces of `instance` to these collectors. Needs a runtime.
    pub fn to(instance: &str, collectors: &[String]) -> Result<Self, CollectorError> {
        tracers(instance, collectors).map(Self)
    }

    /// Tells what was not told yet. Blocks.
    pub fn flush(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces did not reach every collector");
        }
    }

    /// The layer that takes spans, not log lines: those may hold what is no business of a collector.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        let layer: OpenTelemetryLayer<S, SdkTracer> =
            tracing_opentelemetry::layer().with_tracer(self.0.tracer("Rafiki"));
        layer.with_location(false).with_threads(false).with_filter(filter_fn(|metadata| {
            let crate_name = metadata.target().split("::").next().unwrap_or_default();
            let is_fine = matches!(crate_name, PACKETS | PAYMENTS);
            let is_told = is_fine || *metadata.level() <= tracing::Level::INFO;
            metadata.is_span() && is_told && !OUTSIDE.contains(&crate_name)
        }))
    }
}

/// A step in the life of a payment, as part of the payment's trace.
pub fn payment_span(step: &'static str, payment: Uuid) -> Span {
    let span = tracing::trace_span!(target: PAYMENTS, "payment", otel.name = step, payment.id = %payment);
    if !span.is_disabled() {
        let octets = payment.into_bytes();
        let [first @ .., _, _, _, _, _, _, _, _] = octets;
        let trace = TraceId::from_bytes(octets);
        let root = SpanContext::new(trace, SpanId::from_bytes(first), TraceFlags::SAMPLED, true, TraceState::default());
        if let Err(error) = span.set_parent(Context::new().with_remote_span_context(root)) {
            tracing::debug!(%error, "a span has no trace of its payment");
        }
    }
    span
}
