//! ILP over HTTP, the answering side: one Prepare in each request, its reply in the answer (RFC 35).
//!
//! Parses, calls the connector, renders. TLS ends in front of it, at a proxy or a load balancer.

mod bearer;
mod packet;

use axum::Router;
use axum::routing::get;
use connector::Connector;
use http_kit::{Access, Declared};

/// The largest request body; the largest STREAM packet takes about half of it.
pub const BODY_LIMIT: usize = 64 * 1024;

/// `GET /healthz`, and packets on every other path, because peers are configured with all kinds of endpoints.
pub fn router(connector: Connector) -> Router {
    Router::new()
        .declare("/healthz", Access::Health, get(|| async { "OK" }))
        .declare_rest("/…", Access::Peer, packet::handle)
        .with_state(connector)
}
