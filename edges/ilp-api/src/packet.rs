//! One packet in, its reply out.
//! What happens to the packet is decided in the connector.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use connector::{Connector, Outcome, REPEATABLE, REPEATED, Source, Transmission};
use http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_kit::read_body;
use ilp_packet::PrepareBuf;
use telemetry::PACKETS;
use tracing::Instrument;

use crate::{BODY_LIMIT, bearer};

const OCTETS: &str = "application/octet-stream";

/// Another content type of some published clients. Both are accepted.
const ILP_OCTETS: &str = "application/ilp+octet-stream";

/// Authenticates, reads and answers. The checks are in the order of the reference.
pub(crate) async fn handle(State(connector): State<Connector>, request: Request) -> Response {
    let span = tracing::trace_span!(target: PACKETS, "ilp.packet", source = "peer");
    answer(connector, request).instrument(span).await
}

async fn answer(connector: Connector, request: Request) -> Response {
    if request.method() != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")], "packets are sent by POST").into_response();
    }
    let Some(token) = bearer::token(request.headers()) else {
        return unauthorized("Bearer token required in Authorization header");
    };

    let auth = tracing::trace_span!(target: PACKETS, "ilp.auth", source = "peer");
    let Some(peer) = auth.in_scope(|| connector.authenticate(token)) else {
        return unauthorized("Access Denied - Invalid Token");
    };
    if !is_octets(request.headers()) {
        return bad_request("Expected Content-Type of application/octet-stream");
    }

    let attempt = if request.headers().contains_key(REPEATED) { Transmission::Again } else { Transmission::First };
    let peer_repeats = request.headers().contains_key(REPEATABLE);
    let body = match read_body(request.into_body(), BODY_LIMIT).await {
        Ok(body) => body,
        // Too large, too slow, or shorter than announced. The refusal names the reason.
        Err(error) => return error.into_response(),
    };

    let packet = match PrepareBuf::parse(body) {
        Ok(packet) => packet,
        Err(error) => {
            tracing::debug!(peer.id = %peer.id(), %error, "the body is not a Prepare");
            return bad_request("the body is not an ILP Prepare packet");
        }
    };

    match connector.handle_prepare(Source::Peer(peer), packet, attempt).await {
        Outcome::Reply(reply) => octets(reply),
        // Not an ILP reply, because a Reject would prove that nothing was paid.
        Outcome::Unresolved | Outcome::Paid if peer_repeats => {
            (StatusCode::GATEWAY_TIMEOUT, [(REPEATABLE, "1")], "the packet's outcome is not known; repeat it")
                .into_response()
        }
        Outcome::Unresolved | Outcome::Paid => octets(connector.unresolved_reject()),
    }
}

fn is_octets(headers: &HeaderMap) -> bool {
    let essence =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(|value| value.split(';').next());
    let accepted = |essence: &str| [OCTETS, ILP_OCTETS].iter().any(|octets| essence.eq_ignore_ascii_case(octets));
    essence.is_some_and(|essence| accepted(essence.trim()))
}

fn octets(reply: Bytes) -> Response {
    let yes = HeaderValue::from_static("1");
    ([(CONTENT_TYPE, HeaderValue::from_static(OCTETS)), (REPEATABLE, yes)], reply).into_response()
}

fn unauthorized(message: &'static str) -> Response {
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], message).into_response()
}

fn bad_request(message: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, message).into_response()
}
