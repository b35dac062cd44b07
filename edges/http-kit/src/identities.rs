//! Who calls a private listener, and how callers prove it: with a shared secret, a token, or a certificate.
//!
//! What a route needs is declared where the route is. How tokens are judged is in `service-identity`.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use service_auth::{LinkWays, Scope, Service};
use service_identity::{CallerCertificate, Principal, Refusal, TokenJudge, bearer};

/// The ways of proof that a listener accepts.
#[derive(Clone, Debug, Default)]
pub struct ServiceIdentities {
    /// The accepted ways.
    pub ways: LinkWays,
    /// Judges tokens. Without it no token is accepted.
    pub judge: Option<TokenJudge>,
}

/// The certificate of a caller, which the listener has verified; `None` if it showed none.
#[derive(Clone, Debug, Default)]
pub struct ShownCertificate(pub Option<CallerCertificate>);

impl ShownCertificate {
    /// That of a request.
    pub fn of(extensions: &http::Extensions) -> Self {
        Self(extensions.get().cloned())
    }
}

impl<S: Sync> FromRequestParts<S> for ShownCertificate {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// The right that a caller needs: one of these scopes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The service that is called.
    pub service: Service,
    /// One of these is enough.
    pub scopes: &'static [Scope],
}

impl ServiceIdentities {
    /// Who shows a token, or else a certificate; `None` if the request has neither, or if they are not looked at here. A
    /// token may be bound to the certificate, whether this would be accepted alone or not. Where secrets are accepted, a
    /// certificate that names no role proves nothing, and spoils nothing.
    pub async fn principal(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        certificate: &ShownCertificate,
        service: Service,
    ) -> Result<Option<Principal>, Refusal> {
        let ways = self.ways.of(service);
        if let Some(judge) = self.judge.as_ref().filter(|_| ways.tokens())
            && let Some(token) = bearer(headers, query)?
        {
            return judge.judge(token, service, certificate.0.as_ref()).await.map(Some);
        }
        match &certificate.0 {
            Some(certificate) if ways.certificates() => match certificate.principal(service) {
                Err(_) if ways.secrets() => Ok(None),
                judged => judged.map(Some),
            },
            _ => Ok(None),
        }
    }

    /// Whether a shared secret is accepted for a service.
    pub fn secrets(&self, service: Service) -> bool {
        self.ways.of(service).secrets()
    }
}

/// The answer to a caller whose proof is not accepted (RFC 6750 section 3).
pub fn unproven(refusal: Refusal, needed: &[Scope]) -> Response {
    let scopes: Vec<&str> = needed.iter().map(|scope| scope.as_str()).collect();
    let challenge = match refusal {
        Refusal::InvalidToken => "Bearer error=\"invalid_token\"".to_owned(),
        Refusal::InsufficientScope => {
            format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", scopes.join(" "))
        }
        Refusal::Malformed | Refusal::Missing | Refusal::Unavailable => "Bearer".to_owned(),
    };
    let told = match refusal {
        Refusal::InsufficientScope => format!("Forbidden: the token needs one of the scopes {}", scopes.join(", ")),
        Refusal::Unavailable => "Service Unavailable: the provider of tokens does not answer".to_owned(),
        Refusal::Malformed => refusal.to_string(),
        Refusal::Missing | Refusal::InvalidToken => "Unauthorized".to_owned(),
    };
    let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    let mut response = (refusal.status(), told).into_response();
    let shown = refusal.answer::<String>(&challenge);
    for name in [WWW_AUTHENTICATE, http::header::RETRY_AFTER] {
        if let Some(value) = shown.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
