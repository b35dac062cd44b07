//! Listeners that only the operator's machines call: they refuse browsers, and require a proof of who calls.
//!
//! The operator decides on which address such a listener is bound. This applies to every address.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, Method, StatusCode};
use service_auth::Scope;
use service_identity::Refusal;
use sha2::{Digest, Sha256};
use shared_cache::{Limiter, Lockout};
use subtle::ConstantTimeEq;

use crate::calls::LetIn;
use crate::client_address::ClientAddress;
use crate::identities::{Need, ServiceIdentities, ShownCertificate, unproven};
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

/// The secrets that callers send as `Authorization: Bearer`. Only their digests are stored. There are two while one
/// replaces the other.
#[derive(Clone, Debug)]
pub struct CallerSecret {
    digests: Vec<[u8; 32]>,
    limiter: Limiter,
    lockout: Lockout,
}

impl CallerSecret {
    /// Callers with a wrong secret are locked out for a time. They are counted under `name`.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>, name: &'static str, limiter: Limiter) -> Self {
        let digests = secrets.into_iter().map(|secret| Sha256::digest(secret).into()).collect();
        Self { digests, limiter, lockout: Lockout::of_secrets(name) }
    }

    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown =
            shown.and_then(|value| value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")));
        shown.is_some_and(|(_, secret)| {
            let digest = Sha256::digest(secret.trim());
            self.digests.iter().any(|own| digest[..].ct_eq(own).into())
        })
    }
}

/// Which programs may call a private listener.
#[derive(Clone, Debug)]
pub enum ServiceCallers {
    /// Those that prove who they are.
    Proven(Box<ServiceDoor>),
    /// All programs that can reach it.
    Anybody,
}

/// The proofs that a private listener accepts.
#[derive(Clone, Debug)]
pub struct ServiceDoor {
    /// The secrets that are shown.
    pub secret: CallerSecret,
    /// The accepted ways, and the judge of tokens.
    pub identities: ServiceIdentities,
}

#[derive(Clone, Debug)]
struct Guarded {
    door: Box<ServiceDoor>,
    need: Need,
    /// One of these is enough for requests that only read.
    reading: &'static [Scope],
}

impl Guarded {
    fn scopes(&self, method: &Method) -> &'static [Scope] {
        if matches!(*method, Method::GET | Method::HEAD) { self.reading } else { self.need.scopes }
    }
}

/// Requires a proof for all routes except `/healthz`. A token must grant what is needed. Whoever shows the secret may do
/// everything.
pub fn require_service(router: Router, callers: ServiceCallers, need: Need) -> Router {
    require_service_to_read(router, callers, need, need.scopes)
}

/// The same, where one of the scopes `reading` is enough for requests that only read.
pub fn require_service_to_read(
    router: Router,
    callers: ServiceCallers,
    need: Need,
    reading: &'static [Scope],
) -> Router {
    match callers {
        ServiceCallers::Anybody => router,
        ServiceCallers::Proven(door) => router.layer(from_fn_with_state(Guarded { door, need, reading }, check)),
    }
}

async fn check(State(guarded): State<Guarded>, from: ClientAddress, request: Request, next: Next) -> Response {
    if request.uri().path().trim_end_matches('/').eq_ignore_ascii_case("/healthz") {
        return next.run(request).await;
    }
    let Guarded { door, need, .. } = &guarded;
    let scopes = guarded.scopes(request.method());
    let ServiceDoor { secret, identities } = &**door;
    let source = from.source().to_string();
    let secrets = identities.secrets(need.service);
    if secrets && let Err(locked) = secret.limiter.may_try(&secret.lockout, &source).await {
        return too_many_requests(locked.retry_after);
    }
    if secrets && secret.is_shown(request.headers()) {
        secret.limiter.succeeded(&secret.lockout, &source).await;
        return let_in(LetIn::by_secret(), request, next).await;
    }

    let certificate = ShownCertificate::of(request.extensions());
    let shown = identities.principal(request.headers(), request.uri().query(), &certificate, need.service).await;
    let allowed = match shown {
        Ok(Some(principal)) => principal.needs(scopes).map(|()| LetIn::service(&principal)),
        Ok(None) => Err(Refusal::Missing),
        Err(refusal) => Err(refusal),
    };
    match allowed {
        Ok(who) => {
            if secrets {
                secret.limiter.succeeded(&secret.lockout, &source).await;
            }
            let_in(who, request, next).await
        }
        Err(refusal) => {
            // Tokens cannot be guessed, but secrets can.
            if secrets && matches!(refusal, Refusal::Missing | Refusal::InvalidToken) {
                secret.limiter.failed(&secret.lockout, &source).await;
            }
            unproven(refusal, scopes)
        }
    }
}

async fn let_in(who: LetIn, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(who);
    response
}
