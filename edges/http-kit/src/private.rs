//! Listeners that only machines of the operator's own call: no browsers, and a secret they share.
//!
//! Where such a listener is bound is the operator's decision; this holds wherever it is.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use shared_cache::{Limiter, Lockout};
use subtle::ConstantTimeEq;

use crate::client_address::ClientAddress;
use crate::retry_after::too_many_requests;

/// Refuses what a page in a browser sends: such a request carries the rights of a place in the network, not of a
/// person who meant it.
pub fn refuse_browsers(router: Router) -> Router {
    router.layer(from_fn(async |request: Request, next: Next| {
        if request.headers().contains_key(ORIGIN) || request.headers().contains_key("sec-fetch-site") {
            return (StatusCode::FORBIDDEN, "this listener is not for browsers").into_response();
        }
        next.run(request).await
    }))
}

/// The secret callers show as `Authorization: Bearer`. Only its digest is kept.
#[derive(Clone, Debug)]
pub struct CallerSecret {
    digest: [u8; 32],
    limiter: Limiter,
    lockout: Lockout,
}

impl CallerSecret {
    /// Callers that show another are locked out for a time, counted as `name`.
    pub fn new(secret: &str, name: &'static str, limiter: Limiter) -> Self {
        Self { digest: Sha256::digest(secret).into(), limiter, lockout: Lockout::of_secrets(name) }
    }

    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown =
            shown.and_then(|value| value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")));
        shown.is_some_and(|(_, secret)| Sha256::digest(secret.trim())[..].ct_eq(&self.digest).into())
    }
}

/// Answers callers that show the secret; `/healthz` answers everybody.
pub fn require_secret(router: Router, secret: CallerSecret) -> Router {
    router.layer(from_fn_with_state(secret, check))
}

async fn check(State(secret): State<CallerSecret>, from: ClientAddress, request: Request, next: Next) -> Response {
    if request.uri().path().trim_end_matches('/').eq_ignore_ascii_case("/healthz") {
        return next.run(request).await;
    }
    let source = from.source().to_string();
    if let Err(locked) = secret.limiter.may_try(&secret.lockout, &source).await {
        return too_many_requests(locked.retry_after);
    }
    if secret.is_shown(request.headers()) {
        secret.limiter.succeeded(&secret.lockout, &source).await;
        return next.run(request).await;
    }
    secret.limiter.failed(&secret.lockout, &source).await;
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], "Unauthorized").into_response()
}
