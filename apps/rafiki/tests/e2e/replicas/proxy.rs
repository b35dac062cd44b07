//! A simple proxy: each request goes to the next of several processes.
//!
//! It stores nothing. A process that accepts no connection is skipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::runtime::Runtime;

const BODY_MOST: usize = 4 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_mins(1);

struct Upstreams {
    ports: Vec<u16>,
    next: AtomicUsize,
    client: reqwest::Client,
}

/// Listens on `port` while `runtime` lives, and sends requests to `ports` in turn.
pub(crate) fn listen(runtime: &Runtime, port: u16, ports: Vec<u16>) {
    // Nothing here uses TLS. The client still needs the provider of the system under test.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(DEADLINE).redirect(reqwest::redirect::Policy::none());
    let upstreams = Arc::new(Upstreams { ports, next: AtomicUsize::new(0), client: client.build().unwrap() });
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
    let router = Router::new().fallback(pass_on).with_state(upstreams);
    runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
}

async fn pass_on(State(upstreams): State<Arc<Upstreams>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MOST).await else { return StatusCode::BAD_REQUEST.into_response() };
    for _ in 0..upstreams.ports.len() {
        let port = upstreams.ports[upstreams.next.fetch_add(1, Ordering::SeqCst) % upstreams.ports.len()];
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let call = upstreams.client.request(head.method.clone(), format!("http://127.0.0.1:{port}{path}"));
        // The host header is not changed, because it is signed.
        match call.headers(head.headers.clone()).body(body.clone()).send().await {
            Ok(answer) => return answered(answer).await,
            Err(error) if error.is_connect() => {}
            // The request may have taken effect. Only the caller knows whether it may be repeated.
            Err(_) => return StatusCode::BAD_GATEWAY.into_response(),
        }
    }
    StatusCode::BAD_GATEWAY.into_response()
}

async fn answered(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().remove("transfer-encoding");
    response
}
