//! The shutdown gate: while the process ends, every request gets 503.
//! While a role starts, `not_ready` answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Open until [`ShutdownGate::close`]. Clones share one gate.
#[derive(Clone, Debug, Default)]
pub struct ShutdownGate(Arc<AtomicBool>);

impl ShutdownGate {
    /// Refuses every request from now on.
    pub fn close(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Middleware: 503 to everything while the gate is closed.
pub async fn refuse_while_draining(State(gate): State<ShutdownGate>, request: Request, next: Next) -> Response {
    if gate.0.load(Ordering::Acquire) {
        let close = [(CONNECTION, HeaderValue::from_static("close")), (RETRY_AFTER, HeaderValue::from_static("1"))];
        return (StatusCode::SERVICE_UNAVAILABLE, close, "Server is in the process of restarting").into_response();
    }
    next.run(request).await
}
