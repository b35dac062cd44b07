//! Sends numbers and traces to collectors: OTLP over gRPC, without TLS, to the configured addresses.
//!
//! It does not choose what is sent. Without an address nothing here is created.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;

/// The service name that every instance of Rafiki sends with its numbers.
const SERVICE: &str = "RAFIKI_NETWORK";

/// The time-out of a collector.
const DEADLINE: Duration = Duration::from_secs(10);

/// A collector that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the collector {url} cannot be used: {reason}")]
pub struct CollectorError {
    /// The configured address.
    pub url: String,
    /// What is wrong with the address.
    pub reason: String,
}

impl CollectorError {
    fn of(url: &str) -> impl FnOnce(opentelemetry_otlp::ExporterBuildError) -> Self {
        move |error| Self { url: url.to_owned(), reason: error.to_string() }
    }
}

fn resource(instance: &str) -> Resource {
    Resource::builder_empty()
        .with_service_name(SERVICE)
        .with_attribute(KeyValue::new("instance", instance.to_owned()))
        .build()
}

/// Makes the provider that sends the numbers of `instance` every `interval`. Needs a runtime.
pub(crate) fn meters(
    instance: &str,
    collectors: &[String],
    interval: Duration,
) -> Result<SdkMeterProvider, CollectorError> {
    let mut provider = SdkMeterProvider::builder().with_resource(resource(instance));
    for url in collectors {
        let exporter = MetricExporter::builder().with_tonic().with_endpoint(url).with_timeout(DEADLINE);
        let exporter = exporter.build().map_err(CollectorError::of(url))?;
        provider = provider.with_reader(PeriodicReader::builder(exporter).with_interval(interval).build());
    }
    Ok(provider.build())
}

/// Makes the provider that sends the spans of `instance`. Needs a runtime.
pub(crate) fn tracers(instance: &str, collectors: &[String]) -> Result<SdkTracerProvider, CollectorError> {
    let mut provider = SdkTracerProvider::builder().with_resource(resource(instance));
    for url in collectors {
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(url).with_timeout(DEADLINE);
        provider = provider.with_batch_exporter(exporter.build().map_err(CollectorError::of(url))?);
    }
    Ok(provider.build())
}
