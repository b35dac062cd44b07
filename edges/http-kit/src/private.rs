//! Listeners that only the operator's machines call: they refuse browsers, and require a shared secret.
//!
//! The operator decides on which address such a listener is bound. This applies to every address.

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

/// Refuses requests that a page in a browser sends. The browser can reach the listener, but its user did not intend the
/// request.
pub fn refuse_browsers(router: Router) -> Router {
    router.layer(from_fn(async |request: Request, next: Next| {
        if request.headers().contains_key(ORIGIN) || request.headers().contains_key("sec-fetch-site") {
            return (StatusCode::FORBIDDEN, "this listener is not for browsers").into_response();
        }
        next.run(request).await
    }))
}

/// The secret that callers send as `Authorization: Bearer`. Only its digest is stored.
#[derive(Clone, Debug)]
pub struct CallerSecret {
    digest: [u8; 32],
    limiter: Limiter,
    lockout: Lockout,
}

impl CallerSecret {
    /// Callers with a wrong secret are locked out for a time. They are counted under `name`.
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

/// Requires the secret for all routes except `/healthz`.
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
