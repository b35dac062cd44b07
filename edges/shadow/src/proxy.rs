//! The listener: relays each request to the old installation, and the answer to the client.
//!
//! Nothing here waits for ours.

use std::sync::Arc;

use answer_comparison::Purpose;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_kit::read_body;
use tokio::sync::oneshot;
use url::Url;

use crate::counts::Left;
use crate::queue::{Asked, Job, OldAnswer};
use crate::{Pair, Shadow, Writes};

/// The largest body of a request that is relayed.
const REQUEST_MAX: usize = 16 * 1024 * 1024;
/// The largest answer that is relayed.
const ANSWER_MAX: usize = 64 * 1024 * 1024;
/// The longest id of a request that is taken over.
const ID_MAX: usize = 64;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

struct Place {
    shadow: Shadow,
    pair: Pair,
}

pub(crate) fn router(shadow: Shadow, pair: Pair) -> Router {
    Router::new().fallback(relay).with_state(Arc::new(Place { shadow, pair }))
}

async fn relay(State(place): State<Arc<Place>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match read_body(body, REQUEST_MAX).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };

    let mut headers = parts.headers;
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        headers.insert(HOST, host);
    }

    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let id = request_id(&headers).unwrap_or_else(|| place.shadow.shared.entropy.uuid().to_string());
    let asked = Asked { id, method: parts.method, path, headers, body };

    // A request that has begun is handled to its end even if the client disconnects, because the old installation may
    // have carried it out already.
    let (answer, answered) = oneshot::channel();
    tokio::spawn(async move { place.answer(asked, answer).await });
    match answered.await {
        Ok(answer) => answer,
        Err(_) => (StatusCode::BAD_GATEWAY, "the proxy failed to handle the request").into_response(),
    }
}

/// The id that the client or an earlier proxy gave to the request.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
    (is_plain && !id.is_empty() && id.len() <= ID_MAX).then(|| id.to_owned())
}

impl Place {
    async fn answer(&self, asked: Asked, answer: oneshot::Sender<Response>) {
        let shared = &self.shadow.shared;
        let deadline = shared.settings.old_patience;
        let request = match call(&self.pair.old, &asked, asked.path.as_str()) {
            Some(request) => request.deadline(deadline).limit(ANSWER_MAX).body(asked.body.clone()),
            None => return drop(answer.send(StatusCode::BAD_REQUEST.into_response())),
        };
        let old = match shared.http.send(request).await {
            Ok(old) => old,
            Err(error) => {
                shared.counts.unreachable();
                tracing::warn!(request = %asked.id, %error, "the old installation did not answer");
                let message = "the installation behind this proxy did not answer";
                return drop(answer.send((StatusCode::BAD_GATEWAY, message).into_response()));
            }
        };

        shared.counts.relayed();
        let response = relayed(&asked.method, old.status, &old.headers, Body::from(old.body.clone()));
        let left_out = self.hand_over(asked, OldAnswer { at: shared.clock.now(), status: old.status, body: old.body });
        // The client has its answer before anything else is done.
        let _ = answer.send(response);
        if let Some(job) = left_out
            && job.purpose == Purpose::Write
        {
            shared.made_only_there(&job);
        }
    }

    /// Queues the request for ours. The order of the queue is that of the old one's answers.
    fn hand_over(&self, asked: Asked, old: OldAnswer) -> Option<Box<Job>> {
        let purpose = Purpose::of(asked.method.as_str(), &asked.path, &asked.body);
        let job = Job { asked, purpose, old, ours: self.pair.ours.clone() };
        let shared = &self.shadow.shared;
        if purpose == Purpose::Write && shared.settings.writes == Writes::LeftOut {
            shared.counts.left_out(Left::Write);
            return Some(Box::new(job));
        }
        let refused = self.shadow.queue.offer(job).err()?;
        shared.counts.left_out(Left::QueueFull);
        Some(refused)
    }
}

/// The request for one of both, without its body. `None` if its path is none.
pub(crate) fn call(origin: &Url, asked: &Asked, path: &str) -> Option<outbound_http::Request> {
    let origin = origin.as_str().trim_end_matches('/');
    let url = Url::parse(&format!("{origin}{path}")).ok()?;
    let mut request = outbound_http::Request::new(asked.method.clone(), url).configured();
    request.headers = end_to_end(&asked.headers);
    request.headers.remove(HOST);
    // Compressed answers cannot be compared.
    request.headers.remove(ACCEPT_ENCODING);
    request.host = asked.headers.get(HOST).cloned();
    Some(request)
}

fn relayed(method: &Method, status: StatusCode, headers: &HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = end_to_end(headers);
    if method != Method::HEAD {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

/// The headers that are not about one connection only (RFC 9110, section 7.6.1).
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for named in headers.get_all(CONNECTION) {
        for name in named.to_str().unwrap_or_default().split(',') {
            kept.remove(name.trim());
        }
    }
    for name in [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        kept.remove(name);
    }
    // The client has sent its body already.
    kept.remove(EXPECT);
    kept.remove("keep-alive");
    kept.remove("proxy-connection");
    kept
}
