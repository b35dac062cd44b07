//! Traces: all spans of one payment have one trace id, in every process and step.
//!
//! The trace id is the id of the payment. Without a collector no span of payments and packets is created.

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

/// The target of spans of packets. They are more detailed than any log line.
pub const PACKETS: &str = "ilp";
/// The target of spans of payments.
const PAYMENTS: &str = "payment";

/// Other crates whose spans are not exported. The spans of the exporter would describe its own work.
const OUTSIDE: [&str; 9] = ["h2", "hyper", "hyper_util", "tonic", "tower", "sqlx", "sea_orm", "reqwest", "rustls"];

/// The export of traces to collectors.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Makes the export of the traces of `instance` to these collectors. Needs a runtime.
    pub fn to(instance: &str, collectors: &[String]) -> Result<Self, CollectorError> {
        tracers(instance, collectors).map(Self)
    }

    /// Sends the traces that were not sent yet. Blocks.
    pub fn flush(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces did not reach every collector");
        }
    }

    /// The layer that exports spans. Log lines are not exported, because they may hold private data.
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

/// A step of a payment, as a span in the payment's trace.
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
