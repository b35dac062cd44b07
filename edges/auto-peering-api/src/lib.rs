//! The listener for peering requests of other nodes: one request, one answer.
//!
//! Parses, calls one use case, renders. The crate `peering` decides what is granted.

use auto_peering::{PeeringRequest, Refusal, RefusalKind, UnreadableRequest};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode, Uri};
use http_kit::{
    Access, Declared, RetryAfter, ShutdownGate, SourceLimit, limit_requests, read_body, refuse_while_draining,
};
use peering::{AcceptError, Asked, Peering};
use shared_cache::{Limiter, Rate, TooMany};

/// The largest body.
const BODY_LIMIT: usize = 1 << 20;

/// The rate limit of one source.
#[derive(Clone, Debug)]
pub struct RequestLimit {
    /// The counters.
    pub limiter: Limiter,
    /// The limit.
    pub rate: Rate,
}

/// `POST /`. Every other path gets 404. While `gate` is closed, every request gets 503.
pub fn router(peering: Peering, limit: RequestLimit, gate: ShutdownGate) -> Router {
    let RequestLimit { limiter, rate } = limit;
    let route = Router::new().declare("/", Access::Node, post(ask).fallback(not_found)).with_state(peering);
    let limited = limit_requests(route, SourceLimit { limiter, rate, refuse: too_many });
    limited.fallback(not_found).layer(from_fn_with_state(gate, refuse_while_draining))
}

async fn ask(State(peering): State<Peering>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match read_body(body, BODY_LIMIT).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let request = match PeeringRequest::parse(&body) {
        Ok(request) => request,
        Err(error) => return unreadable(error),
    };
    let invitation = invitation(&head.uri);
    let asked = Asked { request, token: token(&head.headers), invitation: invitation.as_deref() };
    match peering.accept(&asked).await {
        Ok(reply) => axum::Json(reply.to_json()).into_response(),
        Err(error) => refused(&error, &peering, asked.request.static_ilp_address.as_str()),
    }
}

/// The token of an existing peering.
fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// The invitation is part of the URL, so that published nodes can send it too: they post to any URL that they are
/// given.
fn invitation(uri: &Uri) -> Option<String> {
    let query = url::form_urlencoded::parse(uri.query()?.as_bytes());
    query.into_owned().find_map(|(name, value)| (name == "invitation").then_some(value))
}

fn unreadable(error: UnreadableRequest) -> Response {
    match error.refusal() {
        Some(kind) => {
            tracing::info!(%error, "a request for peering was refused");
            document(&Refusal::new(kind))
        }
        None => (StatusCode::BAD_REQUEST, "Bad Request").into_response(),
    }
}

fn refused(error: &AcceptError, peering: &Peering, address: &str) -> Response {
    let kind = match error {
        AcceptError::Unavailable(cause) => {
            tracing::error!(error = cause as &dyn std::error::Error, "a request for peering could not be decided");
            let later = RetryAfter(std::time::Duration::from_secs(1));
            return (StatusCode::SERVICE_UNAVAILABLE, later, "Service Unavailable").into_response();
        }
        AcceptError::UnknownAsset => RefusalKind::UnknownAsset,
        AcceptError::NotInvited
        | AcceptError::AddressTaken
        | AcceptError::ProofWanted
        | AcceptError::TooManyPeers
        | AcceptError::DuplicateToken
        | AcceptError::Overtaken => RefusalKind::InvalidPeeringRequest,
    };
    tracing::info!(%error, address, "a request for peering was refused");
    let own_address = || peering.own_address().to_string();
    let proof_wanted_by = matches!(error, AcceptError::ProofWanted).then(own_address);
    document(&Refusal { kind, proof_wanted_by })
}

fn document(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.kind.status()).unwrap_or(StatusCode::BAD_REQUEST);
    (status, axum::Json(refusal.to_json())).into_response()
}

fn too_many(refused: TooMany) -> Response {
    let document = document(&Refusal::new(RefusalKind::TooManyRequests));
    (RetryAfter(refused.retry_after), document).into_response()
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "Not Found").into_response()
}
