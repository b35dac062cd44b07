//! A peer for the published JavaScript package: verifies what it signs, and calls it with signatures of our own.
//!
//! `signature_peer <JWK of the other side>` prints `{"port":…,"jwk":…}` and serves until it is killed.
//! `POST /call` makes a signed call as its body says; every other request must carry a valid signature.

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use clock::{Clock, SystemClock};
use http_signatures::{Freshness, Jwk, SignedRequest, Signer, SigningKey, TargetOrigin, verify};
use outbound_http::{Outbound, OutboundConfig};
use serde::Deserialize;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Peer {
    theirs: Jwk,
    signer: Arc<Signer>,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
}

/// What to call.
#[derive(Deserialize)]
struct Call {
    method: String,
    url: url::Url,
    token: Option<String>,
    body: Option<serde_json::Value>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let theirs: Jwk =
        serde_json::from_str(&std::env::args().nth(1).ok_or("give the JWK of the other side as argument")?)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let signer = Arc::new(Signer::new(SigningKey::random(&clock::SystemEntropy), "our-key")?);
    let outbound = Outbound::new(OutboundConfig::development(), clock.clone())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let started = serde_json::json!({"port": listener.local_addr()?.port(), "jwk": signer.jwk()});
    println!("{started}");
    let peer = Peer { theirs, signer, outbound, clock };
    let router = Router::new().route("/call", post(call)).fallback(check).with_state(peer);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn check(State(peer): State<Peer>, request: Request) -> (StatusCode, String) {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 1024 * 1024).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, String::new());
    };
    let raw_target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let Ok(target_uri) = TargetOrigin::Host.target_uri(raw_target, &parts.headers) else {
        return (StatusCode::BAD_REQUEST, "no host".to_owned());
    };
    let (method, headers) = (parts.method.as_str(), &parts.headers);
    let signed = SignedRequest { method, target_uri: &target_uri, headers, body: &body };
    match verify(signed, &peer.theirs, Freshness::default(), peer.clock.now()) {
        Ok(verified) => (StatusCode::OK, verified.key_id),
        Err(error) => (StatusCode::UNAUTHORIZED, error.to_string()),
    }
}

async fn call(State(peer): State<Peer>, body: Bytes) -> (StatusCode, String) {
    match signed_call(&peer, &body).await {
        Ok(response) => (response.status, String::from_utf8_lossy(&response.body).into_owned()),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()),
    }
}

async fn signed_call(peer: &Peer, body: &[u8]) -> Result<outbound_http::Response, Box<dyn Error + Send + Sync>> {
    let call: Call = serde_json::from_slice(body)?;
    let mut request = match &call.body {
        Some(body) => outbound_http::Request::post_json(call.url, body)?,
        None => outbound_http::Request::get(call.url),
    };
    request.method = call.method.parse()?;
    if let Some(token) = &call.token {
        request = request.authorization(&format!("GNAP {token}"));
    }
    Ok(peer.outbound.send(request.signed(peer.signer.clone())).await?)
}
