//! Takes the events of `rafiki listen` from the instance, hands each to the local server, and gives its answer back.
//! The instance repeats what is not answered with 200, exactly as it does for every other recipient.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use clock::{Clock, Stopwatch, SystemClock, Timestamp};
use http::{HeaderMap, HeaderName, StatusCode};
use http_kit::{Admission, ConnectionLimits, Deadlines, Proxies, Serving, read_body};
use outbound_http::Outbound;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use super::registration::Name;

/// The largest event.
const BODY_MAX: usize = 1024 * 1024;
/// The time that the local server gets. The instance may give up earlier; then it repeats the event.
const PATIENCE: Duration = Duration::from_secs(10);
/// The type of a test call.
const PING: &str = "webhook.ping";
/// The headers that are handed on.
const HANDED_ON: [&str; 4] = ["content-type", "rafiki-event-id", "rafiki-delivery-attempt", "rafiki-signature"];
/// How many deliveries may wait to be shown.
const WAITING_MAX: usize = 256;

/// One delivery and its result.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) at: Timestamp,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) attempt: String,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) took: Duration,
    pub(crate) event: Value,
}

impl Shown {
    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let Self { at, id, kind, attempt, took, .. } = self;
        let result = match (self.status, &self.error) {
            (Some(status @ 200), _) => status.to_string(),
            (Some(status), _) => format!("{status}, so it is sent again"),
            (None, error) => format!("{}, so it is sent again", error.as_deref().unwrap_or("no answer")),
        };
        format!("{at}  {kind}  {id}  attempt {attempt}  {} ms  {result}\n", took.as_millis())
    }

    /// One line for programs.
    pub(crate) fn document(&self) -> Value {
        json!({
            "at": self.at,
            "id": self.id,
            "type": self.kind,
            "attempt": self.attempt.parse::<u32>().ok(),
            "status": self.status,
            "error": self.error,
            "durationMs": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "event": self.event,
        })
    }
}

#[derive(Clone)]
struct Forwarder {
    name: Name,
    to: Option<Url>,
    http: Outbound,
    shown: mpsc::Sender<Shown>,
}

/// Serves `listener` until `stop` resolves. What was delivered comes out of the returned channel.
pub(crate) fn serve(
    listener: TcpListener,
    name: Name,
    to: Option<Url>,
    http: Outbound,
    stop: impl Future<Output = ()> + Send + 'static,
) -> (mpsc::Receiver<Shown>, tokio::task::JoinHandle<()>) {
    let (shown, deliveries) = mpsc::channel(WAITING_MAX);
    let router = axum::Router::new().fallback(take).with_state(Forwarder { name, to, http, shown });
    let serving = Serving {
        deadlines: Deadlines::default(),
        admission: Admission::new(ConnectionLimits::default()),
        proxies: Proxies::None,
        tls: None,
    };
    (deliveries, tokio::spawn(http_kit::serve(listener, router, serving, stop)))
}

async fn take(State(forwarder): State<Forwarder>, request: Request) -> Response {
    if request.uri().path() != forwarder.name.path() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (parts, body) = request.into_parts();
    let body = match read_body(body, BODY_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let Ok(event) = serde_json::from_slice::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "an event is JSON").into_response();
    };
    if event["type"] == PING {
        return forwarder.name.answer().into_response();
    }

    // The instance may hang up before the local server answers. The delivery is shown all the same.
    let delivery = tokio::spawn(async move { forwarder.deliver(&parts.headers, body, event).await });
    delivery.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

impl Forwarder {
    async fn deliver(&self, headers: &HeaderMap, body: Bytes, event: Value) -> Response {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (at, watch) = (SystemClock.now(), Stopwatch::start());
        let (status, error, answer) = self.forward(headers, body).await;
        let shown = Shown {
            at,
            id: text("rafiki-event-id"),
            kind: event["type"].as_str().unwrap_or_default().to_owned(),
            attempt: text("rafiki-delivery-attempt"),
            status: status.map(|status| status.as_u16()),
            error,
            took: watch.elapsed(),
            event,
        };
        // Nobody reads any more if the command is ending. The answer counts all the same.
        let _ = self.shown.send(shown).await;
        (status.unwrap_or(StatusCode::BAD_GATEWAY), answer).into_response()
    }

    /// The status of the local server and the beginning of its answer, or why there is none.
    async fn forward(&self, headers: &HeaderMap, body: Bytes) -> (Option<StatusCode>, Option<String>, Body) {
        let Some(to) = &self.to else { return (Some(StatusCode::OK), None, Body::empty()) };
        let mut request = outbound_http::Request::post(to.clone())
            .configured()
            .body(body)
            .deadline(PATIENCE)
            .beginning_of_answer(1024);
        for name in HANDED_ON {
            if let Some(value) = headers.get(name) {
                request = request.header(HeaderName::from_static(name), value.clone());
            }
        }
        match self.http.send(request).await {
            Ok(response) => (Some(response.status), None, response.body.into()),
            Err(error) => (None, Some(error.to_string()), error.to_string().into()),
        }
    }
}
