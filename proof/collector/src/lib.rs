//! A test collector: it receives OTLP over gRPC and decodes it.
//!
//! It is for tests only: an invalid message stops the test that sent it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
pub use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

const NUMBERS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The path and the content of every received message.
type Received = Arc<Mutex<Vec<(String, Bytes)>>>;

/// A listening collector.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Its address.
    pub url: String,
    received: Received,
}

async fn take(State(received): State<Received>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    // A message begins with one octet and four octets of its length.
    received.lock().unwrap().push((path, body.slice(5..)));
    let good = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    let trailers = async { Some(Ok(HeaderMap::from_iter([good]))) };
    let answer = Full::new(Bytes::from_static(&[0; 5])).with_trailers(trailers);
    Response::builder().header("content-type", "application/grpc").body(Body::new(answer)).unwrap()
}

/// The text of an attribute.
pub fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

impl Collector {
    /// Listens on a port of this machine.
    pub async fn listen() -> Self {
        let received = Received::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(received.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, received }
    }

    fn messages<M: Message + Default>(&self, path: &str) -> Vec<M> {
        let received = self.received.lock().unwrap();
        let messages = received.iter().filter(|(of, _)| of == path);
        messages.map(|(_, message)| M::decode(message.clone()).expect("a message")).collect()
    }

    /// The last sums, and counts of histograms, of `instance`, by name and operation.
    pub fn numbers(&self, instance: &str) -> BTreeMap<String, u64> {
        let mut numbers = BTreeMap::new();
        for message in self.messages::<ExportMetricsServiceRequest>(NUMBERS) {
            for resource in message.resource_metrics {
                let of = resource.resource.unwrap().attributes;
                assert_eq!(text(&of, "service.name").as_deref(), Some("RAFIKI_NETWORK"));
                if text(&of, "instance").as_deref() != Some(instance) {
                    continue;
                }
                for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                    for (attributes, number) in points(metric.data.unwrap()) {
                        assert_eq!(text(&attributes, "source").as_deref(), Some(instance), "{}", metric.name);
                        let operation = text(&attributes, "operation").map(|of| format!(" {of}")).unwrap_or_default();
                        numbers.insert(format!("{}{operation}", metric.name), number);
                    }
                }
            }
        }
        numbers
    }

    /// Every received span.
    pub fn spans(&self) -> Vec<Span> {
        let messages = self.messages::<ExportTraceServiceRequest>(TRACES).into_iter();
        let scopes = messages.flat_map(|message| message.resource_spans).flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// Whether any received message contains `text`.
    pub fn heard_of(&self, text: &str) -> bool {
        let received = self.received.lock().unwrap();
        received.iter().any(|(_, message)| message.windows(text.len()).any(|octets| octets == text.as_bytes()))
    }
}

fn points(data: Data) -> Vec<(Vec<KeyValue>, u64)> {
    match data {
        Data::Sum(sum) => {
            let whole = |number| match number {
                Some(Number::AsInt(number)) => u64::try_from(number).expect("no number is negative"),
                _ => panic!("a count is no whole number"),
            };
            sum.data_points.into_iter().map(|point| (point.attributes, whole(point.value))).collect()
        }
        Data::Histogram(histogram) => {
            histogram.data_points.into_iter().map(|point| (point.attributes, point.count)).collect()
        }
        _ => panic!("a number of a kind that is not told"),
    }
}
