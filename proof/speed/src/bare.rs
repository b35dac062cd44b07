//! The limit of the machine: a server that only answers, and one that only verifies a signature and answers.
//! The servers of the binary are measured in `apis`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, SystemClock};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use http_signatures::{Freshness, Jwk, SignedRequest, verify};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Outcome;

/// Its work for a request before it answers.
#[derive(Clone, Debug)]
pub(crate) enum Bare {
    Answers,
    /// Checks the signature with this key.
    Verifies(Box<Jwk>),
}

/// Serves on a free port, for as long as the process lives.
pub(crate) async fn serve(bare: Bare) -> Outcome<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let bare = Arc::new(bare);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let bare = Arc::clone(&bare);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(Arc::clone(&bare), port, request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(port)
}

async fn answer(bare: Arc<Bare>, port: u16, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    const BODY: &[u8] = &[b' '; 300];
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let good = match &*bare {
        Bare::Answers => true,
        Bare::Verifies(key) => {
            let target_uri = format!("http://localhost:{port}{}", head.uri.path());
            let signed = SignedRequest {
                method: head.method.as_str(),
                target_uri: &target_uri,
                headers: &head.headers,
                body: &body,
            };
            let freshness = Freshness { max_age: Duration::from_mins(1), ..Freshness::default() };
            verify(signed, key, freshness, SystemClock.now()).is_ok()
        }
    };
    let mut response = Response::new(Full::new(Bytes::from_static(BODY)));
    if !good {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    Ok(response)
}
